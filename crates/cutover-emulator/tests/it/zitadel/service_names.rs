//! What the official clients' generated messages call things: v2 and v2beta differ, and both differ from v1.

use serde_json::{Value, json};

use super::{Instance, body, id, secret, status};

fn native() -> Value {
    json!({"applicationType": "OIDC_APP_TYPE_NATIVE", "developmentMode": true, "redirectUris": ["app://back"]})
}

#[test]
fn v2_has_its_own_names_for_the_type_of_an_oidc_app_and_for_development() {
    let mut zitadel = Instance::new();
    let project = zitadel.api().project_id;
    let sent = json!({"projectId": project, "name": "Phone", "oidcConfiguration": native()});
    let made = body(&zitadel.v2("CreateApplication", &sent))["applicationId"].clone();
    let read = body(&zitadel.v2("GetApplication", &json!({"applicationId": made})));
    let config = &read["application"]["oidcConfiguration"];
    assert_eq!(config["applicationType"], "OIDC_APP_TYPE_NATIVE");
    assert_eq!(config["developmentMode"], true);
    assert_eq!((config.get("appType"), config.get("devMode")), (None, None));
    let v1 = format!("/management/v1/projects/{project}/apps/{}", made.as_str().expect("an id"));
    let by_v1 = body(&zitadel.call("GET", &v1, ""))["app"]["oidcConfig"].clone();
    assert_eq!((&by_v1["appType"], &by_v1["devMode"]), (&json!("OIDC_APP_TYPE_NATIVE"), &json!(true)));
}

#[test]
fn an_update_takes_a_name_a_configuration_or_both() {
    let mut zitadel = Instance::new();
    let app = zitadel.api();
    let named = |more: Value| {
        let mut sent = json!({"applicationId": app.app_id, "projectId": app.project_id});
        sent.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        sent
    };
    let changed = body(&zitadel.v2("UpdateApplication", &named(json!({"name": " Other "}))));
    assert_eq!(changed["changeDate"], "2026-05-28T20:26:40.250Z");
    let key = json!({"apiConfiguration": {"authMethodType": "API_AUTH_METHOD_TYPE_PRIVATE_KEY_JWT"}});
    assert_eq!(status(&zitadel.v2("UpdateApplication", &named(key.clone()))), 200);
    let read = body(&zitadel.v2("GetApplication", &named(json!({}))))["application"].clone();
    assert_eq!(read["name"], "Other");
    assert_eq!(read["apiConfiguration"]["authMethodType"], "API_AUTH_METHOD_TYPE_PRIVATE_KEY_JWT");
    let nothing = body(&zitadel.v2("UpdateApplication", &named(json!({}))));
    assert_eq!(nothing["changeDate"], "0001-01-01T00:00:00Z", "the zero time of the vendor's language");
    let unknown = json!({"applicationId": "1", "projectId": app.project_id, "name": "x"});
    for (sent, known) in [
        (named(json!({"name": "Other"})), "COMMAND-2m8vx"),
        (named(key), "COMMAND-1m88i"),
        (named(json!({"oidcConfiguration": {}})), "COMMAND-GBr34"),
        (unknown, "COMMAND-28di9"),
        (json!({"applicationId": "1", "projectId": "1", "apiConfiguration": {}}), "COMMAND-2n8uU"),
        (named(json!({"oidcConfiguration": {}, "apiConfiguration": {}})), ""),
        (json!({"applicationId": app.app_id, "name": "x"}), ""),
    ] {
        let answer = zitadel.v2("UpdateApplication", &sent);
        assert_ne!(status(&answer), 200, "{sent}");
        assert_eq!(id(&answer), known, "{sent}");
    }
}

