//! An application's own tests, against vendors that remember what was done to them.
//!
//! [`Portal`] is the application. Three lines of a test give it a vendor: start it, say what goes wrong, call. Where a
//! test has a `wiremock` server already, the same vendor answers behind that.

use std::time::Duration;

use cutover::hopae::{Client, Config, Rotator};
use cutover::http::BaseUrl;
use cutover::{
    ClientId, ClientSecret, IdempotencyKey, Kind, RotateError, SecretRotator as _, Target, TargetId, Vendor, Verdict,
};
use cutover_emulator::server::LocalVendors;
use cutover_emulator::wiremock::VendorResponder;
use cutover_emulator::{Emulator, Seeds};
use wiremock::{Mock, MockServer, matchers};

/// An application that changes the secret of its own client.
struct Portal {
    hopae: Client,
    app: ClientId,
    /// Written down before the vendor is asked, so that a second try is the same request.
    key: IdempotencyKey,
}

impl Portal {
    fn new(base_url: &str, seeds: &Seeds) -> Self {
        let key = ClientSecret::new(seeds.hopae.api_key.expose());
        let base_url = BaseUrl::parse(base_url).expect("the vendor's own URL");
        let hopae = Client::new(Config::sandbox(key.into()).base_url(base_url)).expect("plain settings");
        let app = seeds.hopae.app().expect("there is one");
        Self { hopae, app: ClientId::new(app.client_id.clone()).expect("a plain id"), key: IdempotencyKey::fresh() }
    }

    async fn new_secret(&self) -> Result<ClientSecret, RotateError> {
        let answer = self.hopae.apps().rotate_client_secret(&self.app, Some(&self.key)).await?;
        Ok(answer.read()?.secret)
    }

    async fn works(&self, secret: &ClientSecret) -> bool {
        let id = TargetId::new("portal").expect("a plain name");
        let target = Target::new(id, Vendor::from_static("hopae"), Kind::from_static("app"), self.app.clone());
        Rotator::apps(self.hopae.clone())
            .verify(&target, secret)
            .await
            .is_ok_and(|verdict| verdict == Verdict::Accepted)
    }
}

#[tokio::test]
async fn a_lost_answer_costs_no_second_rotation() {
    let vendors = LocalVendors::start().expect("ports of this machine");
    vendors.fault("hopae.rotate#1=lose_answer").expect("a fault");
    let portal = Portal::new(&vendors.hopae().base_url, &vendors.seeds());

    let secret = portal.new_secret().await.expect("the client asks again under its key");
    assert!(portal.works(&secret).await);
    assert_eq!(vendors.handled(cutover_emulator::Vendor::Hopae, "rotate"), 2);
}

#[tokio::test]
async fn after_a_day_the_key_is_new_and_so_is_the_secret() {
    let vendors = LocalVendors::start().expect("ports of this machine");
    let portal = Portal::new(&vendors.hopae().base_url, &vendors.seeds());

    let first = portal.new_secret().await.expect("a secret");
    assert_eq!(portal.new_secret().await.expect("the same request"), first);
    vendors.advance(Duration::from_secs(25 * 60 * 60));
    assert_ne!(portal.new_secret().await.expect("another one"), first);
    assert!(!portal.works(&first).await);
}

#[tokio::test]
async fn the_same_vendor_stands_behind_wiremock() {
    let hopae = Emulator::builder().build();
    let server = MockServer::start().await;
    let responder =
        VendorResponder::new(hopae.clone(), cutover_emulator::Vendor::Hopae).expect("no fault that it cannot show");
    Mock::given(matchers::any()).respond_with(responder).mount(&server).await;
    let portal = Portal::new(&format!("{}/connect", server.uri()), &hopae.seeds());

    hopae.fault("hopae.rotate#1=429:0").expect("a fault");
    let secret = portal.new_secret().await.expect("the client waits and asks again");
    assert!(portal.works(&secret).await);
}
