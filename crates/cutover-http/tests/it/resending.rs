//! What the one loop does with failures, by a scripted vendor in the same process.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cutover_core::{Effect, NotSent, RotateError};
use cutover_http::{Answer, End, FnTransport, FormValue, Limits, Outgoing, Pipeline, RetryPolicy, SendError};
use http::HeaderName;

use crate::support::{StepClock, answer, builder, path};

type Step = Box<dyn Fn() -> Result<Answer, SendError> + Send + Sync>;

struct Scripted {
    pipeline: Pipeline,
    clock: Arc<StepClock>,
    sent: Arc<Mutex<Vec<String>>>,
}

/// A vendor that goes through `steps` and repeats the last.
fn scripted(steps: Vec<Step>, retry: RetryPolicy, limits: Limits) -> Scripted {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let steps = Arc::new(Mutex::new(VecDeque::from(steps)));
    let seen = sent.clone();
    let transport = FnTransport::new(move |request: cutover_http::Request| {
        let body = String::from_utf8_lossy(request.body().expose()).into_owned();
        let key = request.headers().get("x-key").map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        seen.lock().expect("held shortly").push(format!("{} {} {key:?} {body}", request.method(), request.uri()));
        let mut steps = steps.lock().expect("held shortly");
        let result = steps[0]();
        if steps.len() > 1 {
            steps.pop_front();
        }
        async move { result }
    });
    let clock = Arc::new(StepClock::new());
    let pipeline = builder("https://api.acme.example")
        .transport(Arc::new(transport))
        .clock(clock.clone())
        .retry(retry)
        .limits(limits)
        .build()
        .expect("a pipeline");
    Scripted { pipeline, clock, sent }
}

fn vendor(steps: Vec<Step>) -> Scripted {
    scripted(steps, RetryPolicy::default(), Limits::default())
}

fn status(status: u16) -> Step {
    Box::new(move || Ok(answer(status, &[], "{}")))
}

fn lost() -> Step {
    Box::new(|| Err(SendError::no_answer("the line was cut")))
}

fn cut() -> Step {
    Box::new(|| Ok(answer(200, &[], "{\"a").ended(End::CutShort)))
}

fn asks(value: &'static str) -> Step {
    Box::new(move || Ok(answer(429, &[("retry-after", value)], "{}")))
}

impl Scripted {
    async fn post(&self) -> Result<cutover_http::Received, RotateError> {
        self.pipeline.send(Outgoing::post("acme.issue", path("x"))).await
    }

    fn times(&self) -> usize {
        self.sent.lock().expect("held shortly").len()
    }
}

#[tokio::test]
async fn a_lost_answer_to_a_post_is_never_sent_again() {
    for step in [lost(), status(500), status(503), status(408), cut()] {
        let vendor = vendor(vec![step, status(200)]);
        let _ = vendor.post().await;
        assert_eq!((vendor.times(), vendor.clock.waits().len()), (1, 0));
    }
}

#[tokio::test]
async fn an_idempotent_call_is_sent_again_unchanged() {
    let vendor = vendor(vec![lost(), status(503), status(200)]);
    let call = Outgoing::post("acme.issue", path("x"))
        .form(&[("a", FormValue::Text("b c"))])
        .query("q", "1")
        .secret_header(HeaderName::from_static("x-key"), "k-1")
        .idempotent();
    assert_eq!(vendor.pipeline.send(call).await.expect("the third").status(), 200);
    let sent = vendor.sent.lock().expect("held shortly").clone();
    assert_eq!(sent, vec!["POST https://api.acme.example/x?q=1 Some(\"k-1\") a=b+c"; 3]);
}

#[tokio::test]
async fn a_call_that_did_nothing_is_sent_again_even_if_it_is_not_idempotent() {
    let vendor = vendor(vec![Box::new(|| Err(SendError::not_sent("no connection"))), status(429), status(200)]);
    vendor.post().await.expect("the third");
    assert_eq!(vendor.times(), 3);
}

#[tokio::test]
async fn the_last_error_comes_back_when_the_tries_are_used_up() {
    let vendor = vendor(vec![status(429)]);
    let error = vendor.post().await.expect_err("refused");
    assert_eq!((vendor.times(), error.status(), error.effect()), (4, Some(429), Effect::NotApplied));
    let waits = vendor.clock.waits();
    assert!(waits.windows(2).all(|pair| pair[0] < pair[1].mul_f64(1.01)), "{waits:?}");
}

