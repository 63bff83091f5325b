//! Who may call what for which organisation, and in which order that is found out.

use cutover_emulator::Model;
use serde_json::json;

use super::{HOST, Instance, app_path, body, id, refusal, status};
use crate::support::request;

const GENERATE: &str = "/api_config/_generate_client_secret";

#[test]
fn a_call_needs_a_bearer_token_in_this_exact_form() {
    let mut zitadel = Instance::new();
    let path = app_path(&zitadel.api(), GENERATE);
    let token = zitadel.token();
    let missing = zitadel.send(&request("POST", &path, &[HOST], "{}"));
    assert_eq!(refusal(&missing), (401, 16, String::new()));
    assert_eq!(missing.headers()["www-authenticate"], "auth header missing");
    for (authorization, id) in [
        (format!("bearer {token}"), "AUTH-toLo1"),
        (token, "AUTH-toLo1"),
        ("Bearer ".to_owned(), "AUTH-toLo1"),
        ("Bearer nonsense".to_owned(), "AUTH-7fs1e"),
    ] {
        let answer = zitadel.send(&request("POST", &path, &[HOST, ("authorization", &authorization)], "{}"));
        assert_eq!(refusal(&answer), (401, 16, id.to_owned()));
        assert!(answer.headers().contains_key("www-authenticate"));
    }
}

#[test]
fn the_first_failing_check_answers() {
    let mut zitadel = Instance::new();
    let path = app_path(&zitadel.api(), GENERATE);
    let foreign = zitadel.seed.others.foreign_org_id.clone();
    let viewer = zitadel.seed.others.viewer_token.expose().to_owned();
    // Each request has every later fault too.
    let long = path.replace(&zitadel.api().app_id, &"9".repeat(201));
    assert_eq!(status(&zitadel.call_as("bad", Some("1"), "POST", "/management/v1/none", "{")), 404);
    assert_eq!(refusal(&zitadel.call_as("bad", Some("1"), "POST", &long, "{")), (400, 3, String::new()));
    assert_eq!(id(&zitadel.call_as("bad", Some("1"), "POST", &long, "{}")), "AUTH-7fs1e");
    assert_eq!(id(&zitadel.call_as(&viewer, Some("1"), "POST", &long, "{}")), "AUTH-Bs7Ds");
    assert_eq!(id(&zitadel.call_as(&viewer, Some(&foreign), "POST", &long, "{}")), "AUTHZ-cdgFk");
    assert_eq!(id(&zitadel.call_as(&viewer, None, "POST", &long, "{}")), "AUTH-5mWD2");
    assert_eq!(refusal(&zitadel.call("POST", &long, "{}")), (400, 3, String::new()));
}

#[test]
fn the_organisation_header_decides_what_is_found() {
    let mut zitadel = Instance::new();
    let (app, others) = (zitadel.api(), zitadel.seed.others.clone());
    let (own, foreign) = (zitadel.seed.org_id.clone(), others.foreign_org_id.clone());
    let (owner, instance) = (zitadel.token(), others.instance_token.expose().to_owned());
    let (ours, theirs) = (app_path(&app, GENERATE), app_path(&others.foreign_app, GENERATE));
    for (token, org, path, expected) in [
        (&owner, None, &ours, (200, 0, "")),
        (&owner, Some(""), &ours, (200, 0, "")),
        (&owner, Some(own.as_str()), &ours, (200, 0, "")),
        (&owner, Some("1"), &ours, (403, 7, "AUTH-Bs7Ds")),
        (&owner, Some(foreign.as_str()), &ours, (404, 5, "AUTHZ-cdgFk")),
        (&owner, Some(foreign.as_str()), &theirs, (404, 5, "AUTHZ-cdgFk")),
        (&owner, None, &theirs, (404, 5, "COMMAND-2g66f")),
        (&instance, None, &ours, (200, 0, "")),
        (&instance, None, &theirs, (404, 5, "COMMAND-2g66f")),
        (&instance, Some(foreign.as_str()), &ours, (404, 5, "COMMAND-2g66f")),
        (&instance, Some(foreign.as_str()), &theirs, (200, 0, "")),
    ] {
        let answer = zitadel.call_as(token, org, "POST", path, "{}");
        let (status, code, id) = expected;
        assert_eq!(refusal(&answer), (status, code, id.to_owned()), "{org:?} {path}");
    }
}

#[test]
fn reading_and_searching_in_the_wrong_organisation_differ() {
    let mut zitadel = Instance::new();
    let (app, others) = (zitadel.api(), zitadel.seed.others.clone());
    let (instance, foreign) = (others.instance_token.expose().to_owned(), Some(others.foreign_org_id.as_str()));
    let read = zitadel.call_as(&instance, foreign, "GET", &app_path(&app, ""), "");
    assert_eq!(refusal(&read), (404, 5, "MANAG-SFf2a".into()));
    let search = format!("/management/v1/projects/{}/apps/_search", app.project_id);
    let found = body(&zitadel.call_as(&instance, foreign, "POST", &search, "{}"));
    assert_eq!((found.get("result"), found["details"].get("totalResult")), (None, None));
    let changes = zitadel.call_as(&instance, foreign, "POST", &app_path(&app, "/changes/_search"), "");
    assert_eq!(body(&changes), json!({}));
    let secret = format!("/management/v1/users/{}/secret", zitadel.machine().user_id);
    assert_eq!(id(&zitadel.call_as(&instance, foreign, "PUT", &secret, "{}")), "MANAG-fpo4B");
    assert_eq!(id(&zitadel.call_as(&instance, foreign, "DELETE", &secret, "")), "COMMAND-x7s802");
}

