//! The v2 services, as Connect JSON and REST.

use serde_json::{Value, json};

use super::{HOST, Instance, app_path, body, id, secret, status};
use crate::support::request;

fn named(app: &cutover_emulator::zitadel::AppTarget) -> Value {
    json!({"applicationId": app.app_id, "projectId": app.project_id})
}

#[test]
fn generating_needs_not_know_the_kind_of_app() {
    let mut zitadel = Instance::new();
    for app in [zitadel.api(), zitadel.oidc()] {
        let answer = zitadel.v2("GenerateClientSecret", &named(&app));
        assert_eq!(body(&answer)["creationDate"], "2026-05-28T20:26:40.250Z");
        assert!(!zitadel.accepts(&app, app.client_secret.expose()));
        assert!(zitadel.accepts(&app, &secret(&answer)));
    }
}

#[test]
fn both_surfaces_work_on_the_same_state() {
    let mut zitadel = Instance::new();
    let app = zitadel.api();
    let by_v2 = secret(&zitadel.v2("GenerateClientSecret", &named(&app)));
    let by_v1 = zitadel.generated(&app, "api");
    assert!(!zitadel.accepts(&app, &by_v2));
    assert!(zitadel.accepts(&app, &by_v1));
    let changes = body(&zitadel.call("POST", &app_path(&app, "/changes/_search?query.limit=2"), ""));
    for change in changes["result"].as_array().expect("changes") {
        assert_eq!(change["eventType"]["key"], "EventTypes.project.application.config.api.secret.changed");
    }
}

#[test]
fn an_application_is_made_read_listed_switched_off_and_deleted() {
    let mut zitadel = Instance::new();
    let project = zitadel.api().project_id;
    let made = body(&zitadel.v2(
        "CreateApplication",
        &json!({"projectId": project, "name": "New", "applicationId": "my-app", "apiConfiguration": {}}),
    ));
    assert_eq!(made["applicationId"], "my-app");
    let client_id = made["apiConfiguration"]["clientId"].as_str().expect("an id").to_owned();
    let first = made["apiConfiguration"]["clientSecret"].as_str().expect("a secret").to_owned();
    assert_eq!(status(&zitadel.introspect(&client_id, &first)), 200);
    let name = json!({"applicationId": "my-app", "projectId": project});
    let read = body(&zitadel.v2("GetApplication", &name))["application"].clone();
    assert_eq!((&read["name"], &read["state"]), (&json!("New"), &json!("APPLICATION_STATE_ACTIVE")));
    assert_eq!(read["apiConfiguration"], json!({"clientId": client_id}));
    let filter = json!({"filters": [{"projectIdFilter": {"projectId": project}}], "pagination": {"limit": 2}});
    let listed = body(&zitadel.v2("ListApplications", &filter));
    assert_eq!(listed["applications"].as_array().expect("apps").len(), 2);
    assert_eq!(listed["pagination"]["totalResult"], "3");
    for (method, date, known) in [
        ("DeactivateApplication", "deactivationDate", "COMMAND-dsh35"),
        ("ReactivateApplication", "reactivationDate", "COMMAND-1n8cM"),
        ("DeleteApplication", "deletionDate", "COMMAND-0po9s"),
    ] {
        assert!(body(&zitadel.v2(method, &name))[date].is_string(), "{method}");
        assert_eq!(id(&zitadel.v2(method, &name)), known);
    }
    assert_eq!(id(&zitadel.v2("GenerateClientSecret", &name)), "COMMAND-Kd92s");
    let again = json!({"projectId": project, "name": "New", "applicationId": "my-app", "apiConfiguration": {}});
    assert_eq!(id(&zitadel.v2("CreateApplication", &again)), "PROJECT-lxowmp");
}

#[test]
fn an_oidc_application_without_a_secret_shows_none() {
    let mut zitadel = Instance::new();
    let config = json!({"authMethodType": "OIDC_AUTH_METHOD_TYPE_NONE"});
    let sent = json!({"projectId": zitadel.api().project_id, "name": "Spa", "oidcConfiguration": config});
    let made = body(&zitadel.v2("CreateApplication", &sent));
    assert!(made["oidcConfiguration"]["clientId"].is_string());
    assert_eq!(made["oidcConfiguration"].get("clientSecret"), None);
}

#[test]
fn refusals_are_words_with_a_packed_detail() {
    let mut zitadel = Instance::new();
    let (app, others) = (zitadel.api(), zitadel.seed.others.clone());
    let unknown = json!({"applicationId": "1", "projectId": app.project_id});
    let misplaced = json!({"applicationId": app.app_id, "projectId": others.project_id});
    for (method, sent, status_of, word, known) in [
        ("GenerateClientSecret", &unknown, 404, "not_found", "COMMAND-Kd92s"),
        ("GenerateClientSecret", &misplaced, 404, "not_found", "COMMAND-Kd92s"),
        ("GenerateClientSecret", &json!({}), 400, "invalid_argument", ""),
        ("GenerateClientSecret", &json!({"applicationId": 1}), 400, "invalid_argument", ""),
        ("GenerateClientSecret", &json!([]), 400, "invalid_argument", ""),
        ("GetApplication", &unknown, 404, "not_found", "QUERY-pCP8P"),
        ("DeactivateApplication", &unknown, 404, "not_found", "COMMAND-ov9d3"),
        ("ReactivateApplication", &unknown, 404, "not_found", "COMMAND-ov9d3"),
        ("DeleteApplication", &unknown, 404, "not_found", "COMMAND-0po9s"),
        ("CreateApplication", &json!({"projectId": "1", "name": "x"}), 400, "invalid_argument", ""),
        (
            "CreateApplication",
            &json!({"projectId": "1", "name": "x", "apiConfiguration": {}}),
            400,
            "failed_precondition",
            "COMMAND-EbFMN",
        ),
    ] {
        let answer = zitadel.v2(method, sent);
        assert_eq!((status(&answer), id(&answer).as_str()), (status_of, known), "{method} {sent}");
        assert_eq!(body(&answer)["code"], word);
    }
}

