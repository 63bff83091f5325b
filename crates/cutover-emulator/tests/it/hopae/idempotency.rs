//! Idempotency keys: what a repeated request gets.

use jiff::SignedDuration;

use super::{Workspace, body, code, replayed, secret, status};
use crate::support::request;

const DAY: SignedDuration = SignedDuration::from_hours(24);

#[test]
fn a_repeated_key_gets_the_same_bytes_and_rotates_once() {
    let mut hopae = Workspace::new();
    let old = hopae.first_secret(0);
    let first = hopae.rotate(0, "k1");
    let updated = hopae.updated(0);
    hopae.wait(SignedDuration::from_mins(5));
    let second = hopae.rotate(0, "k1");
    assert_eq!((status(&first), first.body()), (status(&second), second.body()));
    assert_eq!((replayed(&first), replayed(&second)), (false, true));
    assert!(hopae.accepts(0, &secret(&second)));
    assert!(!hopae.accepts(0, &old));
    assert_eq!(hopae.updated(0), updated, "a replay changes nothing");
}

#[test]
fn many_repetitions_are_one_rotation_and_many_keys_are_many() {
    let mut hopae = Workspace::new();
    let one = secret(&hopae.rotate(0, "same"));
    for _ in 0..20 {
        assert_eq!(secret(&hopae.rotate(0, "same")), one);
    }
    let secrets: Vec<String> = (0..20).map(|at| secret(&hopae.rotate(0, &format!("key-{at}")))).collect();
    let accepted: Vec<&String> = secrets.iter().filter(|secret| hopae.accepts(0, secret)).collect();
    assert_eq!(accepted, [&secrets[19]]);
}

