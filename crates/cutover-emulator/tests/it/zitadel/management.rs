//! Management v1: apps and machine users.

use cutover_emulator::canary;
use cutover_emulator::zitadel::{Zitadel, ZitadelTarget};
use serde_json::{Value, json};

use super::{Instance, app_path, body, id, refusal, secret, status};

#[test]
fn generating_replaces_the_one_secret_at_once() {
    for (kind, at) in [("api", 0), ("oidc", 1)] {
        let mut zitadel = Instance::new();
        let app = if at == 0 { zitadel.api() } else { zitadel.oidc() };
        let old = app.client_secret.expose().to_owned();
        assert!(zitadel.accepts(&app, &old));
        let answer = zitadel.generate(&app, kind);
        let new = secret(&answer);
        assert_eq!((new.len(), new.starts_with(canary::TEXT)), (64, true));
        assert!(new.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert!(!zitadel.accepts(&app, &old));
        assert!(zitadel.accepts(&app, &new));
        let details = body(&answer)["details"].clone();
        assert_eq!(details["changeDate"], "2026-05-28T20:26:40.250Z");
        assert_eq!(details["resourceOwner"], zitadel.seed.org_id.as_str());
        assert!(details["sequence"].as_str().is_some_and(|sequence| sequence.parse::<u64>().is_ok()));
        assert_eq!(details.get("creationDate"), None);
    }
}

#[test]
fn every_generation_is_another_secret_and_only_the_last_counts() {
    let mut zitadel = Instance::new();
    let app = zitadel.api();
    let secrets: Vec<String> = (0..10).map(|_| zitadel.generated(&app, "api")).collect();
    let accepted: Vec<&String> = secrets.iter().filter(|secret| zitadel.accepts(&app, secret)).collect();
    assert_eq!(accepted, [&secrets[9]]);
}

#[test]
fn an_empty_body_is_an_empty_message() {
    let mut zitadel = Instance::new();
    let path = app_path(&zitadel.api(), "/api_config/_generate_client_secret");
    assert_eq!(status(&zitadel.call("POST", &path, "")), 200);
    assert_eq!(status(&zitadel.call("POST", &path, r#"{"unknownField": 1}"#)), 200);
    let broken = zitadel.call("POST", &path, "{");
    assert_eq!(refusal(&broken), (400, 3, String::new()));
}

#[test]
fn the_sequence_counts_events_of_the_project_and_the_change_list_tells_which() {
    let mut zitadel = Instance::new();
    let (app, other) = (zitadel.api(), zitadel.oidc());
    let sequence = |app: &Value| app["details"]["sequence"].as_str().expect("text").parse::<u64>().expect("a number");
    let before = sequence(&zitadel.barrier(&app));
    zitadel.generate(&other, "oidc");
    assert_eq!(sequence(&zitadel.barrier(&app)), before, "another app's event does not touch this app");
    zitadel.generate(&app, "api");
    let after = zitadel.barrier(&app);
    assert!(before + 1 < sequence(&after), "but it counts in the project");
    let changes = body(&zitadel.call("POST", &app_path(&app, "/changes/_search"), ""));
    let newest = &changes["result"][0];
    assert_eq!(newest["eventType"]["key"], "EventTypes.project.application.config.api.secret.changed");
    assert_eq!(newest["sequence"], after["details"]["sequence"]);
    assert_eq!(newest["changeDate"], after["details"]["changeDate"]);
    assert_eq!(newest["editorDisplayName"], "owner");
    let keys: Vec<_> = changes["result"].as_array().expect("changes").iter().map(|c| &c["eventType"]["key"]).collect();
    assert_eq!(keys.len(), 3);
    assert_eq!(keys[2], "EventTypes.project.application.added");
}

#[test]
fn the_change_list_is_paged_by_the_query_string() {
    let mut zitadel = Instance::new();
    let app = zitadel.api();
    let mut changes = |query: &str| {
        let answer = zitadel.call("POST", &app_path(&app, &format!("/changes/_search{query}")), "");
        let list = body(&answer)["result"].as_array().cloned().unwrap_or_default();
        list.iter().map(|change| change["sequence"].as_str().expect("text").to_owned()).collect::<Vec<_>>()
    };
    let newest_first = changes("");
    assert_eq!(newest_first.len(), 2);
    assert_eq!(changes("?query.limit=1"), newest_first[..1]);
    assert_eq!(changes("?query.asc=true&query.limit=1"), newest_first[1..]);
    assert_eq!(changes(&format!("?query.sequence={}", newest_first[0])), newest_first[1..]);
    assert_eq!(changes(&format!("?query.asc=true&query.sequence={}", newest_first[0])), Vec::<String>::new());
}

#[test]
fn a_new_app_has_a_secret_where_its_method_uses_one() {
    for (kind, method, made) in [
        ("api", json!("API_AUTH_METHOD_TYPE_BASIC"), true),
        ("api", json!(0), true),
        ("api", json!("API_AUTH_METHOD_TYPE_PRIVATE_KEY_JWT"), false),
        ("oidc", json!("OIDC_AUTH_METHOD_TYPE_BASIC"), true),
        ("oidc", json!("OIDC_AUTH_METHOD_TYPE_POST"), true),
        ("oidc", json!(2), false),
        ("oidc", json!("OIDC_AUTH_METHOD_TYPE_PRIVATE_KEY_JWT"), false),
    ] {
        let mut zitadel = Instance::new();
        let path = format!("/management/v1/projects/{}/apps/{kind}", zitadel.api().project_id);
        let answer = zitadel.call("POST", &path, &json!({"name": "New", "auth_method_type": method}).to_string());
        let app = body(&answer);
        assert_eq!((status(&answer), app["clientSecret"].is_string()), (200, made), "{kind} {method}");
        assert!(app["details"]["creationDate"].is_string());
        assert_eq!(app["details"].get("changeDate"), None);
        if made {
            let (client_id, secret) = (app["clientId"].as_str().expect("an id"), secret(&answer));
            assert_eq!(status(&zitadel.introspect(client_id, &secret)), 200);
        }
    }
}

#[test]
fn reading_leaves_out_defaults_and_never_shows_a_secret() {
    let mut zitadel = Instance::new();
    let (api, oidc) = (zitadel.api(), zitadel.oidc());
    let shown = zitadel.barrier(&api);
    assert_eq!((&shown["id"], &shown["state"]), (&json!(api.app_id), &json!("APP_STATE_ACTIVE")));
    assert_eq!(shown["apiConfig"], json!({"clientId": api.client_id}));
    assert!(shown["details"]["creationDate"].is_string() && shown["details"]["changeDate"].is_string());
    let shown = zitadel.barrier(&oidc);
    assert_eq!(shown["oidcConfig"].get("authMethodType"), None);
    assert_eq!(shown["oidcConfig"]["grantTypes"], json!(["OIDC_GRANT_TYPE_AUTHORIZATION_CODE"]));
    let change = json!({"authMethodType": "OIDC_AUTH_METHOD_TYPE_POST", "grantTypes": [0], "devMode": true});
    assert_eq!(status(&zitadel.call("PUT", &app_path(&oidc, "/oidc_config"), &change.to_string())), 200);
    let shown = zitadel.barrier(&oidc);
    assert_eq!(shown["oidcConfig"]["authMethodType"], "OIDC_AUTH_METHOD_TYPE_POST");
    assert_eq!(shown["oidcConfig"]["devMode"], true);
    assert!(!canary::is_in(&shown.to_string()));
}

#[test]
fn an_inactive_app_is_refused_whatever_its_secret_and_comes_back_with_it() {
    let mut zitadel = Instance::new();
    let app = zitadel.api();
    let old = app.client_secret.expose().to_owned();
    assert_eq!(status(&zitadel.call("POST", &app_path(&app, "/_deactivate"), "{}")), 200);
    assert_eq!(zitadel.barrier(&app)["state"], "APP_STATE_INACTIVE");
    assert!(!zitadel.accepts(&app, &old));
    assert_eq!(refusal(&zitadel.call("POST", &app_path(&app, "/_deactivate"), "{}")), (400, 9, "COMMAND-dsh35".into()));
    let new = zitadel.generated(&app, "api");
    assert!(!zitadel.accepts(&app, &new));
    assert_eq!(status(&zitadel.call("POST", &app_path(&app, "/_reactivate"), "{}")), 200);
    assert!(zitadel.accepts(&app, &new));
    assert_eq!(refusal(&zitadel.call("POST", &app_path(&app, "/_reactivate"), "{}")), (400, 9, "COMMAND-1n8cM".into()));
}

#[test]
fn changing_the_auth_method_neither_makes_nor_drops_a_secret() {
    let mut zitadel = Instance::new();
    let app = zitadel.api();
    let (config, old) = (app_path(&app, "/api_config"), app.client_secret.expose().to_owned());
    let key = r#"{"authMethodType": "API_AUTH_METHOD_TYPE_PRIVATE_KEY_JWT"}"#;
    assert_eq!(status(&zitadel.call("PUT", &config, key)), 200);
    assert!(zitadel.accepts(&app, &old), "introspection asks for a hash, not for the method");
    assert_eq!(refusal(&zitadel.call("PUT", &config, key)), (400, 9, "COMMAND-1m88i".into()));
    assert_eq!(status(&zitadel.call("PUT", &config, "{}")), 200);
    assert!(zitadel.accepts(&app, &old));
}

#[test]
fn what_is_not_there_has_its_own_id_for_every_call() {
    let mut zitadel = Instance::new();
    let (api, oidc) = (zitadel.api(), zitadel.oidc());
    let mut gone = api.clone();
    gone.app_id = "390000000000000000".to_owned();
    let mut elsewhere = api.clone();
    elsewhere.project_id.clone_from(&zitadel.seed.others.project_id);
    let (long, other) = ("9".repeat(201), format!("/management/v1/projects/{}/apps", "390000000000000000"));
    let cases = [
        ("POST", app_path(&gone, "/api_config/_generate_client_secret"), "{}", 404, 5, "COMMAND-2g66f"),
        ("POST", app_path(&gone, "/oidc_config/_generate_client_secret"), "{}", 404, 5, "COMMAND-2g66f"),
        ("POST", app_path(&elsewhere, "/api_config/_generate_client_secret"), "{}", 404, 5, "COMMAND-2g66f"),
        ("POST", app_path(&oidc, "/api_config/_generate_client_secret"), "{}", 400, 3, "COMMAND-aeH4"),
        ("POST", app_path(&api, "/oidc_config/_generate_client_secret"), "{}", 400, 3, "COMMAND-Ghrh3"),
        ("GET", app_path(&gone, ""), "", 404, 5, "QUERY-pCP8P"),
        ("POST", app_path(&gone, "/_deactivate"), "{}", 404, 5, "COMMAND-ov9d3"),
        ("POST", app_path(&gone, "/_reactivate"), "{}", 404, 5, "COMMAND-ov9d3"),
        ("PUT", app_path(&gone, "/api_config"), "{}", 404, 5, "COMMAND-2n8uU"),
        ("PUT", app_path(&gone, "/oidc_config"), "{}", 404, 5, "COMMAND-2n8uU"),
        ("PUT", app_path(&oidc, "/api_config"), "{}", 400, 3, "COMMAND-Gnwt3"),
        ("PUT", app_path(&api, "/oidc_config"), "{}", 400, 3, "COMMAND-GBr34"),
        ("PUT", app_path(&gone, ""), r#"{"name": "x"}"#, 404, 5, "COMMAND-28di9"),
        ("PUT", app_path(&api, ""), r#"{"name": "api 0"}"#, 400, 9, "COMMAND-2m8vx"),
        ("PUT", app_path(&api, ""), "{}", 400, 3, ""),
        ("DELETE", app_path(&gone, ""), "", 404, 5, "COMMAND-0po9s"),
        ("POST", format!("{other}/api"), r#"{"name": "x"}"#, 400, 9, "COMMAND-EbFMN"),
        ("POST", app_path(&api, "/api_config/_generate_client_secret").replace(&api.app_id, &long), "", 400, 3, ""),
        ("POST", app_path(&api, "/api_config/_generate_client_secret").replace(&api.app_id, ""), "", 400, 3, ""),
        ("GET", "/management/v1/nothing".to_owned(), "", 404, 5, ""),
        ("DELETE", app_path(&api, "/_deactivate"), "", 405, 12, ""),
    ];
    for (method, path, sent, status, code, id) in cases {
        let answer = zitadel.call(method, &path, sent);
        assert_eq!(refusal(&answer), (status, code, id.to_owned()), "{method} {path} {sent}");
    }
    let unnamed = format!("/management/v1/projects/{}/apps", api.project_id);
    assert_eq!(id(&zitadel.call("POST", &format!("{unnamed}/api"), "{}")), "PROJECT-Bff2g");
    let odd = r#"{"name": "x", "authMethodType": "NO_SUCH"}"#;
    assert_eq!(refusal(&zitadel.call("POST", &format!("{unnamed}/api"), odd)), (400, 3, String::new()));
    let odd = r#"{"name": "x", "authMethodType": 9}"#;
    assert_eq!(refusal(&zitadel.call("POST", &format!("{unnamed}/oidc"), odd)), (400, 3, String::new()));
}

#[test]
fn a_renamed_app_is_found_by_its_name() {
    let mut zitadel = Instance::new();
    let app = zitadel.api();
    assert_eq!(status(&zitadel.call("PUT", &app_path(&app, ""), r#"{"name": "Shop"}"#)), 200);
    let path = format!("/management/v1/projects/{}/apps/_search", app.project_id);
    let mut names = |queries: Value, query: Value| {
        let sent = json!({"queries": queries, "query": query});
        let answer = body(&zitadel.call("POST", &path, &sent.to_string()));
        let result = answer["result"].as_array().cloned().unwrap_or_default();
        let names: Vec<String> = result.iter().map(|app| app["name"].as_str().expect("text").to_owned()).collect();
        (names, answer["details"]["totalResult"].clone())
    };
    assert_eq!(names(json!([]), json!({})), (vec!["Shop".to_owned(), "oidc 1".to_owned()], json!("2")));
    assert_eq!(names(json!([]), json!({"offset": "1", "limit": 5})), (vec!["oidc 1".to_owned()], json!("2")));
    for (method, name, found) in [
        ("TEXT_QUERY_METHOD_EQUALS", "Shop", 1),
        ("TEXT_QUERY_METHOD_EQUALS", "shop", 0),
        ("TEXT_QUERY_METHOD_EQUALS_IGNORE_CASE", "shop", 1),
        ("TEXT_QUERY_METHOD_STARTS_WITH", "Sh", 1),
        ("TEXT_QUERY_METHOD_CONTAINS", "ho", 1),
        ("TEXT_QUERY_METHOD_ENDS_WITH", "op", 1),
    ] {
        let (names, _) = names(json!([{"nameQuery": {"name": name, "method": method}}]), json!({}));
        assert_eq!(names.len(), found, "{method} {name}");
    }
    assert_eq!(names(json!([{"nameQuery": {"name": "sho", "method": 3}}]), json!({})).0.len(), 1);
}

#[test]
fn a_deleted_app_is_gone_for_every_call() {
    let mut zitadel = Instance::new();
    let app = zitadel.api();
    assert_eq!(status(&zitadel.call("DELETE", &app_path(&app, ""), "")), 200);
    assert!(!zitadel.accepts(&app, app.client_secret.expose()));
    assert_eq!(id(&zitadel.call("GET", &app_path(&app, ""), "")), "QUERY-pCP8P");
    assert_eq!(id(&zitadel.generate(&app, "api")), "COMMAND-2g66f");
    assert_eq!(id(&zitadel.call("DELETE", &app_path(&app, ""), "")), "COMMAND-0po9s");
}

#[test]
fn a_machine_users_secret_is_set_overwritten_and_removed() {
    let mut zitadel = Instance::new();
    let user = zitadel.machine();
    let path = format!("/management/v1/users/{}/secret", user.user_id);
    let old = user.client_secret.expose().to_owned();
    assert!(zitadel.accepts_machine(&user, &old));
    let answer = zitadel.call("PUT", &path, "{}");
    assert_eq!(body(&answer)["clientId"], user.client_id.as_str());
    assert!(body(&answer)["details"]["creationDate"].is_string());
    assert_eq!(body(&answer)["details"].get("changeDate"), None);
    let new = secret(&answer);
    assert!(!zitadel.accepts_machine(&user, &old));
    assert!(zitadel.accepts_machine(&user, &new));
    let removed = zitadel.call("DELETE", &path, "");
    assert!(body(&removed)["details"]["changeDate"].is_string());
    assert!(!zitadel.accepts_machine(&user, &new));
    assert_eq!(refusal(&zitadel.call("DELETE", &path, "")), (400, 9, "COMMAND-coi82n".into()));
}

#[test]
fn a_new_machine_user_has_no_secret_until_one_is_set() {
    let mut zitadel = Instance::new();
    let sent = r#"{"userName": "worker@shop", "name": "Worker", "description": "x"}"#;
    let answer = zitadel.call("POST", "/management/v1/users/machine", sent);
    let made = body(&answer);
    assert!(made["details"]["changeDate"].is_string(), "the one creation that says when it changed");
    assert_eq!(made["details"].get("creationDate"), None);
    let user_id = made["userId"].as_str().expect("an id").to_owned();
    let error = super::oauth_error(&zitadel.client_credentials("worker@shop", "x"));
    assert_eq!(error, ("invalid_request".into(), "Errors.User.Machine.Secret.NotExisting".into()));
    let set = zitadel.call("PUT", &format!("/management/v1/users/{user_id}/secret"), "{}");
    assert_eq!(status(&zitadel.client_credentials("worker@shop", &secret(&set))), 200);
    assert_eq!(refusal(&zitadel.call("POST", "/management/v1/users/machine", sent)), (409, 6, String::new()));
    assert_eq!(status(&zitadel.call("POST", "/management/v1/users/machine", "{}")), 400);
}

#[test]
fn users_that_have_no_secret_to_set_have_ids_of_their_own() {
    let mut zitadel = Instance::new();
    let others = zitadel.seed.others.clone();
    let path = |user: &str| format!("/management/v1/users/{user}/secret");
    for (method, user, expected) in [
        ("PUT", "390000000000000000", (404, 5, "QUERY-Dfbg2")),
        ("PUT", &others.foreign_user_id, (404, 5, "MANAG-fpo4B")),
        ("PUT", &others.human_user_id, (400, 9, "COMMAND-x8910n")),
        ("DELETE", "390000000000000000", (400, 9, "COMMAND-x7s802")),
        ("DELETE", &others.foreign_user_id, (400, 9, "COMMAND-x7s802")),
        ("DELETE", &others.human_user_id, (400, 9, "COMMAND-coi82n")),
    ] {
        let (status, code, id) = expected;
        assert_eq!(refusal(&zitadel.call(method, &path(user), "")), (status, code, id.to_owned()), "{method} {user}");
    }
}

#[test]
fn the_seed_cycles_through_the_kinds_and_hides_its_secrets() {
    let (_, seed) = Zitadel::seeded(7, 7);
    let kinds: Vec<u8> = seed
        .targets
        .iter()
        .map(|target| match target {
            ZitadelTarget::Api(_) => 0,
            ZitadelTarget::Oidc(_) => 1,
            ZitadelTarget::MachineUser(_) => 2,
        })
        .collect();
    assert_eq!(kinds, [0, 1, 2, 0, 1, 2, 0]);
    let shown = serde_json::to_value(&seed).expect("JSON");
    assert_eq!(shown["targets"][2]["kind"], "machine_user");
    assert!(canary::is_in(shown["targets"][0]["client_secret"].as_str().expect("a secret")));
    assert_eq!(shown["key_file"]["type"], "serviceaccount");
    assert!(canary::is_in(shown["key_file"]["key"].as_str().expect("a key")));
    let mut zitadel = Instance::new();
    let app = zitadel.api();
    zitadel.generate(&app, "api");
    assert!(!canary::is_in(&format!("{seed:?} {:?} {:?}", zitadel.zitadel, zitadel.seed)));
}
