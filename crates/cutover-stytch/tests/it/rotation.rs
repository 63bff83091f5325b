//! The rotator's five calls.

use cutover_core::{
    Effect, Kind, LastFour, Pending, Recovery, Refusal, RotateError, SecretRotator, Style, Target, TargetId, Vendor,
    Witness,
};
use cutover_http::End;
use cutover_stytch::{CONNECTED_APP, M2M, Rotator, VENDOR};
use serde_json::json;
use wiremock::ResponseTemplate;

use crate::steps::check_none_is_sent;
use crate::support::{
    NEXT, PROJECT_BASIC, answering, api_error, app_answer, attempt, client, client_over, id, kept, m2m_answer, ok,
    seen, target,
};

#[tokio::test]
async fn the_profile_says_two_phase_and_names_its_witnesses() {
    let server = answering(ResponseTemplate::new(200)).await;
    for (rotator, kind) in
        [(Rotator::m2m(client(&server)), M2M), (Rotator::connected_apps(client(&server)), CONNECTED_APP)]
    {
        let profile = rotator.profile();
        assert_eq!((profile.vendor(), profile.kind()), (&VENDOR, &kind));
        assert_eq!((profile.style(), profile.recovery()), (Style::TwoPhase, Recovery::Restart));
        for witness in [Witness::Identity, Witness::Pending, Witness::LastFour, Witness::Probe] {
            assert!(profile.has(witness), "{witness:?}");
        }
        assert!(!profile.has(Witness::ChangeMarker) && !profile.has(Witness::ReplayMarker));
    }
}

#[tokio::test]
async fn issue_starts_a_rotation_and_hands_the_answer_over_unread() {
    let m2m = target(M2M, "m2m-1");
    let app = target(CONNECTED_APP, "app/1 ü?");
    for (target, answer, line) in [
        (
            m2m,
            m2m_answer(&json!({"next_client_secret": NEXT, "next_client_secret_last_four": "-w_P"})),
            "POST /v1/m2m/clients/m2m-1/secrets/rotate/start",
        ),
        (
            app,
            app_answer(&json!({"next_client_secret": NEXT})),
            "POST /v1/connected_apps/clients/app%2F1%20%C3%BC%3F/secrets/rotate/start",
        ),
    ] {
        let server = answering(ok(&answer)).await;
        let rotator = if *target.kind() == M2M { Rotator::m2m } else { Rotator::connected_apps }(client(&server));
        let reply = rotator.issue(&target, &attempt(&target)).await.expect("answered");
        assert_eq!((reply.status(), reply.is_whole()), (200, true));

        let seen = seen(&server).await;
        assert_eq!(seen.len(), 1);
        assert_eq!((seen[0].line.as_str(), seen[0].body.as_str()), (line, "{}"));
        assert_eq!(seen[0].authorization.as_deref(), Some(PROJECT_BASIC));
        assert_eq!(seen[0].content_type.as_deref(), Some("application/json"));

        let issued = rotator.read(&target, &kept(&target, reply).await).expect("readable");
        assert!(!issued.is_replayed() && issued.marker().is_none());
        assert_eq!(issued.into_secret().expose(), NEXT);
    }
}

#[tokio::test]
async fn any_success_status_is_success() {
    for status in [200, 201, 202, 299] {
        let server =
            answering(ResponseTemplate::new(status).set_body_json(m2m_answer(&json!({"next_client_secret": NEXT}))))
                .await;
        let (rotator, target) = (Rotator::m2m(client(&server)), target(M2M, "m2m-1"));
        let reply = rotator.issue(&target, &attempt(&target)).await.expect("answered");
        let kept = kept(&target, reply).await;
        assert!(rotator.read(&target, &kept).is_ok(), "{status}");
        assert!(rotator.complete(&target, &kept).await.is_ok(), "{status}");
        assert!(rotator.cancel(&target).await.is_ok(), "{status}");
    }
}

#[tokio::test]
async fn a_secret_before_a_cut_is_read_and_half_of_one_is_not() {
    let target = target(M2M, "m2m-1");
    let cut = br#"{"m2m_client":{"client_id":"m2m-1","next_client_secret":"made-up-secret","sta"#;
    let rotator = Rotator::m2m(client_over(cut, End::CutShort));
    let reply = rotator.issue(&target, &attempt(&target)).await.expect("its head arrived");
    assert!(!reply.is_whole());
    let issued = rotator.read(&target, &kept(&target, reply).await).expect("the secret is there whole");
    assert_eq!(issued.into_secret().expose(), "made-up-secret");

    let rotator = Rotator::m2m(client_over(&cut[..60], End::CutShort));
    let reply = rotator.issue(&target, &attempt(&target)).await.expect("its head arrived");
    let error = rotator.read(&target, &kept(&target, reply).await).expect_err("half a secret is none");
    assert_eq!((error.effect(), error.status()), (Effect::Applied, Some(200)));
    assert!(!format!("{error} {error:?}").contains("made-up"));
}

#[tokio::test]
async fn complete_and_cancel_ask_for_nothing_but_a_success() {
    for (kind, family) in [(M2M, "m2m"), (CONNECTED_APP, "connected_apps")] {
        let server = answering(ResponseTemplate::new(200).set_body_string("<html>")).await;
        let rotator = if kind == M2M { Rotator::m2m } else { Rotator::connected_apps }(client(&server));
        let target = target(kind, "c-1");
        let reply = rotator.issue(&target, &attempt(&target)).await.expect("answered");
        rotator.complete(&target, &kept(&target, reply).await).await.expect("done");
        rotator.cancel(&target).await.expect("done");
        let seen = seen(&server).await;
        assert_eq!(seen[1].line, format!("POST /v1/{family}/clients/c-1/secrets/rotate"));
        assert_eq!(seen[2].line, format!("POST /v1/{family}/clients/c-1/secrets/rotate/cancel"));
        assert!(seen.iter().all(|call| call.body == "{}" && call.authorization.as_deref() == Some(PROJECT_BASIC)));
    }
}

