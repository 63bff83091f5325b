//! The engine's contract on moto, and a rotation in which each request in turn goes wrong.
//!
//! The contract's own faults, and the same contract for a whole secret, are many thousand requests more; they are made
//! against the model in `aws`, which answers ten times as fast.

use cutover_core::{AttemptId, ClientSecret};
use cutover_engine::contract::destination::{How, Trouble, check};
use cutover_engine::{Destination, DestinationError, Label, Version};
use cutover_stores::{AwsPlace, AwsSecret};
use serde_json::json;

use super::moto::Moto;
use crate::aws::contract::Aws;
use crate::aws::proxy::{Backend, Meddling, Proxy};

const A1: Version = Version::new(AttemptId::from_bits(0x0192_0000_0000_7000_8000_0000_0000_000a), 1);
/// More requests than one rotation makes.
const REQUESTS_MAX: u32 = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs moto: cargo xtask test starts it"]
async fn one_key_of_a_secret_keeps_the_contract() {
    check(&Aws::new(Backend::Moto(Moto::running()), true, false).await).await.assert();
}

/// The calls of one rotation, or of one that is taken back.
async fn run(destination: &AwsSecret, step: usize, goes_back: bool) -> Result<(), DestinationError> {
    match step {
        0 => destination.preflight().await,
        1 => destination.stage(A1, &ClientSecret::new("new")).await,
        2 => destination.promote(A1).await,
        _ if goes_back => destination.roll_back(A1).await,
        _ => destination.forget_previous(A1).await,
    }
}

/// Runs a rotation in which this happens to the nth request, each call being made again until it is done.
async fn rotate(proxy: &Proxy, is_key: bool, goes_back: bool, trouble: Trouble) -> bool {
    let moto = Moto::running();
    let whole = |value: &str| if is_key { json!({"a": 1, "k": value}).to_string() } else { value.to_owned() };
    let secret = moto.secret(Some(&whole("old"))).await;
    let store = proxy.store().await;
    let place = if is_key { AwsPlace::key(&secret, "k") } else { AwsPlace::whole(&secret) };
    let destination = AwsSecret::new(&store, &place.expect("valid"));
    let mut reached = false;
    proxy.meddle(Some(Meddling::Trouble(trouble)));
    for step in 0..4 {
        while let Err(error) = run(&destination, step, goes_back).await {
            assert!(proxy.reached() && !reached, "{trouble:?}: {error}");
            reached = true;
            proxy.meddle(None);
        }
    }
    reached |= proxy.reached();
    proxy.meddle(None);
    let expected = if goes_back { "old" } else { "new" };
    assert_eq!(moto.current(&secret).await, Some(whole(expected)), "{trouble:?}");
    assert_eq!(destination.read(Label::Pending).await.expect("readable"), None, "{trouble:?}");
    reached
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs moto: cargo xtask test starts it"]
async fn a_rotation_ends_right_whatever_happens_to_any_of_its_requests() {
    let proxy = Proxy::start(Backend::Moto(Moto::running())).await;
    for how in How::ALL {
        for (is_key, goes_back) in [(false, true), (true, false)] {
            let mut at = 1;
            while rotate(&proxy, is_key, goes_back, Trouble { at, how }).await {
                assert!(at < REQUESTS_MAX, "{how:?}: it makes more than {REQUESTS_MAX} requests");
                at += 1;
            }
            assert!(5 < at, "{how:?}: only {at} requests");
        }
    }
}
