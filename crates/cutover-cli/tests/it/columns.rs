//! Secrets in database columns: rotated by the binary, read as an application reads them, under one key and another.

use std::fs;
use std::path::Path;

use cutover::read::{Caching, Column, Match, Reader, SealingKeys};
use cutover::stores::key_file;
use cutover::{ClientSecret, TargetId};
use serde_json::Value;
use sqlx::ConnectOptions as _;

use crate::documented::{TARGET, configuration, deliver};
use crate::support::{Vendors, run};

/// Vendors, and one target whose secret goes to columns alone, as the documentation has it.
struct Delivering {
    vendors: Vendors,
    /// A PostgreSQL server's URL, where there is one.
    url: Option<String>,
}

impl Delivering {
    /// The documented stores and destinations; without a server those of SQLite alone.
    async fn new(url: Option<String>) -> Self {
        let vendors = Vendors::with(&[]).await;
        let (mut stores, mut destinations) = configuration("A database column");
        if url.is_none() {
            let (_, local) = stores.split_once("[stores.local]").expect("a local store");
            stores = format!("[stores.local]{local}");
            destinations = destinations.replace("store = \"app_db\"", "store = \"local\"");
        }
        deliver(&vendors, &stores, &destinations);
        let delivering = Self { vendors, url };
        delivering.make_tables().await;
        delivering
    }

    async fn make_tables(&self) {
        const TABLE: &str = "CREATE TABLE idp_clients (client_id varchar(40) PRIMARY KEY, client_secret text);
            INSERT INTO idp_clients VALUES ('abc', NULL), ('other', NULL)";
        let file = sqlx::sqlite::SqliteConnectOptions::new().filename(self.database()).create_if_missing(true);
        let mut connection = file.connect().await.expect("a database");
        sqlx::raw_sql(TABLE).execute(&mut connection).await.expect("a table");
        #[cfg(feature = "postgres")]
        if let Some(url) = &self.url {
            let server: sqlx::postgres::PgConnectOptions = url.parse().expect("a URL");
            sqlx::raw_sql(TABLE).execute(&mut server.connect().await.expect("a server")).await.expect("a table");
        }
    }

    fn database(&self) -> std::path::PathBuf {
        self.vendors.folder().join("app.db")
    }

    async fn run(&self, arguments: &[&str]) -> crate::support::Ran {
        let mut command = self.vendors.command(arguments);
        if let Some(url) = &self.url {
            command.env("DATABASE_URL", url);
        }
        run(command).await
    }

    /// The reader of an application, with the key in this file.
    fn readers(&self, key: &str) -> Vec<Reader> {
        let load = || SealingKeys::new(key_file::load(&self.vendors.folder().join(key)).expect("a key"));
        let target = || TargetId::new(TARGET).expect("valid");
        let own = || Column::of("idp_clients", "client_secret").and_then(|column| column.row("client_id", "abc"));
        let at = |column| Reader::sqlite(self.database(), load(), target(), column);
        let mut readers = vec![at(Column::ours(&target()))];
        match &self.url {
            #[cfg(feature = "postgres")]
            Some(url) => readers.push(
                Reader::postgres(&ClientSecret::new(url), load(), target(), own().expect("names")).expect("a URL"),
            ),
            _ => readers.push(at(own().expect("names"))),
        }
        readers.into_iter().map(|reader| reader.with_caching(Caching::NONE)).collect()
    }

    async fn current(&self, key: &str) -> String {
        let mut found = Vec::new();
        for reader in self.readers(key) {
            let current: Option<ClientSecret> = reader.current().await.expect("readable");
            found.push(current.expect("delivered").expose().to_owned());
        }
        assert!(found.windows(2).all(|pair| pair[0] == pair[1]), "every column has the same secret");
        found.swap_remove(0)
    }