#[tokio::test]
async fn inspect_shows_what_is_pending_and_how_secrets_end() {
    let four = LastFour::from_vendor;
    for (fields, pending, current) in [
        (json!({}), Pending::No, four("9sLp")),
        (json!({"next_client_secret_last_four": null}), Pending::No, four("9sLp")),
        (json!({"next_client_secret_last_four": "-w_P"}), Pending::Yes(four("-w_P")), four("9sLp")),
        (json!({"next_client_secret_last_four": 7, "client_secret_last_four": 8}), Pending::NotShown, None),
    ] {
        let server = answering(ok(&m2m_answer(&fields))).await;
        let shown = Rotator::m2m(client(&server)).inspect(&target(M2M, "m2m-1")).await.expect("shown");
        assert_eq!((shown.pending, shown.current_last_four, shown.marker), (pending, current, None), "{fields}");
        let seen = seen(&server).await;
        assert_eq!((seen[0].line.as_str(), seen[0].body.as_str()), ("GET /v1/m2m/clients/m2m-1", ""));
    }
    let server = answering(ok(&app_answer(&json!({"next_client_secret_last_four": "-w_P"})))).await;
    let rotator = Rotator::connected_apps(client(&server));
    let shown = rotator.inspect(&target(CONNECTED_APP, "app-1")).await.expect("shown");
    assert_eq!((shown.pending, shown.current_last_four), (Pending::Yes(four("-w_P")), four("k3Q-")));
}

#[tokio::test]
async fn an_answer_about_another_client_is_no_witness() {
    let server = answering(ok(&m2m_answer(&json!({"client_id": "m2m-2"})))).await;
    let error = Rotator::m2m(client(&server)).inspect(&target(M2M, "m2m-1")).await.expect_err("another client");
    assert!(matches!(error, RotateError::Unreadable(_)), "{error}");
    assert_eq!(error.request_id(), Some("request-id-test-1"));
}

#[tokio::test]
async fn a_refusal_has_the_vendors_code_and_request_id() {
    for (status, code, refusal) in [
        (404, "m2m_client_not_found", Refusal::NotFound),
        (401, "unauthorized_credentials", Refusal::Credentials),
        (400, "m2m_client_already_rotating_secret", Refusal::AlreadyPending),
        (409, "m2m_client_already_rotating_secret", Refusal::AlreadyPending),
        (400, "m2m_client_not_rotating_secret", Refusal::NothingPending),
        (400, "idp_client_already_rotating_secret", Refusal::AlreadyPending),
        (400, "public_connected_apps_do_not_have_secrets", Refusal::HasNoSecret),
        (400, "bad_request", Refusal::Invalid),
        (404, "route_not_found", Refusal::Invalid),
        (429, "too_many_requests", Refusal::RateLimited),
    ] {
        let server = answering(api_error(status, code)).await;
        let (rotator, target) = (Rotator::m2m(client(&server)), target(M2M, "m2m-1"));
        let errors = [
            rotator.inspect(&target).await.map(drop).expect_err("refused"),
            rotator.issue(&target, &attempt(&target)).await.map(drop).expect_err("refused"),
            rotator.cancel(&target).await.expect_err("refused"),
        ];
        for error in errors {
            assert_eq!((error.refusal(), error.code()), (Some(refusal), Some(code)));
            assert_eq!((error.status(), error.request_id()), (Some(status), Some("request-id-test-e1")));
            assert_eq!((error.effect(), error.call().target()), (Effect::NotApplied, Some(target.id())));
        }
    }
}

#[tokio::test]
async fn what_is_not_this_rotators_is_never_sent() {
    let server = answering(ok(&m2m_answer(&json!({"next_client_secret": NEXT})))).await;
    let rotator = Rotator::m2m(client(&server));
    let name = TargetId::new("x").expect("valid");
    for target in [
        Target::new(name.clone(), VENDOR, CONNECTED_APP, id("c")),
        Target::new(name.clone(), Vendor::from_static("hopae"), M2M, id("c")),
        Target::new(name, VENDOR, Kind::from_static("app"), id("c")),
    ] {
        check_none_is_sent(&rotator, &target, "the target is of kind").await;
    }
    for bad in [".", ".."] {
        let error = rotator.inspect(&target(M2M, bad)).await.expect_err("no id");
        assert!(matches!(error, RotateError::NotSent(_)), "{error}");
    }
    assert!(seen(&server).await.is_empty());
}

#[tokio::test]
async fn a_reply_of_another_target_completes_and_reads_nothing() {
    let server = answering(ok(&m2m_answer(&json!({"next_client_secret": NEXT})))).await;
    let rotator = Rotator::m2m(client(&server));
    let mine = target(M2M, "m2m-1");
    let other = Target::new(TargetId::new("other").expect("valid"), VENDOR, M2M, id("m2m-1"));
    let reply = rotator.issue(&other, &attempt(&other)).await.expect("answered");
    let kept = kept(&other, reply).await;
    assert!(matches!(rotator.complete(&mine, &kept).await, Err(RotateError::NotSent(_))));
    assert!(matches!(rotator.read(&mine, &kept), Err(RotateError::NotSent(_))));
    assert_eq!(seen(&server).await.len(), 1);
}
