//! What the vendor's own SDKs put on the wire.

use serde_json::json;

use crate::support::{Project, path};

#[test]
fn the_python_sdk_repeats_the_client_id_in_body_and_query() {
    let project = Project::new();
    for client in project.clients() {
        let body = json!({ "client_id": client.id }).to_string();
        let get = format!("{}?client_id={}", path(&client, ""), client.id);
        assert_eq!(project.call("GET", &get, "").status, 200);
        let started = project.call("POST", &path(&client, "/secrets/rotate/start"), &body);
        assert_eq!(started.status, 200);
        let done = project.call("POST", &path(&client, "/secrets/rotate"), &body);
        assert_eq!(done.status, 200);
    }
}

#[test]
fn the_rust_sdk_encodes_every_hyphen_and_sends_bodies_with_get_and_delete() {
    let project = Project::new();
    for client in project.clients() {
        let encoded = path(&client, "").replace('-', "%2D");
        assert_eq!(project.call("GET", &encoded, "{}").status, 200);
        let body = json!({ "client_id": client.id }).to_string();
        let answer = project.call("DELETE", &encoded, &body);
        assert_eq!((answer.status, &answer.body["client_id"]), (200, &client.id.as_str().into()));
    }
}

#[test]
fn the_rust_sdk_sends_explicit_nulls() {
    let project = Project::new();
    let app = json!({
        "client_type": "first_party", "client_name": null, "client_description": null,
        "redirect_urls": null, "full_access_allowed": null, "access_token_expiry_minutes": null,
        "access_token_custom_audience": null, "access_token_template_content": null,
        "post_logout_redirect_urls": null, "logo_url": null,
        "bypass_consent_for_offline_access": null, "id_token_template_content": null,
    });
    let created = project.call("POST", "/v1/connected_apps/clients", &app.to_string());
    assert_eq!(created.status, 200);
    assert_eq!(created.body["connected_app"]["access_token_expiry_minutes"], 60);
    assert_eq!(created.body["connected_app"]["access_token_template_content"], "{}");
    let m2m = json!({
        "scopes": ["a"], "client_id": null, "client_secret": null, "client_name": null,
        "client_description": null, "trusted_metadata": null,
    });
    assert_eq!(project.call("POST", "/v1/m2m/clients", &m2m.to_string()).status, 200);
    let search = json!({ "cursor": null, "limit": null, "query": null }).to_string();
    assert_eq!(project.call("POST", "/v1/m2m/clients/search", &search).status, 200);
}

#[test]
fn the_rust_and_python_token_calls_are_json_with_the_projects_basic_header() {
    let project = Project::new();
    let client = project.m2m();
    let path = format!("/v1/public/{}/oauth2/token", project.id());
    for scopes in [json!(null), json!(["read:reports"])] {
        let body = json!({
            "client_id": client.id, "client_secret": client.secret,
            "grant_type": "client_credentials", "scopes": scopes,
        });
        assert_eq!(project.call("POST", &path, &body.to_string()).status, 200);
    }
}

#[test]
fn a_post_without_a_body_is_taken() {
    let project = Project::new();
    for client in project.clients() {
        assert_eq!(project.call("POST", &path(&client, "/secrets/rotate/start"), "").status, 200);
        assert_eq!(project.call("POST", &path(&client, "/secrets/rotate/cancel"), "null").status, 200);
    }
}