    async fn a_rotation_and_another_key(&self) {
        let checked = self.run(&["check", TARGET]).await;
        assert_eq!(checked.code, Some(0), "{checked:?}");
        assert!(checked.stderr.contains("made the file column.key"), "{checked:?}");
        let rotated = self.run(&["rotate", TARGET]).await;
        assert_eq!(rotated.code, Some(0), "{rotated:?}");
        let target = self.vendors.target(TARGET);
        let first = self.current("column.key").await;
        assert!(self.vendors.accepts(&target, &first).await);
        assert_eq!(self.run(&["rotate", TARGET]).await.code, Some(0));
        let second = self.current("column.key").await;
        assert!(self.vendors.accepts(&target, &second).await && !self.vendors.accepts(&target, &first).await);
        for reader in self.readers("column.key") {
            assert_eq!(reader.matches(second.as_bytes()).await.expect("readable"), Match::Current);
            assert_eq!(reader.matches(first.as_bytes()).await.expect("readable"), Match::Neither);
        }

        let document = self.run(&["rekey", "--json"]).await.document();
        let done: u64 = document["columns"].as_array().expect("rows").iter().map(anew).sum();
        assert_eq!((done, document["next"].clone()), (0, Value::Null), "one key, and nothing to do: {document}");
        self.edit(|text| {
            let new = "key = { file = \"new.key\", also = [{ file = \"column.key\" }] }";
            text.replace("key = { file = \"column.key\" }", new)
        });
        let document = self.run(&["rekey", "--json"]).await.document();
        let columns = document["columns"].as_array().expect("rows");
        assert_eq!(columns.iter().map(anew).collect::<Vec<_>>(), [1, 1], "{document}");
        assert_eq!(document["old_keys_needed"], false, "{document}");
        let again = self.run(&["rekey", "--json"]).await.document();
        assert_eq!(again["columns"].as_array().expect("rows").iter().map(anew).sum::<u64>(), 0, "{again}");

        fs::remove_file(self.vendors.folder().join("column.key")).expect("the old key is there");
        self.edit(|text| text.replace(", also = [{ file = \"column.key\" }]", ""));
        assert_eq!(self.current("new.key").await, second);
        let rotated = self.run(&["rotate", TARGET]).await;
        assert_eq!(rotated.code, Some(0), "{rotated:?}");
        assert!(self.vendors.accepts(&target, &self.current("new.key").await).await);
    }

    fn edit(&self, edit: impl Fn(&str) -> String) {
        let file = self.vendors.folder().join("cutover.toml");
        let text = fs::read_to_string(&file).expect("readable");
        let edited = edit(&text);
        assert_ne!(text, edited, "nothing was changed");
        fs::write(&file, edited).expect("written");
    }
}

fn anew(row: &Value) -> u64 {
    assert_eq!(row["ok"], true, "{row}");
    row["sealed_anew"].as_u64().expect("a number")
}

#[tokio::test]
async fn the_documented_configuration_delivers_to_columns_and_their_key_is_exchanged() {
    Delivering::new(None).await.a_rotation_and_another_key().await;
}

#[tokio::test]
async fn an_unsealed_secret_stops_a_rotation_before_a_vendor_is_asked() {
    let delivering = Delivering::new(None).await;
    let before = delivering.vendors.target(TARGET).first_secret;
    let file = sqlx::sqlite::SqliteConnectOptions::new().filename(delivering.database());
    let mut connection = file.connect().await.expect("a database");
    sqlx::query("UPDATE idp_clients SET client_secret = $1").bind(&before).execute(&mut connection).await.expect("set");
    let refused = delivering.run(&["rotate", TARGET]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.written().contains("plaintext = \"adopt\"") && !refused.written().contains(&before), "{refused:?}");
    let told = delivering.run(&["rekey"]).await;
    assert!(told.code == Some(0) && told.stdout.contains("not sealed and was left so"), "{told:?}");
    delivering.edit(|text| text.replace("table = \"idp_clients\"", "table = \"idp_clients\"\nplaintext = \"adopt\""));
    let rotated = delivering.run(&["rotate", TARGET]).await;
    assert_eq!(rotated.code, Some(0), "{rotated:?}");
    let target = delivering.vendors.target(TARGET);
    assert!(delivering.vendors.accepts(&target, &delivering.current("column.key").await).await);
    assert!(!contains(&delivering.database(), &delivering.current("column.key").await));
}

fn contains(file: &Path, text: &str) -> bool {
    let read = std::process::Command::new("sh").args(["-c", "cat \"$0\"*"]).arg(file).output().expect("a shell");
    read.stdout.windows(text.len()).any(|window| window == text.as_bytes())
}

#[cfg(feature = "postgres")]
mod with_postgres {
    use super::*;

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo xtask test starts one"]
    async fn the_documented_configuration_delivers_to_columns_and_their_key_is_exchanged() {
        let url = std::env::var("CUTOVER_TEST_POSTGRES").expect("a server: run these with `cargo xtask test`");
        let server: sqlx::postgres::PgConnectOptions = url.parse().expect("a URL");
        let schema = format!("c{}", std::process::id());
        let made = format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}");
        let mut connection = server.connect().await.expect("a server");
        sqlx::raw_sql(sqlx::AssertSqlSafe(made)).execute(&mut connection).await.expect("a schema");
        let separator = if url.contains('?') { '&' } else { '?' };
        let url = format!("{url}{separator}options[search_path]={schema}");
        Delivering::new(Some(url)).await.a_rotation_and_another_key().await;
    }
}