#[test]
fn the_same_key_with_another_body_conflicts_and_the_first_answer_stays() {
    let mut hopae = Workspace::new();
    let first = hopae.keyed("/connect/v1/apps", "k1", r#"{"name": "One"}"#);
    let total = |hopae: &mut Workspace| body(&hopae.call("GET", "/connect/v1/apps", ""))["total"].clone();
    let before = total(&mut hopae);
    let other = hopae.keyed("/connect/v1/apps", "k1", r#"{"name": "Two"}"#);
    assert_eq!((status(&other), code(&other).as_str()), (409, "IDEMPOTENCY_KEY_CONFLICT"));
    assert!(!replayed(&other));
    assert_eq!(total(&mut hopae), before);
    let again = hopae.keyed("/connect/v1/apps", "k1", r#"{ "name": "One" }"#);
    assert_eq!((again.body(), replayed(&again)), (first.body(), true));
    assert_eq!(again.headers()["location"], first.headers()["location"]);
}

#[test]
fn one_key_for_two_apps_never_hands_one_apps_secret_to_the_other() {
    let mut hopae = Workspace::new();
    hopae.rotate(0, "k1");
    assert_eq!(code(&hopae.rotate(1, "k1")), "IDEMPOTENCY_KEY_CONFLICT");
    let untouched = hopae.first_secret(1);
    assert!(hopae.accepts(1, &untouched));
}

#[test]
fn a_fingerprint_of_the_body_alone_replays_the_secret_of_another_app() {
    let mut hopae = Workspace::with("fingerprint", "body");
    let first = hopae.rotate(0, "k1");
    let second = hopae.rotate(1, "k1");
    assert_eq!((second.body(), replayed(&second)), (first.body(), true));
    assert!(!hopae.accepts(1, &secret(&second)));
}

#[test]
fn one_key_on_two_routes_never_gives_the_other_routes_answer() {
    let mut hopae = Workspace::new();
    hopae.rotate(0, "k1");
    let path = hopae.path(0, "/webhook-config/rotate-secret");
    assert_eq!(code(&hopae.keyed(&path, "k1", "")), "IDEMPOTENCY_KEY_CONFLICT");
    assert_eq!(code(&hopae.keyed("/connect/v1/apps", "k1", r#"{"name": "A"}"#)), "IDEMPOTENCY_KEY_CONFLICT");
}

#[test]
fn keys_belong_to_a_workspace() {
    let mut hopae = Workspace::new();
    let ours = hopae.rotate(0, "k1");
    let other = hopae.seed.other_workspace.clone();
    let key = format!("Bearer {}", other.api_key.expose());
    let path = format!("/connect/v1/apps/{}/rotate-client-secret", other.client_id);
    let theirs = hopae.send(&request("POST", &path, &[("authorization", &key), ("idempotency-key", "k1")], ""));
    assert_eq!(status(&theirs), 201);
    assert!(!replayed(&theirs));
    assert_ne!(secret(&ours), secret(&theirs));
}

#[test]
fn a_replay_after_a_later_rotation_gives_a_dead_secret_and_changes_nothing() {
    let mut hopae = Workspace::new();
    let first = secret(&hopae.rotate(0, "k1"));
    let second = secret(&hopae.rotate(0, "k2"));
    let again = hopae.rotate(0, "k1");
    assert!(replayed(&again));
    assert_eq!(secret(&again), first);
    assert!(!hopae.accepts(0, &first));
    assert!(hopae.accepts(0, &second));
}

#[test]
fn a_key_is_kept_for_a_day_and_not_a_moment_longer() {
    let mut hopae = Workspace::new();
    let first = secret(&hopae.rotate(0, "k1"));
    hopae.wait(DAY - SignedDuration::from_millis(1));
    assert_eq!(secret(&hopae.rotate(0, "k1")), first);
    hopae.wait(SignedDuration::from_millis(1));
    let later = hopae.rotate(0, "k1");
    assert!(!replayed(&later));
    assert!(!hopae.accepts(0, &first));
    assert!(hopae.accepts(0, &secret(&later)));
}

#[test]
fn a_key_used_again_after_its_day_has_another_day() {
    let mut hopae = Workspace::new();
    hopae.rotate(0, "k1");
    hopae.wait(DAY);
    let second = secret(&hopae.rotate(0, "k1"));
    hopae.wait(DAY - SignedDuration::from_secs(1));
    assert_eq!(secret(&hopae.rotate(0, "k1")), second);
}

#[test]
fn only_printable_keys_of_up_to_255_characters_are_accepted() {
    let mut hopae = Workspace::new();
    assert_eq!(status(&hopae.rotate(0, &"k".repeat(255))), 201);
    let current = secret(&hopae.rotate_unkeyed(0));
    let (path, bearer) = (hopae.path(0, "/rotate-client-secret"), hopae.key());
    let long = "k".repeat(256);
    for key in [long.as_bytes(), b"", b"a\tb", "schl\u{fc}ssel".as_bytes()] {
        let mut sent = request("POST", &path, &[("authorization", &bearer)], "");
        let value = http::HeaderValue::from_bytes(key).expect("a header value");
        sent.headers_mut().insert("idempotency-key", value);
        let answer = hopae.send(&sent);
        assert_eq!((status(&answer), code(&answer).as_str()), (400, "VALIDATION_INVALID_PARAMETER"), "{key:?}");
    }
    assert!(hopae.accepts(0, &current));
}

#[test]
fn two_key_headers_are_refused_and_not_joined() {
    let mut hopae = Workspace::new();
    let (path, bearer) = (hopae.path(0, "/rotate-client-secret"), hopae.key());
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", "a"), ("idempotency-key", "b")];
    assert_eq!(status(&hopae.send(&request("POST", &path, &headers, ""))), 400);
    let untouched = hopae.first_secret(0);
    assert!(hopae.accepts(0, &untouched));
}

#[test]
fn case_and_quotes_make_different_keys() {
    let mut hopae = Workspace::new();
    let secrets: Vec<String> = ["abc", "\"abc\"", "ABC"].into_iter().map(|key| secret(&hopae.rotate(0, key))).collect();
    assert_ne!(secrets[0], secrets[1]);
    assert_ne!(secrets[0], secrets[2]);
    assert_ne!(secrets[1], secrets[2]);
}

#[test]
fn refused_requests_leave_the_key_free() {
    let mut hopae = Workspace::new();
    assert_eq!(status(&hopae.keyed("/connect/v1/apps/NoSuchId/rotate-client-secret", "k1", "")), 404);
    assert_eq!(status(&hopae.keyed("/connect/v1/apps", "k2", "{}")), 400);
    let (first, second) = (hopae.rotate(0, "k1"), hopae.rotate(1, "k2"));
    assert_eq!((status(&first), replayed(&first)), (201, false));
    assert_eq!((status(&second), replayed(&second)), (201, false));
}

#[test]
fn refused_requests_are_replayed_where_errors_are_stored() {
    let mut hopae = Workspace::with("store_errors", "yes");
    let first = hopae.keyed("/connect/v1/apps", "k1", "{}");
    let again = hopae.keyed("/connect/v1/apps", "k1", "{}");
    assert_eq!((first.body(), status(&first)), (again.body(), status(&again)));
    assert!(replayed(&again));
    assert_eq!(code(&hopae.keyed("/connect/v1/apps", "k1", r#"{"name": "A"}"#)), "IDEMPOTENCY_KEY_CONFLICT");
}

#[test]
fn a_key_refused_for_its_caller_is_never_stored() {
    let mut hopae = Workspace::with("store_errors", "yes");
    let path = hopae.path(0, "/rotate-client-secret");
    let headers = [("authorization", "Bearer sk_workspace_prod_other"), ("idempotency-key", "k1")];
    assert_eq!(status(&hopae.send(&request("POST", &path, &headers, ""))), 401);
    assert_eq!(status(&hopae.rotate(0, "k1")), 201);
}

#[test]
fn a_replay_after_the_app_is_gone_is_no_secret_that_works() {
    let mut hopae = Workspace::new();
    let kept = hopae.rotate(0, "k1");
    let path = hopae.path(0, "");
    hopae.call("DELETE", &path, "");
    let again = hopae.rotate(0, "k1");
    assert_eq!(again.body(), kept.body());
    assert!(!hopae.accepts(0, &secret(&again)));
}

#[test]
fn the_first_retry_may_meet_the_original_still_running() {
    let mut hopae = Workspace::with("in_progress", "first_retry");
    let first = hopae.rotate(0, "k1");
    let busy = hopae.rotate(0, "k1");
    assert_eq!((status(&busy), code(&busy).as_str()), (409, "IDEMPOTENCY_REQUEST_IN_PROGRESS"));
    assert!(!replayed(&busy));
    let settled = hopae.rotate(0, "k1");
    assert_eq!((settled.body(), replayed(&settled)), (first.body(), true));
    assert_eq!(code(&hopae.rotate(1, "k1")), "IDEMPOTENCY_KEY_CONFLICT");
}

#[test]
fn the_mark_of_a_replay_can_be_lost_on_the_way() {
    let mut hopae = Workspace::with("replay_header", "off");
    let first = hopae.rotate(0, "k1");
    let again = hopae.rotate(0, "k1");
    assert_eq!(again.body(), first.body());
    assert!(!replayed(&again));
}
