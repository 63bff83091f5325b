//! Both sides of every switch.

use base64::Engine as _;
use cutover_emulator::Model;
use cutover_emulator::zitadel::AppTarget;
use serde_json::json;

use super::{HOST, Instance, app_path, body, id, oauth_error, refusal, secret, status};
use crate::support::{basic, request};

#[test]
fn the_lag_is_a_time_of_a_minute_at_most() {
    let mut zitadel = Instance::new().zitadel;
    assert_eq!(zitadel.behaviour("projection_lag").as_deref(), Some("0s"));
    for value in ["0s", "7s", "60s", "250ms"] {
        zitadel.set_behaviour("projection_lag", value).expect("a time");
        assert_eq!(zitadel.behaviour("projection_lag").as_deref(), Some(value));
    }
    for value in ["61s", "60001ms", "-1s", "1", "s", "1m", ""] {
        assert!(zitadel.set_behaviour("projection_lag", value).is_err(), "{value}");
    }
}

#[test]
fn refused_credentials_have_the_status_and_body_of_a_version() {
    for (status_of, text, expected) in
        [("400", "json", 400), ("401", "json", 401), ("401", "text", 401), ("400", "text", 400)]
    {
        let mut zitadel = Instance::with("credentials_error_status", status_of);
        zitadel.set("credentials_error_body", text);
        let (app, machine) = (zitadel.oidc(), zitadel.machine());
        for answer in [zitadel.introspect(&app.client_id, "wrong"), zitadel.code_grant(&app.client_id, "wrong")] {
            assert_eq!(status(&answer), expected);
            let plain = text == "text" && expected == 401;
            let content_type = if plain { "text/plain; charset=utf-8" } else { "application/json" };
            assert_eq!(answer.headers()["content-type"], content_type);
        }
        // Not about the client: these stay as they are.
        assert_eq!(status(&zitadel.client_credentials(&machine.client_id, "wrong")), 400);
        assert_eq!(oauth_error(&zitadel.code_grant(&app.client_id, app.client_secret.expose())).0, "invalid_request");
    }
}

#[test]
fn credentials_sent_twice_are_read_from_the_header_or_refused() {
    for (value, expected) in [("header_wins", 200), ("refused", 400)] {
        let mut zitadel = Instance::with("both_methods", value);
        let app = zitadel.api();
        let form = format!("token=x&client_id={}&client_secret=wrong", app.client_id);
        let client = (app.client_id.as_str(), app.client_secret.expose());
        let answer = zitadel.oauth("/oauth/v2/introspect", Some(client), &form);
        assert_eq!(status(&answer), expected);
        assert!(expected == 200 || oauth_error(&answer).1 == "client authentication must not use more than one method");
        assert_eq!(status(&zitadel.introspect(&app.client_id, app.client_secret.expose())), 200);
    }
}

#[test]
fn a_secret_for_an_app_that_uses_none_is_made_or_refused() {
    for (value, made) in [("allowed", true), ("refused", false)] {
        let mut zitadel = Instance::with("generation_on_key_app", value);
        let app = zitadel.api();
        let key = r#"{"authMethodType": "API_AUTH_METHOD_TYPE_PRIVATE_KEY_JWT"}"#;
        assert_eq!(status(&zitadel.call("PUT", &app_path(&app, "/api_config"), key)), 200);
        let answer = zitadel.generate(&app, "api");
        assert_eq!(status(&answer) == 200, made);
        if made {
            assert!(zitadel.accepts(&app, &secret(&answer)));
        } else {
            assert_eq!(refusal(&answer), (400, 9, String::new()));
            assert!(zitadel.accepts(&app, app.client_secret.expose()));
        }
    }
}

#[test]
fn connect_details_end_with_or_without_padding() {
    let engine = &base64::engine::general_purpose::STANDARD;
    for (value, padded) in [("unpadded", false), ("padded", true)] {
        let mut zitadel = Instance::with("connect_details", value);
        let sent = json!({"projectId": "1", "name": "x", "apiConfiguration": {}});
        let answer = zitadel.v2("CreateApplication", &sent);
        let detail = body(&answer)["details"][0]["value"].as_str().expect("text").to_owned();
        // 13 + 17 characters and 4 bytes of framing are no multiple of three.
        assert_eq!((detail.ends_with('='), engine.decode(&detail).is_ok()), (padded, padded));
        assert_eq!(id(&answer), "COMMAND-EbFMN");
    }
}

#[test]
fn errors_of_commands_have_either_kind_of_id() {
    for (value, expected) in [("event_store", "COMMAND-2g66f"), ("relational", "REPO-2g66f")] {
        let mut zitadel = Instance::with("error_ids", value);
        let unknown = AppTarget { app_id: "1".to_owned(), ..zitadel.api() };
        assert_eq!(refusal(&zitadel.generate(&unknown, "api")), (404, 5, expected.to_owned()));
    }
}

#[test]
fn errors_about_a_body_have_either_text() {
    let text = |value: &str| {
        let mut zitadel = Instance::with("error_texts", value);
        let app = zitadel.api();
        let answer = zitadel.call("PUT", &app_path(&app, ""), "no JSON");
        assert_eq!(refusal(&answer), (400, 3, String::new()));
        body(&answer)["message"].as_str().expect("text").to_owned()
    };
    assert_ne!(text("usual"), text("other"));
}

