//! Any answer to any call of the Stytch client.

#![no_main]

#[path = "../../../cutover-http/tests/shared/fuzzed.rs"]
mod fuzzed;
#[path = "../operations.rs"]
mod operations;

use cutover_core::{ClientId, ClientSecret, Kind, SecretRotator, Target, TargetId};
use cutover_http::{Credential, RetryPolicy};
use cutover_stytch::{
    CONNECTED_APP, Client, ClientType, Config, CreateConnectedApp, CreateM2mClient, M2M, Rotator, SearchConnectedApps,
    SearchM2mClients, UpdateConnectedApp, UpdateM2mClient, VENDOR,
};
use futures_util::FutureExt as _;
use libfuzzer_sys::fuzz_target;

use fuzzed::{Input, check, check_listing, check_show_once};
use operations::OPERATIONS;

fuzz_target!(|data: &[u8]| {
    let Some(input) = Input::read(data) else { return };
    let config = Config::new("project-test-1", Credential::Injected).transport(input.transport());
    let client = Client::new(config.retry(RetryPolicy::never())).expect("valid");
    call(&client, input.operation(OPERATIONS)).now_or_never().expect("nothing waits");
});

async fn call(client: &Client, operation: &str) {
    let id = ClientId::new("c-1").expect("valid");
    let secret = ClientSecret::new("s");
    let (m2m, apps) = (client.m2m(), client.connected_apps());
    match operation {
        "m2m.create" => check_show_once(m2m.create(&CreateM2mClient::new(["s"])).await),
        "m2m.get" => drop(check(m2m.get(&id).await)),
        "m2m.search" => drop(check(m2m.search(&SearchM2mClients::new()).await)),
        "m2m.search_all" => check_listing(m2m.search_all(&SearchM2mClients::new())).await,
        "m2m.update" => drop(check(m2m.update(&id, &UpdateM2mClient::new()).await)),
        "m2m.delete" => drop(check(m2m.delete(&id).await)),
        "m2m.rotate_start" => check_show_once(m2m.rotate_start(&id).await),
        "m2m.rotate" => drop(check(m2m.rotate(&id).await)),
        "m2m.rotate_cancel" => drop(check(m2m.rotate_cancel(&id).await)),
        "connected_apps.create" => check_show_once(apps.create(&CreateConnectedApp::new(ClientType::ThirdParty)).await),
        "connected_apps.get" => drop(check(apps.get(&id).await)),
        "connected_apps.search" => drop(check(apps.search(&SearchConnectedApps::new()).await)),
        "connected_apps.search_all" => check_listing(apps.search_all(&SearchConnectedApps::new())).await,
        "connected_apps.update" => drop(check(apps.update(&id, &UpdateConnectedApp::new()).await)),
        "connected_apps.delete" => drop(check(apps.delete(&id).await)),
        "connected_apps.rotate_start" => check_show_once(apps.rotate_start(&id).await),
        "connected_apps.rotate" => drop(check(apps.rotate(&id).await)),
        "connected_apps.rotate_cancel" => drop(check(apps.rotate_cancel(&id).await)),
        "oauth.token" => drop(check(client.oauth().token(&id, &secret, &[]).await)),
        "oauth.introspect" => drop(check(client.oauth().introspect(&id, &secret, &secret).await)),
        "inspect" => {
            check(Rotator::m2m(client.clone()).inspect(&target(M2M)).await);
            check(Rotator::connected_apps(client.clone()).inspect(&target(CONNECTED_APP)).await);
        }
        "verify" => {
            check(Rotator::m2m(client.clone()).verify(&target(M2M), &secret).await);
            check(Rotator::connected_apps(client.clone()).verify(&target(CONNECTED_APP), &secret).await);
        }
        other => panic!("{other} is not called"),
    }
}

fn target(kind: Kind) -> Target {
    Target::new(TargetId::new("t-1").expect("valid"), VENDOR, kind, ClientId::new("c-1").expect("valid"))
}