#[test]
fn a_role_allows_what_the_vendor_gives_it() {
    let mut zitadel = Instance::new();
    let (app, others) = (zitadel.api(), zitadel.seed.others.clone());
    let viewer = others.viewer_token.expose().to_owned();
    assert_eq!(status(&zitadel.call_as(&viewer, None, "GET", &app_path(&app, ""), "")), 200);
    assert_eq!(id(&zitadel.call_as(&viewer, None, "POST", &app_path(&app, GENERATE), "{}")), "AUTH-5mWD2");
    assert_eq!(id(&zitadel.call_as(&viewer, None, "POST", "/management/v1/users/machine", "{}")), "AUTH-5mWD2");
    let project = others.project_token.expose().to_owned();
    assert_eq!(id(&zitadel.call_as(&project, None, "POST", &app_path(&app, GENERATE), "{}")), "AUTH-3jknH");
    let own = format!("/management/v1/projects/{}/apps/api", others.project_id);
    assert_eq!(status(&zitadel.call_as(&project, None, "POST", &own, r#"{"name": "x"}"#)), 200);
    assert_eq!(id(&zitadel.call_as(&project, None, "POST", "/management/v1/users/machine", "{}")), "AUTH-5mWD2");
}

#[test]
fn owning_the_organisation_does_not_allow_deleting_apps() {
    let mut zitadel = Instance::new();
    let (app, credentials) = (zitadel.api(), zitadel.seed.client_credentials.clone());
    let scope = "openid urn:zitadel:iam:org:project:id:zitadel:aud";
    let form = format!("grant_type=client_credentials&scope={}", super::encoded(scope));
    let client = (credentials.client_id.as_str(), credentials.client_secret.expose());
    let token = body(&zitadel.oauth("/oauth/v2/token", Some(client), &form))["access_token"].clone();
    let token = token.as_str().expect("a token");
    assert_eq!(status(&zitadel.call_as(token, None, "POST", &app_path(&app, GENERATE), "{}")), 200);
    assert_eq!(id(&zitadel.call_as(token, None, "DELETE", &app_path(&app, ""), "")), "AUTH-5mWD2");
}

#[test]
fn every_operation_has_a_route() {
    let zitadel = Instance::new().zitadel;
    let v1 = "/management/v1/projects/1/apps";
    let v2 = "/zitadel.application.v2.ApplicationService";
    let v2beta = "/zitadel.app.v2beta.AppService";
    let found: Vec<_> = [
        ("POST", format!("{v1}/api")),
        ("POST", format!("{v1}/oidc")),
        ("GET", format!("{v1}/2")),
        ("POST", format!("{v1}/_search")),
        ("POST", format!("{v1}/2/changes/_search?query.limit=1")),
        ("PUT", format!("{v1}/2")),
        ("PUT", format!("{v1}/2/api_config")),
        ("PUT", format!("{v1}/2/oidc_config")),
        ("POST", format!("{v1}/2{GENERATE}")),
        ("POST", format!("{v1}/2/oidc_config/_generate_client_secret")),
        ("POST", format!("{v1}/2/_deactivate")),
        ("POST", format!("{v1}/2/_reactivate")),
        ("DELETE", format!("{v1}/2")),
        ("POST", "/management/v1/users/machine".to_owned()),
        ("GET", "/management/v1/users/3".to_owned()),
        ("POST", "/management/v1/users/_search".to_owned()),
        ("PUT", "/management/v1/users/3/machine".to_owned()),
        ("DELETE", "/management/v1/users/3".to_owned()),
        ("PUT", "/management/v1/users/3/secret".to_owned()),
        ("DELETE", "/management/v1/users/3/secret".to_owned()),
        ("POST", "/management/v1/users/3/keys/_search".to_owned()),
        ("POST", format!("{v2}/GenerateClientSecret")),
        ("POST", format!("{v2}/CreateApplication")),
        ("POST", format!("{v2}/GetApplication")),
        ("POST", format!("{v2}/ListApplications")),
        ("POST", format!("{v2}/UpdateApplication")),
        ("POST", format!("{v2}/DeactivateApplication")),
        ("POST", format!("{v2}/ReactivateApplication")),
        ("POST", format!("{v2}/DeleteApplication")),
        ("POST", format!("{v2beta}/RegenerateClientSecret")),
        ("POST", format!("{v2beta}/CreateApplication")),
        ("POST", format!("{v2beta}/GetApplication")),
        ("POST", format!("{v2beta}/ListApplications")),
        ("POST", format!("{v2beta}/UpdateApplication")),
        ("POST", format!("{v2beta}/DeactivateApplication")),
        ("POST", format!("{v2beta}/ReactivateApplication")),
        ("POST", format!("{v2beta}/DeleteApplication")),
        ("POST", "/zitadel.user.v2.UserService/AddSecret".to_owned()),
        ("POST", "/v2/users/3/secret".to_owned()),
        ("POST", "/zitadel.user.v2.UserService/RemoveSecret".to_owned()),
        ("DELETE", "/v2/users/3/secret".to_owned()),
        ("GET", "/.well-known/openid-configuration".to_owned()),
        ("GET", "/oauth/v2/keys".to_owned()),
        ("POST", "/oauth/v2/token".to_owned()),
        ("POST", "/oauth/v2/introspect".to_owned()),
    ]
    .into_iter()
    .filter_map(|(method, path)| zitadel.operation(&request(method, &path, &[], "")))
    .fold(Vec::new(), |mut seen, operation| {
        if seen.last() != Some(&operation) {
            seen.push(operation);
        }
        seen
    });
    assert_eq!(found, zitadel.operations());
    assert_eq!(zitadel.vendor(), "zitadel");
}
