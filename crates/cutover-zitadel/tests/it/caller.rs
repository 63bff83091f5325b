//! How the caller gets its access tokens.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cutover_core::{Attempt, ClientSecret, Clock as _, Effect, Refusal, RotateError, SecretRotator as _};
use cutover_zitadel::{API, AppId, Caller, Client, ConfigError, KeyFile, ProjectId, Rotator};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::support::{BASE, Say, Seen, Vendor, app_target, discovery, oauth_error, ok, refuse};

const KEY: &str = include_str!("keys/test-only.pem");
const KEY_AS_PKCS8: &str = include_str!("keys/test-only.pkcs8.pem");
const PUBLIC_KEY: &str = include_str!("keys/test-only.pub.pem");

pub(crate) fn by_secret() -> Caller {
    Caller::ClientCredentials { client_id: "robot@acme".into(), secret: ClientSecret::new("s +1").into() }
}

fn key_file(key: &str) -> Value {
    json!({"type": "serviceaccount", "keyId": "k-1", "key": key, "expirationDate": "9999-12-31T23:59:59Z", "userId": "u-9"})
}

fn by_key() -> Caller {
    Caller::KeyFile(KeyFile::parse(key_file(KEY).to_string().as_bytes()).expect("a key file"))
}

/// A vendor that numbers its tokens, each good for `lifetime`, and takes `accepts` alone where it is given.
pub(crate) fn issuing(lifetime: Value, accepts: Option<&'static str>) -> Vendor {
    let made = AtomicU32::new(0);
    Vendor::new(move |seen| match path(seen) {
        "/.well-known/openid-configuration" => discovery(),
        "/oauth/v2/token" => {
            let number = made.fetch_add(1, Ordering::Relaxed) + 1;
            ok(&json!({"access_token": format!("token-{number}"), "token_type": "Bearer", "expires_in": lifetime}))
        }
        _ if accepts.is_some_and(|token| seen.header("authorization") != Some(&format!("Bearer {token}"))) => {
            refuse(401, "AUTH-7fs1e")
        }
        _ => ok(&json!({"app": {"id": "a-1"}, "clientSecret": "made"})),
    })
}

pub(crate) fn path(seen: &Seen) -> &str {
    seen.line.split(' ').nth(1).expect("a path")
}

pub(crate) async fn look(client: &Client) -> Result<(), RotateError> {
    client.apps().get(&ProjectId::new("p-1"), &AppId::new("a-1")).await.map(drop)
}

/// The tokens that calls were made with, in order.
pub(crate) fn tokens(vendor: &Vendor) -> Vec<String> {
    let seen = vendor.seen();
    let calls = seen.iter().filter(|seen| path(seen).starts_with("/management"));
    calls.map(|seen| seen.header("authorization").expect("one")["Bearer ".len()..].to_owned()).collect()
}

fn form(seen: &Seen) -> Vec<(String, String)> {
    form_urlencoded::parse(seen.body.as_bytes()).into_owned().collect()
}

const SCOPE: &str = "openid urn:zitadel:iam:org:project:id:zitadel:aud";