#[tokio::test]
async fn no_try_comes_sooner_than_retry_after_asks_in_either_form() {
    let vendor = vendor(vec![asks("3"), asks("Fri, 20 Nov 2026 10:00:10 GMT"), status(200)]);
    vendor.post().await.expect("the third");
    assert_eq!(vendor.clock.waits(), [3, 7].map(Duration::from_secs));
}

#[tokio::test]
async fn a_wait_that_is_too_long_is_left_to_the_caller() {
    let vendor = vendor(vec![asks("11")]);
    let error = vendor.post().await.expect_err("refused");
    assert_eq!((vendor.times(), error.retry_after()), (1, Some(Duration::from_secs(11))));
}

#[tokio::test]
async fn the_budget_ends_it_before_the_tries_do() {
    let retry = RetryPolicy { tries_max: 100, ..RetryPolicy::default() };
    let vendor = scripted(vec![asks("9")], retry, Limits::default());
    vendor.post().await.expect_err("refused");
    assert_eq!((vendor.times(), vendor.clock.waits()), (4, vec![Duration::from_secs(9); 3]));
}

#[tokio::test]
async fn the_same_seed_gives_the_same_waits() {
    let (one, two) = (vendor(vec![status(429)]), vendor(vec![status(429)]));
    let _ = (one.post().await, two.post().await);
    assert_eq!(one.clock.waits(), two.clock.waits());
}

#[tokio::test]
async fn a_get_cut_short_is_asked_again_and_handed_over_when_it_stays_so() {
    let get = || Outgoing::get("acme.get", path("x"));
    let short = vendor(vec![cut(), status(200)]);
    assert_eq!(short.pipeline.send(get()).await.expect("the second").end(), End::Whole);
    let always = vendor(vec![cut()]);
    assert_eq!(always.pipeline.send(get()).await.expect("the fourth").end(), End::CutShort);
    assert_eq!((short.times(), always.times()), (2, 4));
}

#[tokio::test]
async fn a_call_with_a_mistake_in_it_is_not_sent() {
    let vendor = vendor(vec![status(200)]);
    let call = Outgoing::get("acme.get", path("v1").id("..").literal("x"));
    let error = vendor.pipeline.send(call).await.expect_err("dots");
    assert_eq!((vendor.times(), error.effect(), error.is_transient()), (0, Effect::NotApplied, false));
    let RotateError::NotSent(inner) = error else { panic!("{error:?}") };
    assert_eq!(NotSent::reason(&inner), "an id in the path is \".\" or \"..\"");
}

#[tokio::test]
async fn the_size_limit_holds_for_a_vendor_in_the_same_process() {
    let limits = Limits { answer_bytes: 5, ..Limits::default() };
    let long: Step = Box::new(|| Ok(answer(200, &[], "0123456789")));
    let received = scripted(vec![long], RetryPolicy::never(), limits).post().await.expect("a 200");
    assert_eq!((received.end(), received.expose_body()), (End::OverLimit, &b"01234"[..]));
}

#[test]
fn a_limit_of_zero_and_a_bad_user_agent_are_refused() {
    let zero = Limits { call: Duration::ZERO, ..Limits::default() };
    assert!(builder("https://api.acme.example").limits(zero).build().is_err());
    assert!(builder("https://api.acme.example").user_agent("a\nb").build().is_err());
}

#[tokio::test]
async fn a_refusal_after_an_unanswered_keyed_try_leaves_the_effect_unknown() {
    for refusal in [401, 404, 409] {
        let vendor = vendor(vec![lost(), status(refusal)]);
        let call = Outgoing::post("acme.issue", path("x")).keyed();
        let error = vendor.pipeline.send(call).await.expect_err("refused at last");
        assert_eq!((error.effect(), error.status()), (Effect::Unknown, Some(refusal)), "{error}");
        assert_eq!(vendor.times(), 2);
    }
}

#[tokio::test]
async fn a_refusal_of_a_call_that_changes_nothing_stays_a_refusal_whatever_came_before() {
    let vendor = vendor(vec![lost(), status(401)]);
    let probe = Outgoing::post("acme.probe", path("x")).idempotent();
    let error = vendor.pipeline.send(probe).await.expect_err("refused at last");
    assert_eq!((error.effect(), error.status()), (Effect::NotApplied, Some(401)));
}