#[test]
fn the_organisation_header_does_not_choose_the_app() {
    let mut zitadel = Instance::new();
    let others = zitadel.seed.others.clone();
    let path = "/zitadel.application.v2.ApplicationService/GenerateClientSecret";
    let foreign = Some(others.foreign_org_id.as_str());
    let (ours, theirs) = (named(&zitadel.api()).to_string(), named(&others.foreign_app).to_string());
    let tokens = [
        zitadel.token(),
        others.viewer_token.expose().to_owned(),
        others.project_token.expose().to_owned(),
        others.instance_token.expose().to_owned(),
    ];
    for (token, org, sent, known) in [
        (&tokens[0], foreign, &ours, ""),
        (&tokens[0], Some("1"), &ours, "AUTH-Bs7Ds"),
        (&tokens[0], None, &theirs, "AUTHZ-cdgFk"),
        (&tokens[1], None, &ours, "AUTH-AWfge"),
        (&tokens[2], None, &ours, "AUTH-Swrgg2"),
        (&tokens[3], None, &theirs, ""),
    ] {
        let answer = zitadel.call_as(token, org, "POST", path, sent);
        assert_eq!((status(&answer) == 200, id(&answer).as_str()), (known.is_empty(), known), "{org:?} {sent}");
    }
    let missing = zitadel.send(&request("POST", path, &[HOST, ("content-type", "application/json")], &ours));
    assert_eq!((status(&missing), &body(&missing)["code"]), (401, &json!("unauthenticated")));
    let typed = zitadel.send(&request("POST", path, &[HOST, ("content-type", "text/plain")], &ours));
    assert_eq!(status(&typed), 415);
}

#[test]
fn listing_shows_only_what_the_caller_may_read() {
    let mut zitadel = Instance::new();
    let others = zitadel.seed.others.clone();
    let path = "/zitadel.application.v2.ApplicationService/ListApplications";
    let mut total = |token: &str| {
        let answer = zitadel.call_as(token, None, "POST", path, "{}");
        body(&answer)["applications"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(total(others.instance_token.expose()), 3);
    assert_eq!(total(others.viewer_token.expose()), 2);
    assert_eq!(total(others.project_token.expose()), 0);
}

#[test]
fn a_user_secret_is_added_and_removed_over_both_surfaces() {
    let mut zitadel = Instance::new();
    let user = zitadel.machine();
    let (rest, sent) = (format!("/v2/users/{}/secret", user.user_id), json!({"userId": user.user_id}).to_string());
    let connect = |method: &str| format!("/zitadel.user.v2.UserService/{method}");
    let by_rest = zitadel.call("POST", &rest, "{}");
    assert_eq!(body(&by_rest).get("clientId"), None);
    let by_connect = zitadel.call("POST", &connect("AddSecret"), &sent);
    assert!(body(&by_connect)["creationDate"].is_string());
    assert!(!zitadel.accepts_machine(&user, &secret(&by_rest)));
    assert!(zitadel.accepts_machine(&user, &secret(&by_connect)));
    assert!(body(&zitadel.call("DELETE", &rest, ""))["deletionDate"].is_string());
    assert_eq!(id(&zitadel.call("DELETE", &rest, "")), "COMMAND-coi82n");
    assert_eq!(id(&zitadel.call("POST", &connect("RemoveSecret"), &sent)), "COMMAND-coi82n");
    let human = json!({"userId": zitadel.seed.others.human_user_id}).to_string();
    for (method, sent, known) in [
        ("AddSecret", &human, "COMMAND-x8910n"),
        ("RemoveSecret", &human, "COMMAND-x7s802"),
        ("AddSecret", &"{\"userId\": \"1\"}".to_owned(), "COMMAND-x8910n"),
        ("AddSecret", &"{}".to_owned(), ""),
    ] {
        let answer = zitadel.call("POST", &connect(method), sent);
        assert_eq!((status(&answer), id(&answer).as_str()), (400, known), "{method} {sent}");
    }
    assert_eq!(body(&zitadel.call("POST", "/v2/users/1/secret", "{}"))["code"], 9, "the gateway's encoding");
}

#[test]
fn a_service_account_may_rotate_itself_without_any_role() {
    let mut zitadel = Instance::new();
    let user = zitadel.machine();
    let scope = super::encoded("openid urn:zitadel:iam:org:project:id:zitadel:aud");
    let form = format!("grant_type=client_credentials&scope={scope}");
    let client = (user.client_id.as_str(), user.client_secret.expose());
    let token = body(&zitadel.oauth("/oauth/v2/token", Some(client), &form))["access_token"].clone();
    let token = token.as_str().expect("a token").to_owned();
    let own = format!("/v2/users/{}/secret", user.user_id);
    let answer = zitadel.call_as(&token, None, "POST", &own, "{}");
    assert!(zitadel.accepts_machine(&user, &secret(&answer)));
    // Its token outlives the secret it was got with.
    assert_eq!(status(&zitadel.call_as(&token, None, "POST", &own, "{}")), 200);
    let other = format!("/v2/users/{}/secret", zitadel.seed.key_file.user_id);
    assert_eq!(id(&zitadel.call_as(&token, None, "POST", &other, "{}")), "AUTHZ-cdgFk");
}
