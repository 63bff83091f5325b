//! Management v1: machine users as objects.

use serde_json::json;

use super::{Instance, body, refusal, secret, status};

#[test]
fn a_machine_user_is_read_found_renamed_and_removed_and_shows_no_secret() {
    let mut zitadel = Instance::new();
    let made = zitadel.call("POST", "/management/v1/users/machine", r#"{"userName": "robot", "name": "Robot"}"#);
    let id = body(&made)["userId"].as_str().expect("an id").to_owned();
    let path = format!("/management/v1/users/{id}");
    let shown = body(&zitadel.call("GET", &path, ""))["user"].clone();
    assert_eq!((shown["userName"].as_str(), shown["machine"].get("hasSecret")), (Some("robot"), None));

    let plain = secret(&zitadel.call("PUT", &format!("{path}/secret"), ""));
    let shown = body(&zitadel.call("GET", &path, ""));
    assert_eq!(shown["user"]["machine"], json!({"name": "Robot", "hasSecret": true}));
    assert!(!shown.to_string().contains(&plain));

    let query = r#"{"queries": [{"userNameQuery": {"userName": "rob", "method": "TEXT_QUERY_METHOD_STARTS_WITH"}}]}"#;
    let found = body(&zitadel.call("POST", "/management/v1/users/_search", query));
    assert_eq!((found["result"][0]["id"].as_str(), found["result"].get(1)), (Some(id.as_str()), None));

    assert_eq!(status(&zitadel.call("PUT", &format!("{path}/machine"), r#"{"name": "Bot"}"#)), 200);
    let again = zitadel.call("PUT", &format!("{path}/machine"), r#"{"name": "Bot"}"#);
    assert_eq!(refusal(&again), (400, 9, "COMMAND-2n8vs".to_owned()));

    assert_eq!(status(&zitadel.call("DELETE", &path, "")), 200);
    assert_eq!(refusal(&zitadel.call("DELETE", &path, "")), (404, 5, "COMMAND-m9od".to_owned()));
    assert_eq!(refusal(&zitadel.call("GET", &path, "")), (404, 5, "QUERY-Dfbg2".to_owned()));
    assert_eq!(refusal(&zitadel.call("PUT", &format!("{path}/secret"), "")), (404, 5, "QUERY-Dfbg2".to_owned()));
}

#[test]
fn a_user_of_another_organisation_is_not_found() {
    let mut zitadel = Instance::new();
    let path = format!("/management/v1/users/{}", zitadel.seed.others.foreign_user_id);
    assert_eq!(refusal(&zitadel.call("GET", &path, "")).0, 404);
    assert_eq!(refusal(&zitadel.call("DELETE", &path, "")).0, 404);
    assert_eq!(refusal(&zitadel.call("PUT", &format!("{path}/machine"), r#"{"name": "x"}"#)).0, 404);
}
