//! What holds of every answer there can be: it is read or refused, nothing panics, and nothing of it leaks.

use cutover_http::{BaseUrl, RetryPolicy};
use cutover_zitadel::{
    API, Api, AppId, Caller, Client, Config, CreateApiApp, CreateApiApplication, CreateMachineUser, CreateOidcApp,
    KeyFile, ListApplications, OIDC, OidcSettings, ProjectId, Rotator, SearchApps, SearchChanges, UpdateApiApp,
    UpdateApp, UserId,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::arbitrary::{SECRET, Said, answers, block_on};
use crate::caller::by_secret;
use crate::steps::check_every_step;
use crate::support::{BASE, HandClock, app_target, pat, user_target};

const NAMES: &[&str] = &[
    "clientSecret",
    "access_token",
    "details",
    "sequence",
    "creationDate",
    "changeDate",
    "resourceOwner",
    "totalResult",
    "appliedLimit",
    "app",
    "appId",
    "id",
    "name",
    "state",
    "apiConfig",
    "oidcConfig",
    "samlConfig",
    "clientId",
    "authMethodType",
    "redirectUris",
    "loginVersion",
    "result",
    "eventType",
    "key",
    "editorId",
    "application",
    "applications",
    "applicationId",
    "apiConfiguration",
    "pagination",
    "userId",
    "active",
    "expires_in",
    "issuer",
    "token_endpoint",
    "introspection_endpoint",
    "code",
    "message",
    "type",
    "value",
    "debug",
    "error",
    "error_description",
];
const SECRETS: &[&str] = &["clientSecret", "access_token"];

fn samples() -> Vec<Value> {
    let details = json!({"sequence": "7", "creationDate": "2026-01-02T03:04:05Z", "resourceOwner": "o-1",
        "totalResult": "2"});
    let settings = json!({"clientId": "270000000000000001", "clientSecret": SECRET,
        "redirectUris": ["https://a.example"], "loginVersion": {"loginV2": {"baseUri": "https://l.example"}}});
    let app = json!({"id": "a-1", "name": "n", "state": "APP_STATE_ACTIVE", "details": details, "apiConfig": settings});
    let oidc = json!({"id": "a-2", "details": details, "oidcConfig": settings});
    let application = json!({"applicationId": "a-1", "projectId": "p-1", "state": "APPLICATION_STATE_ACTIVE",
        "creationDate": "2026-01-02T03:04:05Z", "apiConfiguration": settings});
    let change = json!({"eventType": {"key": "EventTypes.project.application.changed", "localizedMessage": "x"},
        "sequence": "9", "changeDate": "2026-01-02T03:04:05Z", "editorId": "u-1"});
    vec![
        json!({"app": app, "appId": "a-1", "clientId": "c", "clientSecret": SECRET, "details": details}),
        json!({"app": oidc, "clientSecret": SECRET, "creationDate": "2026-01-02T03:04:05Z"}),
        json!({"details": details, "result": [app, oidc]}),
        json!({"result": [change, change]}),
        json!({"application": application, "apiConfiguration": settings}),
        json!({"applications": [application], "pagination": {"totalResult": "3", "appliedLimit": "1"}}),
        json!({"userId": "u-1", "clientId": "robot", "clientSecret": SECRET, "details": details}),
        json!({"issuer": BASE, "token_endpoint": format!("{BASE}/oauth/v2/token"),
            "introspection_endpoint": format!("{BASE}/oauth/v2/introspect"), "access_token": SECRET,
            "token_type": "Bearer", "expires_in": 43_199, "active": false}),
        json!({"code": 5, "message": "m (COMMAND-2g66f)", "details": [{"id": "COMMAND-2g66f", "message": SECRET}]}),
        json!({"code": "not_found", "message": SECRET, "details": [{"type": "zitadel.v1.ErrorDetail",
            "value": "Cg1DT01NQU5ELUtkOTJzEhlBcHBsaWNhdGlvbiBkb2Vzbid0IGV4aXN0", "debug": {"id": "COMMAND-Kd92s"}}]}),
        json!({"error": "invalid_request", "error_description": "Errors.User.Machine.Secret.Invalid"}),
    ]
}

fn client(said: &Said, caller: Caller, api: Api) -> Client {
    let config = Config::new(BaseUrl::from_static(BASE), caller)
        .api(api)
        .transport(said.transport())
        .clock(std::sync::Arc::<HandClock>::default())
        .retry(RetryPolicy::never());
    Client::new(config).expect("valid")
}

async fn every_call(said: &Said, caller: Caller) {
    let client = client(said, caller, Api::V1);
    let (p, a, u) = (ProjectId::new("p-1"), AppId::new("a-1"), UserId::new("u-1"));

    let apps = client.apps();
    said.check_show_once(apps.create_api(&p, &CreateApiApp::new("n")).await);
    said.check_show_once(apps.create_oidc(&p, &CreateOidcApp::new("n")).await);
    said.check_show_once(apps.generate_api_secret(&p, &a).await);
    said.check_show_once(apps.generate_oidc_secret(&p, &a).await);
    said.check(&apps.get(&p, &a).await);
    said.check(&apps.search(&p, &SearchApps::new()).await);
    said.check_listing(apps.search_all(&p, &SearchApps::new())).await;
    said.check(&apps.changes(&p, &a, &SearchChanges::new()).await);
    said.check_listing(apps.changes_all(&p, &a, &SearchChanges::new())).await;
    said.check(&apps.update(&p, &a, &UpdateApp::new()).await);
    said.check(&apps.update_api(&p, &a, &UpdateApiApp::new()).await);
    said.check(&apps.update_oidc(&p, &a, &OidcSettings::new()).await);
    said.check(&apps.deactivate(&p, &a).await);
    said.check(&apps.reactivate(&p, &a).await);
    said.check(&apps.delete(&p, &a).await);

    let users = client.machine_users();
    said.check(&users.create(&CreateMachineUser::new("u", "n")).await);
    said.check_show_once(users.set_secret(&u).await);
    said.check(&users.remove_secret(&u).await);
    said.check(&users.check_access(&u).await);

    let apps = client.applications_v2();
    said.check_show_once(apps.create_api(&p, &CreateApiApplication::new("n")).await);
    said.check_show_once(apps.generate_client_secret(&p, &a).await);
    said.check(&apps.get(&a).await);
    said.check(&apps.list(&ListApplications::new()).await);
    said.check_listing(apps.list_all(&ListApplications::new())).await;
    said.check(&apps.deactivate(&p, &a).await);
    said.check(&apps.reactivate(&p, &a).await);
    said.check(&apps.delete(&p, &a).await);
    said.check_show_once(client.users_v2().add_secret(&u).await);
    said.check(&client.users_v2().remove_secret(&u).await);
    assert!(!format!("{client:?}").contains(SECRET), "the caller's token is shown");
}

async fn every_step(said: &Said, api: Api) {
    let client = client(said, pat(), api);
    for (rotator, target) in [
        (Rotator::api_apps(client.clone()), app_target(API)),
        (Rotator::oidc_apps(client.clone()), app_target(OIDC)),
        (Rotator::machine_users(client.clone()), user_target()),
    ] {
        check_every_step(said, &rotator, &target).await;
    }
}

proptest! {
    #[test]
    fn every_answer_to_every_call_is_read_or_refused_and_never_shown(
        said in answers(NAMES, SECRETS, samples()), exchanges: bool,
    ) {
        block_on(every_call(&said, if exchanges { by_secret() } else { pat() }));
    }

    #[test]
    fn every_answer_to_every_step_of_a_rotation_is_read_or_refused_and_never_shown(
        said in answers(NAMES, SECRETS, samples()), is_v2: bool,
    ) {
        block_on(every_step(&said, if is_v2 { Api::V2 } else { Api::V1 }));
    }

    #[test]
    fn a_key_file_of_any_form_is_read_or_refused_and_never_shown(
        bytes: Vec<u8>, kind in "serviceaccount|application|x", key in "(-----BEGIN (RSA )?PRIVATE KEY-----)?[A-Za-z0-9+/= \n]{0,80}(-----END (RSA )?PRIVATE KEY-----)?",
    ) {
        let key = format!("{key}{SECRET}");
        let file = json!({"type": kind, "keyId": "k-1", "userId": "u-1", "key": key, "expirationDate": "soon"});
        for file in [bytes, file.to_string().into_bytes()] {
            let shown = format!("{:?}", KeyFile::parse(&file));
            prop_assert!(!shown.contains(SECRET), "{}", shown);
        }
    }
}
