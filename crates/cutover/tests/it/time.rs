//! What takes hours or depends on the order of two workers, under simulated time and in one process.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cutover::engine::{Ending, Engine, EngineError, Job, Journal, JournalError, Observer, Options, Phase};
use cutover::{Clock, TargetId, Verdict};
use cutover_conformance::emulated::EmulatedClock;
use cutover_emulator::{Emulator, Exchange, Vendor};

use crate::site::{Client, ClientKind};
use crate::world::{DEADLINE, World, told};

/// How long the lease of an engine lasts that was told nothing else.
fn lease_ttl() -> Duration {
    Options::default().lease_ttl
}

async fn rotates(world: &World, client: &Client, job: &Job, context: &str) {
    let outcome = world.engine().rotate(job).await.expect("the journal works");
    assert!(matches!(outcome.ending, Ending::Rotated), "{context}: {}", told(&outcome));
    assert_eq!(outcome.old, Some(Verdict::Refused), "{context}");
    world.assert_rotated(client, context).await;
}

#[tokio::test]
async fn another_workers_target_is_left_alone_until_its_lease_ends_and_then_that_worker_is_fenced_off() {
    let world = World::in_process().await;
    let clock: Arc<dyn Clock> = Arc::new(EmulatedClock(world.emulator.clone()));
    let (client, job) = world.client(ClientKind::M2m, 0);
    let id = client.target.id();
    let other = world.site.journal(&clock).await.expect("the journal, once more");
    let lease = other.lease(id, clock.now(), lease_ttl()).await.expect("free");

    let busy = world.engine().rotate(&job).await;
    assert!(matches!(&busy, Err(EngineError::Journal(JournalError::Busy { target, .. })) if target == id), "{busy:?}");
    world.emulator.advance(lease_ttl() - Duration::from_secs(1));
    let busy = world.engine().rotate(&job).await;
    assert!(matches!(busy, Err(EngineError::Journal(JournalError::Busy { .. }))), "{busy:?}");
    assert!(world.emulator.log().is_empty(), "a vendor was called");

    world.emulator.advance(Duration::from_secs(1));
    rotates(&world, &client, &job, "after the lease").await;
    let fenced = other.renew(&lease, clock.now(), lease_ttl()).await;
    assert!(matches!(fenced, Err(JournalError::Fenced { .. })), "{fenced:?}");
}

mod a_worker_that_stood_still_until_another_took_over_changes_nothing_when_it_wakes {
    for_every_kind!(super::stands_still);
}

/// The first worker's answer hangs until its lease is over and a second one has finished the rotation.
async fn stands_still(kind: ClientKind) {
    let world = World::in_process().await;
    let (client, job) = world.client(kind, 0);
    world.disturb(kind, "1=hold_answer");
    let clock: Arc<dyn Clock> = Arc::new(EmulatedClock(world.emulator.clone()));
    let other = world.site.journal(&clock).await.expect("the journal, once more");
    let first = Engine::new(Arc::new(other), clock);
    let theirs = job.clone();
    let asleep = tokio::spawn(async move { first.rotate(&theirs).await });
    let asked = world.emulator.reached(kind.vendor(), kind.issue(), 1);
    tokio::time::timeout(DEADLINE, asked).await.expect("the first worker asks");

    let busy = world.engine().resume(&job).await;
    assert!(matches!(busy, Err(EngineError::Journal(JournalError::Busy { .. }))), "{busy:?}");
    world.emulator.advance(lease_ttl());
    let outcome = world.engine().resume(&job).await.expect("the journal works").expect("something unfinished");
    assert!(matches!(outcome.ending, Ending::Rotated), "{}", told(&outcome));

    world.emulator.release();
    let woken = tokio::time::timeout(DEADLINE, asleep).await.expect("it wakes").expect("no panic");
    assert!(woken.is_err(), "it went on: {woken:?}");
    world.assert_rotated(&client, kind.name()).await;
}

#[tokio::test]
async fn a_projection_that_is_half_a_minute_behind_is_waited_for() {
    for kind in ClientKind::of(Vendor::Zitadel) {
        let world = World::in_process().await;
        world.emulator.set_behaviour("zitadel.projection_lag", "30s").expect("a switch");
        let (client, job) = world.client(kind, 0);
        rotates(&world, &client, &job, "straight").await;
        let (client, job) = world.client(kind, 1);
        world.disturb(kind, "1=lose_answer");
        rotates(&world, &client, &job, "with a lost answer").await;
    }
}

