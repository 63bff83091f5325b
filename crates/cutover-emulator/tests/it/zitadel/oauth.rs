//! Discovery, introspection and tokens.

use cutover_emulator::canary;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::{HOST, Instance, app_path, body, encoded, id, oauth_error, status};
use crate::support::request;

const API_SCOPE: &str = "openid urn:zitadel:iam:org:project:id:zitadel:aud";

#[test]
fn discovery_names_absolute_addresses_of_the_host_that_was_asked() {
    let mut zitadel = Instance::new();
    let path = "/.well-known/openid-configuration";
    let found = body(&zitadel.send(&request("GET", path, &[("host", "localhost:4711")], "")));
    assert_eq!(found["issuer"], "http://localhost:4711");
    assert_eq!(found["token_endpoint"], "http://localhost:4711/oauth/v2/token");
    assert_eq!(found["introspection_endpoint"], "http://localhost:4711/oauth/v2/introspect");
    assert_eq!(found["jwks_uri"], "http://localhost:4711/oauth/v2/keys");
    let keys = body(&zitadel.send(&request("GET", "/oauth/v2/keys", &[HOST], "")));
    assert_eq!(keys["keys"][0]["kty"], "RSA");
    let hostless = zitadel.send(&request("GET", path, &[], ""));
    assert_eq!((status(&hostless), id(&hostless)), (404, String::new()));
    assert!(body(&hostless)["message"].as_str().is_some_and(|text| text.starts_with("unable to set instance")));
}

#[test]
fn introspection_accepts_any_token_with_the_right_secret() {
    let mut zitadel = Instance::new();
    for app in [zitadel.api(), zitadel.oidc()] {
        let answer = zitadel.introspect(&app.client_id, app.client_secret.expose());
        assert_eq!((status(&answer), body(&answer)), (200, json!({"active": false})));
        let form = format!("token=x&client_id={}&client_secret={}", app.client_id, app.client_secret.expose());
        assert_eq!(status(&zitadel.oauth("/oauth/v2/introspect", None, &form)), 200);
    }
}

