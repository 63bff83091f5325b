//! The places where teams keep secrets, and how their applications read them there.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use cutover::engine::Destination;
use cutover::http::BaseUrl;
use cutover::{ClientSecret, TargetId};
use cutover_stores::read::{Caching, Reader};
use cutover_stores::{
    AwsCredentials, AwsOptions, AwsSecret, AwsStore, Column, ColumnOptions, ColumnStore, CommandDestination,
    FileDestination, Program, SealingKey, SealingKeys, VaultAuth, VaultClient, VaultConfig, VaultPlace, VaultSecret,
};
use serde_json::{Value, json};
use sqlx::{ConnectOptions as _, Connection as _};
use tempfile::TempDir;

use crate::outsider::plain_http;

/// The program of the documentation.
const DOCUMENTATION: &str = include_str!("../../../../../docs/destinations.md");
const KEY: [u8; 32] = [7; 32];
const REGION: &str = "eu-central-1";

/// A kind of place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    SqliteColumn,
    PostgresColumn,
    Aws,
    Vault,
    File,
    Command,
}

impl Place {
    pub(crate) const ALL: [Self; 6] =
        [Self::SqliteColumn, Self::PostgresColumn, Self::Aws, Self::Vault, Self::File, Self::Command];
}

/// One of each, for one target.
pub(crate) struct Places {
    folder: TempDir,
    target: TargetId,
    /// A name that nobody else has in the servers.
    name: String,
    sqlite: ColumnStore,
    postgres: ColumnStore,
    aws: AwsStore,
    vault: VaultClient,
}

impl Places {
    pub(crate) async fn new(target: &TargetId) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("everywhere_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = tempfile::tempdir().expect("a folder");
        let table =
            format!("CREATE TABLE {{}} (id {{}} PRIMARY KEY, secret {{}}); INSERT INTO {{}} (id) VALUES ('{target}')");
        let table = |called: &str| table.replacen("{}", called, 1).replacen("{}", "text", 2).replacen("{}", called, 1);

        let path = folder.path().join("app.db");
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let mut connection = options.connect().await.expect("a database");
        sqlx::raw_sql(sqlx::AssertSqlSafe(table("clients"))).execute(&mut connection).await.expect("a table");
        connection.close().await.expect("closed");
        let sqlite = ColumnStore::sqlite(path, keys(), ColumnOptions::default());

        let url = variable("CUTOVER_TEST_POSTGRES");
        let mut connection = sqlx::PgConnection::connect(&url).await.expect("a server");
        let sql = format!("CREATE SCHEMA {name}; {}", table(&format!("{name}.clients")));
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.expect("a schema");
        connection.close().await.expect("closed");
        let separator = if url.contains('?') { '&' } else { '?' };
        let url = ClientSecret::new(&format!("{url}{separator}options[search_path]={name}"));
        let postgres = ColumnStore::postgres(&url, keys(), ColumnOptions::default()).expect("a URL");

        let credentials = AwsCredentials {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: ClientSecret::new("not-looked-at"),
            session_token: None,
        };
        let options = AwsOptions {
            region: Some(REGION.to_owned()),
            endpoint: Some(variable("CUTOVER_TEST_AWS")),
            credentials: Some(credentials),
            profile: None,
        };
        let aws = AwsStore::connect(options).await.expect("a store");

        let auth = VaultAuth::token(ClientSecret::new(&variable("CUTOVER_TEST_VAULT_TOKEN")));
        let url = BaseUrl::parse(&variable("CUTOVER_TEST_VAULT")).expect("a base URL");
        let vault = VaultClient::new(VaultConfig::new(url, auth)).expect("a client");

        let (_, rest) = DOCUMENTATION.split_once("```sh\n#!/bin/sh\n# put-secret").expect("it has the program");
        let (script, _) = rest.split_once("```").expect("it ends");
        fs::write(folder.path().join("put-secret"), format!("#!/bin/sh\n# put-secret{script}")).expect("written");
        Self { folder, target: target.clone(), name, sqlite, postgres, aws, vault }
    }

