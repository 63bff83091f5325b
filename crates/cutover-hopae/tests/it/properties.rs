//! What holds of every answer there can be: it is read or refused, nothing panics, and nothing of it leaks.

use cutover_core::IdempotencyKey;
use cutover_hopae::{BatchItem, Client, Config, CreateApp, CreateApps, ListApps, Rotator, UpdateApp, UpdateWebhook};
use cutover_http::{Credential, RetryPolicy};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::arbitrary::{SECRET, Said, answers, block_on};
use crate::steps::check_every_step;
use crate::support::{id, target};

const NAMES: &[&str] = &[
    "clientId",
    "client_id",
    "clientSecret",
    "client_secret",
    "name",
    "organizationId",
    "redirectUris",
    "providers",
    "webhookConfig",
    "webhook_config",
    "url",
    "enabled",
    "retryAttempts",
    "events",
    "secret",
    "createdAt",
    "created_at",
    "data",
    "total",
    "offset",
    "results",
    "app",
    "result",
    "successCount",
    "errorCount",
    "error",
    "code",
    "title",
    "message",
    "detail",
    "details",
    "request_id",
];
const SECRETS: &[&str] = &["clientSecret", "client_secret", "secret"];

fn samples() -> Vec<Value> {
    let webhook = json!({"url": "https://w", "enabled": true, "retryAttempts": 3, "events": ["x"], "secret": SECRET});
    let app = json!({"clientId": "HqTRDIYH", "clientSecret": SECRET, "name": "Portal", "redirectUris": ["https://a"],
        "providers": {"passport": {"enabled": true, "clientSecret": SECRET}}, "webhookConfig": webhook,
        "createdAt": "2026-03-27T08:22:51.272Z"});
    let error = json!({"code": "AUTH_INVALID_CREDENTIALS", "message": SECRET, "details": {"x": SECRET}});
    vec![
        app.clone(),
        webhook,
        json!({"data": [app], "total": 3, "limit": 1, "offset": 0}),
        json!({"results": [app, {"app": app}, {"error": error}], "successCount": 2, "errorCount": 1}),
        json!({"error": error, "request_id": "228aaefb-3ce2"}),
        json!({"title": "AUTH_INVALID_CREDENTIALS", "status": 401, "detail": SECRET, "instance": "/providers"}),
    ]
}

fn client(said: &Said) -> Client {
    let config = Config::sandbox(Credential::Injected).transport(said.transport()).retry(RetryPolicy::never());
    Client::new(config).expect("valid")
}

async fn every_call(said: &Said) {
    let client = client(said);
    let (c, key) = (id("c-1"), IdempotencyKey::fresh());

    let apps = client.apps();
    said.check_show_once(apps.create(&CreateApp::new("n"), Some(&key)).await);
    said.check_show_once(apps.create_batch(&CreateApps::new([BatchItem::new("n")])).await);
    said.check(&apps.list(&ListApps::new()).await);
    said.check_listing(apps.list_all(&ListApps::new())).await;
    said.check(&apps.get(&c).await);
    said.check(&apps.update(&c, &UpdateApp::new()).await);
    said.check(&apps.delete(&c).await);
    said.check_show_once(apps.rotate_client_secret(&c, Some(&key)).await);

    let webhooks = client.webhooks();
    said.check(&webhooks.get(&c).await);
    said.check(&webhooks.update(&c, &UpdateWebhook::new()).await);
    said.check_show_once(webhooks.rotate_secret(&c, None).await);
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
        block_on(check_every_step(&said, &Rotator::apps(client(&said)), &target("c-1")));
    }
}
