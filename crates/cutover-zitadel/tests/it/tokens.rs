//! How long the caller's token is kept, and that many calls at once fetch one.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cutover_core::{Refusal, RotateError};
use cutover_http::RetryPolicy;
use cutover_zitadel::Client;
use serde_json::{Value, json};

use crate::caller::{by_secret, issuing, look, path, tokens};
use crate::support::{Say, Vendor, discovery, oauth_error, ok, refuse};

const MINUTE: Duration = Duration::from_secs(60);

fn client(vendor: &Vendor) -> Client {
    Client::new(vendor.config(by_secret()).retry(RetryPolicy::never())).expect("a client")
}

/// How often the vendor was asked for a token.
fn fetched(vendor: &Vendor) -> usize {
    vendor.lines().iter().filter(|line| line.ends_with("/oauth/v2/token")).count()
}

/// What became of so many calls that were made at once.
async fn at_once(client: &Client, calls: usize) -> Vec<Result<(), RotateError>> {
    let calls: Vec<_> = (0..calls)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { look(&client).await })
        })
        .collect();
    let mut became = Vec::new();
    for call in calls {
        became.push(call.await.expect("no panic"));
    }
    became
}

/// A vendor whose token endpoint answers as `says` decides, and whose tokens are good for an hour.
fn deciding(says: impl Fn(u32) -> Option<Say> + Send + Sync + 'static) -> Vendor {
    let asked = AtomicU32::new(0);
    Vendor::new(move |seen| match path(seen) {
        "/.well-known/openid-configuration" => discovery(),
        "/oauth/v2/token" => {
            let number = asked.fetch_add(1, Ordering::Relaxed) + 1;
            let token = json!({"access_token": format!("token-{number}"), "token_type": "Bearer", "expires_in": 3600});
            says(number).unwrap_or_else(|| ok(&token))
        }
        _ => ok(&json!({"app": {"id": "a-1"}})),
    })
}

#[tokio::test]
async fn a_token_is_replaced_five_minutes_before_it_ends() {
    let vendor = issuing(json!("3600"), None);
    let client = Client::new(vendor.config(by_secret())).expect("a client");
    for seconds in [0, 3299, 1, 3299, 1] {
        vendor.clock.advance(Duration::from_secs(seconds));
        look(&client).await.expect("accepted");
    }
    assert_eq!(tokens(&vendor), ["token-1", "token-1", "token-2", "token-2", "token-3"]);
}

#[tokio::test]
async fn a_short_lived_token_is_still_used_more_than_once() {
    let vendor = issuing(json!(60), None);
    let client = Client::new(vendor.config(by_secret())).expect("a client");
    for seconds in [0, 44, 1] {
        vendor.clock.advance(Duration::from_secs(seconds));
        look(&client).await.expect("accepted");
    }
    assert_eq!(tokens(&vendor), ["token-1", "token-1", "token-2"]);
}

