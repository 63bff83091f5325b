//! Whether a secret is accepted, refused, or not known to be either.

use cutover_core::{ClientSecret, RotateError, SecretRotator, Verdict};
use cutover_hopae::{Client, Config, Rotator};
use cutover_http::{BaseUrl, Credential, RetryPolicy};
use serde_json::json;
use wiremock::ResponseTemplate;

use crate::support::{Seen, answering, app_error, client, json_answer, seen, target, workspace_error};

async fn verdict(answer: ResponseTemplate) -> Verdict {
    let server = answering(answer).await;
    let rotator = Rotator::apps(client(&server));
    rotator.verify(&target("HqTRDIYH"), &ClientSecret::new("s3cr3t")).await.expect("asked")
}

#[tokio::test]
async fn the_secret_is_tried_by_listing_providers_and_sent_in_one_place() {
    let server = answering(json_answer(200, &json!([{"id": "passport"}]))).await;
    let rotator = Rotator::apps(client(&server));
    let verdict = rotator.verify(&target("HqTRDIYH"), &ClientSecret::new("open sesame")).await.expect("asked");
    assert_eq!(verdict, Verdict::Accepted);
    let expected = Seen {
        line: "GET /connect/v1/providers".to_owned(),
        authorization: Some("Basic SHFUUkRJWUg6b3BlbiBzZXNhbWU=".to_owned()),
        key: None,
        content_type: None,
        body: String::new(),
    };
    assert_eq!(seen(&server).await, [expected]);
}

#[tokio::test]
async fn a_success_is_accepted_unless_it_is_somebody_elses_page() {
    for body in ["[]", " \n[{}]", r#"{"data":[]}"#] {
        for status in [200, 201, 206] {
            let answer = ResponseTemplate::new(status).set_body_string(body);
            assert_eq!(verdict(answer).await, Verdict::Accepted, "{status} {body}");
        }
    }
    for body in ["", "<html>welcome</html>", "ok", "null"] {
        assert_eq!(verdict(ResponseTemplate::new(200).set_body_string(body)).await, Verdict::NotKnown, "{body}");
    }
}

#[tokio::test]
async fn only_401_with_a_code_about_credentials_is_a_refusal() {
    for code in ["AUTH_INVALID_CREDENTIALS", "AUTH_INVALID_CLIENT", "AUTH.INVALID_CREDENTIALS"] {
        assert_eq!(verdict(app_error(401, code)).await, Verdict::Refused, "{code}");
        assert_eq!(verdict(workspace_error(401, code)).await, Verdict::Refused, "{code}");
    }
    for (status, code) in [
        (401, "PROVIDER_AUTHENTICATION_FAILED"),
        (401, ""),
        (400, "AUTH_INVALID_CREDENTIALS"),
        (403, "AUTH_FORBIDDEN"),
        (404, "RESOURCE_NOT_FOUND"),
        (408, "AUTH_INVALID_CREDENTIALS"),
        (429, "RATE_LIMIT_EXCEEDED"),
        (500, "SYSTEM_INTERNAL_ERROR"),
        (503, "PROVIDER_UNAVAILABLE"),
    ] {
        assert_eq!(verdict(app_error(status, code)).await, Verdict::NotKnown, "{status} {code}");
    }
    assert_eq!(verdict(ResponseTemplate::new(401).set_body_string("<html>")).await, Verdict::NotKnown);
    assert_eq!(verdict(ResponseTemplate::new(302).insert_header("location", "/x")).await, Verdict::NotKnown);
}

#[tokio::test]
async fn a_vendor_that_cannot_be_reached_was_not_asked() {
    // A port on which nothing listens: taken, and given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("free").local_addr().expect("bound").port();
    let base_url = BaseUrl::parse(&format!("http://127.0.0.1:{port}")).expect("valid");
    let config = Config::sandbox(Credential::Injected).base_url(base_url).retry(RetryPolicy::never());
    let rotator = Rotator::apps(Client::new(config).expect("valid"));
    let error = rotator.verify(&target("x"), &ClientSecret::new("s")).await.expect_err("nobody there");
    assert!(matches!(error, RotateError::NotSent(_)) && error.is_transient(), "{error}");
}
