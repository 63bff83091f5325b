//! Any answer to any call of the Hopae client.

#![no_main]

#[path = "../../../cutover-http/tests/shared/fuzzed.rs"]
mod fuzzed;
#[path = "../operations.rs"]
mod operations;

use cutover_core::{ClientId, ClientSecret, IdempotencyKey, SecretRotator, Target, TargetId};
use cutover_hopae::{
    APP, BatchItem, Client, Config, CreateApp, CreateApps, ListApps, Rotator, UpdateApp, UpdateWebhook, VENDOR,
};
use cutover_http::{Credential, RetryPolicy};
use futures_util::FutureExt as _;
use libfuzzer_sys::fuzz_target;

use fuzzed::{Input, check, check_listing, check_show_once};
use operations::OPERATIONS;

fuzz_target!(|data: &[u8]| {
    let Some(input) = Input::read(data) else { return };
    let config = Config::sandbox(Credential::Injected).transport(input.transport());
    let client = Client::new(config.retry(RetryPolicy::never())).expect("valid");
    call(&client, input.operation(OPERATIONS)).now_or_never().expect("nothing waits");
});

async fn call(client: &Client, operation: &str) {
    let id = ClientId::new("c-1").expect("valid");
    let key = IdempotencyKey::new("key-1").expect("valid");
    let (apps, webhooks) = (client.apps(), client.webhooks());
    match operation {
        "apps.create" => check_show_once(apps.create(&CreateApp::new("n"), Some(&key)).await),
        "apps.create_batch" => check_show_once(apps.create_batch(&CreateApps::new([BatchItem::new("n")])).await),
        "apps.list" => drop(check(apps.list(&ListApps::new()).await)),
        "apps.list_all" => check_listing(apps.list_all(&ListApps::new())).await,
        "apps.get" => drop(check(apps.get(&id).await)),
        "apps.update" => drop(check(apps.update(&id, &UpdateApp::new()).await)),
        "apps.delete" => drop(check(apps.delete(&id).await)),
        "apps.rotate_client_secret" => check_show_once(apps.rotate_client_secret(&id, Some(&key)).await),
        "webhooks.get" => drop(check(webhooks.get(&id).await)),
        "webhooks.update" => drop(check(webhooks.update(&id, &UpdateWebhook::new()).await)),
        "webhooks.rotate_secret" => check_show_once(webhooks.rotate_secret(&id, None).await),
        "inspect" => drop(check(Rotator::apps(client.clone()).inspect(&target()).await)),
        "verify" => {
            let verdict = Rotator::apps(client.clone()).verify(&target(), &ClientSecret::new("s")).await;
            let _ = check(verdict);
        }
        other => panic!("{other} is not called"),
    }
}

fn target() -> Target {
    Target::new(TargetId::new("t-1").expect("valid"), VENDOR, APP, ClientId::new("c-1").expect("valid"))
}