#[test]
fn what_an_update_of_an_oidc_app_does_not_name_stays_but_for_its_grants() {
    let mut zitadel = Instance::new();
    let project = zitadel.api().project_id;
    let mut config = native();
    config["grantTypes"] = json!(["OIDC_GRANT_TYPE_REFRESH_TOKEN"]);
    config["authMethodType"] = json!("OIDC_AUTH_METHOD_TYPE_POST");
    let sent = json!({"projectId": project, "name": "Phone", "oidcConfiguration": config});
    let made = body(&zitadel.v2("CreateApplication", &sent))["applicationId"].clone();
    let sent = json!({
        "applicationId": made, "projectId": project, "oidcConfiguration": {"redirectUris": ["app://elsewhere"]},
    });
    assert_eq!(status(&zitadel.v2("UpdateApplication", &sent)), 200);
    let read = body(&zitadel.v2("GetApplication", &json!({"applicationId": made})));
    let config = &read["application"]["oidcConfiguration"];
    assert_eq!(config["redirectUris"], json!(["app://elsewhere"]));
    assert_eq!(config["applicationType"], "OIDC_APP_TYPE_NATIVE");
    assert_eq!(config["authMethodType"], "OIDC_AUTH_METHOD_TYPE_POST");
    assert_eq!(config["grantTypes"], json!(["OIDC_GRANT_TYPE_AUTHORIZATION_CODE"]));
}

#[test]
fn v2beta_does_the_same_under_the_names_of_its_own_messages() {
    let mut zitadel = Instance::new();
    let project = zitadel.api().project_id;
    let sent = json!({"projectId": project, "id": "beta-app", "name": "Beta", "apiRequest": {}});
    let made = body(&zitadel.v2beta("CreateApplication", &sent));
    assert_eq!(made["appId"], "beta-app");
    let client_id = made["apiResponse"]["clientId"].as_str().expect("an id").to_owned();
    let first = made["apiResponse"]["clientSecret"].as_str().expect("a secret").to_owned();
    let named = json!({"projectId": project, "id": "beta-app"});
    let read = body(&zitadel.v2beta("GetApplication", &named))["app"].clone();
    assert_eq!(
        (&read["id"], &read["name"], &read["state"]),
        (&json!("beta-app"), &json!("Beta"), &json!("APP_STATE_ACTIVE"))
    );
    assert_eq!(read["apiConfig"], json!({"clientId": client_id}));
    assert!(read["creationDate"].is_string() && read["changeDate"].is_string() && read.get("details").is_none());

    let filter = json!({"projectId": project, "filters": [{"nameFilter": {"name": "Bet", "method": "TEXT_FILTER_METHOD_STARTS_WITH"}}]});
    let listed = body(&zitadel.v2beta("ListApplications", &filter));
    assert_eq!(listed["applications"].as_array().map(Vec::len), Some(1));
    assert_eq!(status(&zitadel.v2beta("ListApplications", &json!({}))), 400);

    let target = |more: &str| json!({"projectId": project, "applicationId": "beta-app", more: true});
    let second = secret(&zitadel.v2beta("RegenerateClientSecret", &target("isApi")));
    assert_eq!(status(&zitadel.introspect(&client_id, &first)), 400);
    assert_eq!(status(&zitadel.introspect(&client_id, &second)), 200);
    assert_eq!(id(&zitadel.v2beta("RegenerateClientSecret", &target("isOidc"))), "COMMAND-Ghrh3");
    assert_eq!(id(&zitadel.v2beta("RegenerateClientSecret", &target("isSaml"))), "APP-aLWIzw");

    let renamed = json!({"projectId": project, "id": "beta-app", "name": "Gamma", "apiConfigurationRequest": {}});
    assert_eq!(id(&zitadel.v2beta("UpdateApplication", &renamed)), "COMMAND-1m88i");
    for method in ["DeactivateApplication", "ReactivateApplication", "DeleteApplication"] {
        assert_eq!(status(&zitadel.v2beta(method, &named)), 200, "{method}");
    }
    assert_eq!(id(&zitadel.v2beta("RegenerateClientSecret", &target("isApi"))), "COMMAND-2g66f");
    assert_eq!(status(&zitadel.v2beta("GenerateClientSecret", &named)), 404, "a name of v2 only");
    let mut old = Instance::with("server_version", "v3");
    assert_eq!(status(&old.v2beta("GetApplication", &named)), 404);
}

#[test]
fn an_answer_is_compact_when_that_is_chosen() {
    let mut zitadel = Instance::with("whitespace", "compact");
    let app = zitadel.api();
    let answer = zitadel.v2("GenerateClientSecret", &json!({"applicationId": app.app_id, "projectId": app.project_id}));
    assert_eq!(answer.body().as_ref(), body(&answer).to_string().as_bytes());
}
