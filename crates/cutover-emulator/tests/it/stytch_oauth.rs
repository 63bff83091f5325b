//! Tokens, introspection and keys.

use cutover_emulator::canary;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use crate::support::{Answer, Project, basic, path};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn token_path(project: &Project) -> String {
    format!("/v1/public/{}/oauth2/token", project.id())
}

fn token(project: &Project, fields: &str) -> Answer {
    project.send("POST", &token_path(project), &[FORM], fields)
}

#[test]
fn an_access_token_is_signed_with_the_published_key_and_has_the_documented_claims() {
    let project = Project::new();
    let client = project.m2m();
    let answer = project.present(&client, &client.secret);
    assert_eq!((&answer.body["token_type"], &answer.body["expires_in"]), (&json!("bearer"), &json!(3600)));
    let token = answer.body["access_token"].as_str().expect("a token");
    assert!(canary::is_in(token), "a token carries a mark");
    assert_eq!(canary::count_in(token.as_bytes()), 1);

    let keys = project.send("GET", &format!("/v1/sessions/jwks/{}", project.id()), &[], "");
    let b2b = project.send("GET", &format!("/v1/b2b/sessions/jwks/{}", project.id()), &[], "");
    let key = &keys.body["keys"][0];
    assert_eq!(key, &b2b.body["keys"][0]);
    let header = jsonwebtoken::decode_header(token).expect("a header");
    assert_eq!((header.typ.as_deref(), header.kid.as_deref()), (Some("JWT"), key["kid"].as_str()));

    let part = |name: &str| key[name].as_str().expect("a part of the key");
    let key = DecodingKey::from_rsa_components(part("n"), part("e")).expect("a key");
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    validation.set_audience(&[project.id()]);
    validation.set_issuer(&[format!("stytch.com/{}", project.id())]);
    let claims = jsonwebtoken::decode::<Value>(token, &key, &validation).expect("valid").claims;
    assert_eq!(claims["sub"], client.id);
    assert_eq!(claims["scope"], "read:reports write:reports");
    assert_eq!(claims["iat"], project.emulator.now().as_second());
    assert_eq!((&claims["nbf"], &claims["exp"]), (&claims["iat"], &json!(3600)));
}

#[test]
fn scopes_can_be_narrowed_and_not_widened() {
    let project = Project::new();
    let client = project.m2m();
    let with = |scope: &str| {
        let (id, secret) = (&client.id, &client.secret);
        let grant = "grant_type=client_credentials";
        token(&project, &format!("{grant}&client_id={id}&client_secret={secret}&scope={scope}"))
    };
    assert_eq!(with("read:reports").status, 200);
    let refused = with("read:reports+admin");
    assert_eq!((refused.status, refused.error()), (400, "invalid_scope"));
}

#[test]
fn a_refused_secret_speaks_the_oauth_dialect() {
    let project = Project::new();
    for client in project.clients() {
        let answer = project.present(&client, "wrong");
        assert_eq!((answer.status, answer.error()), (400, "invalid_client"));
        for name in ["error_description", "error_uri"] {
            assert!(answer.body[name].is_string());
        }
        assert!(answer.body.get("error_type").is_none());
    }
}

#[test]
fn the_grant_type_is_looked_at_first() {
    let project = Project::new();
    let missing = token(&project, "client_id=x");
    assert_eq!((missing.status, missing.error()), (400, "invalid_request"));
    let other = token(&project, "grant_type=password&client_id=x");
    assert_eq!((other.status, other.error()), (400, "unsupported_grant_type"));
    let nobody = token(&project, "grant_type=client_credentials");
    assert_eq!((nobody.status, nobody.error()), (400, "invalid_client"));
}

#[test]
fn a_made_up_code_tells_a_good_secret_of_a_connected_app_from_a_bad_one() {
    let project = Project::new();
    let app = project.app();
    let with = |grant: &str, secret: &str| {
        let body = format!("grant_type={grant}&client_id={}&client_secret={secret}", app.id);
        token(&project, &body).error().to_owned()
    };
    assert_eq!(with("authorization_code&code=x", &app.secret), "invalid_grant");
    assert_eq!(with("authorization_code&code=x", "wrong"), "invalid_client");
    assert_eq!(with("refresh_token&refresh_token=x", &app.secret), "invalid_grant");
    assert_eq!(with("authorization_code", &app.secret), "invalid_request");
    assert_eq!(with("client_credentials", &app.secret), "unauthorized_client");
    let client = project.m2m();
    let body = "grant_type=authorization_code&code=x";
    let body = format!("{body}&client_id={}&client_secret={}", client.id, client.secret);
    assert_eq!(token(&project, &body).error(), "unauthorized_client");
}

#[test]
fn introspection_takes_forms_only_and_needs_a_token() {
    let project = Project::new();
    let app = project.app();
    let path = format!("/v1/public/{}/oauth2/introspect", project.id());
    let answer = project.present(&app, &app.secret);
    assert_eq!((answer.status, &answer.body["active"]), (200, &json!(false)));
    let pair = format!("client_id={}&client_secret={}", app.id, app.secret);
    let no_token = project.send("POST", &path, &[FORM], &pair);
    assert_eq!((no_token.status, no_token.error()), (400, "invalid_request"));
    let json = project.send("POST", &path, &[("content-type", "application/json")], "{}");
    assert_eq!((json.status, json.error()), (400, "invalid_request"));
    let m2m = project.m2m();
    let body = format!("token=x&client_id={}&client_secret={}", m2m.id, m2m.secret);
    assert_eq!(project.send("POST", &path, &[FORM], &body).error(), "invalid_client");
}

#[test]
fn an_inactive_client_gets_no_token_until_it_is_active_again() {
    let project = Project::new();
    let client = project.m2m();
    project.call("PUT", &path(&client, ""), r#"{"status":"inactive"}"#);
    assert_eq!(project.present(&client, &client.secret).error(), "invalid_client");
    project.call("PUT", &path(&client, ""), r#"{"status":"active"}"#);
    assert_eq!(project.present(&client, &client.secret).status, 200);
}

#[test]
fn basic_credentials_count_only_when_the_body_names_no_client() {
    let project = Project::new();
    let (client, path) = (project.m2m(), token_path(&project));
    let own = basic(&client.id, &client.secret);
    let wrong = basic(&client.id, "wrong");
    let grant = "grant_type=client_credentials";
    let good = format!("{grant}&client_id={}&client_secret={}", client.id, client.secret);
    let send =
        |authorization: &str, body: &str| project.send("POST", &path, &[FORM, ("authorization", authorization)], body);
    assert_eq!(send(&own, grant).status, 200);
    assert_eq!(send(&wrong, grant).status, 401);
    assert_eq!(send(&wrong, &good).status, 200);
    assert_eq!(send(&project.authorization(), &good).status, 200);
    let encoded = basic(&client.id.replace('-', "%2D"), &client.secret.replace('-', "%2D"));
    assert_eq!(send(&encoded, grant).status, 200);
}

#[test]
fn another_project_knows_no_client_of_this_one() {
    let project = Project::new();
    let client = project.m2m();
    let body = "grant_type=client_credentials";
    let body = format!("{body}&client_id={}&client_secret={}", client.id, client.secret);
    let answer = project.send("POST", "/v1/public/project-test-other/oauth2/token", &[FORM], &body);
    assert_eq!(answer.error(), "invalid_client");
    assert_eq!(project.send("POST", "/v1/oauth2/token", &[FORM], &body).status, 200);
}