#[test]
fn introspection_refuses_in_the_vendors_words() {
    let mut zitadel = Instance::new();
    let app = zitadel.api();
    let client = app.client_id.as_str();
    let right = app.client_secret.expose();
    let unauthorized = ("unauthorized_client", "");
    for (credentials, form, expected) in [
        (Some((client, "wrong")), "token=x", unauthorized),
        (Some(("390000000000000000", right)), "token=x", unauthorized),
        (Some((client, "")), "token=x", ("invalid_client", "client must be authenticated")),
        (None, "token=x", ("invalid_request", "client_id or client_assertion must be provided")),
        (Some((client, "wrong")), "", ("invalid_request", "token missing")),
        (Some((client, right)), "token=", ("invalid_request", "token missing")),
    ] {
        let answer = zitadel.oauth("/oauth/v2/introspect", credentials, form);
        let (error, description) = oauth_error(&answer);
        assert_eq!((status(&answer), error.as_str(), description.as_str()), (400, expected.0, expected.1));
    }
    let assertion = zitadel.oauth("/oauth/v2/introspect", None, "token=x&client_assertion=unreadable");
    assert_eq!(body(&assertion), json!({"active": false}));
    // An app whose method never made a secret has none to be right.
    let path = format!("/management/v1/projects/{}/apps/api", app.project_id);
    let made = zitadel.call("POST", &path, r#"{"name": "Key", "authMethodType": 1}"#);
    let keyed = body(&made)["clientId"].as_str().expect("an id").to_owned();
    assert_eq!(oauth_error(&zitadel.introspect(&keyed, "anything")).0, "unauthorized_client");
    let machine = zitadel.machine();
    let answer = zitadel.introspect(&machine.client_id, machine.client_secret.expose());
    assert_eq!(oauth_error(&answer).0, "unauthorized_client", "a machine user cannot introspect");
}

#[test]
fn a_token_is_active_for_the_apps_in_its_audience() {
    let mut zitadel = Instance::new();
    let (app, machine) = (zitadel.api(), zitadel.machine());
    let project = format!("openid urn:zitadel:iam:org:project:id:{}:aud", app.project_id);
    let mut active = |scope: &str| {
        let form = format!("grant_type=client_credentials&scope={}", encoded(scope));
        let client = (machine.client_id.as_str(), machine.client_secret.expose());
        let token = body(&zitadel.oauth("/oauth/v2/token", Some(client), &form))["access_token"].clone();
        let form = format!("token={}", token.as_str().expect("a token"));
        let client = (app.client_id.as_str(), app.client_secret.expose());
        body(&zitadel.oauth("/oauth/v2/introspect", Some(client), &form))
    };
    assert_eq!(active("openid"), json!({"active": false}));
    let claims = active(&project);
    assert_eq!((&claims["active"], &claims["username"]), (&json!(true), &json!(machine.client_id)));
    assert_eq!(claims["exp"], json!(1_780_000_000 + 43_199));
    let form = format!("token={}", zitadel.token());
    let client = (app.client_id.as_str(), app.client_secret.expose());
    let personal = body(&zitadel.oauth("/oauth/v2/introspect", Some(client), &form));
    assert_eq!(personal["active"], true, "a personal access token is accepted for any app");
}

#[test]
fn an_oidc_apps_secret_can_be_probed_with_a_code_that_does_not_exist() {
    let mut zitadel = Instance::new();
    let app = zitadel.oidc();
    let (client, right) = (app.client_id.clone(), app.client_secret.expose().to_owned());
    let api = zitadel.api().client_id;
    for (client_id, secret, expected) in [
        (&client, right.as_str(), ("invalid_request", "Errors.User.Code.Invalid")),
        (&client, "wrong", ("invalid_client", "invalid secret")),
        (&client, "", ("invalid_client", "empty client secret")),
        (&api, right.as_str(), ("invalid_client", "no active client not found")),
        (&"1".to_owned(), right.as_str(), ("invalid_client", "no active client not found")),
    ] {
        let answer = zitadel.code_grant(client_id, secret);
        let (error, description) = oauth_error(&answer);
        assert_eq!((status(&answer), error.as_str(), description.as_str()), (400, expected.0, expected.1));
    }
    for (config, secret, expected) in [
        (
            json!({"grantTypes": [1]}),
            right.as_str(),
            ("unauthorized_client", "grant_type \"authorization_code\" not allowed"),
        ),
        (json!({"authMethodType": 2}), "ignored", ("invalid_request", "Errors.User.Code.Invalid")),
        (json!({"authMethodType": 3}), "ignored", ("invalid_client", "invalid assertion")),
    ] {
        assert_eq!(status(&zitadel.call("PUT", &app_path(&app, "/oidc_config"), &config.to_string())), 200);
        let (error, description) = oauth_error(&zitadel.code_grant(&client, secret));
        assert_eq!((error.as_str(), description.as_str()), expected, "{config}");
    }
    zitadel.call("POST", &app_path(&app, "/_deactivate"), "{}");
    assert_eq!(oauth_error(&zitadel.code_grant(&client, &right)).1, "no active client not found");
}

#[test]
fn the_token_endpoint_refuses_in_the_vendors_words() {
    let mut zitadel = Instance::new();
    let machine = zitadel.machine();
    let known = machine.client_id.as_str();
    for (credentials, form, expected) in [
        (None, "", ("invalid_request", "grant_type missing")),
        (None, "grant_type=password", ("unsupported_grant_type", "password not supported")),
        (None, "grant_type=client_credentials", ("invalid_request", "client_id or client_assertion must be provided")),
        (Some(("nobody", "x")), "grant_type=client_credentials", ("invalid_client", "client not found")),
        (Some(("human", "x")), "grant_type=client_credentials", ("invalid_client", "client not found")),
        (
            Some((known, "wrong")),
            "grant_type=client_credentials",
            ("invalid_request", "Errors.User.Machine.Secret.Invalid"),
        ),
        (None, "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer", ("invalid_request", "assertion missing")),
    ] {
        let answer = zitadel.oauth("/oauth/v2/token", credentials, form);
        let (error, description) = oauth_error(&answer);
        assert_eq!((status(&answer), error.as_str(), description.as_str()), (400, expected.0, expected.1), "{form}");
    }
}

#[test]
fn an_access_token_opens_the_api_for_twelve_hours_when_asked_for_it() {
    let mut zitadel = Instance::new();
    let (credentials, path) = (zitadel.seed.client_credentials.clone(), app_path(&zitadel.api(), ""));
    let client = (credentials.client_id.as_str(), credentials.client_secret.expose());
    let token = |zitadel: &mut Instance, scope: &str| {
        let form = format!("grant_type=client_credentials&scope={}", encoded(scope));
        let answer = body(&zitadel.oauth("/oauth/v2/token", Some(client), &form));
        assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("Bearer"), &json!(43_199)));
        answer["access_token"].as_str().expect("a token").to_owned()
    };
    let narrow = token(&mut zitadel, "openid");
    assert_eq!(id(&zitadel.call_as(&narrow, None, "GET", &path, "")), "AUTH-7fs1e");
    let wide = token(&mut zitadel, API_SCOPE);
    assert!(canary::is_in(&wide));
    assert_eq!(status(&zitadel.call_as(&wide, None, "GET", &path, "")), 200);
    zitadel.wait_secs(43_198);
    assert_eq!(status(&zitadel.call_as(&wide, None, "GET", &path, "")), 200);
    zitadel.wait_secs(1);
    assert_eq!(id(&zitadel.call_as(&wide, None, "GET", &path, "")), "AUTH-7fs1e");
}

