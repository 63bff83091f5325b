//! What is sent again, what is not, and what errors say.

use std::sync::Arc;
use std::time::Duration;

use cutover_core::{Effect, IdempotencyKey, Refusal, RotateError, SecretRotator};
use cutover_hopae::{CreateApp, Rotator, UpdateApp};
use wiremock::ResponseTemplate;

use crate::support::{
    Instantly, SECRET, answering, attempt, client, first, id, kept, new_secret, patient, seen, target, workspace_error,
};

#[tokio::test]
async fn a_rotation_is_asked_for_again_under_the_same_key() {
    for fault in [
        workspace_error(500, "SYSTEM_INTERNAL_ERROR"),
        ResponseTemplate::new(503),
        ResponseTemplate::new(408),
        workspace_error(409, "IDEMPOTENCY_REQUEST_IN_PROGRESS"),
        workspace_error(429, "RATE_LIMIT_EXCEEDED"),
    ] {
        let server = first(2, fault, new_secret()).await;
        let (rotator, target) = (Rotator::apps(patient(&server, Arc::default())), target("HqTRDIYH"));
        let reply = rotator.issue(&target, &attempt(&target)).await.expect("answered in the end");
        let issued = rotator.read(&target, &kept(&target, reply).await).expect("readable");
        assert_eq!(issued.into_secret().expose(), SECRET);
        let seen = seen(&server).await;
        assert_eq!(seen.len(), 3);
        assert!(seen[0].key.is_some() && seen.iter().all(|again| *again == seen[0]));
    }
}

#[tokio::test]
async fn a_request_in_progress_is_waited_for_as_long_as_it_asks() {
    let clock = Arc::new(Instantly::default());
    let busy = workspace_error(409, "IDEMPOTENCY_REQUEST_IN_PROGRESS").insert_header("retry-after", "2");
    let server = first(1, busy, new_secret()).await;
    let (rotator, target) = (Rotator::apps(patient(&server, clock.clone())), target("HqTRDIYH"));
    assert!(rotator.issue(&target, &attempt(&target)).await.is_ok());
    assert_eq!(clock.waits(), [Duration::from_secs(2)]);
}

#[tokio::test]
async fn a_request_that_stays_in_progress_may_take_effect_yet() {
    let server = answering(workspace_error(409, "IDEMPOTENCY_REQUEST_IN_PROGRESS")).await;
    let (rotator, target) = (Rotator::apps(patient(&server, Arc::default())), target("HqTRDIYH"));
    let error = rotator.issue(&target, &attempt(&target)).await.expect_err("never answered");
    assert_eq!((error.effect(), error.is_transient()), (Effect::Unknown, true));
    assert_eq!((error.status(), error.code()), (Some(409), Some("IDEMPOTENCY_REQUEST_IN_PROGRESS")));
    assert_eq!(error.request_id(), Some("228aaefb-3ce2"));

    let key = IdempotencyKey::fresh();
    let error = client(&server).apps().rotate_client_secret(&id("a"), Some(&key)).await.expect_err("refused");
    assert_eq!(error.refusal(), Some(Refusal::InProgress));
}

#[tokio::test]
async fn a_refusal_after_a_lost_answer_does_not_say_that_nothing_happened() {
    for (status, code) in
        [(401, "AUTH_INVALID_CREDENTIALS"), (404, "RESOURCE_NOT_FOUND"), (409, "IDEMPOTENCY_KEY_CONFLICT")]
    {
        let server = first(1, ResponseTemplate::new(502), workspace_error(status, code)).await;
        let (rotator, target) = (Rotator::apps(patient(&server, Arc::default())), target("HqTRDIYH"));
        let error = rotator.issue(&target, &attempt(&target)).await.expect_err("refused in the end");
        assert_eq!((error.effect(), error.code()), (Effect::Unknown, Some(code)), "{error}");
        assert_eq!(seen(&server).await.len(), 2);
    }
}

#[tokio::test]
async fn a_key_of_another_request_is_not_tried_again() {
    let server = answering(workspace_error(409, "IDEMPOTENCY_KEY_CONFLICT")).await;
    let (rotator, target) = (Rotator::apps(patient(&server, Arc::default())), target("HqTRDIYH"));
    let error = rotator.issue(&target, &attempt(&target)).await.expect_err("refused");
    assert_eq!((error.refusal(), error.effect()), (Some(Refusal::KeyConflict), Effect::NotApplied));
    assert_eq!(seen(&server).await.len(), 1);
}

#[tokio::test]
async fn without_a_key_nothing_is_sent_again_once_it_may_have_taken_effect() {
    let server = answering(ResponseTemplate::new(503)).await;
    let client = patient(&server, Arc::default());
    let errors = [
        client.apps().rotate_client_secret(&id("a"), None).await.map(drop),
        client.apps().create(&CreateApp::new("x"), None).await.map(drop),
        client.webhooks().rotate_secret(&id("a"), None).await.map(drop),
        client.apps().update(&id("a"), &UpdateApp::new()).await.map(drop),
        client.apps().delete(&id("a")).await,
    ];
    for error in errors {
        assert_eq!(error.expect_err("no answer").effect(), Effect::Unknown);
    }
    assert_eq!(seen(&server).await.len(), 5);
}

#[tokio::test]
async fn neither_key_nor_credential_nor_secret_is_in_any_output() {
    let body = format!(r#"{{"name":"x","clientSecret":"{SECRET}"}}"#);
    let server = answering(ResponseTemplate::new(200).set_body_string(body)).await;
    let client = client(&server);
    let rotator = Rotator::apps(client.clone());
    let key = IdempotencyKey::new("key-hunter2").expect("valid");
    let answer = client.apps().rotate_client_secret(&id("a"), Some(&key)).await.expect("answered");
    let error = client.apps().get(&id("a")).await.expect_err("there is no id in it");
    assert!(matches!(error, RotateError::Unreadable(_)), "{error}");
    let shown = format!("{rotator:?} {client:?} {answer:?} {error} {error:?}");
    assert!(!shown.contains("hunter2") && !shown.contains(SECRET), "{shown}");
}
