//! How Hopae says no.

use cutover_emulator::Model;

use super::{Workspace, body, code, status};
use crate::support::{basic, request};

#[test]
fn a_workspace_route_takes_the_workspace_key_and_nothing_else() {
    let mut hopae = Workspace::new();
    let (path, client) = (hopae.path(0, "/rotate-client-secret"), basic(&hopae.app(0), &hopae.first_secret(0)));
    let production = format!("Bearer {}", hopae.seed.production_api_key.expose());
    assert!(production.starts_with("Bearer sk_workspace_prod_"));
    for authorization in [production.as_str(), "Bearer sk_workspace_test_x", "Bearer", "", client.as_str()] {
        let answer = hopae.send(&request("POST", &path, &[("authorization", authorization)], ""));
        assert_eq!((status(&answer), code(&answer).as_str()), (401, "AUTH_INVALID_CREDENTIALS"), "{authorization}");
        assert!(body(&answer)["request_id"].is_string());
    }
    assert_eq!(status(&hopae.send(&request("POST", &path, &[], ""))), 401);
    let untouched = hopae.first_secret(0);
    assert!(hopae.accepts(0, &untouched));
}

#[test]
fn the_app_route_takes_client_credentials_and_answers_in_its_own_envelope() {
    let mut hopae = Workspace::new();
    let (bearer, wrong) = (hopae.key(), basic(&hopae.app(0), "c0ffeecafe"));
    let crossed = basic(&hopae.app(0), &hopae.first_secret(1));
    for authorization in [bearer.as_str(), &wrong, &crossed, "Basic !", ""] {
        let answer = hopae.send(&request("GET", "/connect/v1/providers", &[("authorization", authorization)], ""));
        let problem = body(&answer);
        assert_eq!(status(&answer), 401);
        assert_eq!((&problem["title"], &problem["status"]), (&"AUTH_INVALID_CREDENTIALS".into(), &401.into()));
        assert_eq!(problem["instance"], "/providers");
    }
    let (id, secret) = (hopae.app(0), hopae.first_secret(0));
    assert!(body(&hopae.present(&id, &secret)).is_array());
}

#[test]
fn an_app_of_another_workspace_is_not_found() {
    let mut hopae = Workspace::new();
    let foreign = hopae.seed.other_workspace.clone();
    let path = format!("/connect/v1/apps/{}", foreign.client_id);
    for (method, rest, sent) in [
        ("GET", "", ""),
        ("PATCH", "", "{}"),
        ("DELETE", "", ""),
        ("POST", "/rotate-client-secret", ""),
        ("GET", "/redirect-uris", ""),
        ("PUT", "/redirect-uris", "{}"),
        ("GET", "/webhook-config", ""),
        ("PATCH", "/webhook-config", "{}"),
        ("POST", "/webhook-config/rotate-secret", ""),
    ] {
        let answer = hopae.call(method, &format!("{path}{rest}"), sent);
        assert_eq!((status(&answer), code(&answer).as_str()), (404, "RESOURCE_NOT_FOUND"), "{method} {rest}");
    }
    assert_eq!(status(&hopae.present(&foreign.client_id, foreign.client_secret.expose())), 200);
}

#[test]
fn a_body_that_cannot_be_used_is_refused_with_the_parameter() {
    let mut hopae = Workspace::new();
    for (sent, refusal, parameter) in [
        ("{}", "VALIDATION_MISSING_PARAMETER", "name"),
        ("", "VALIDATION_MISSING_PARAMETER", "name"),
        ("{\"name\": 1}", "VALIDATION_INVALID_PARAMETER", "name"),
        ("{\"name\": \" \"}", "VALIDATION_INVALID_PARAMETER", "name"),
        ("{", "VALIDATION_INVALID_PARAMETER", "body"),
        ("[]", "VALIDATION_INVALID_PARAMETER", "body"),
    ] {
        let answer = hopae.call("POST", "/connect/v1/apps", sent);
        assert_eq!((status(&answer), code(&answer).as_str()), (400, refusal), "{sent}");
        assert_eq!(body(&answer)["error"]["details"]["parameter"], parameter);
    }
}

#[test]
fn an_unknown_route_is_not_found_and_no_operation() {
    let mut hopae = Workspace::new();
    for (method, path) in [
        ("GET", "/connect/v1/nothing"),
        ("GET", "/connect/v2/apps"),
        ("PUT", "/connect/v1/apps"),
        ("GET", "/connect/v1/apps/x/rotate-client-secret"),
        ("GET", "/"),
        ("GET", "/connect/v1/apps/%ff"),
    ] {
        assert_eq!(status(&hopae.call(method, path, "")), 404, "{method} {path}");
        assert_eq!(hopae.hopae.operation(&request(method, path, &[], "")), None);
    }
}

#[test]
fn every_operation_has_a_route() {
    let hopae = Workspace::new();
    let found: Vec<_> = [
        ("POST", "/connect/v1/apps"),
        ("POST", "/connect/v1/apps/batch"),
        ("GET", "/connect/v1/apps?limit=1"),
        ("GET", "/connect/v1/apps/x"),
        ("PATCH", "/connect/v1/apps/x"),
        ("DELETE", "/connect/v1/apps/x"),
        ("POST", "/connect/v1/apps/x/rotate-client-secret"),
        ("GET", "/connect/v1/apps/x/redirect-uris"),
        ("PUT", "/connect/v1/apps/x/redirect-uris"),
        ("GET", "/connect/v1/apps/x/webhook-config"),
        ("PATCH", "/connect/v1/apps/x/webhook-config"),
        ("POST", "/connect/v1/apps/x/webhook-config/rotate-secret"),
        ("GET", "/connect/v1/providers"),
    ]
    .into_iter()
    .filter_map(|(method, path)| hopae.hopae.operation(&request(method, path, &[], "")))
    .collect();
    assert_eq!(found, hopae.hopae.operations());
    assert_eq!(hopae.hopae.vendor(), "hopae");
}
