//! What each answer to a probe means.

use cutover_core::{ClientSecret, RotateError, SecretRotator as _, Verdict};
use cutover_http::SendError;
use cutover_zitadel::{API, Client, OIDC, Rotator};
use serde_json::json;

use crate::support::{Say, Vendor, app_target, discovery, oauth_error, ok, pat, refuse, user_target};

type Says = fn() -> Say;

const ACTIVE: Says = || ok(&json!({"app": {"id": "a-1", "state": "APP_STATE_ACTIVE"}}));
const INACTIVE: Says = || ok(&json!({"app": {"id": "a-1", "state": "APP_STATE_INACTIVE"}}));
const UNAUTHORIZED: Says = || Say::Answer(400, r#"{"error":"unauthorized_client"}"#.into());
const RIGHT: Says = || ok(&json!({"active": false}));

async fn app(get: Says, introspect: Says) -> (Verdict, Vendor) {
    let vendor = Vendor::new(move |seen| {
        if seen.line.contains("/.well-known/") {
            discovery()
        } else if seen.line.starts_with("GET /management/") {
            get()
        } else {
            introspect()
        }
    });
    let secret = ClientSecret::new("s%+ ü");
    let rotator = Rotator::oidc_apps(vendor.client());
    (rotator.verify(&app_target(OIDC), &secret).await.expect("asked"), vendor)
}

async fn machine_user(says: Says) -> (Verdict, Vendor) {
    let vendor = Vendor::new(move |seen| if seen.line.contains("/.well-known/") { discovery() } else { says() });
    let rotator = Rotator::machine_users(vendor.client());
    (rotator.verify(&user_target(), &ClientSecret::new("s")).await.expect("asked"), vendor)
}

#[tokio::test]
async fn an_app_is_probed_behind_a_barrier_with_a_made_up_token() {
    let (verdict, vendor) = app(ACTIVE, RIGHT).await;
    assert_eq!(verdict, Verdict::Accepted);
    let lines = vendor.lines();
    assert_eq!(lines[0], "GET /management/v1/projects/p-1/apps/a-1");
    let probe = vendor.seen().pop().expect("one was sent");
    assert_eq!((probe.line.as_str(), probe.body.as_str()), ("POST /oauth/v2/introspect", "token=none"));
    // `270000000000000001:s%25%2B+%C3%BC`
    assert_eq!(probe.header("authorization"), Some("Basic MjcwMDAwMDAwMDAwMDAwMDAxOnMlMjUlMkIrJUMzJUJD"));
}

#[tokio::test]
async fn every_answer_to_introspection_has_its_verdict() {
    use Verdict::{Accepted, NotKnown, Refused};
    let rows: [(&str, Says, Verdict); 17] = [
        ("right", RIGHT, Accepted),
        ("right, of a real token", || ok(&json!({"active": true, "scope": "openid"})), Accepted),
        ("right, another 2xx", || Say::Answer(203, r#"{"active":false}"#.into()), Accepted),
        ("a page of a proxy", || Say::Answer(200, "<html>".into()), NotKnown),
        ("no answer to the question", || ok(&json!({"ok": true})), NotKnown),
        ("cut short", || Say::Cut(200, r#"{"act"#.into()), NotKnown),
        ("wrong", UNAUTHORIZED, Refused),
        ("wrong, in other words", || oauth_error(400, "invalid_client", "client must be authenticated"), Refused),
        ("wrong, as documented", || oauth_error(401, "invalid_client", "x"), Refused),
        ("wrong, by an older server", || Say::Answer(401, "ErrorType=unauthorized_client Parent=x\n".into()), Refused),
        ("our mistake", || oauth_error(400, "invalid_request", "token missing"), NotKnown),
        ("a proxy's 400", || Say::Answer(400, "<html>".into()), NotKnown),
        ("a proxy's 403", || Say::Answer(403, "<html>".into()), NotKnown),
        ("not there", || refuse(404, ""), NotKnown),
        ("throttled", || Say::Answer(429, "Your ZITADEL instance is blocked.".into()), NotKnown),
        ("down", || oauth_error(503, "unauthorized_client", ""), NotKnown),
        ("lost", || Say::Nothing, NotKnown),
    ];
    for (name, says, verdict) in rows {
        assert_eq!(app(ACTIVE, says).await.0, verdict, "{name}");
    }
}

#[tokio::test]
async fn a_401_without_zitadels_own_word_for_it_is_no_refusal() {
    let rows: [(&str, Says); 7] = [
        ("a proxy's page", || Say::Answer(401, "<html><h1>401 Authorization Required</h1></html>".into())),
        ("a proxy's text", || Say::Answer(401, "Unauthorized\n".into())),
        ("nothing", || Say::Answer(401, String::new())),
        ("a gateway's JSON", || Say::Answer(401, r#"{"message":"Unauthorized"}"#.into())),
        ("a gateway's JSON with an error", || Say::Answer(401, r#"{"error":"Unauthorized"}"#.into())),
        ("another word of OAuth's", || oauth_error(401, "invalid_token", "x")),
        ("Zitadel's, about a caller", || refuse(401, "AUTH-7fs1e")),
    ];
    for (name, says) in rows {
        assert_eq!(app(ACTIVE, says).await.0, Verdict::NotKnown, "{name}");
        assert_eq!(machine_user(says).await.0, Verdict::NotKnown, "{name}");
    }
}

#[tokio::test]
async fn a_refusal_counts_only_where_the_app_is_in_use() {
    use Verdict::{Accepted, NotKnown, Refused};
    let rows: [(&str, Says, Says, Verdict); 7] = [
        ("inactive", INACTIVE, UNAUTHORIZED, NotKnown),
        ("gone", || refuse(404, "QUERY-pCP8P"), UNAUTHORIZED, Refused),
        ("may not look", || refuse(403, "AUTH-5mWD2"), UNAUTHORIZED, Refused),
        ("could not look", || Say::Answer(500, String::new()), UNAUTHORIZED, NotKnown),
        ("throttled", || Say::Answer(429, String::new()), UNAUTHORIZED, NotKnown),
        ("an odd look", || Say::Answer(200, "[]".into()), UNAUTHORIZED, NotKnown),
        ("could not look, and right", || Say::Answer(500, String::new()), RIGHT, Accepted),
    ];
    for (name, get, introspect, verdict) in rows {
        assert_eq!(app(get, introspect).await.0, verdict, "{name}");
    }
}

#[tokio::test]
async fn every_answer_to_a_machine_user_has_its_verdict() {
    use Verdict::{Accepted, NotKnown, Refused};
    let rows: [(&str, Says, Verdict); 12] = [
        ("right", || ok(&json!({"access_token": "t", "token_type": "Bearer", "expires_in": 43_199})), Accepted),
        ("no token in it", || ok(&json!({"token_type": "Bearer"})), NotKnown),
        ("wrong", || oauth_error(400, "invalid_request", "Errors.User.Machine.Secret.Invalid"), Refused),
        ("none", || oauth_error(400, "invalid_request", "Errors.User.Machine.Secret.NotExisting"), Refused),
        ("unknown", || oauth_error(400, "invalid_client", "client not found"), Refused),
        ("as documented", || oauth_error(401, "invalid_client", "x"), Refused),
        ("inactive", || oauth_error(400, "invalid_request", "Errors.User.NotActive"), NotKnown),
        ("not this grant", || oauth_error(400, "unauthorized_client", "grant_type not allowed"), NotKnown),
        ("our mistake", || oauth_error(400, "invalid_request", "grant_type missing"), NotKnown),
        ("throttled", || Say::Answer(429, String::new()), NotKnown),
        ("down", || Say::Answer(500, String::new()), NotKnown),
        ("lost", || Say::Nothing, NotKnown),
    ];
    for (name, says, verdict) in rows {
        let (given, vendor) = machine_user(says).await;
        assert_eq!(given, verdict, "{name}");
        let probe = vendor.seen().pop().expect("one was sent");
        assert_eq!(probe.body, "grant_type=client_credentials&scope=openid");
        assert_eq!(probe.header("authorization"), Some("Basic cm9ib3QlNDBhY21lOnM="));
    }
}

#[tokio::test]
async fn a_vendor_that_cannot_be_reached_is_an_error() {
    let nowhere = cutover_http::FnTransport::new(|_| async { Err(SendError::not_sent("no connection")) });
    let vendor = Vendor::saying(200, &json!({}));
    let config = vendor.config(pat()).transport(std::sync::Arc::new(nowhere));
    let client = Client::new(config).expect("a client");
    let secret = ClientSecret::new("s");
    for error in [
        Rotator::api_apps(client.clone()).verify(&app_target(API), &secret).await,
        Rotator::machine_users(client).verify(&user_target(), &secret).await,
    ] {
        assert!(matches!(error, Err(RotateError::NotSent(_))), "{error:?}");
    }
}
