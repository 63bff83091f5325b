//! What holds of every answer there can be: it is read or refused, nothing panics, and nothing of it leaks.

use cutover_core::ClientSecret;
use cutover_http::{Credential, RetryPolicy};
use cutover_stytch::{
    CONNECTED_APP, Client, ClientType, Config, CreateConnectedApp, CreateM2mClient, M2M, Rotator, SearchConnectedApps,
    SearchM2mClients, UpdateConnectedApp, UpdateM2mClient,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::arbitrary::{SECRET, Said, answers, block_on};
use crate::steps::check_every_step;
use crate::support::{PROJECT, app_answer, id, m2m_answer, target};

const NAMES: &[&str] = &[
    "status_code",
    "request_id",
    "m2m_client",
    "m2m_clients",
    "connected_app",
    "connected_apps",
    "results_metadata",
    "next_cursor",
    "total",
    "client_id",
    "client_name",
    "status",
    "scopes",
    "trusted_metadata",
    "client_type",
    "redirect_urls",
    "client_secret",
    "next_client_secret",
    "client_secret_last_four",
    "next_client_secret_last_four",
    "access_token",
    "expires_in",
    "active",
    "exp",
    "scope",
    "error",
    "error_type",
    "error_message",
    "error_description",
    "error_url",
];
const SECRETS: &[&str] = &["client_secret", "next_client_secret", "access_token"];

fn samples() -> Vec<Value> {
    let metadata = json!({"client_secret": SECRET, "deep": [{"x": SECRET}]});
    let secrets = json!({"client_secret": SECRET, "next_client_secret": SECRET, "trusted_metadata": metadata});
    let page = json!({"total": 2, "next_cursor": "c"});
    vec![
        m2m_answer(&secrets),
        app_answer(&secrets),
        json!({"m2m_clients": [{"client_id": "a"}], "connected_apps": [{"client_id": "a"}], "results_metadata": page}),
        json!({"access_token": SECRET, "token_type": "bearer", "expires_in": 3600, "active": true, "exp": 1_900_000_000}),
        json!({"status_code": 400, "request_id": "r-1", "error_type": "m2m_client_not_found", "error_message": "m"}),
        json!({"status_code": 401, "request_id": "r-1", "error": "invalid_client", "error_description": SECRET}),
    ]
}

fn client(said: &Said) -> Client {
    let config = Config::new(PROJECT, Credential::Injected).transport(said.transport()).retry(RetryPolicy::never());
    Client::new(config).expect("valid")
}

async fn every_call(said: &Said) {
    let client = client(said);
    let (c, secret) = (id("c-1"), ClientSecret::new("s"));

    let m2m = client.m2m();
    said.check_show_once(m2m.create(&CreateM2mClient::new(["s"])).await);
    said.check(&m2m.get(&c).await);
    said.check(&m2m.search(&SearchM2mClients::new()).await);
    said.check(&m2m.update(&c, &UpdateM2mClient::new()).await);
    said.check(&m2m.delete(&c).await);
    said.check_show_once(m2m.rotate_start(&c).await);
    said.check(&m2m.rotate(&c).await);
    said.check(&m2m.rotate_cancel(&c).await);
    said.check_listing(m2m.search_all(&SearchM2mClients::new())).await;

    let apps = client.connected_apps();
    said.check_show_once(apps.create(&CreateConnectedApp::new(ClientType::FirstParty)).await);
    said.check(&apps.get(&c).await);
    said.check(&apps.search(&SearchConnectedApps::new()).await);
    said.check(&apps.update(&c, &UpdateConnectedApp::new()).await);
    said.check(&apps.delete(&c).await);
    said.check_show_once(apps.rotate_start(&c).await);
    said.check(&apps.rotate(&c).await);
    said.check(&apps.rotate_cancel(&c).await);
    said.check_listing(apps.search_all(&SearchConnectedApps::new())).await;

    said.check(&client.oauth().token(&c, &secret, &[]).await);
    said.check(&client.oauth().introspect(&c, &secret, &secret).await);
}

async fn every_step(said: &Said) {
    for (rotator, kind) in [(Rotator::m2m(client(said)), M2M), (Rotator::connected_apps(client(said)), CONNECTED_APP)] {
        check_every_step(said, &rotator, &target(kind, "c-1")).await;
    }
}

proptest! {
    #[test]
    fn every_answer_to_every_call_is_read_or_refused_and_never_shown(said in answers(NAMES, SECRETS, samples())) {
        block_on(every_call(&said));
    }

    #[test]
    fn every_answer_to_every_step_of_a_rotation_is_read_or_refused_and_never_shown(
        said in answers(NAMES, SECRETS, samples()),
    ) {
        block_on(every_step(&said));
    }
}
