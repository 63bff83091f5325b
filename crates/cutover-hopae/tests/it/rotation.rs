//! The rotator's calls beside `verify`.

use std::time::Duration;

use cutover_core::{
    Effect, Kind, Pending, Recovery, Refusal, RotateError, SecretRotator, Style, Target, TargetId, Vendor, Witness,
};
use cutover_hopae::{APP, Rotator, VENDOR};
use cutover_http::End;
use serde_json::json;
use wiremock::ResponseTemplate;

use crate::steps::check_none_is_sent;
use crate::support::{
    BEARER, SECRET, Seen, answering, attempt, client, client_over, id, json_answer, kept, new_secret, seen, target,
    workspace_error,
};

#[tokio::test]
async fn the_profile_says_immediate_with_a_day_of_replay() {
    let server = answering(new_secret()).await;
    let rotator = Rotator::apps(client(&server));
    let profile = rotator.profile();
    assert_eq!((profile.vendor(), profile.kind(), profile.style()), (&VENDOR, &APP, Style::Immediate));
    let Recovery::Replay { window, margin } = profile.recovery() else { panic!("{profile:?}") };
    assert_eq!((window, margin), (Duration::from_secs(86_400), Duration::from_secs(3_600)));
    assert!(profile.has(Witness::Identity) && profile.has(Witness::ReplayMarker) && profile.has(Witness::Probe));
    assert!(!profile.has(Witness::LastFour) && !profile.has(Witness::Pending));
}

#[tokio::test]
async fn issue_sends_an_empty_body_under_the_attempts_key() {
    for (status, client_id, path) in [(200, "HqTRDIYH", "HqTRDIYH"), (201, "a/b ü?", "a%2Fb%20%C3%BC%3F")] {
        let server = answering(json_answer(status, &json!({"clientSecret": SECRET}))).await;
        let (rotator, target) = (Rotator::apps(client(&server)), target(client_id));
        let attempt = attempt(&target);
        let reply = rotator.issue(&target, &attempt).await.expect("answered");
        assert_eq!((reply.status(), reply.is_whole()), (status, true));
        let expected = Seen {
            line: format!("POST /connect/v1/apps/{path}/rotate-client-secret"),
            authorization: Some(BEARER.to_owned()),
            key: Some(attempt.key().as_header_value().to_owned()),
            content_type: None,
            body: String::new(),
        };
        assert_eq!(seen(&server).await, [expected]);
        let issued = rotator.read(&target, &kept(&target, reply).await).expect("readable");
        assert!(!issued.is_replayed());
        assert_eq!(issued.into_secret().expose(), SECRET);
    }
}

#[tokio::test]
async fn a_repeated_answer_says_that_it_is_one() {
    let answer = new_secret().insert_header("Idempotency-Replayed", "true").insert_header("set-cookie", "s=1");
    let server = answering(answer).await;
    let (rotator, target) = (Rotator::apps(client(&server)), target("HqTRDIYH"));
    let reply = rotator.issue(&target, &attempt(&target)).await.expect("answered");
    assert_eq!(reply.header("set-cookie"), None);
    assert!(rotator.read(&target, &kept(&target, reply).await).expect("readable").is_replayed());
}

