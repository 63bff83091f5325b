//! What a rotation and the routes around it do.

use cutover_emulator::hopae::Hopae;
use cutover_emulator::{Model, canary};
use serde_json::json;

use super::{Workspace, body, code, secret, status};
use crate::support::request;

#[test]
fn the_old_secret_dies_when_the_new_one_is_issued() {
    let mut hopae = Workspace::new();
    let old = hopae.first_secret(0);
    assert!(hopae.accepts(0, &old));
    let answer = hopae.rotate_unkeyed(0);
    assert_eq!(status(&answer), 201);
    let new = secret(&answer);
    assert_eq!((new.len(), new.starts_with(canary::HEX)), (64, true));
    assert!(new.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase()));
    assert!(!hopae.accepts(0, &old));
    assert!(hopae.accepts(0, &new));
}

#[test]
fn a_rotation_without_a_key_is_a_new_one_every_time() {
    let mut hopae = Workspace::new();
    let first = secret(&hopae.rotate_unkeyed(0));
    let second = secret(&hopae.rotate_unkeyed(0));
    assert_ne!(first, second);
    assert!(!hopae.accepts(0, &first));
    assert!(hopae.accepts(0, &second));
}

#[test]
fn rotating_one_app_leaves_the_others_alone() {
    let mut hopae = Workspace::new();
    hopae.rotate_unkeyed(0);
    let other = hopae.first_secret(1);
    assert!(hopae.accepts(1, &other));
}

