//! Management v1: applications.

use cutover_core::ClientSecret;
use cutover_zitadel::{
    ApiAuthMethod, AppConfig, AppId, AppState, Caller, Client, Config, CreateApiApp, CreateOidcApp, OidcAuthMethod,
    OidcSettings, ProjectId, SearchApps, SearchChanges, UpdateApiApp, UpdateApp,
};
use serde_json::json;
use wiremock::matchers::{bearer_token, body_json, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{PAT, SECRET, Vendor, pat};

fn ids() -> (ProjectId, AppId) {
    (ProjectId::new("p-1"), AppId::new("a-1"))
}

#[tokio::test]
async fn generating_is_sent_over_a_socket_as_documented() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/gw/management/v1/projects/p%2F1/apps/a%3F%202/api_config/_generate_client_secret"))
        .and(header("x-zitadel-orgid", "o-1"))
        .and(header("content-type", "application/json"))
        .and(bearer_token(PAT))
        .and(body_json(json!({})))
        .respond_with(ResponseTemplate::new(201).set_body_json(json!({
            "clientSecret": SECRET,
            "details": {"sequence": "7", "changeDate": "2026-01-02T03:04:05.678901Z", "resourceOwner": "o-1"},
            "later": {"field": [1]},
        })))
        .expect(1)
        .mount(&server)
        .await;
    let base = format!("{}/gw/", server.uri()).parse().expect("a URL");
    let client = Client::new(Config::new(base, pat()).organisation("o-1")).expect("a client");
    let answer = client.apps().generate_api_secret(&"p/1".into(), &"a? 2".into()).await.expect("accepted");
    let new = answer.read().expect("readable");
    assert_eq!(new.secret, ClientSecret::new(SECRET));
    assert_eq!(new.details.sequence, Some(7));
    assert_eq!(new.details.resource_owner.expect("given").as_str(), "o-1");
}