#[tokio::test]
async fn a_secret_before_a_cut_is_read_and_half_of_one_is_not() {
    let target = target("HqTRDIYH");
    let rotator = Rotator::apps(client_over(br#"{"clientSecret":"made-up-secret","cre"#, End::CutShort));
    let reply = rotator.issue(&target, &attempt(&target)).await.expect("its head arrived");
    let issued = rotator.read(&target, &kept(&target, reply).await).expect("the secret is there whole");
    assert_eq!(issued.into_secret().expose(), "made-up-secret");

    let rotator = Rotator::apps(client_over(br#"{"clientSecret":"made-up-sec"#, End::CutShort));
    let reply = rotator.issue(&target, &attempt(&target)).await.expect("its head arrived");
    let error = rotator.read(&target, &kept(&target, reply).await).expect_err("half a secret is none");
    assert_eq!((error.effect(), error.status()), (Effect::Applied, Some(201)));
    assert!(!format!("{error} {error:?}").contains("made-up"));
}

#[tokio::test]
async fn an_attempt_of_another_target_is_never_sent() {
    let server = answering(new_secret()).await;
    let other = Target::new(TargetId::new("other").expect("valid"), VENDOR, APP, id("x"));
    let error = Rotator::apps(client(&server)).issue(&target("HqTRDIYH"), &attempt(&other)).await.expect_err("misuse");
    assert!(matches!(error, RotateError::NotSent(_)) && !error.is_transient(), "{error}");
    assert!(seen(&server).await.is_empty());
}

#[tokio::test]
async fn there_is_nothing_to_complete_or_cancel() {
    let server = answering(new_secret()).await;
    let (rotator, target) = (Rotator::apps(client(&server)), target("HqTRDIYH"));
    let kept = kept(&target, cutover_core::Reply::new(201, true, b"{}".to_vec().into())).await;
    for error in [rotator.complete(&target, &kept).await, rotator.cancel(&target).await] {
        let error = error.expect_err("not Hopae's way");
        assert!(matches!(error, RotateError::NotSent(_)) && !error.is_transient(), "{error}");
    }
    assert!(seen(&server).await.is_empty());
}

#[tokio::test]
async fn inspect_sees_that_the_app_is_there_and_nothing_else() {
    for body in [
        json!({"clientId": "HqTRDIYH", "clientSecret": SECRET, "name": "x"}),
        json!({"client_id": "HqTRDIYH", "createdAt": 7, "created_at": 7}),
    ] {
        let server = answering(json_answer(200, &body)).await;
        let shown = Rotator::apps(client(&server)).inspect(&target("HqTRDIYH")).await.expect("there");
        assert_eq!((shown.pending, shown.current_last_four, shown.marker), (Pending::NotShown, None, None));
        let seen = seen(&server).await;
        assert_eq!(seen[0].line, "GET /connect/v1/apps/HqTRDIYH");
        assert_eq!((seen[0].authorization.as_deref(), seen[0].key.as_deref()), (Some(BEARER), None));
    }
    for body in ["{}", r#"{"clientId":"another"}"#, "<html>", ""] {
        let server = answering(ResponseTemplate::new(200).set_body_string(body)).await;
        let error = Rotator::apps(client(&server)).inspect(&target("HqTRDIYH")).await.expect_err("not this app");
        assert!(matches!(error, RotateError::Unreadable(_)), "{error}");
    }
}

#[tokio::test]
async fn a_refusal_has_the_vendors_code_and_request_id() {
    for (status, code, refusal) in [
        (404, "RESOURCE_NOT_FOUND", Refusal::NotFound),
        (401, "AUTH_INVALID_CREDENTIALS", Refusal::Credentials),
        (403, "AUTH_FORBIDDEN", Refusal::Forbidden),
        (409, "IDEMPOTENCY_KEY_CONFLICT", Refusal::KeyConflict),
        (422, "IDEMPOTENCY_KEY_CONFLICT", Refusal::KeyConflict),
        (409, "RESOURCE_CONFLICT", Refusal::Invalid),
        (400, "VALIDATION_INVALID_PARAMETER", Refusal::Invalid),
        (429, "RATE_LIMIT_EXCEEDED", Refusal::RateLimited),
    ] {
        let server = answering(workspace_error(status, code)).await;
        let (rotator, target) = (Rotator::apps(client(&server)), target("HqTRDIYH"));
        let errors = [
            rotator.inspect(&target).await.map(drop).expect_err("refused"),
            rotator.issue(&target, &attempt(&target)).await.map(drop).expect_err("refused"),
        ];
        for error in errors {
            assert_eq!((error.refusal(), error.code()), (Some(refusal), Some(code)));
            assert_eq!((error.status(), error.request_id()), (Some(status), Some("228aaefb-3ce2")));
            assert_eq!((error.effect(), error.call().target()), (Effect::NotApplied, Some(target.id())));
        }
    }
}

#[tokio::test]
async fn what_is_not_this_rotators_is_never_sent() {
    let server = answering(new_secret()).await;
    let rotator = Rotator::apps(client(&server));
    let name = TargetId::new("portal").expect("valid");
    for target in [
        Target::new(name.clone(), VENDOR, Kind::from_static("m2m"), id("c")),
        Target::new(name, Vendor::from_static("stytch"), APP, id("c")),
    ] {
        check_none_is_sent(&rotator, &target, "the target is of kind").await;
    }
    let other = Target::new(TargetId::new("other").expect("valid"), VENDOR, APP, id("c"));
    let kept = kept(&other, cutover_core::Reply::new(200, true, b"{}".to_vec().into())).await;
    assert!(matches!(rotator.read(&target("c"), &kept), Err(RotateError::NotSent(_))));
    assert!(seen(&server).await.is_empty());
}
