//! The Vault that the test command started, as an administrator sees it past the destination.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use cutover_core::{ClientSecret, Clock, SystemClock};
use cutover_http::{BaseUrl, Limits, ReqwestTransport, RetryPolicy, SecretBytes, Transport};
use cutover_stores::{VaultAuth, VaultClient, VaultConfig};
use http::{Method, Request};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use zeroize::Zeroizing;

/// How long a new mount may take to be ready.
const READY_MAX: Duration = Duration::from_secs(20);

/// The server and a token that may do everything.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) url: String,
    token: String,
    line: Arc<ReqwestTransport>,
}

impl Server {
    pub(crate) fn running() -> Self {
        let variable =
            |name| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask test`"));
        Self {
            url: variable("CUTOVER_TEST_VAULT"),
            token: variable("CUTOVER_TEST_VAULT_TOKEN"),
            line: Arc::new(ReqwestTransport::new(&Limits::default()).expect("a client")),
        }
    }

    pub(crate) fn root(&self) -> VaultAuth {
        VaultAuth::token(ClientSecret::new(&self.token))
    }

    /// A client whose waits are over at once and whose calls are sent once.
    pub(crate) fn client(&self, auth: VaultAuth, line: Arc<dyn Transport>) -> VaultClient {
        VaultClient::new(self.config(auth, line)).expect("a client")
    }

    pub(crate) fn config(&self, auth: VaultAuth, line: Arc<dyn Transport>) -> VaultConfig {
        let url = BaseUrl::parse(&self.url).expect("a base URL");
        VaultConfig::new(url, auth).transport(line).clock(Arc::new(Hasty::default())).retry(RetryPolicy::never())
    }

    /// A line to the server with nothing in between.
    pub(crate) fn line(&self) -> Arc<ReqwestTransport> {
        self.line.clone()
    }

    /// Asks as an administrator; the answer's status and JSON.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<&str>) -> (u16, Value) {
        let (status, body) = self.ask_raw(method, path, body).await;
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    pub(crate) async fn ask_raw(&self, method: Method, path: &str, body: Option<&str>) -> (u16, Vec<u8>) {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/v1/{path}", self.url))
            .header("x-vault-token", &self.token)
            .header("content-type", "application/json")
            .body(SecretBytes::new(Zeroizing::new(body.unwrap_or_default().as_bytes().to_vec())))
            .expect("a request");
        let answer = self.line.send(request, &Limits::default()).await.expect("Vault answers");
        (answer.status(), answer.expose_body().to_vec())
    }

    /// The same, which has to succeed.
    pub(crate) async fn does(&self, method: Method, path: &str, body: Option<&str>) -> Value {
        let (status, answer) = self.ask(method.clone(), path, body).await;
        assert!((200..300).contains(&status), "{method} {path}: HTTP {status} {answer}");
        answer
    }

    /// Writes a version of a secret at `secret/`.
    pub(crate) async fn write(&self, path: &str, data: &str) {
        self.does(Method::POST, &format!("secret/data/{path}"), Some(&format!("{{\"data\":{data}}}"))).await;
    }

    /// The latest data of a secret at `secret/`, if it is there.
    pub(crate) async fn data(&self, path: &str) -> Option<Value> {
        let (status, answer) = self.ask(Method::GET, &format!("secret/data/{path}"), None).await;
        (status == 200).then(|| answer["data"]["data"].clone())
    }

    /// The metadata of a secret at `secret/`.
    pub(crate) async fn metadata(&self, path: &str) -> Value {
        self.does(Method::GET, &format!("secret/metadata/{path}"), None).await["data"].clone()
    }

    /// Mounts an engine of its own for a test, and waits until it is ready.
    pub(crate) async fn mount(&self, kind: &str, body: &str) -> String {
        let mount = fresh(kind);
        self.does(Method::POST, &format!("sys/mounts/{mount}"), Some(body)).await;
        let ready = async {
            // A key-value store of version 2 refuses its first requests.
            while self.ask(Method::GET, &format!("{mount}/data/x"), None).await.0 == 400 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(READY_MAX, ready).await.expect("a new mount is ready before long");
        mount
    }
}

/// A name that no other test has, on a server that several test programs may use.
pub(crate) fn fresh(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{what}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The machine's clock, whose waits are over at once, and which can be put forward.
#[derive(Debug, Default)]
pub(crate) struct Hasty {
    ahead_secs: AtomicU32,
}

impl Hasty {
    pub(crate) fn put_forward(&self, seconds: u32) {
        self.ahead_secs.fetch_add(seconds, Ordering::Relaxed);
    }
}

#[async_trait]
impl Clock for Hasty {
    fn now(&self) -> Timestamp {
        SystemClock.now() + SignedDuration::from_secs(self.ahead_secs.load(Ordering::Relaxed).into())
    }

    async fn sleep(&self, _: Duration) {
        tokio::task::yield_now().await;
    }
}