#[test]
fn lists_show_the_projection_or_the_event_log() {
    for (value, lags) in [("on", true), ("off", false)] {
        let mut zitadel = Instance::with("list_eventual", value);
        zitadel.set("projection_lag", "10s");
        let app = zitadel.api();
        zitadel.call("PUT", &app_path(&app, ""), r#"{"name": "Renamed"}"#);
        let search = format!("/management/v1/projects/{}/apps/_search", app.project_id);
        let named = json!({"applicationId": app.app_id, "projectId": app.project_id});
        let mut names = || {
            let by_v1 = body(&zitadel.call("POST", &search, "{}"))["result"][0]["name"].clone();
            let by_get = body(&zitadel.v2("GetApplication", &named))["application"]["name"].clone();
            let by_list = body(&zitadel.v2("ListApplications", &json!({})))["applications"][0]["name"].clone();
            [by_v1, by_get, by_list]
        };
        let expected = if lags { "api 0" } else { "Renamed" };
        assert_eq!(names(), [expected, expected, expected]);
        assert_eq!(zitadel.barrier(&app)["name"], "Renamed");
    }
}

#[test]
fn an_older_server_has_no_v2_services() {
    let mut zitadel = Instance::with("server_version", "v3");
    let app = zitadel.api();
    let named = json!({"applicationId": app.app_id, "projectId": app.project_id});
    assert_eq!(refusal(&zitadel.v2("GenerateClientSecret", &named)), (404, 5, String::new()));
    let rest = format!("/v2/users/{}/secret", zitadel.machine().user_id);
    assert_eq!(refusal(&zitadel.call("POST", &rest, "{}")), (404, 5, String::new()));
    assert_eq!(zitadel.zitadel.operation(&request("POST", &rest, &[], "")), None);
    assert_eq!(status(&zitadel.generate(&app, "api")), 200);
}

#[test]
fn a_later_server_may_have_no_management_v1() {
    let mut zitadel = Instance::with("management_v1", "removed");
    let app = zitadel.api();
    assert_eq!(refusal(&zitadel.generate(&app, "api")), (404, 5, String::new()));
    let named = json!({"applicationId": app.app_id, "projectId": app.project_id});
    assert_eq!(status(&zitadel.v2("GenerateClientSecret", &named)), 200);
}

#[test]
fn checking_an_old_secret_during_the_lag_may_bring_it_back() {
    for (value, brought_back) in [("never", false), ("race", true)] {
        let mut zitadel = Instance::with("hash_rewrite", value);
        zitadel.set("projection_lag", "10s");
        let (api, oidc, user) = (zitadel.api(), zitadel.oidc(), zitadel.machine());
        let news = [zitadel.generated(&api, "api"), zitadel.generated(&oidc, "oidc")];
        let path = format!("/v2/users/{}/secret", user.user_id);
        let user_new = secret(&zitadel.call("POST", &path, "{}"));
        assert!(zitadel.accepts(&api, api.client_secret.expose()));
        assert_eq!(oauth_error(&zitadel.code_grant(&oidc.client_id, oidc.client_secret.expose())).0, "invalid_request");
        assert!(zitadel.accepts_machine(&user, user.client_secret.expose()));
        zitadel.wait_secs(20);
        for (app, new) in [(&api, &news[0]), (&oidc, &news[1])] {
            assert_eq!(zitadel.accepts(app, new), !brought_back);
            assert_eq!(zitadel.accepts(app, app.client_secret.expose()), brought_back);
        }
        assert_eq!(zitadel.accepts_machine(&user, &user_new), !brought_back);
    }
}

#[test]
fn an_official_clients_requests_are_understood_as_they_are_sent() {
    // The Python client sends no Connect-Protocol-Version and asks discovery for the token endpoint.
    let mut zitadel = Instance::new();
    let credentials = zitadel.seed.client_credentials.clone();
    let discovery = request("GET", "/.well-known/openid-configuration", &[HOST], "");
    assert_eq!(body(&zitadel.send(&discovery))["token_endpoint"], "http://127.0.0.1:8080/oauth/v2/token");
    let authorization = basic(&credentials.client_id, credentials.client_secret.expose());
    let form = "grant_type=client_credentials&scope=urn%3Azitadel%3Aiam%3Aorg%3Aproject%3Aid%3Azitadel%3Aaud+openid";
    let headers = [HOST, ("authorization", authorization.as_str())];
    let token = body(&zitadel.send(&request("POST", "/oauth/v2/token", &headers, form)))["access_token"].clone();
    let bearer = format!("Bearer {}", token.as_str().expect("a token"));
    let app = zitadel.api();
    let sent = json!({"applicationId": app.app_id, "projectId": app.project_id}).to_string();
    let headers = [HOST, ("authorization", bearer.as_str()), ("content-type", "application/json; charset=utf-8")];
    let path = "/zitadel.application.v2.ApplicationService/GenerateClientSecret";
    let answer = zitadel.send(&request("POST", path, &headers, &sent));
    assert!(zitadel.accepts(&app, &secret(&answer)));
}