#[test]
fn a_created_app_shows_its_secret_once_and_says_where_it_is() {
    let mut hopae = Workspace::new();
    let answer = hopae.call("POST", "/connect/v1/apps", r#"{"name": "Shop"}"#);
    assert_eq!(status(&answer), 201);
    let app = body(&answer);
    let id = app["clientId"].as_str().expect("an id").to_owned();
    assert_eq!(id.len(), 8);
    assert_eq!(answer.headers()["location"], format!("/connect/v1/apps/{id}").as_str());
    let secret = app["clientSecret"].as_str().expect("a secret").to_owned();
    assert_eq!(status(&hopae.present(&id, &secret)), 200);
    let got = body(&hopae.call("GET", &format!("/connect/v1/apps/{id}"), ""));
    assert_eq!(got["name"], "Shop");
    assert_eq!(got.get("clientSecret"), None);
}

#[test]
fn a_page_of_apps_has_the_limits_of_the_documentation() {
    let (mut model, seed) = Hopae::seeded(3, 120);
    let key = format!("Bearer {}", seed.api_key.expose());
    let now = jiff::Timestamp::UNIX_EPOCH;
    let mut list = |query: &str| {
        let path = format!("/connect/v1/apps{query}");
        model.handle(now, &request("GET", &path, &[("authorization", &key)], ""))
    };
    let page = body(&list(""));
    assert_eq!((page["data"].as_array().expect("apps").len(), &page["total"]), (20, &json!(120)));
    assert_eq!((&page["limit"], &page["offset"]), (&json!(20), &json!(0)));
    assert_eq!(body(&list("?limit=100&offset=110"))["data"].as_array().expect("apps").len(), 10);
    for query in ["?limit=101", "?limit=0", "?limit=x", "?offset=-1"] {
        assert_eq!(code(&list(query)), "VALIDATION_INVALID_PARAMETER", "{query}");
    }
}

#[test]
fn an_update_changes_what_it_names_and_never_the_secret() {
    let mut hopae = Workspace::new();
    let (path, old) = (hopae.path(0, ""), hopae.first_secret(0));
    let change = json!({
        "name": "Renamed",
        "logo": "data:,x",
        "redirectUris": ["https://a.example/cb"],
        "defaultSuccessRedirectUri": "https://a.example/ok",
        "defaultFailureRedirectUri": "https://a.example/no",
        "webhookConfig": {"url": "https://a.example/hook", "retryAttempts": 5},
        "unheardOf": true,
    });
    let app = body(&hopae.call("PATCH", &path, &change.to_string()));
    for name in ["name", "logo", "redirectUris", "defaultSuccessRedirectUri", "defaultFailureRedirectUri"] {
        assert_eq!(app[name], change[name], "{name}");
    }
    assert_eq!(app["webhookConfig"]["retryAttempts"], 5);
    assert_eq!(app["webhookConfig"]["timeoutSeconds"], 10);
    assert_eq!(app["webhookConfig"]["enabled"], true);
    assert!(hopae.accepts(0, &old));
    // An empty logo removes it; a field with a wrong type changes nothing at all.
    assert_eq!(body(&hopae.call("PATCH", &path, r#"{"logo": ""}"#)).get("logo"), None);
    let answer = hopae.call("PATCH", &path, r#"{"name": "Half", "redirectUris": [1]}"#);
    assert_eq!(code(&answer), "VALIDATION_INVALID_PARAMETER");
    assert_eq!(body(&hopae.call("GET", &path, ""))["name"], "Renamed");
}

#[test]
fn redirect_uris_have_a_route_of_their_own() {
    let mut hopae = Workspace::new();
    let path = hopae.path(0, "/redirect-uris");
    let uris = json!({"redirectUris": ["https://b.example/cb"]});
    assert_eq!(body(&hopae.call("PUT", &path, &uris.to_string()))["redirectUris"], uris["redirectUris"]);
    assert_eq!(body(&hopae.call("GET", &path, "")), uris);
    assert_eq!(code(&hopae.call("PUT", &path, "{}")), "VALIDATION_MISSING_PARAMETER");
}

#[test]
fn the_webhook_secret_is_another_secret_with_its_own_rotation() {
    let mut hopae = Workspace::new();
    let (config, rotate) = (hopae.path(0, "/webhook-config"), hopae.path(0, "/webhook-config/rotate-secret"));
    let before = body(&hopae.call("GET", &config, ""));
    assert_eq!(before, json!({"enabled": false, "retryAttempts": 3, "timeoutSeconds": 10, "events": []}));
    let answer = hopae.keyed(&rotate, "hook", "");
    let made = body(&answer)["secret"].as_str().expect("a secret").to_owned();
    assert!(made.starts_with("whsec_") && canary::is_in(&made) && made.len() == 70);
    assert_eq!(hopae.keyed(&rotate, "hook", "").body(), answer.body());
    assert_ne!(body(&hopae.call("POST", &rotate, ""))["secret"], made.as_str());
    let first = hopae.first_secret(0);
    assert!(hopae.accepts(0, &first), "the client secret is not touched");
}

#[test]
fn a_deleted_app_is_gone_and_its_secret_with_it() {
    let mut hopae = Workspace::new();
    let (path, secret) = (hopae.path(0, ""), hopae.first_secret(0));
    assert_eq!(status(&hopae.call("DELETE", &path, "")), 200);
    assert!(!hopae.accepts(0, &secret));
    assert_eq!(code(&hopae.call("GET", &path, "")), "RESOURCE_NOT_FOUND");
    assert_eq!(code(&hopae.call("DELETE", &path, "")), "RESOURCE_NOT_FOUND");
    assert_eq!(code(&hopae.rotate_unkeyed(0)), "RESOURCE_NOT_FOUND");
    assert_eq!(body(&hopae.call("GET", "/connect/v1/apps", ""))["total"], 1);
}

#[test]
fn a_secret_is_in_no_answer_but_the_one_that_makes_it() {
    let mut hopae = Workspace::new();
    hopae.rotate_unkeyed(0);
    let (app, hook) = (hopae.path(0, ""), hopae.path(0, "/webhook-config"));
    hopae.call("POST", &hopae.path(0, "/webhook-config/rotate-secret"), "");
    for (method, path, sent) in [
        ("GET", app.as_str(), ""),
        ("GET", "/connect/v1/apps", ""),
        ("PATCH", &app, r#"{"name": "New"}"#),
        ("PATCH", &app, r#"{"clientSecret": "c0ffeecafe00"}"#),
        ("GET", &hook, ""),
        ("PATCH", &hook, r#"{"enabled": true}"#),
        ("PATCH", &hook, r#"{"secret": "c0ffeecafe00"}"#),
        ("POST", "/connect/v1/apps", r#"{"name": ["c0ffeecafe00"]}"#),
        ("GET", "/connect/v1/nowhere", ""),
    ] {
        let answer = hopae.call(method, path, sent);
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        assert!(!canary::is_in(&text), "{method} {path}: {}", status(&answer));
    }
}

#[test]
fn debug_output_shows_no_secret() {
    let mut hopae = Workspace::new();
    hopae.rotate(0, "kept");
    assert!(!canary::is_in(&format!("{:?} {:?}", hopae.hopae, hopae.seed)));
}

#[test]
fn one_seed_gives_the_same_vendor_again() {
    let run = || {
        let mut hopae = Workspace::new();
        (hopae.rotate_unkeyed(0).into_body(), hopae.call("POST", "/connect/v1/apps", r#"{"name": "A"}"#).into_body())
    };
    assert_eq!(run(), run());
}

#[test]
fn the_default_set_is_one_app() {
    let (_, seed) = Hopae::seeded(1, 0);
    let shown = serde_json::to_value(&seed).expect("JSON");
    assert_eq!(shown["targets"].as_array().expect("targets").len(), 1);
    assert_eq!(shown["targets"][0]["kind"], "app");
    assert!(shown["api_key"].as_str().expect("a key").starts_with("sk_workspace_test_Cnry"));
}

#[test]
fn a_batch_makes_each_app_once_per_key() {
    let mut hopae = Workspace::new();
    let sent = json!({"items": [
        {"name": "One", "idempotencyKey": "i1", "redirectUris": ["https://one.example"]},
        {"name": "Two"},
    ]});
    let first = body(&hopae.call("POST", "/connect/v1/apps/batch", &sent.to_string()));
    assert_eq!((&first["successCount"], &first["errorCount"]), (&json!(2), &json!(0)));
    assert!(first["results"][0]["clientSecret"].is_string());
    assert_eq!(first["results"][0]["redirectUris"], json!(["https://one.example"]));
    let again = body(&hopae.call("POST", "/connect/v1/apps/batch", &sent.to_string()));
    assert_eq!(again["results"][0], first["results"][0]);
    assert_ne!(again["results"][1]["clientId"], first["results"][1]["clientId"]);
}

#[test]
fn a_batch_stops_at_an_error_unless_told_to_go_on() {
    let mut hopae = Workspace::new();
    let batch = |go_on: bool| json!({"continueOnError": go_on, "items": [{"name": "A"}, {}, {"name": "B", "idempotencyKey": ""}, {"name": "C"}]});
    let stopped = body(&hopae.call("POST", "/connect/v1/apps/batch", &batch(false).to_string()));
    assert_eq!((&stopped["successCount"], &stopped["errorCount"]), (&json!(1), &json!(1)));
    assert_eq!(stopped["results"][1]["error"]["code"], "VALIDATION_MISSING_PARAMETER");
    let went_on = body(&hopae.call("POST", "/connect/v1/apps/batch", &batch(true).to_string()));
    assert_eq!((&went_on["successCount"], &went_on["errorCount"]), (&json!(2), &json!(2)));
    assert_eq!(went_on["results"][2]["error"]["code"], "VALIDATION_INVALID_PARAMETER");
}
