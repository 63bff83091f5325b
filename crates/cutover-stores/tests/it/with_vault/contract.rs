//! Every promise of a destination, on a real Vault.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use cutover_core::ClientSecret;
use cutover_engine::Destination;
use cutover_engine::contract::destination::{Fixture, Seen, Trouble, check};
use cutover_stores::{VaultClient, VaultPlace, VaultSecret};
use serde_json::json;

use super::line::Line;
use super::server::{Server, fresh};

/// Destroys old versions or keeps them.
struct Vault {
    server: Server,
    line: Line,
    spot: Mutex<Option<Spot>>,
    destroys: bool,
}

#[derive(Clone)]
struct Spot {
    client: VaultClient,
    path: String,
}

impl Vault {
    fn new(destroys: bool) -> Self {
        let server = Server::running();
        let line = Line::new(server.line());
        Self { server, line, spot: Mutex::default(), destroys }
    }

    fn spot(&self) -> Option<Spot> {
        self.spot.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn secret(&self, spot: &Spot, key: &str) -> Box<dyn Destination> {
        let secret = VaultSecret::new(&spot.client, VaultPlace::new("secret", &spot.path, key).expect("a place"));
        Box::new(if self.destroys { secret.destroying_old_versions() } else { secret })
    }

    fn client(&self) -> VaultClient {
        self.server.client(self.server.root(), std::sync::Arc::new(self.line.clone()))
    }
}

#[async_trait]
impl Fixture for Vault {
    async fn fresh(&self, current: Option<&str>) -> Box<dyn Destination> {
        let path = format!("contract/{}", fresh("place"));
        if let Some(current) = current {
            self.server.write(&path, &json!({"client_secret": current, "note": 0.1}).to_string()).await;
        }
        let spot = Spot { client: self.client(), path };
        *self.spot.lock().unwrap_or_else(PoisonError::into_inner) = Some(spot.clone());
        self.secret(&spot, "client_secret")
    }

    async fn reopened(&self) -> Option<Box<dyn Destination>> {
        let spot = Spot { client: self.client(), ..self.spot()? };
        Some(self.secret(&spot, "client_secret"))
    }

    async fn neighbour(&self) -> Option<Box<dyn Destination>> {
        Some(self.secret(&self.spot()?, "other"))
    }

    fn fail(&self, trouble: Trouble) -> bool {
        self.line.fail(trouble);
        true
    }

    fn reached(&self) -> bool {
        self.line.reached()
    }

    fn mend(&self) {
        self.line.mend();
    }

    async fn readers_view(&self) -> Seen {
        let Some(spot) = self.spot() else { return Seen::Unknown };
        match self.server.data(&spot.path).await.as_ref().and_then(|data| data["client_secret"].as_str()) {
            Some(secret) => Seen::Secret(ClientSecret::new(secret)),
            None => Seen::Nothing,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Vault: cargo xtask test starts one"]
async fn a_secret_in_vault_keeps_the_contract() {
    let report = check(&Vault::new(false)).await;
    report.assert();
    // That no plaintext is stored is Vault's own promise.
    assert_eq!(report.not_asked().map(|(promise, _)| promise.id).collect::<Vec<_>>(), ["DEST-24"], "{report}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Vault: cargo xtask test starts one"]
async fn a_secret_whose_old_versions_are_destroyed_keeps_the_contract() {
    check(&Vault::new(true)).await.assert();
}
