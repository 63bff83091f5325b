//! Both sides of every switch that is not about idempotency.

use cutover_emulator::{Model as _, canary};
use serde_json::json;

use super::{Workspace, body, code, secret, status};
use crate::support::request;

#[test]
fn reading_an_app_can_mask_or_leak_its_secret() {
    for (value, shown) in [("masked", true), ("leak", true), ("omit", false)] {
        let mut hopae = Workspace::with("get_secret", value);
        let current = secret(&hopae.rotate_unkeyed(0));
        let path = hopae.path(0, "");
        let listed = body(&hopae.call("GET", "/connect/v1/apps", ""))["data"][0].clone();
        for app in [body(&hopae.call("GET", &path, "")), body(&hopae.call("PATCH", &path, "{}")), listed] {
            let seen = app["clientSecret"].as_str();
            assert_eq!(seen.is_some(), shown, "{value}");
            assert_eq!(seen == Some(current.as_str()), value == "leak");
            assert!(value != "masked" || seen.is_some_and(|seen| seen.ends_with(&current[60..])));
        }
    }
}

#[test]
fn a_secret_in_an_update_is_refused_or_dropped_and_never_set() {
    for (value, expected) in [("reject", 400), ("drop", 200)] {
        let mut hopae = Workspace::with("patch_secret", value);
        let (app, hook, old) = (hopae.path(0, ""), hopae.path(0, "/webhook-config"), hopae.first_secret(0));
        let answers = [
            hopae.call("PATCH", &app, r#"{"clientSecret": "mine"}"#),
            hopae.call("PATCH", &app, r#"{"clientId": "mine"}"#),
            hopae.call("PATCH", &app, r#"{"webhookConfig": {"secret": "mine"}}"#),
            hopae.call("PATCH", &hook, r#"{"secret": "mine"}"#),
        ];
        for answer in answers {
            assert_eq!(status(&answer), expected, "{value}");
            assert!(expected == 200 || code(&answer) == "VALIDATION_INVALID_PARAMETER");
        }
        assert!(hopae.accepts(0, &old));
        assert!(!hopae.accepts(0, "mine"));
    }
}

#[test]
fn an_update_takes_every_field_or_the_name_only() {
    for (value, expected) in [("all", json!(["https://a.example"])), ("name", json!([]))] {
        let mut hopae = Workspace::with("patch_fields", value);
        let path = hopae.path(0, "");
        let sent = r#"{"name": "Renamed", "redirectUris": ["https://a.example"]}"#;
        let app = body(&hopae.call("PATCH", &path, sent));
        assert_eq!((&app["name"], &app["redirectUris"]), (&json!("Renamed"), &expected), "{value}");
    }
}

#[test]
fn errors_of_the_workspace_api_have_either_envelope() {
    for (value, is_problem) in [("workspace", false), ("problem", true)] {
        let mut hopae = Workspace::with("error_envelope", value);
        let path = "/connect/v1/apps/unknown";
        hopae.hopae.set_behaviour("store_errors", "yes").expect("a switch");
        let key = hopae.key();
        let rotate = format!("{path}/rotate-client-secret");
        let headers = [("authorization", key.as_str()), ("idempotency-key", "one")];
        let mut answers = vec![hopae.call("GET", path, ""), hopae.call("GET", "/connect/v1/nothing", "")];
        answers.extend([0, 1].map(|_| hopae.send(&request("POST", &rotate, &headers, ""))));
        for answer in answers {
            let error = body(&answer);
            assert_eq!(status(&answer), 404);
            assert_eq!(error["title"] == "RESOURCE_NOT_FOUND", is_problem);
            assert_eq!(error["error"]["code"] == "RESOURCE_NOT_FOUND", !is_problem);
            assert_eq!(error["request_id"].is_string(), !is_problem);
        }
    }
}

#[test]
fn a_rotation_answers_201_or_200_and_its_replay_alike() {
    for (value, expected) in [("201", 201), ("200", 200)] {
        let mut hopae = Workspace::with("rotate_status", value);
        assert_eq!(status(&hopae.rotate(0, "k1")), expected);
        assert_eq!(status(&hopae.rotate(0, "k1")), expected);
    }
}

#[test]
fn the_app_object_has_its_older_form_in_snake_case() {
    let mut hopae = Workspace::with("field_case", "snake");
    let path = hopae.path(0, "");
    let app = body(&hopae.call("GET", &path, ""));
    assert_eq!(app["client_id"], hopae.app(0).as_str());
    assert_eq!(app["created_at"], json!(1_767_225_600));
    assert!(app["webhook_config"]["retry_attempts"].is_number());
    assert_eq!(app.get("clientId"), None);
    assert_eq!(body(&hopae.call("GET", "/connect/v1/apps", ""))["object"], "list");
    let made = body(&hopae.call("POST", "/connect/v1/apps", r#"{"name": "A"}"#));
    assert!(made["client_secret"].is_string());
    assert!(body(&hopae.rotate_unkeyed(0))["clientSecret"].is_string());
}

#[test]
fn reading_the_webhook_shows_a_preview_or_all_of_its_secret() {
    for (value, full) in [("redacted", false), ("full", true)] {
        let mut hopae = Workspace::with("webhook_secret_read", value);
        let path = hopae.path(0, "/webhook-config");
        let made = body(&hopae.call("POST", &format!("{path}/rotate-secret"), ""))["secret"].clone();
        let seen = body(&hopae.call("GET", &path, ""))["secret"].clone();
        assert_eq!(seen == made, full);
        assert!(seen.as_str().is_some_and(|seen| full || (seen.len() == 14 && !canary::is_in(seen))));
    }
}

#[test]
fn a_deletion_answers_nothing_or_an_empty_object() {
    for (value, sent) in [("empty", ""), ("object", "{}")] {
        let mut hopae = Workspace::with("delete_answer", value);
        let path = hopae.path(0, "");
        assert_eq!(hopae.call("DELETE", &path, "").body(), sent);
    }
}

#[test]
fn a_secret_can_have_an_older_form() {
    for (value, len) in [("hex64", 64), ("hex40", 40), ("sh_app", 47)] {
        let mut hopae = Workspace::with("secret_format", value);
        let made = secret(&hopae.rotate_unkeyed(0));
        assert_eq!((made.len(), made.starts_with("sh_app_")), (len, value == "sh_app"));
        assert!(canary::is_in(&made));
        assert!(hopae.accepts(0, &made));
        // The form is the one of the time it was made, also where it is shown again.
        hopae.hopae.set_behaviour("secret_format", "hex64").expect("a switch");
        hopae.hopae.set_behaviour("get_secret", "leak").expect("a switch");
        let path = hopae.path(0, "");
        assert_eq!(body(&hopae.call("GET", &path, ""))["clientSecret"], made.as_str());
    }
}