#[tokio::test]
async fn an_answer_that_was_lost_hours_ago_is_replayed_and_one_from_yesterday_is_asked_for_anew() {
    for (hours, keys) in [(22, 1), (23, 2), (24, 2), (1000, 2)] {
        let world = World::in_process().await;
        let (client, job) = world.client(ClientKind::App, 0);
        world.disturb(ClientKind::App, "*=lose_answer");
        let outcome = world.engine().rotate(&job).await.expect("the journal works");
        assert!(matches!(outcome.ending, Ending::Held { phase: Phase::Issuing, .. }), "{}", told(&outcome));
        world.emulator.clear_faults();
        world.emulator.advance(Duration::from_secs(hours * 3600));
        let changed = world.outsider.changed_at(&client.target).await;
        let outcome = world.engine().resume(&job).await.expect("the journal works").expect("something unfinished");
        assert!(matches!(outcome.ending, Ending::Rotated), "{hours} h: {}", told(&outcome));
        let is_same = world.outsider.changed_at(&client.target).await == changed;
        assert_eq!(is_same, keys == 1, "{hours} h: whether another secret was made");
        world.assert_rotated(&client, "hours later").await;
        assert_eq!(world.rows(&client).await.keys_ever, keys, "{hours} h: idempotency keys");
    }
}

#[tokio::test]
async fn a_vendor_that_replaces_a_pending_secret_instead_of_refusing_makes_no_difference() {
    for kind in ClientKind::of(Vendor::Stytch) {
        for fault in ["1=lose_answer", "1-2=lose_answer", "1=deliver_late:1", "1=cut_body:9"] {
            let world = World::in_process().await;
            world.emulator.set_behaviour("stytch.start_while_pending", "replace").expect("a switch");
            let (client, job) = world.client(kind, 0);
            world.disturb(kind, fault);
            rotates(&world, &client, &job, fault).await;
        }
    }
}

#[tokio::test]
async fn a_late_request_of_ours_that_takes_the_place_of_our_new_secret_cuts_nobody_off() {
    for kind in ClientKind::of(Vendor::Stytch) {
        // Later than that it would meet the vendor between the last look and the call that retires the old secret.
        for after in 2..=4 {
            let context = format!("{} late by {after}", kind.name());
            let world = World::in_process().await;
            world.emulator.set_behaviour("stytch.start_while_pending", "replace").expect("a switch");
            let (client, job) = world.client(kind, 0);
            world.disturb(kind, &format!("1=deliver_late:{after}"));
            let outcome = world.engine().rotate(&job).await.expect("the journal works");
            assert!(world.is_served(&client).await, "{context}: applications are cut off: {}", told(&outcome));
            match outcome.ending {
                Ending::Rotated => world.assert_rotated(&client, &context).await,
                Ending::RolledBack(_) => world.assert_unchanged(&client, &context).await,
                _ => panic!("{context}: {}", told(&outcome)),
            }
        }
    }
}

/// Does something once, when a rotation has come to a phase.
struct Meddler {
    phase: Phase,
    act: std::sync::Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl std::fmt::Debug for Meddler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meddler").field("phase", &self.phase).finish_non_exhaustive()
    }
}

impl Observer for Meddler {
    fn at(&self, _: &TargetId, phase: Option<Phase>, _: &str) {
        if phase == Some(self.phase)
            && let Some(act) = self.act.lock().expect("held shortly").take()
        {
            act();
        }
    }
}

#[tokio::test]
async fn a_pending_secret_that_somebody_else_put_in_the_place_of_ours_is_not_made_the_only_one() {
    for kind in ClientKind::of(Vendor::Stytch) {
        for phase in [Phase::Kept, Phase::Staged, Phase::Verified, Phase::Promoted] {
            let context = format!("{} at {}", kind.name(), phase.name());
            let world = World::in_process().await;
            world.emulator.set_behaviour("stytch.start_while_pending", "replace").expect("a switch");
            let (client, job) = world.client(kind, 0);
            let start = start_by_hand(&world, &client);
            let meddler = Meddler { phase, act: std::sync::Mutex::new(Some(start)) };
            let engine = world.engine().with_observer(Arc::new(meddler));
            let outcome = engine.rotate(&job).await.expect("the journal works");
            let is_safe = matches!(outcome.ending, Ending::Superseded(_) | Ending::RolledBack(_));
            assert!(is_safe, "{context}: {}", told(&outcome));
            assert!(world.is_served(&client).await, "{context}: applications are cut off");
            let old_works = world.outsider.accepts(kind, &client.target, &client.old).await;
            assert!(old_works, "{context}: the old secret was retired");
            assert_eq!(world.emulator.handled(kind.vendor(), kind.complete().expect("two-phase")), 0, "{context}");
        }
    }
}

/// Somebody else's call to begin a rotation.
fn start_by_hand(world: &World, client: &Client) -> Box<dyn FnOnce() + Send> {
    use base64::Engine as _;
    let family = if client.kind == ClientKind::M2m { "m2m" } else { "connected_apps" };
    let path = format!("/v1/{family}/clients/{}/secrets/rotate/start", client.target.client_id());
    let (project, secret) = (world.site.text(Vendor::Stytch, "project_id"), world.site.text(Vendor::Stytch, "secret"));
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("{project}:{secret}"));
    let request = http::Request::post(path).header("authorization", format!("Basic {basic}"));
    let request = request.body(Bytes::from_static(b"{}")).expect("a request");
    let emulator: Emulator = world.emulator.clone();
    Box::new(move || match emulator.exchange(Vendor::Stytch, request) {
        Exchange::Answer(response) => assert_eq!(response.status(), 200),
        other => panic!("{other:?}"),
    })
}
