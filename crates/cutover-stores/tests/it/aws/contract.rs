//! The engine's contract, for a whole secret and for one key.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use cutover_core::ClientSecret;
use cutover_engine::Destination;
use cutover_engine::contract::destination::{Fixture, Seen, Trouble, check};
use cutover_stores::{AwsPlace, AwsSecret, AwsStore};
use serde_json::{Value, json};
use uuid::Uuid;

use super::proxy::{Backend, Meddling, Proxy};

const KEY: &str = "client_secret";

/// Places at Secrets Manager, whoever plays it.
pub(crate) struct Aws {
    backend: Backend,
    proxy: Proxy,
    store: AwsStore,
    is_key: bool,
    makes_trouble: bool,
    /// The secret that was made last.
    last: Mutex<String>,
}

impl Aws {
    pub(crate) async fn new(backend: Backend, is_key: bool, makes_trouble: bool) -> Self {
        let proxy = Proxy::start(backend.clone()).await;
        Self { backend, store: proxy.store().await, proxy, is_key, makes_trouble, last: Mutex::default() }
    }

    fn at(&self, secret: &str, key: &str) -> Box<dyn Destination> {
        Box::new(match self.is_key {
            true => AwsSecret::new(&self.store, &AwsPlace::key(secret, key).expect("valid")),
            false => AwsSecret::new(&self.store, &AwsPlace::whole(secret).expect("valid")),
        })
    }

    async fn secret(&self, value: Option<String>) -> String {
        let name = format!("test/{}", Uuid::new_v4());
        let mut body = json!({"Name": name, "ClientRequestToken": Uuid::new_v4()});
        if let Some(value) = value {
            body["SecretString"] = json!(value);
        }
        let (status, answer) = self.backend.call("CreateSecret", &body).await;
        assert_eq!(status, 200, "{answer}");
        name
    }

    fn last(&self) -> String {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Fixture for Aws {
    async fn fresh(&self, current: Option<&str>) -> Box<dyn Destination> {
        let value = match (current, self.is_key) {
            (Some(current), true) => Some(json!({"user": "billing", KEY: current, "port": 5432}).to_string()),
            (None, true) => Some("{\"user\": \"billing\"}".to_owned()),
            (current, false) => current.map(str::to_owned),
        };
        let secret = self.secret(value).await;
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&secret);
        self.at(&secret, KEY)
    }

    /// For the whole secret only: a destination remembers nothing, so a second one is the first one again, and every
    /// fault would be made once more.
    async fn reopened(&self) -> Option<Box<dyn Destination>> {
        (!self.is_key).then(|| self.at(&self.last(), KEY))
    }

    async fn neighbour(&self) -> Option<Box<dyn Destination>> {
        if self.is_key {
            return Some(self.at(&self.last(), "another key"));
        }
        Some(self.at(&self.secret(None).await, KEY))
    }

    fn fail(&self, trouble: Trouble) -> bool {
        self.proxy.meddle(self.makes_trouble.then_some(Meddling::Trouble(trouble)));
        self.makes_trouble
    }

    fn reached(&self) -> bool {
        self.proxy.reached()
    }

    fn mend(&self) {
        self.proxy.meddle(None);
    }

    async fn readers_view(&self) -> Seen {
        let body = json!({"SecretId": self.last(), "VersionStage": "AWSCURRENT"});
        let (status, answer) = self.backend.call("GetSecretValue", &body).await;
        if status != 200 {
            return Seen::Nothing;
        }
        let text = answer["SecretString"].as_str().expect("a text");
        let secret = match self.is_key {
            true => serde_json::from_str::<Value>(text).expect("JSON")[KEY].as_str().map(str::to_owned),
            // What stands for "no secret yet" where nothing ever was.
            false => (text != "{}").then(|| text.to_owned()),
        };
        secret.map_or(Seen::Nothing, |secret| Seen::Secret(ClientSecret::new(&secret)))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_secret_keeps_the_contract() {
    check(&Aws::new(Backend::model(), false, true).await).await.assert();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_of_a_secret_keeps_the_contract() {
    check(&Aws::new(Backend::model(), true, true).await).await.assert();
}