/// The claims that a careful client signs.
fn claims(zitadel: &Instance) -> Value {
    let (user, now) = (&zitadel.seed.key_file.user_id, zitadel.now.as_second());
    json!({"iss": user, "sub": user, "aud": "http://127.0.0.1:8080", "iat": now - 5, "exp": now + 300})
}

fn signed(zitadel: &Instance, claims: &Value, algorithm: Algorithm, key_id: Option<&str>) -> String {
    let mut header = Header::new(algorithm);
    header.kid = key_id.map(str::to_owned);
    let key = match algorithm {
        Algorithm::HS256 => EncodingKey::from_secret(b"guess"),
        _ => EncodingKey::from_rsa_pem(zitadel.seed.key_file.key.expose().as_bytes()).expect("an RSA key"),
    };
    jsonwebtoken::encode(&header, claims, &key).expect("a JWT")
}

fn jwt_profile(zitadel: &mut Instance, assertion: &str) -> cutover_emulator::Response {
    let grant = encoded("urn:ietf:params:oauth:grant-type:jwt-bearer");
    let form = format!("grant_type={grant}&assertion={assertion}&scope={}", encoded(API_SCOPE));
    zitadel.oauth("/oauth/v2/token", None, &form)
}

#[test]
fn a_signed_assertion_gets_a_token_that_works() {
    let mut zitadel = Instance::new();
    let key_id = zitadel.seed.key_file.key_id.clone();
    let mut listed = claims(&zitadel);
    listed["aud"] = json!(["https://other.example", "http://127.0.0.1:8080"]);
    for claims in [claims(&zitadel), listed] {
        let assertion = signed(&zitadel, &claims, Algorithm::RS256, Some(&key_id));
        let answer = jwt_profile(&mut zitadel, &assertion);
        assert_eq!(status(&answer), 200, "{:?}", oauth_error(&answer));
        let token = body(&answer)["access_token"].as_str().expect("a token").to_owned();
        let path = app_path(&zitadel.api(), "");
        assert_eq!(status(&zitadel.call_as(&token, None, "GET", &path, "")), 200);
    }
}

#[test]
fn an_assertion_with_any_fault_is_refused() {
    let mut zitadel = Instance::new();
    let (key_id, now) = (zitadel.seed.key_file.key_id.clone(), zitadel.now.as_second());
    let right = claims(&zitadel);
    let altered = |name: &str, value: Value| {
        let mut claims = right.clone();
        claims[name] = value;
        claims
    };
    let mut without_iat = right.clone();
    without_iat.as_object_mut().expect("an object").remove("iat");
    let refused = [
        altered("aud", json!("http://127.0.0.1:8080/")),
        altered("aud", json!("https://127.0.0.1:8080")),
        altered("aud", json!([])),
        altered("iss", json!("someone-else")),
        altered("sub", json!("someone-else")),
        altered("exp", json!(now + 1)),
        altered("exp", json!(now - 1)),
        altered("iat", json!(now + 2)),
        altered("iat", json!(now - 3601)),
        without_iat,
    ];
    let mut assertions: Vec<String> =
        refused.iter().map(|claims| signed(&zitadel, claims, Algorithm::RS256, Some(&key_id))).collect();
    assertions.push(signed(&zitadel, &right, Algorithm::RS256, None));
    assertions.push(signed(&zitadel, &right, Algorithm::RS256, Some("1")));
    assertions.push(signed(&zitadel, &right, Algorithm::HS256, Some(&key_id)));
    assertions.push("not.a.jwt".to_owned());
    let good = signed(&zitadel, &right, Algorithm::RS256, Some(&key_id));
    let (unsigned, _) = good.rsplit_once('.').expect("three parts");
    assertions.push(format!("{unsigned}.{}", "A".repeat(342)));
    for assertion in assertions {
        let answer = jwt_profile(&mut zitadel, &assertion);
        let (error, description) = oauth_error(&answer);
        assert_eq!(
            (status(&answer), error.as_str(), description.as_str()),
            (400, "invalid_grant", "invalid assertion")
        );
    }
    assert_eq!(status(&jwt_profile(&mut zitadel, &good)), 200);
    zitadel.wait_secs(300);
    assert_eq!(status(&jwt_profile(&mut zitadel, &good)), 400, "the clock that counts is the caller's argument");
}

#[test]
fn basic_credentials_are_form_encoded_first() {
    let mut zitadel = Instance::new();
    let sent = r#"{"userName": "odd+name@shop%20one", "name": "Odd"}"#;
    let made = body(&zitadel.call("POST", "/management/v1/users/machine", sent));
    let path = format!("/v2/users/{}/secret", made["userId"].as_str().expect("an id"));
    let secret = super::secret(&zitadel.call("POST", &path, "{}"));
    assert_eq!(status(&zitadel.client_credentials("odd+name@shop%20one", &secret)), 200);
}
