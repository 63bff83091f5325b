//! Creating, reading, changing, finding and deleting clients.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Answer, Project, path};

const APPS: &str = "/v1/connected_apps/clients";
const M2M: &str = "/v1/m2m/clients";

fn names(object: &Value) -> BTreeSet<&str> {
    object.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn every_field_of_the_connected_app_shapes_is_always_there() {
    let project = Project::with("unknown_fields", "absent");
    let app = project.app();
    let common = [
        "client_id",
        "client_name",
        "client_description",
        "status",
        "full_access_allowed",
        "client_type",
        "redirect_urls",
        "access_token_expiry_minutes",
        "access_token_template_content",
        "post_logout_redirect_urls",
        "bypass_consent_for_offline_access",
        "id_token_template_content",
        "client_secret_last_four",
        "next_client_secret_last_four",
        "access_token_custom_audience",
        "logo_url",
        "client_id_metadata_url",
    ];
    let with = |extra: &'static str| common.into_iter().chain([extra]).collect::<BTreeSet<_>>();
    assert_eq!(names(&project.shown(&app)), with("creation_method"));
    let created = project.call("POST", APPS, r#"{"client_type":"first_party"}"#);
    assert_eq!(names(&created.body["connected_app"]), with("client_secret"));
    let started = project.start(&app);
    assert_eq!(names(&started.body["connected_app"]), with("next_client_secret"));
    let committed = project.rotate(&app);
    assert_eq!(names(&committed.body["connected_app"]), with("creation_method"));
}

#[test]
fn every_field_of_the_m2m_shapes_is_always_there() {
    let project = Project::with("unknown_fields", "absent");
    let client = project.m2m();
    let common = [
        "client_id",
        "client_name",
        "client_description",
        "status",
        "scopes",
        "client_secret_last_four",
        "next_client_secret_last_four",
        "trusted_metadata",
    ];
    let with = |extra: &'static str| common.into_iter().chain([extra]).collect::<BTreeSet<_>>();
    assert_eq!(names(&project.shown(&client)), BTreeSet::from(common));
    let created = project.call("POST", M2M, r#"{"scopes":[]}"#);
    assert_eq!(names(&created.body["m2m_client"]), with("client_secret"));
    assert_eq!(names(&project.start(&client).body["m2m_client"]), with("next_client_secret"));
}

#[test]
fn every_answer_has_its_status_and_a_request_id() {
    let project = Project::new();
    for answer in [
        project.get(&project.m2m()),
        project.cancel(&project.app()),
        project.call("GET", "/nowhere", ""),
        project.present(&project.app(), "wrong"),
        project.call("DELETE", &path(&project.m2m(), ""), ""),
    ] {
        assert_eq!(answer.body["status_code"], answer.status);
        let id = answer.body["request_id"].as_str().expect("a request id");
        assert!(id.starts_with("request-id-test-"));
    }
}

#[test]
fn a_custom_m2m_id_and_secret_can_be_imported_once() {
    let project = Project::new();
    let body = r#"{"scopes":["a"],"client_id":"billing","client_secret":"correct-horse"}"#;
    let created = project.call("POST", M2M, body);
    assert_eq!(created.status, 200);
    assert_eq!(created.body["m2m_client"]["client_id"], "billing");
    let client = crate::support::Client { id: "billing".to_owned(), ..project.m2m() };
    assert!(project.accepts(&client, "correct-horse"));
    let again = project.call("POST", M2M, body);
    assert_eq!((again.status, again.error_type()), (400, "duplicate_m2m_client_id"));
}

#[test]
fn what_cannot_be_created_is_refused_by_name() {
    let project = Project::new();
    let long = format!(r#"{{"scopes":[],"client_secret":"{}"}}"#, "abcdef".repeat(13));
    for (path, body, error) in [
        (APPS, "{}", "invalid_connected_app_type"),
        (APPS, r#"{"client_type":"fourth_party"}"#, "invalid_connected_app_type"),
        (APPS, r#"{"client_type":"first_party","redirect_urls":"x"}"#, "invalid_argument"),
        (APPS, r#"{"client_type":"first_party","id_token_template_content":"["}"#, "invalid_argument"),
        (APPS, "{", "bad_request"),
        (APPS, "[]", "bad_request"),
        (M2M, "{}", "invalid_argument"),
        (M2M, r#"{"scopes":["a b"]}"#, "invalid_m2m_client_scope"),
        (M2M, r#"{"scopes":[],"client_id":"a/b"}"#, "m2m_client_invalid_client_id"),
        (M2M, r#"{"scopes":[],"client_secret":"short"}"#, "m2m_client_invalid_client_secret"),
        (M2M, r#"{"scopes":[],"client_secret":"aaaaaaaaaa"}"#, "insecure_m2m_client_secret"),
        (M2M, &long, "client_secret_too_long"),
    ] {
        let answer = project.call("POST", path, body);
        assert_eq!((answer.status, answer.error_type()), (400, error), "{path} {body}");
    }
}

#[test]
fn update_changes_what_it_names_and_null_is_as_good_as_absent() {
    let project = Project::new();
    let (m2m, app) = (project.m2m(), project.app());
    let body = r#"{"client_name":"New","client_description":null,"status":"inactive","scopes":["z"]}"#;
    let changed = &project.call("PUT", &path(&m2m, ""), body).body["m2m_client"];
    assert_eq!((&changed["client_name"], &changed["status"]), (&json!("New"), &json!("inactive")));
    assert_eq!((&changed["client_description"], &changed["scopes"]), (&json!(""), &json!(["z"])));
    let refused = project.call("PUT", &path(&m2m, ""), r#"{"status":"asleep"}"#);
    assert_eq!((refused.status, refused.error_type()), (400, "invalid_m2m_client_status"));

    let body = r#"{"client_type":"third_party","full_access_allowed":true,"logo_url":"https://x"}"#;
    let changed = &project.call("PUT", &path(&app, ""), body).body["connected_app"];
    assert_eq!(changed["client_type"], "first_party", "the type never changes");
    assert_eq!(changed["full_access_allowed"], true);
    assert_eq!(changed["logo_url"], "https://x");
}

#[test]
fn search_pages_through_every_client_exactly_once() {
    for pages in ["short", "full"] {
        let project = Project::with("search_pages", pages);
        for _ in 0..9 {
            project.call("POST", M2M, r#"{"scopes":[]}"#);
        }
        let (mut seen, mut cursor) = (Vec::new(), Value::Null);
        loop {
            let body = json!({ "limit": 4, "cursor": cursor }).to_string();
            let page = project.call("POST", &format!("{M2M}/search"), &body).body;
            let clients = page["m2m_clients"].as_array().expect("clients").clone();
            assert!(!clients.is_empty() && clients.len() <= 4);
            seen.extend(clients.iter().map(|client| client["client_id"].to_string()));
            assert_eq!(page["results_metadata"]["total"], 10);
            cursor = page["results_metadata"]["next_cursor"].clone();
            if cursor.is_null() {
                break;
            }
        }
        assert_eq!((seen.len(), BTreeSet::from_iter(seen).len()), (10, 10), "{pages}");
    }
}

#[test]
fn m2m_clients_are_found_by_filters() {
    let project = Project::new();
    project.call("POST", M2M, r#"{"scopes":["a","b"],"client_name":"One","client_id":"one"}"#);
    project.call("POST", M2M, r#"{"scopes":["b"],"client_name":"Two","client_id":"two"}"#);
    let find = |operator: &str, operands: Value| -> Answer {
        let query = json!({ "query": { "operator": operator, "operands": operands } });
        project.call("POST", &format!("{M2M}/search"), &query.to_string())
    };
    let ids = |answer: Answer| -> Vec<String> {
        let clients = answer.body["m2m_clients"].as_array().expect("clients").clone();
        clients.iter().filter_map(|one| one["client_id"].as_str().map(str::to_owned)).collect()
    };
    let by = |name: &str, value: &str| json!({ "filter_name": name, "filter_value": [value] });
    assert_eq!(ids(find("AND", json!([by("scopes", "b"), by("client_name", "Two")]))), ["two"]);
    assert_eq!(ids(find("OR", json!([by("scopes", "a"), by("client_id", "two")]))), ["one", "two"]);
    for (operand, error) in [
        (json!({ "filter_value": ["x"] }), "m2m_search_missing_filter_name"),
        (json!({ "filter_name": "scopes" }), "m2m_search_missing_filter_value"),
        (json!({ "filter_name": 1, "filter_value": ["x"] }), "m2m_search_filter_name_must_be_string"),
        (by("color", "x"), "m2m_search_filter_name_not_recognized"),
        (json!({ "filter_name": "scopes", "filter_value": "x" }), "m2m_search_expected_array_of_strings"),
    ] {
        let answer = find("AND", json!([operand]));
        assert_eq!((answer.status, answer.error_type()), (400, error));
    }
}

#[test]
fn the_project_has_to_authenticate_and_each_mistake_has_its_name() {
    let project = Project::new();
    let path = path(&project.m2m(), "");
    let secret = project.emulator.seeds().stytch.secret;
    let with = |authorization: &str| {
        let answer = project.send("GET", &path, &[("authorization", authorization)], "");
        (answer.status, answer.error_type().to_owned())
    };
    let basic = crate::support::basic;
    let other = "project-test-00000000-0000-4000-8000-000000000001";
    for (authorization, status, error) in [
        (String::new(), 401, "invalid_authorization_header"),
        ("Bearer x".to_owned(), 401, "invalid_authorization_header"),
        ("Basic %%%".to_owned(), 401, "invalid_authorization_header"),
        (basic("mine", secret.expose()), 400, "invalid_project_id_authentication"),
        (basic("project-live-1", secret.expose()), 400, "live_id_used_in_test_environment"),
        (basic(project.id(), "wrong"), 400, "invalid_secret_authentication"),
        (basic(project.id(), "secret-test-wrong"), 401, "unauthorized_credentials"),
        (basic(other, secret.expose()), 401, "unauthorized_credentials"),
    ] {
        assert_eq!(with(&authorization), (status, error.to_owned()));
    }
}

#[test]
fn unknown_paths_and_wrong_methods_are_told_apart() {
    let project = Project::new();
    for (method, path, status, error) in [
        ("GET", "/", 404, "route_not_found"),
        ("POST", "/v2/m2m/clients", 404, "route_not_found"),
        ("POST", "/v1/m2m/clients/x/secret/rotate", 404, "route_not_found"),
        ("PATCH", "/v1/m2m/clients/x", 405, "method_not_allowed"),
        ("GET", "/v1/m2m/clients", 405, "method_not_allowed"),
        ("GET", "/v1/connected_apps/clients/x/secrets/rotate/start", 405, "method_not_allowed"),
        ("POST", "/v1/sessions/jwks/p", 405, "method_not_allowed"),
    ] {
        let answer = project.call(method, path, "");
        assert_eq!((answer.status, answer.error_type()), (status, error), "{method} {path}");
    }
}