#[tokio::test]
async fn a_token_without_a_lifetime_is_used_once() {
    let vendor = issuing(Value::Null, None);
    let client = Client::new(vendor.config(by_secret())).expect("a client");
    look(&client).await.expect("accepted");
    look(&client).await.expect("accepted");
    assert_eq!(tokens(&vendor), ["token-1", "token-2"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_calls_at_once_fetch_one_token() {
    let vendor = issuing(json!(43_199), None);
    let client = client(&vendor);
    assert!(at_once(&client, 50).await.iter().all(Result::is_ok));
    assert_eq!((fetched(&vendor), tokens(&vendor).len()), (1, 50));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_calls_at_once_with_a_token_that_ended_fetch_one() {
    let vendor = issuing(json!(3600), None);
    let client = client(&vendor);
    look(&client).await.expect("accepted");
    for (round, passed) in (2..).zip([55 * MINUTE, 60 * MINUTE, 600 * MINUTE]) {
        vendor.clock.advance(passed);
        assert!(at_once(&client, 50).await.iter().all(Result::is_ok));
        assert_eq!(fetched(&vendor), round);
        let wanted = format!("token-{round}");
        assert_eq!(tokens(&vendor).iter().rev().take_while(|token| **token == wanted).count(), 50);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_calls_at_once_with_a_token_that_is_refused_fetch_one() {
    let is_over = Arc::new(AtomicBool::new(false));
    let over = is_over.clone();
    let made = AtomicU32::new(0);
    let vendor = Vendor::new(move |seen| match path(seen) {
        "/.well-known/openid-configuration" => discovery(),
        "/oauth/v2/token" => {
            let number = made.fetch_add(1, Ordering::Relaxed) + 1;
            ok(&json!({"access_token": format!("token-{number}"), "expires_in": 43_199}))
        }
        _ if over.load(Ordering::Relaxed) && seen.header("authorization") == Some("Bearer token-1") => {
            refuse(401, "AUTH-7fs1e")
        }
        _ => ok(&json!({"app": {"id": "a-1"}})),
    });
    let client = client(&vendor);
    look(&client).await.expect("accepted");
    is_over.store(true, Ordering::Relaxed);
    assert!(at_once(&client, 50).await.iter().all(Result::is_ok));
    assert_eq!(fetched(&vendor), 2);
}

#[tokio::test]
async fn many_calls_at_once_share_one_failure_and_the_next_one_tries_again() {
    type Says = fn(u32) -> Option<Say>;
    let rows: [(Says, Option<Refusal>, bool); 3] = [
        (|number| (number == 1).then(|| oauth_error(400, "invalid_client", "x")), Some(Refusal::Credentials), false),
        (|number| (number == 1).then(|| Say::Answer(503, String::new())), None, true),
        (|number| (number == 1).then(|| Say::Answer(200, "<html>".into())), None, false),
    ];
    for (says, refusal, transient) in rows {
        let vendor = deciding(says);
        let client = client(&vendor);
        for became in at_once(&client, 20).await {
            let error = became.expect_err("no token");
            assert_eq!((error.refusal(), error.is_transient()), (refusal, transient), "{error:?}");
            if refusal.is_some() {
                assert_eq!((error.code(), error.call().operation()), (Some("invalid_client"), "oauth.token"));
            }
        }
        assert_eq!((fetched(&vendor), tokens(&vendor).len()), (1, 0));
        look(&client).await.expect("accepted");
        assert_eq!(fetched(&vendor), 2);
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_replaced_is_used_until_it_ends() {
    let vendor = deciding(|number| (number > 1).then(|| Say::Answer(503, String::new())));
    let client = client(&vendor);
    look(&client).await.expect("accepted");
    // To be replaced from here on. It fails once, and is tried again after 30 seconds.
    vendor.clock.advance(55 * MINUTE);
    assert!(at_once(&client, 20).await.iter().all(Result::is_ok));
    assert_eq!(fetched(&vendor), 2);
    vendor.clock.advance(MINUTE / 2);
    look(&client).await.expect("accepted");
    assert_eq!(fetched(&vendor), 3);
    vendor.clock.advance(5 * MINUTE);
    let error = look(&client).await.expect_err("the token has ended");
    assert!(matches!(error, RotateError::NotSent(_)) && error.is_transient(), "{error:?}");
    assert!(tokens(&vendor).iter().all(|token| token == "token-1"));
}

#[tokio::test]
async fn a_fetch_that_is_dropped_leaves_the_next_call_to_fetch() {
    let vendor = issuing(json!(43_199), None);
    let client = client(&vendor);
    let polls = Mutex::new(0);
    // The call is dropped while its second request, the one for a token, is on its way.
    let dropped = async {
        let mut call = Box::pin(look(&client));
        std::future::poll_fn(|context| {
            let mut polls = polls.lock().expect("not poisoned");
            *polls += 1;
            let done = Future::poll(call.as_mut(), context).is_ready();
            if done || fetched(&vendor) > 0 { std::task::Poll::Ready(done) } else { std::task::Poll::Pending }
        })
        .await
    };
    assert!(!dropped.await, "it was dropped too late");
    look(&client).await.expect("accepted");
    assert_eq!((fetched(&vendor), tokens(&vendor)), (2, vec!["token-2".to_owned()]));
}

#[tokio::test]
async fn a_token_beyond_all_time_is_used_once() {
    let vendor = issuing(json!(u64::MAX), None);
    let client = client(&vendor);
    look(&client).await.expect("accepted");
    look(&client).await.expect("accepted");
    assert_eq!(tokens(&vendor), ["token-1", "token-2"]);
    let vendor = issuing(Value::from(-1), None);
    look(&self::client(&vendor)).await.expect("accepted");
}
