//! moto, and what a look from outside finds there.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;

use cutover_core::ClientSecret;
use cutover_stores::{AwsCredentials, AwsOptions, AwsStore};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

/// Where every test's secrets are.
pub(crate) const REGION: &str = "eu-central-1";

/// A server, spoken to without the SDK.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moto {
    pub(crate) address: SocketAddr,
}

impl Moto {
    /// The one that the test command started.
    pub(crate) fn running() -> Self {
        let url = variable("CUTOVER_TEST_AWS");
        let address = url.strip_prefix("http://").and_then(|address| address.parse().ok());
        Self { address: address.expect("CUTOVER_TEST_AWS is http://ADDRESS:PORT") }
    }

    /// The store, without anything in between.
    pub(crate) async fn store(self) -> AwsStore {
        store(&format!("http://{}", self.address)).await
    }

    /// Makes a secret that nobody had before, with a value or without.
    pub(crate) async fn secret(self, value: Option<&str>) -> String {
        let name = format!("test/{}", Uuid::new_v4());
        let mut body = json!({"Name": name, "ClientRequestToken": Uuid::new_v4()});
        if let Some(value) = value {
            body["SecretString"] = json!(value);
        }
        self.done("CreateSecret", body).await;
        name
    }

    /// What an application gets that asks for the current secret.
    pub(crate) async fn current(self, secret: &str) -> Option<String> {
        self.text(secret, "AWSCURRENT").await
    }

    pub(crate) async fn text(self, secret: &str, label: &str) -> Option<String> {
        let (status, answer) = self.call("GetSecretValue", json!({"SecretId": secret, "VersionStage": label})).await;
        (status == 200).then(|| answer["SecretString"].as_str().expect("a text").to_owned())
    }

    /// Every label with the version that has it.
    pub(crate) async fn labels(self, secret: &str) -> BTreeMap<String, String> {
        let answer = self.done("DescribeSecret", json!({"SecretId": secret})).await;
        let versions = answer["VersionIdsToStages"].as_object().cloned().unwrap_or_default();
        let pairs = versions.iter().flat_map(|(id, labels)| {
            let labels = labels.as_array().expect("a list").iter();
            labels.map(move |label| (label.as_str().expect("a text").to_owned(), id.clone()))
        });
        let pairs: Vec<_> = pairs.collect();
        let labels: BTreeMap<_, _> = pairs.iter().cloned().collect();
        assert_eq!(labels.len(), pairs.len(), "a label is on two versions: {pairs:?}");
        labels
    }

    /// How many versions there are, with labels or without.
    pub(crate) async fn versions(self, secret: &str) -> usize {
        let body = json!({"SecretId": secret, "IncludeDeprecated": true});
        self.done("ListSecretVersionIds", body).await["Versions"].as_array().expect("a list").len()
    }

    /// Puts another value into use, as somebody does by hand.
    pub(crate) async fn edit(self, secret: &str, value: &str) {
        let id = Uuid::new_v4().to_string();
        let put = json!({
            "SecretId": secret, "SecretString": value, "ClientRequestToken": id, "VersionStages": ["by-hand"],
        });
        self.done("PutSecretValue", put).await;
        let current = self.labels(secret).await["AWSCURRENT"].clone();
        for body in [
            json!({"VersionStage": "AWSCURRENT", "RemoveFromVersionId": current, "MoveToVersionId": id}),
            json!({"VersionStage": "by-hand", "RemoveFromVersionId": id}),
        ] {
            let mut body = body;
            body["SecretId"] = json!(secret);
            self.done("UpdateSecretVersionStage", body).await;
        }
    }

    pub(crate) async fn done(self, operation: &str, body: Value) -> Value {
        let (status, answer) = self.call(operation, body).await;
        assert_eq!(status, 200, "{operation}: {answer}");
        answer
    }

    pub(crate) async fn call(self, operation: &str, body: Value) -> (u16, Value) {
        let body = body.to_string();
        let request = format!(
            "POST / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nX-Amz-Target: secretsmanager.{operation}\r\n\
             Content-Type: application/x-amz-json-1.1\r\nAuthorization: AWS4-HMAC-SHA256 \
             Credential=AKIDEXAMPLE/20260101/{REGION}/secretsmanager/aws4_request, SignedHeaders=host, Signature=0\r\n\
             Content-Length: {length}\r\n\r\n{body}",
            address = self.address,
            length = body.len()
        );
        loop {
            let (status, answer) = self.exchange(request.as_bytes()).await;
            // moto walks over all its secrets without a lock, and stumbles when another test makes one just then.
            if status != 500 {
                return (status, answer);
            }
        }
    }

    async fn exchange(self, request: &[u8]) -> (u16, Value) {
        let mut stream = TcpStream::connect(self.address).await.expect("the server runs");
        stream.write_all(request).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("answered");
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }
}

/// The store at an address, as the command line makes it.
pub(crate) async fn store(endpoint: &str) -> AwsStore {
    let credentials = AwsCredentials {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: ClientSecret::new("canary-aws-key"),
        session_token: None,
    };
    let options = AwsOptions {
        region: Some(REGION.to_owned()),
        endpoint: Some(endpoint.to_owned()),
        credentials: Some(credentials),
        profile: None,
    };
    AwsStore::connect(options).await.expect("a store")
}

/// What the official client for Python sees: each label with the value that it leads to.
pub(crate) fn seen_by_boto3(secret: &str) -> BTreeMap<String, String> {
    const LOOK: &str = r#"
import boto3, json, sys
client = boto3.client("secretsmanager", endpoint_url=sys.argv[1], region_name=sys.argv[2],
                      aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="x")
versions = client.describe_secret(SecretId=sys.argv[3])["VersionIdsToStages"]
labels = [label for labels in versions.values() for label in labels]
assert len(labels) == len(set(labels)), labels
values = {label: client.get_secret_value(SecretId=sys.argv[3], VersionStage=label)["SecretString"] for label in labels}
print(json.dumps(values))
"#;
    let python = variable("CUTOVER_TEST_AWS_PYTHON");
    let run = Command::new(python).args(["-c", LOOK, &variable("CUTOVER_TEST_AWS"), REGION, secret]).output();
    let output = run.expect("python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("a JSON object")
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask test`, which starts the server"))
}
