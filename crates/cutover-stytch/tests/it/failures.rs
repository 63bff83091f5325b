//! What is sent again, what is not, and what errors say.

use std::sync::Arc;
use std::time::Duration;

use cutover_core::{Effect, Refusal, SecretRotator};
use cutover_http::End;
use cutover_stytch::{M2M, Rotator, SearchM2mClients, UpdateM2mClient};
use serde_json::json;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{
    Instantly, NEXT, answering, api_error, attempt, client_over, id, kept, m2m_answer, ok, patient, seen, target,
};

/// A server that answers so often in one way, then in another.
async fn first(times: u64, first: ResponseTemplate, then: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(first).up_to_n_times(times).with_priority(1).mount(&server).await;
    Mock::given(any()).respond_with(then).with_priority(2).mount(&server).await;
    server
}

#[tokio::test]
async fn a_rotation_call_is_never_sent_again_once_it_may_have_taken_effect() {
    for status in [500, 503, 408, 499] {
        let server = answering(api_error(status, "internal_server_error")).await;
        let (rotator, target) = (Rotator::m2m(patient(&server, Arc::default())), target(M2M, "m2m-1"));
        let kept = kept(&target, cutover_core::Reply::new(200, true, b"{}".to_vec().into())).await;
        let errors = [
            rotator.issue(&target, &attempt(&target)).await.map(drop),
            rotator.complete(&target, &kept).await,
            rotator.cancel(&target).await,
        ];
        for error in errors {
            let error = error.expect_err("no answer");
            assert_eq!((error.effect(), error.code()), (Effect::Unknown, Some("internal_server_error")));
            assert_eq!(error.request_id(), Some("request-id-test-e1"));
        }
        assert_eq!(seen(&server).await.len(), 3, "{status}");
    }
}

#[tokio::test]
async fn a_throttled_call_did_nothing_and_is_sent_again_when_it_may() {
    let clock = Arc::new(Instantly::default());
    let throttled = api_error(429, "too_many_requests").insert_header("retry-after", "3");
    let server = first(2, throttled, ok(&m2m_answer(&json!({"next_client_secret": NEXT})))).await;
    let (rotator, target) = (Rotator::m2m(patient(&server, clock.clone())), target(M2M, "m2m-1"));
    assert!(rotator.issue(&target, &attempt(&target)).await.is_ok());
    assert_eq!(clock.waits(), [Duration::from_secs(3); 2]);
    assert_eq!(seen(&server).await.len(), 3);
}

#[tokio::test]
async fn what_changes_nothing_is_sent_again_after_a_fault() {
    let answer = json!({"m2m_client": {"client_id": "m2m-1"}, "m2m_clients": [], "access_token": "x"});
    for call in 0..3 {
        let server = first(2, api_error(503, "server_unavailable"), ok(&answer)).await;
        let client = patient(&server, Arc::default());
        let secret = cutover_core::ClientSecret::new("s");
        match call {
            0 => client.m2m().get(&id("m2m-1")).await.map(drop),
            1 => client.m2m().search(&SearchM2mClients::new()).await.map(drop),
            _ => client.oauth().token(&id("m2m-1"), &secret, &[]).await.map(drop),
        }
        .expect("answered in the end");
        assert_eq!(seen(&server).await.len(), 3, "{call}");
    }
}

#[tokio::test]
async fn a_change_is_not_sent_again_after_a_fault() {
    let server = answering(api_error(500, "internal_server_error")).await;
    let client = patient(&server, Arc::default());
    let new = cutover_stytch::CreateM2mClient::new(["x"]);
    assert!(client.m2m().create(&new).await.is_err());
    assert!(client.m2m().update(&id("c"), &UpdateM2mClient::new()).await.is_err());
    assert!(client.m2m().delete(&id("c")).await.is_err());
    assert_eq!(seen(&server).await.len(), 3);
}

#[tokio::test]
async fn a_success_that_cannot_be_read_took_effect_and_is_not_quoted() {
    let body = br#"{"request_id":"r-7","m2m_client":{"client_secret":"hunter2-hunter2"}}"#;
    let client = client_over(body, End::Whole);
    let error = client.m2m().rotate(&id("c")).await.expect_err("there is no id in it");
    assert_eq!((error.effect(), error.request_id()), (Effect::Applied, Some("r-7")));
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
}

#[tokio::test]
async fn a_refusal_without_a_body_is_read_by_its_status() {
    for (status, refusal) in [
        (401, Refusal::Credentials),
        (403, Refusal::Forbidden),
        (404, Refusal::NotFound),
        (409, Refusal::Invalid),
        (429, Refusal::RateLimited),
    ] {
        let server = answering(ResponseTemplate::new(status)).await;
        let error = crate::support::client(&server).m2m().get(&id("c")).await.expect_err("refused");
        assert_eq!((error.refusal(), error.code(), error.request_id()), (Some(refusal), None, None), "{status}");
    }
}