#[tokio::test]
async fn every_call_has_its_method_path_and_body() {
    let vendor = Vendor::saying(200, &json!({"app": {}, "appId": "a-1"}));
    let client = Client::new(vendor.config(pat()).organisation("o-1")).expect("a client");
    let (apps, (p, a)) = (client.apps(), ids());
    let api = CreateApiApp::new("n").auth_method(ApiAuthMethod::PrivateKeyJwt);
    drop(apps.create_api(&p, &api).await.expect("sent").read().expect("readable"));
    let settings =
        OidcSettings::new().redirect_uris(["https://app.example/cb"]).auth_method(OidcAuthMethod::Post).dev_mode(true);
    let oidc = CreateOidcApp::new("n").with(settings.clone());
    drop(apps.create_oidc(&p, &oidc).await.expect("sent").read().expect("readable"));
    apps.get(&p, &a).await.expect("sent");
    apps.search(&p, &SearchApps::new().offset(3).limit(2).name("n")).await.expect("sent");
    apps.changes(&p, &a, &SearchChanges::new().limit(5).sequence(9).ascending(true)).await.expect("sent");
    apps.changes(&p, &a, &SearchChanges::new()).await.expect("sent");
    apps.update(&p, &a, &UpdateApp::new().name("m")).await.expect("sent");
    apps.update_api(&p, &a, &UpdateApiApp::new().auth_method(ApiAuthMethod::Basic)).await.expect("sent");
    apps.update_oidc(&p, &a, &settings).await.expect("sent");
    apps.deactivate(&p, &a).await.expect("sent");
    apps.reactivate(&p, &a).await.expect("sent");
    apps.delete(&p, &a).await.expect("sent");
    let of = "/management/v1/projects/p-1/apps";
    let settings =
        r#"{"redirectUris":["https://app.example/cb"],"authMethodType":"OIDC_AUTH_METHOD_TYPE_POST","devMode":true}"#;
    let oidc = settings.replacen('{', r#"{"name":"n","#, 1);
    let query = r#"{"query":{"offset":"3","limit":2,"asc":true},"queries":[{"nameQuery":{"name":"n","method":"TEXT_QUERY_METHOD_EQUALS"}}]}"#;
    let expected = [
        (format!("POST {of}/api"), r#"{"name":"n","authMethodType":"API_AUTH_METHOD_TYPE_PRIVATE_KEY_JWT"}"#),
        (format!("POST {of}/oidc"), oidc.as_str()),
        (format!("GET {of}/a-1"), ""),
        (format!("POST {of}/_search"), query),
        (format!("POST {of}/a-1/changes/_search?query.limit=5&query.sequence=9&query.asc=true"), ""),
        (format!("POST {of}/a-1/changes/_search"), ""),
        (format!("PUT {of}/a-1"), r#"{"name":"m"}"#),
        (format!("PUT {of}/a-1/api_config"), r#"{"authMethodType":"API_AUTH_METHOD_TYPE_BASIC"}"#),
        (format!("PUT {of}/a-1/oidc_config"), settings),
        (format!("POST {of}/a-1/_deactivate"), "{}"),
        (format!("POST {of}/a-1/_reactivate"), "{}"),
        (format!("DELETE {of}/a-1"), ""),
    ];
    let seen = vendor.seen();
    assert_eq!(seen.len(), expected.len());
    for (seen, (line, body)) in seen.iter().zip(&expected) {
        assert_eq!((seen.line.as_str(), seen.body.as_str()), (line.as_str(), *body));
        assert_eq!(seen.header("x-zitadel-orgid"), Some("o-1"), "{line}");
        assert_eq!(seen.header("authorization"), Some(format!("Bearer {PAT}").as_str()), "{line}");
    }
}

#[tokio::test]
async fn without_an_organisation_the_header_is_not_sent() {
    let vendor = Vendor::saying(200, &json!({"app": {"id": "a-1"}}));
    let (p, a) = ids();
    vendor.client().apps().get(&p, &a).await.expect("sent");
    assert_eq!(vendor.only().header("x-zitadel-orgid"), None);
    vendor.client().in_organisation("o-2").apps().get(&p, &a).await.expect("sent");
    assert_eq!(vendor.seen()[1].header("x-zitadel-orgid"), Some("o-2"));
}

#[tokio::test]
async fn an_injected_credential_sends_no_authorization() {
    let vendor = Vendor::saying(200, &json!({"app": {"id": "a-1"}}));
    let config = vendor.config(Caller::Token(cutover_http::Credential::Injected));
    let (p, a) = ids();
    Client::new(config).expect("a client").apps().get(&p, &a).await.expect("sent");
    assert_eq!(vendor.only().header("authorization"), None);
}

#[tokio::test]
async fn an_app_is_read_with_its_defaults_left_out() {
    let (p, a) = ids();
    let vendor = Vendor::saying(
        200,
        &json!({"app": {
            "id": "a-1", "name": "n", "state": "APP_STATE_INACTIVE",
            "details": {"sequence": 12, "creationDate": "2025-07-26T03:38:31Z", "changeDate": "not a time"},
            "apiConfig": {"clientId": "270000000000000001"},
        }}),
    );
    let app = vendor.client().apps().get(&p, &a).await.expect("readable");
    assert_eq!((app.state, app.details.sequence, app.details.change_date), (AppState::Inactive, Some(12), None));
    let AppConfig::Api { client_id, auth_method } = app.config else { panic!("{:?}", app.config) };
    assert_eq!((client_id.as_str(), auth_method), ("270000000000000001", ApiAuthMethod::Basic));

    let vendor = Vendor::saying(
        200,
        &json!({"app": {"oidcConfig": {
            "clientId": "1@my app", "authMethodType": "OIDC_AUTH_METHOD_TYPE_LATER", "redirectUris": 7, "clockSkew": "0s",
        }}}),
    );
    let app = vendor.client().apps().get(&p, &a).await.expect("readable");
    let AppConfig::Oidc { client_id, settings } = app.config else { panic!("{:?}", app.config) };
    assert_eq!((client_id.as_str(), settings.clock_skew.as_deref()), ("1@my app", Some("0s")));
    assert_eq!(settings.auth_method_type, OidcAuthMethod::Other("OIDC_AUTH_METHOD_TYPE_LATER".into()));

    let vendor = Vendor::saying(200, &json!({"app": {"samlConfig": {}}}));
    assert_eq!(vendor.client().apps().get(&p, &a).await.expect("readable").config, AppConfig::Saml);
}

#[tokio::test]
async fn a_page_of_apps_counts_all_of_them() {
    let vendor = Vendor::saying(
        200,
        &json!({
            "details": {"totalResult": "2", "processedSequence": "9", "viewTimestamp": "2026-01-01T00:00:00Z"},
            "result": [{"id": "a-1", "apiConfig": {}}, {"id": "a-2", "oidcConfig": {}}],
        }),
    );
    let (p, _) = ids();
    let page = vendor.client().apps().search(&p, &SearchApps::new()).await.expect("readable");
    assert_eq!((page.total, page.items.len(), page.items[1].id.as_str()), (Some(2), 2, "a-2"));
    let empty = Vendor::saying(200, &json!({"details": {}}));
    let page = empty.client().apps().search(&p, &SearchApps::new()).await.expect("readable");
    assert_eq!((page.total, page.items.len(), page.next), (None, 0, None));
}

#[tokio::test]
async fn a_new_app_has_a_secret_only_with_a_method_that_uses_one() {
    let (p, _) = ids();
    let created = |body| async move {
        let vendor = Vendor::saying(200, &body);
        let answer = vendor.client().apps().create_api(&ProjectId::new("p-1"), &CreateApiApp::new("n")).await;
        answer.expect("accepted").read().expect("readable")
    };
    let with = created(json!({"appId": "a-1", "clientId": "c", "clientSecret": SECRET})).await;
    assert_eq!(with.secret.expect("one is made").expose(), SECRET);
    let without = created(json!({"appId": "a-1", "clientId": "c"})).await;
    assert_eq!((without.secret.is_none(), without.client_id.as_deref()), (true, Some("c")));
    let vendor = Vendor::saying(200, &json!({"appId": "", "later": 1}));
    let answer = vendor.client().apps().create_api(&p, &CreateApiApp::new("n")).await.expect("accepted");
    assert!(answer.read().is_ok(), "an app id that is the empty text is still one");
}