    /// The destination in a place.
    pub(crate) fn destination(&self, place: Place) -> Arc<dyn Destination> {
        let target = self.target.clone();
        match place {
            Place::SqliteColumn => Arc::new(self.sqlite.destination(target, self.column())),
            Place::PostgresColumn => Arc::new(self.postgres.destination(target, self.column())),
            Place::Aws => {
                let secret = AwsSecret::key(&self.aws, &self.name, "client_secret").expect("a name");
                Arc::new(secret.made_if_missing())
            }
            Place::Vault => {
                let place = VaultPlace::new("secret", &self.name, "client_secret").expect("a place");
                Arc::new(VaultSecret::new(&self.vault, place))
            }
            Place::File => Arc::new(FileDestination::json(self.path("app.json"), "client_secret").expect("a key")),
            Place::Command => {
                let argv = ["sh".into(), self.path("put-secret"), self.path("kept")];
                let argv = argv.map(|path: PathBuf| path.to_str().expect("text").to_owned());
                let program = Program::new(argv).expect("a program");
                Arc::new(CommandDestination::new("put-secret", target, program))
            }
        }
    }

    /// What an application gets that reads its secret there, past the destination.
    pub(crate) async fn read(&self, place: Place) -> Option<ClientSecret> {
        let target = self.target.clone();
        let text = match place {
            Place::SqliteColumn => return looked_up(Reader::new(&self.sqlite, target, self.column())).await,
            Place::PostgresColumn => return looked_up(Reader::new(&self.postgres, target, self.column())).await,
            Place::Aws => {
                let body = json!({"SecretId": self.name, "VersionStage": "AWSCURRENT"});
                let scope = format!("AKIDEXAMPLE/20260101/{REGION}/secretsmanager/aws4_request");
                let asked = plain_http()
                    .post(variable("CUTOVER_TEST_AWS"))
                    .header("x-amz-target", "secretsmanager.GetSecretValue")
                    .header("content-type", "application/x-amz-json-1.1")
                    .header(
                        "authorization",
                        format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"),
                    )
                    .body(body.to_string());
                let answer = json_of(asked).await;
                let whole: Value = serde_json::from_str(answer["SecretString"].as_str()?).expect("an object");
                whole["client_secret"].as_str()?.to_owned()
            }
            Place::Vault => {
                let url = format!("{}/v1/secret/data/{}", variable("CUTOVER_TEST_VAULT"), self.name);
                let asked = plain_http().get(url).header("x-vault-token", variable("CUTOVER_TEST_VAULT_TOKEN"));
                json_of(asked).await["data"]["data"]["client_secret"].as_str()?.to_owned()
            }
            Place::File => {
                let text = fs::read(self.path("app.json")).ok()?;
                let whole: Value = serde_json::from_slice(&text).expect("JSON");
                whole["client_secret"].as_str()?.to_owned()
            }
            Place::Command => fs::read_to_string(self.path("kept").join(self.target.as_str()).join("current")).ok()?,
        };
        Some(ClientSecret::new(&text))
    }

    fn column(&self) -> Column {
        let column = Column::of("clients", "secret").and_then(|column| column.row("id", self.target.as_str()));
        column.expect("plain names")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

async fn looked_up(reader: Reader) -> Option<ClientSecret> {
    reader.with_caching(Caching::NONE).current().await.expect("readable")
}

async fn json_of(asked: reqwest::RequestBuilder) -> Value {
    let answer = asked.send().await.expect("the server runs").bytes().await.expect("a body");
    serde_json::from_slice(&answer).expect("JSON")
}

fn keys() -> SealingKeys {
    SealingKeys::new(SealingKey::from_bytes(&KEY))
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask test`, which starts the server"))
}