#[tokio::test]
async fn client_credentials_are_form_encoded_and_exchanged_once() {
    let vendor = issuing(json!(43_199), None);
    let client = Client::new(vendor.config(by_secret()).organisation("o-1")).expect("a client");
    look(&client).await.expect("accepted");
    look(&client.clone()).await.expect("accepted");
    let seen = vendor.seen();
    let of = "/management/v1/projects/p-1/apps/a-1";
    assert_eq!(
        vendor.lines(),
        [
            "GET /.well-known/openid-configuration".to_owned(),
            "POST /oauth/v2/token".to_owned(),
            format!("GET {of}"),
            format!("GET {of}"),
        ]
    );
    // `robot%40acme:s+%2B1`
    assert_eq!(seen[1].header("authorization"), Some("Basic cm9ib3QlNDBhY21lOnMrJTJCMQ=="));
    assert_eq!(seen[1].header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(
        form(&seen[1]),
        [("grant_type".into(), "client_credentials".into()), ("scope".into(), SCOPE.to_owned())]
    );
    assert_eq!(seen[1].header("x-zitadel-orgid"), None);
    assert_eq!(seen[0].header("authorization"), None);
    assert_eq!(tokens(&vendor), ["token-1", "token-1"]);
}

#[tokio::test]
async fn a_kept_token_that_was_ended_early_is_replaced_once() {
    let vendor = issuing(json!(43_199), Some("token-2"));
    let client = Client::new(vendor.config(by_secret())).expect("a client");
    // The first was fetched for this very call: a second one would be refused as well.
    assert_eq!(look(&client).await.expect_err("refused").code(), Some("AUTH-7fs1e"));
    look(&client).await.expect("accepted");
    assert_eq!(tokens(&vendor), ["token-1", "token-1", "token-2"]);
    let vendor = issuing(json!(43_199), Some("none of them"));
    let client = Client::new(vendor.config(by_secret())).expect("a client");
    look(&client).await.expect_err("refused");
    look(&client).await.expect_err("refused");
    assert_eq!(tokens(&vendor), ["token-1", "token-1", "token-2"]);
}

#[tokio::test]
async fn a_personal_access_token_is_sent_once_and_never_exchanged() {
    let vendor = issuing(json!(1), Some("none of them"));
    look(&vendor.client()).await.expect_err("refused");
    assert_eq!(vendor.seen().len(), 1);
}

#[tokio::test]
async fn an_issue_without_a_token_was_not_sent() {
    type Says = fn() -> Say;
    let answers: [(Says, Option<Refusal>, bool); 5] = [
        (|| Say::Nothing, None, true),
        (|| Say::Answer(503, String::new()), None, true),
        (|| Say::Cut(200, r#"{"access_token":"tok"#.into()), None, false),
        (|| Say::Answer(200, "<html>".into()), None, false),
        (|| oauth_error(400, "invalid_client", "client not found"), Some(Refusal::Credentials), false),
    ];
    for (answer, refusal, transient) in answers {
        let vendor = Vendor::new(move |seen| if path(seen).starts_with("/.well") { discovery() } else { answer() });
        let rotator = Rotator::api_apps(Client::new(vendor.config(by_secret())).expect("a client"));
        let target = app_target(API);
        let attempt = Attempt::new(target.id().clone(), vendor.clock.now());
        let error = rotator.issue(&target, &attempt).await.expect_err("no token");
        assert_eq!((error.effect(), error.refusal()), (Effect::NotApplied, refusal), "{error:?}");
        assert_eq!(error.is_transient(), transient, "{error:?}");
        assert!(!vendor.lines().iter().any(|line| line.contains("generate")));
        assert!(!format!("{error:?}").contains("\"tok"), "{error:?}");
    }
}

#[tokio::test]
async fn an_assertion_is_signed_for_the_issuer_as_the_verifier_wants_it() {
    let vendor = issuing(json!(43_199), None);
    let client = Client::new(vendor.config(by_key())).expect("a client");
    look(&client).await.expect("accepted");
    let seen = &vendor.seen()[1];
    assert_eq!((seen.line.as_str(), seen.header("authorization")), ("POST /oauth/v2/token", None));
    let form = form(seen);
    assert_eq!(form[0], ("grant_type".into(), "urn:ietf:params:oauth:grant-type:jwt-bearer".into()));
    assert_eq!((form[1].0.as_str(), form[2].clone()), ("assertion", ("scope".into(), SCOPE.into())));
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false; // by the machine's clock, which is not the test's
    validation.set_audience(&[BASE]);
    let key = DecodingKey::from_rsa_pem(PUBLIC_KEY.as_bytes()).expect("a public key");
    let token = jsonwebtoken::decode::<Value>(&form[1].1, &key, &validation).expect("signed by the key");
    assert_eq!((token.header.alg, token.header.kid.as_deref()), (Algorithm::RS256, Some("k-1")));
    let now = vendor.clock.now().as_second();
    assert_eq!(token.claims, json!({"iss": "u-9", "sub": "u-9", "aud": BASE, "iat": now - 10, "exp": now + 300}));
}

#[tokio::test]
async fn a_new_assertion_is_made_for_each_token() {
    let vendor = issuing(json!(3600), None);
    let client = Client::new(vendor.config(by_key())).expect("a client");
    look(&client).await.expect("accepted");
    vendor.clock.advance(Duration::from_secs(3600));
    look(&client).await.expect("accepted");
    let seen = vendor.seen();
    let assertions: Vec<_> = seen.iter().filter(|seen| path(seen) == "/oauth/v2/token").map(form).collect();
    assert_eq!(assertions.len(), 2);
    assert_ne!(assertions[0], assertions[1]);
}

#[tokio::test]
async fn an_expired_key_is_said_to_be_expired() {
    let mut file = key_file(KEY);
    file["expirationDate"] = json!("2026-03-01T12:00:00Z");
    let key = KeyFile::parse(file.to_string().as_bytes()).expect("a key file");
    let vendor = issuing(json!(3600), None);
    let client = Client::new(vendor.config(Caller::KeyFile(key))).expect("a client");
    let error = look(&client).await.expect_err("expired");
    assert!(error.to_string().contains("key file has expired"), "{error}");
}

#[test]
fn a_key_in_either_form_is_taken_and_shown_nowhere() {
    for key in [KEY, KEY_AS_PKCS8] {
        let file = KeyFile::parse(key_file(key).to_string().as_bytes()).expect("a key file");
        assert_eq!((file.user_id().as_str(), file.expires()), ("u-9", None));
        let line = KEY.lines().nth(1).expect("more than one line");
        assert!(!format!("{file:?}").contains(&line[..20]), "{file:?}");
    }
}

#[test]
fn a_key_file_that_cannot_be_used_says_why_and_quotes_nothing() {
    let with = |change: fn(&mut Value)| {
        let mut file = key_file(KEY);
        change(&mut file);
        file.to_string()
    };
    let cut = KEY.replacen("MII", "MIH", 1);
    for (file, reason) in [
        ("hunter2".to_owned(), "not a JSON object"),
        (with(|file| file["type"] = json!("application")), "the key of an application"),
        (with(|file| file["userId"] = json!("")), "no userId"),
        (with(|file| file["keyId"] = Value::Null), "no keyId"),
        (with(|file| file["key"] = Value::Null), "no key"),
        (with(|file| file["key"] = json!("hunter2")), "not an RSA private key"),
        (with(|file| file["key"] = json!(PUBLIC_KEY)), "not an RSA private key"),
        (key_file(&cut).to_string(), "cannot sign"),
    ] {
        let error = KeyFile::parse(file.as_bytes()).expect_err(reason);
        assert!(matches!(error, ConfigError::KeyFile { .. }));
        assert!(error.to_string().contains(reason) && !error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn a_caller_without_a_client_id_is_refused() {
    let vendor = Vendor::saying(200, &json!({}));
    let caller = Caller::ClientCredentials { client_id: String::new(), secret: ClientSecret::new("s").into() };
    assert!(matches!(Client::new(vendor.config(caller)), Err(ConfigError::ClientId)));
}

#[tokio::test]
async fn debug_of_a_client_shows_no_credential() {
    let vendor = issuing(json!(43_199), None);
    for caller in [by_secret(), by_key()] {
        let client = Client::new(vendor.config(caller)).expect("a client");
        look(&client).await.expect("accepted");
        let shown = format!("{client:?}");
        assert!(!shown.contains("s +1") && !shown.contains("token-"), "{shown}");
    }
}
