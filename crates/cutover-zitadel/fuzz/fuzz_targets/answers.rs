//! Any answer to any call of the Zitadel client, and any key file.

#![no_main]

#[path = "../../../cutover-http/tests/shared/fuzzed.rs"]
mod fuzzed;
#[path = "../operations.rs"]
mod operations;

use cutover_core::{ClientId, ClientSecret, Kind, SecretRotator, Target, TargetId};
use cutover_http::{BaseUrl, Credential, RetryPolicy};
use cutover_zitadel::{
    API, Api, AppId, Caller, Client, Config, CreateApiApp, CreateApiApplication, CreateMachineUser, CreateOidcApp,
    KeyFile, ListApplications, MACHINE_USER, OIDC, OidcSettings, ProjectId, Rotator, SearchApps, SearchChanges,
    UpdateApiApp, UpdateApp, UserId, VENDOR,
};
use futures_util::FutureExt as _;
use libfuzzer_sys::fuzz_target;

use fuzzed::{Input, check, check_listing, check_show_once};
use operations::OPERATIONS;

fuzz_target!(|data: &[u8]| {
    let Some(input) = Input::read(data) else { return };
    let operation = input.operation(OPERATIONS);
    let (caller, api) = match operation {
        "key_file" => {
            let _ = format!("{:?}", KeyFile::parse(&data[2..]));
            return;
        }
        "oauth.token" => {
            (Caller::ClientCredentials { client_id: "c".to_owned(), secret: ClientSecret::new("s").into() }, Api::V1)
        }
        "inspect" => (Caller::Token(Credential::Injected), Api::V2),
        _ => (Caller::Token(Credential::Injected), Api::V1),
    };
    let config = Config::new(BaseUrl::from_static("https://idp.example"), caller).api(api);
    let client = Client::new(config.transport(input.transport()).retry(RetryPolicy::never())).expect("valid");
    call(&client, operation).now_or_never().expect("nothing waits");
});

async fn call(client: &Client, operation: &str) {
    let (p, a, u) = (ProjectId::new("p-1"), AppId::new("a-1"), UserId::new("u-1"));
    let (apps, users) = (client.apps(), client.machine_users());
    let (apps2, users2) = (client.applications_v2(), client.users_v2());
    match operation {
        "apps.create_api" => check_show_once(apps.create_api(&p, &CreateApiApp::new("n")).await),
        "apps.create_oidc" => check_show_once(apps.create_oidc(&p, &CreateOidcApp::new("n")).await),
        "apps.generate_api_secret" => check_show_once(apps.generate_api_secret(&p, &a).await),
        "apps.generate_oidc_secret" => check_show_once(apps.generate_oidc_secret(&p, &a).await),
        "apps.get" => drop(check(apps.get(&p, &a).await)),
        "apps.search" | "oauth.token" => drop(check(apps.search(&p, &SearchApps::new()).await)),
        "apps.search_all" => check_listing(apps.search_all(&p, &SearchApps::new())).await,
        "apps.changes" => drop(check(apps.changes(&p, &a, &SearchChanges::new()).await)),
        "apps.changes_all" => check_listing(apps.changes_all(&p, &a, &SearchChanges::new())).await,
        "apps.update" => drop(check(apps.update(&p, &a, &UpdateApp::new()).await)),
        "apps.update_api" => drop(check(apps.update_api(&p, &a, &UpdateApiApp::new()).await)),
        "apps.update_oidc" => drop(check(apps.update_oidc(&p, &a, &OidcSettings::new()).await)),
        "apps.deactivate" => drop(check(apps.deactivate(&p, &a).await)),
        "apps.reactivate" => drop(check(apps.reactivate(&p, &a).await)),
        "apps.delete" => drop(check(apps.delete(&p, &a).await)),
        "machine_users.create" => drop(check(users.create(&CreateMachineUser::new("u", "n")).await)),
        "machine_users.set_secret" => check_show_once(users.set_secret(&u).await),
        "machine_users.remove_secret" => drop(check(users.remove_secret(&u).await)),
        "machine_users.check_access" => drop(check(users.check_access(&u).await)),
        "v2.create_application" => check_show_once(apps2.create_api(&p, &CreateApiApplication::new("n")).await),
        "v2.get_application" => drop(check(apps2.get(&a).await)),
        "v2.list_applications" => drop(check(apps2.list(&ListApplications::new()).await)),
        "v2.list_applications_all" => check_listing(apps2.list_all(&ListApplications::new())).await,
        "v2.generate_client_secret" => check_show_once(apps2.generate_client_secret(&p, &a).await),
        "v2.deactivate_application" => drop(check(apps2.deactivate(&p, &a).await)),
        "v2.reactivate_application" => drop(check(apps2.reactivate(&p, &a).await)),
        "v2.delete_application" => drop(check(apps2.delete(&p, &a).await)),
        "v2.add_secret" => check_show_once(users2.add_secret(&u).await),
        "v2.remove_secret" => drop(check(users2.remove_secret(&u).await)),
        "inspect" => {
            check(Rotator::api_apps(client.clone()).inspect(&target(API)).await);
            check(Rotator::oidc_apps(client.clone()).inspect(&target(OIDC)).await);
            check(Rotator::machine_users(client.clone()).inspect(&target(MACHINE_USER)).await);
        }
        "verify" => {
            let secret = ClientSecret::new("s");
            check(Rotator::api_apps(client.clone()).verify(&target(API), &secret).await);
            check(Rotator::machine_users(client.clone()).verify(&target(MACHINE_USER), &secret).await);
        }
        other => panic!("{other} is not called"),
    }
}

fn target(kind: Kind) -> Target {
    Target::new(TargetId::new("t-1").expect("valid"), VENDOR, kind, ClientId::new("270000000000000001").expect("valid"))
        .with_scope("project_id", "p-1")
        .with_scope("app_id", "a-1")
        .with_scope("user_id", "u-1")
}
