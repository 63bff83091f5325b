//! Both sides of every switch.

use cutover_emulator::Emulator;

use crate::support::{Project, basic, object, path};

#[test]
fn start_while_pending_errors_or_replaces_the_pending_secret() {
    let project = Project::with("start_while_pending", "replace");
    for client in project.clients() {
        let first = project.started(&client);
        let second = project.started(&client);
        assert!(!project.accepts(&client, &first));
        assert!(project.accepts(&client, &second));
        assert!(project.accepts(&client, &client.secret));
    }
    assert_eq!(start_twice(&Project::new()), 400);
}

fn start_twice(project: &Project) -> u16 {
    project.started(&project.m2m());
    project.start(&project.m2m()).status
}

#[test]
fn rotation_errors_are_400_or_409() {
    let project = Project::with("rotation_error_status", "409");
    assert_eq!(project.cancel(&project.app()).status, 409);
    assert_eq!(start_twice(&project), 409);
    let project = Project::new();
    assert_eq!(project.cancel(&project.app()).status, 400);
}

#[test]
fn connected_app_errors_have_either_spelling() {
    for (value, prefix, bad_type) in [
        ("connected_app", "connected_app", "invalid_connected_app_type"),
        ("idp_client", "idp_client", "invalid_idp_client_type"),
    ] {
        let project = Project::with("error_prefix", value);
        let app = project.app();
        assert_eq!(project.cancel(&app).error_type(), format!("{prefix}_not_rotating_secret"));
        let gone = project.call("GET", "/v1/connected_apps/clients/x", "");
        assert_eq!(gone.error_type(), format!("{prefix}_not_found"));
        let created = project.call("POST", "/v1/connected_apps/clients", "{}");
        assert_eq!(created.error_type(), bad_type);
        assert_eq!(project.cancel(&project.m2m()).error_type(), "m2m_client_not_rotating_secret");
    }
}

#[test]
fn invalid_client_has_either_status_by_body_and_by_header() {
    for (value, status) in [("400", 400), ("401", 401)] {
        let project = Project::with("invalid_client_status", value);
        assert_eq!(project.present(&project.m2m(), "wrong").status, status);
        let project = Project::with("invalid_client_basic_status", value);
        let path = format!("/v1/public/{}/oauth2/token", project.id());
        let header = ("authorization", basic(&project.m2m().id, "wrong"));
        let header = (header.0, header.1.as_str());
        let answer = project.send("POST", &path, &[header], "grant_type=client_credentials");
        assert_eq!((answer.status, answer.error()), (status, "invalid_client"));
    }
}

