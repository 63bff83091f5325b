//! Whether a secret is accepted, refused, or not known to be either.

use cutover_core::{ClientSecret, RotateError, SecretRotator, Verdict};
use cutover_http::{BaseUrl, RetryPolicy};
use cutover_stytch::{CONNECTED_APP, Client, Config, M2M, Rotator};
use serde_json::json;
use wiremock::{MockServer, ResponseTemplate};

use crate::support::{NEXT, PROJECT, answering, api_error, client, oauth_error, ok, seen, target};

const ODD_SECRET: &str = "p&=+ ü%/secret";

async fn m2m(answer: ResponseTemplate) -> Verdict {
    let server = answering(answer).await;
    Rotator::m2m(client(&server)).verify(&target(M2M, "m2m-1"), &ClientSecret::new(NEXT)).await.expect("asked")
}

async fn app(answer: ResponseTemplate) -> Verdict {
    let server = answering(answer).await;
    let rotator = Rotator::connected_apps(client(&server));
    rotator.verify(&target(CONNECTED_APP, "app-1"), &ClientSecret::new(NEXT)).await.expect("asked")
}

fn token() -> ResponseTemplate {
    ok(&json!({"status_code": 200, "request_id": "r", "access_token": "a.b.c", "token_type": "bearer",
        "expires_in": 3600}))
}

fn inactive() -> ResponseTemplate {
    ok(&json!({"active": false, "status_code": 200, "request_id": "r"}))
}

#[tokio::test]
async fn a_machines_secret_is_tried_at_the_token_endpoint_and_sent_in_one_place() {
    let server = answering(token()).await;
    let rotator = Rotator::m2m(client(&server));
    let verdict = rotator.verify(&target(M2M, "m2m/1"), &ClientSecret::new(ODD_SECRET)).await.expect("asked");
    assert_eq!(verdict, Verdict::Accepted);
    let seen = seen(&server).await;
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].line, format!("POST /v1/public/{PROJECT}/oauth2/token"));
    assert_eq!(seen[0].authorization, None);
    assert_eq!(seen[0].content_type.as_deref(), Some("application/x-www-form-urlencoded"));
    let body = "grant_type=client_credentials&client_id=m2m%2F1&client_secret=p%26%3D%2B+%C3%BC%25%2Fsecret";
    assert_eq!(seen[0].body, body);
}

#[tokio::test]
async fn an_apps_secret_is_tried_with_a_token_that_does_not_exist() {
    let server = answering(inactive()).await;
    let rotator = Rotator::connected_apps(client(&server));
    let verdict = rotator.verify(&target(CONNECTED_APP, "app-1"), &ClientSecret::new("s3cr3t")).await.expect("asked");
    assert_eq!(verdict, Verdict::Accepted);
    let seen = seen(&server).await;
    assert_eq!(seen[0].line, format!("POST /v1/public/{PROJECT}/oauth2/introspect"));
    assert_eq!(seen[0].authorization, None);
    assert_eq!(seen[0].content_type.as_deref(), Some("application/x-www-form-urlencoded"));
    assert_eq!(seen[0].body, "token=cutover-probe&client_id=app-1&client_secret=s3cr3t");
}

#[tokio::test]
async fn only_invalid_client_with_400_or_401_is_a_refusal() {
    for status in [400, 401] {
        assert_eq!(m2m(oauth_error(status, "invalid_client")).await, Verdict::Refused, "{status}");
        assert_eq!(app(oauth_error(status, "invalid_client")).await, Verdict::Refused, "{status}");
    }
    for (status, code) in [
        (400, "unauthorized_client"),
        (401, "unauthorized_client"),
        (400, "invalid_scope"),
        (400, "invalid_request"),
        (403, "invalid_client"),
        (404, "invalid_client"),
        (429, "invalid_client"),
        (500, "invalid_client"),
        (408, "invalid_client"),
    ] {
        assert_eq!(m2m(oauth_error(status, code)).await, Verdict::NotKnown, "{status} {code}");
        assert_eq!(app(oauth_error(status, code)).await, Verdict::NotKnown, "{status} {code}");
    }
    for (status, code) in [(401, "unauthorized_credentials"), (429, "too_many_requests"), (404, "route_not_found")] {
        assert_eq!(m2m(api_error(status, code)).await, Verdict::NotKnown, "{status} {code}");
    }
    assert_eq!(m2m(ResponseTemplate::new(401).set_body_string("<html>")).await, Verdict::NotKnown);
    assert_eq!(m2m(ResponseTemplate::new(302).insert_header("location", "/x")).await, Verdict::NotKnown);
}

#[tokio::test]
async fn a_success_that_does_not_say_what_stytch_would_is_not_accepted() {
    for body in ["", "{}", "<html>welcome</html>", r#"{"access_token":""}"#, r#"{"status_code":400,"error":"x"}"#] {
        assert_eq!(m2m(ResponseTemplate::new(200).set_body_string(body)).await, Verdict::NotKnown, "{body}");
    }
    for body in ["", "{}", "<html>", r#"{"active":true}"#, r#"{"active":"false"}"#, r#"{"access_token":"x"}"#] {
        assert_eq!(app(ResponseTemplate::new(200).set_body_string(body)).await, Verdict::NotKnown, "{body}");
    }
    assert_eq!(m2m(ResponseTemplate::new(201).set_body_string(r#"{"access_token":"x"}"#)).await, Verdict::Accepted);
}

#[tokio::test]
async fn a_vendor_that_cannot_be_reached_was_not_asked() {
    // A port on which nothing listens: taken, and given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("free").local_addr().expect("bound").port();
    let base_url = BaseUrl::parse(&format!("http://127.0.0.1:{port}")).expect("valid");
    let config = Config::new(PROJECT, cutover_http::Credential::Injected).base_url(base_url);
    let rotator = Rotator::m2m(Client::new(config.retry(RetryPolicy::never())).expect("valid"));
    let error = rotator.verify(&target(M2M, "m2m-1"), &ClientSecret::new(NEXT)).await.expect_err("nobody there");
    assert!(matches!(error, RotateError::NotSent(_)) && error.is_transient(), "{error}");
}

#[tokio::test]
async fn neither_secret_nor_token_is_in_any_output() {
    let server: MockServer = answering(oauth_error(400, "invalid_client")).await;
    let client = client(&server);
    let rotator = Rotator::m2m(client.clone());
    let secret = ClientSecret::new("hunter2-hunter2");
    let error = client.oauth().token(&crate::support::id("c"), &secret, &[]).await.expect_err("refused");
    let shown = format!("{rotator:?} {client:?} {error} {error:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
}