#[test]
fn an_inactive_client_has_either_error() {
    for error in ["invalid_client", "unauthorized_client"] {
        let project = Project::with("inactive_client_error", error);
        let client = project.m2m();
        project.call("PUT", &path(&client, ""), r#"{"status":"inactive"}"#);
        assert_eq!(project.present(&client, &client.secret).error(), error);
        assert_eq!(project.present(&client, "wrong").error(), "invalid_client");
    }
}

#[test]
fn client_credentials_of_a_connected_app_have_either_error() {
    for error in ["invalid_client", "unauthorized_client"] {
        let project = Project::with("client_credentials_error", error);
        let app = project.app();
        let path = format!("/v1/public/{}/oauth2/token", project.id());
        let body = "grant_type=client_credentials";
        let body = format!("{body}&client_id={}&client_secret={}", app.id, app.secret);
        assert_eq!(project.send("POST", &path, &[], &body).error(), error);
    }
}

#[test]
fn an_unknown_m2m_client_is_404_or_400() {
    for (value, status) in [("404", 404), ("400", 400)] {
        let project = Project::with("unknown_m2m_client_status", value);
        let answer = project.call("GET", "/v1/m2m/clients/x", "");
        assert_eq!((answer.status, answer.error_type()), (status, "m2m_client_not_found"));
        assert_eq!(project.call("GET", "/v1/connected_apps/clients/x", "").status, 404);
    }
}

#[test]
fn create_answers_200_or_201() {
    for (value, status) in [("200", 200), ("201", 201)] {
        let project = Project::with("create_status", value);
        assert_eq!(project.call("POST", "/v1/m2m/clients", r#"{"scopes":[]}"#).status, status);
    }
}

#[test]
fn an_inactive_client_may_or_may_not_begin_a_rotation() {
    for (value, status) in [("allowed", 200), ("refused", 400)] {
        let project = Project::with("rotate_inactive", value);
        let client = project.m2m();
        project.call("PUT", &path(&client, ""), r#"{"status":"inactive"}"#);
        assert_eq!(project.start(&client).status, status);
    }
}

#[test]
fn generated_secrets_have_either_length() {
    for (value, len) in [("48", 48), ("44", 44)] {
        let project = Project::with("secret_length", value);
        assert_eq!(project.started(&project.app()).len(), len);
    }
}

#[test]
fn the_rules_for_custom_secrets_can_be_off() {
    let weak = r#"{"scopes":[],"client_secret":"aaaaaaaaaa"}"#;
    let long = format!(r#"{{"scopes":[],"client_secret":"{}"}}"#, "abcdef".repeat(13));
    let off = Project::with("secret_entropy_rule", "off");
    assert_eq!(off.call("POST", "/v1/m2m/clients", weak).status, 200);
    let none = Project::with("secret_length_max", "none");
    assert_eq!(none.call("POST", "/v1/m2m/clients", &long).status, 200);
    assert_eq!(Project::new().call("POST", "/v1/m2m/clients", weak).status, 400);
    assert_eq!(Project::new().call("POST", "/v1/m2m/clients", &long).status, 400);
}

#[test]
fn an_older_server_lacks_the_two_later_fields() {
    for (value, there) in [("off", true), ("on", false)] {
        let project = Project::with("older_server", value);
        let app = project.shown(&project.app());
        for name in ["creation_method", "id_token_template_content"] {
            assert_eq!(app.get(name).is_some(), there, "{name}");
        }
    }
}

#[test]
fn a_connected_app_says_either_way_that_it_was_made() {
    for value in ["api", "dashboard"] {
        let project = Project::with("creation_method", value);
        assert_eq!(project.shown(&project.app())["creation_method"], value);
        assert_eq!(project.shown(&project.m2m()).get("creation_method"), None);
    }
}

#[test]
fn search_pages_are_short_or_full_and_totals_known_or_hidden() {
    let ask = |switch: &str, value: &str| {
        let project = Project::with(switch, value);
        for _ in 0..5 {
            project.call("POST", "/v1/m2m/clients", r#"{"scopes":[]}"#);
        }
        let page = project.call("POST", "/v1/m2m/clients/search", r#"{"limit":3}"#).body;
        let len = page["m2m_clients"].as_array().map(Vec::len);
        (len, page["results_metadata"]["total"].as_i64())
    };
    assert_eq!(ask("search_pages", "short").0, Some(2));
    assert_eq!(ask("search_pages", "full").0, Some(3));
    assert_eq!(ask("search_total", "known").1, Some(6));
    assert_eq!(ask("search_total", "hidden").1, Some(-1));
}

#[test]
fn unknown_fields_are_there_unless_switched_off() {
    for (value, there) in [("present", true), ("absent", false)] {
        let project = Project::with("unknown_fields", value);
        let client = project.m2m();
        let answer = project.get(&client);
        assert_eq!(answer.body.get("served_by").is_some(), there);
        assert_eq!(answer.body[object(&client)].get("policy_hints").is_some(), there);
    }
}

#[test]
fn whitespace_is_odd_or_compact() {
    let raw = |value: &str| {
        let project = Project::with("whitespace", value);
        let request = crate::support::request("GET", "/nowhere", &[], "");
        match project.emulator.exchange(cutover_emulator::Vendor::Stytch, request) {
            cutover_emulator::Exchange::Answer(response) => response.into_body(),
            other => panic!("no answer but {other:?}"),
        }
    };
    let is_compact = |body: &[u8]| {
        let value: serde_json::Value = serde_json::from_slice(body).expect("JSON");
        value.to_string().len() == body.len()
    };
    assert!(is_compact(&raw("compact")));
    assert!(!is_compact(&raw("odd")));
}

#[test]
fn a_switch_or_value_that_does_not_exist_is_refused_with_those_that_do() {
    let emulator = Emulator::builder().build();
    for (name, value) in [("stytch.color", "red"), ("stytch.older_server", "maybe"), ("stytch", "x"), ("auth9.x", "y")]
    {
        let error = emulator.set_behaviour(name, value).expect_err(name).to_string();
        assert!(error.contains("older_server=off|on") || error.contains("no emulated vendor"));
    }
}
