//! Several workers, workers that lost their lease, workers that are asked to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use cutover_core::Clock;
use cutover_engine::{Ending, EngineError, Failure, Halt, Journal, JournalError, Observer, Phase, StopFlag};

use futures_util::FutureExt;

use crate::check::check;
use crate::stores::Fail;
use crate::vendor::{FLAVOURS, Fault, Flavour, Op};
use crate::world::{LEASE, World};

#[tokio::test]
async fn a_second_worker_is_turned_away_while_the_first_may_be_alive() {
    for flavour in FLAVOURS {
        let world = World::new(flavour);
        world.points.arm(Some(30));
        assert!(world.points.live(world.rotate()).await.is_none(), "it was to die");
        world.points.arm(None);
        let early = world.resume().await;
        assert!(matches!(early, Err(EngineError::Journal(JournalError::Busy { .. }))), "{early:?}");
        let again = world.rotate().await;
        assert!(matches!(again, Err(EngineError::Journal(JournalError::Busy { .. }))), "{again:?}");
        world.clock.advance(LEASE);
        let end = world.bring_to_an_end().await;
        check(&world, end, 2, &format!("{flavour:?}")).await;
    }
}

#[tokio::test]
async fn a_worker_whose_lease_was_taken_neither_records_nor_cancels_nor_completes() {
    for flavour in FLAVOURS {
        let mut overtaken = 0;
        for nth in 1..20 {
            let world = World::new(flavour);
            // While the worker waits for this call, it stands still for so long that another one ends the rotation.
            world.vendor.script(Op::Issue, 1, Fault::LostAfter);
            world.vendor.stand_still_at(nth);
            let job = world.job();
            let (engine, second) = (world.engine(), world.engine());
            let mut first = tokio::spawn(async move { engine.rotate(&job).await });
            tokio::select! {
                biased;
                () = world.vendor.stands_still() => {}
                _ = &mut first => break,
            }
            world.clock.advance(LEASE);
            let resumed = second.resume(&world.job()).await.expect("the lease has run out");
            let ended = resumed.is_some_and(|outcome| matches!(outcome.ending, Ending::Rotated));
            let done = (world.vendor.calls_of(Op::Complete), world.vendor.calls_of(Op::Cancel), world.vendor.effects());
            world.vendor.go_on();
            let result = first.await.expect("it does not panic");
            let story = format!("{flavour:?}, standing still at call {nth}: {result:?}");
            if ended {
                overtaken += 1;
                assert!(matches!(result, Err(EngineError::Journal(JournalError::Fenced { .. }))), "{story}");
                let after =
                    (world.vendor.calls_of(Op::Complete), world.vendor.calls_of(Op::Cancel), world.vendor.effects());
                assert_eq!(after, done, "{story}");
            }
            let end = world.bring_to_an_end().await;
            check(&world, end, 3, &story).await;
        }
        assert!(overtaken > 3, "{flavour:?}: only {overtaken} were overtaken");
    }
}

#[tokio::test]
async fn an_answer_that_comes_to_a_worker_without_a_lease_is_kept_and_harms_nothing() {
    for flavour in FLAVOURS {
        let world = World::new(flavour);
        world.vendor.stand_still_after(Op::Issue);
        let job = world.job();
        let engine = world.engine();
        let first = tokio::spawn(async move { engine.rotate(&job).await });
        world.vendor.stands_still().await;
        world.clock.advance(LEASE);
        // Another worker has begun a request of its own and is held, so the attempt is open when the answer comes.
        world.destinations[0].fail("stage", 1, Fail::Before);
        let held = world.resume().await.expect("the lease has run out").expect("it is unfinished");
        assert!(matches!(held.ending, Ending::Held { phase: Phase::Kept, .. }), "{held:?}");
        world.vendor.go_on();
        let late = first.await.expect("it does not panic");
        assert!(matches!(late, Err(EngineError::Journal(JournalError::Fenced { .. }))), "{flavour:?}: {late:?}");
        let end = world.bring_to_an_end().await;
        check(&world, end, if flavour == Flavour::Replay { 1 } else { 2 }, &format!("{flavour:?}")).await;
    }
}

#[tokio::test]
async fn a_dropped_run_does_not_lose_the_answer_that_is_on_its_way_to_the_journal() {
    for flavour in FLAVOURS {
        let world = World::new(flavour);
        for nth in 1..=5 {
            world.journal.fail("keep", nth, Fail::Before);
        }
        world.vendor.stand_still_after(Op::Issue);
        let (engine, job) = (world.engine(), world.job());
        let mut run = Box::pin(engine.rotate(&job));
        tokio::select! {
            biased;
            _ = &mut run => panic!("it stands still"),
            () = world.vendor.stands_still() => {}
        }
        drop(run);
        world.vendor.go_on();
        // The task that has the answer goes on by itself.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(world.phase().await, Phase::Kept, "{flavour:?}: the answer was dropped with the run");
        world.clock.advance(LEASE);
        let end = world.bring_to_an_end().await;
        check(&world, end, 1, &format!("{flavour:?}")).await;
        assert_eq!(world.vendor.calls_of(Op::Issue), 1, "{flavour:?}: it was asked for again");
    }
}

#[tokio::test]
async fn a_lease_is_kept_through_long_waits() {
    for flavour in FLAVOURS {
        let world = World::with(flavour, |vendor| vendor.with_propagation(Duration::from_secs(1000)));
        world.vendor.script(Op::Issue, 1, Fault::LostAfter);
        let (tried, got_in) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        world.clock.watch(rival(&world, &tried, &got_in));
        let outcome = world.rotate().await.expect("the lease is its own");
        assert!(matches!(outcome.ending, Ending::Rotated), "{flavour:?}: {outcome:?}");
        assert!(tried.load(SeqCst) > 100, "{flavour:?}: the rival tried only {tried:?} times");
        assert_eq!(got_in.load(SeqCst), 0, "{flavour:?}: the lease ran out");
        world.clock.watch(Arc::new(|| {}));
        let end = world.bring_to_an_end().await;
        check(&world, end, 2, &format!("{flavour:?}")).await;
    }
}

#[tokio::test]
async fn a_lease_is_kept_while_slow_destinations_are_written_to() {
    for flavour in FLAVOURS {
        let mut world = World::new(flavour);
        for name in ["third", "fourth", "fifth"] {
            world.add_destination(name, true);
        }
        for destination in &world.destinations {
            destination.takes(Duration::from_secs(15), &world.clock);
        }
        let (tried, got_in) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        world.clock.watch(rival(&world, &tried, &got_in));
        let outcome = world.rotate().await.expect("the lease is its own");
        assert!(matches!(outcome.ending, Ending::Rotated), "{flavour:?}: {outcome:?}");
        assert_eq!(got_in.load(SeqCst), 0, "{flavour:?}: the lease ran out");
    }
}

#[tokio::test]
async fn a_request_goes_out_with_enough_of_the_lease_left_for_its_answer() {
    for flavour in FLAVOURS {
        let world = World::new(flavour);
        for destination in &world.destinations {
            // Two checks before anything begins use most of the lease up.
            destination.takes(Duration::from_secs(50), &world.clock);
        }
        world.vendor.stand_still_after(Op::Issue);
        let (engine, job) = (world.engine(), world.job());
        let run = tokio::spawn(async move { engine.rotate(&job).await });
        world.vendor.stands_still().await;
        world.clock.advance(Duration::from_secs(60));
        let rival = world.resume().await;
        assert!(matches!(rival, Err(EngineError::Journal(JournalError::Busy { .. }))), "{flavour:?}: {rival:?}");
        world.vendor.go_on();
        let outcome = run.await.expect("it does not panic").expect("the lease is its own");
        assert!(matches!(outcome.ending, Ending::Rotated), "{flavour:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_lease_is_kept_while_an_answer_waits_for_the_journal() {
    for flavour in FLAVOURS {
        let world = World::new(flavour);
        for nth in 1..=14 {
            world.journal.fail("keep", nth, Fail::Before);
        }
        let (tried, got_in) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        world.clock.watch(rival(&world, &tried, &got_in));
        let begun = world.clock.truth();
        let outcome = world.rotate().await.expect("the lease is its own");
        assert!(matches!(outcome.ending, Ending::Rotated), "{flavour:?}: {outcome:?}");
        let took = world.clock.truth().duration_since(begun);
        assert!(took > jiff::SignedDuration::from_secs(200), "{flavour:?}: it waited only {took}");
        assert!(tried.load(SeqCst) > 10);
        assert_eq!(got_in.load(SeqCst), 0, "{flavour:?}: the lease ran out");
    }
}

/// Tries to take the lease whenever time passes.
fn rival(world: &World, tried: &Arc<AtomicUsize>, got_in: &Arc<AtomicUsize>) -> Arc<dyn Fn() + Send + Sync> {
    let (journal, clock, id) = (Arc::clone(&world.journal), Arc::clone(&world.clock), world.target.id().clone());
    let (tried, got_in) = (Arc::clone(tried), Arc::clone(got_in));
    Arc::new(move || {
        tried.fetch_add(1, SeqCst);
        if let Some(Ok(_)) = journal.inner.lease(&id, clock.now(), LEASE).now_or_never() {
            got_in.fetch_add(1, SeqCst);
        }
    })
}

#[tokio::test]
async fn a_run_that_is_asked_to_stop_stops_at_a_safe_point_and_is_resumed() {
    for flavour in FLAVOURS {
        let mut stopped = 0;
        for nth in 1..30 {
            let world = World::new(flavour);
            world.vendor.script(Op::Issue, 1, Fault::LostAfter);
            let (engine, flag) = world.stopped_engine();
            let engine = engine.with_observer(Arc::new(Stopper::new(nth, flag)));
            let outcome = engine.rotate(&world.job()).await.expect("the journal works");
            let story = format!("{flavour:?} {nth}: {outcome:?}");
            match &outcome.ending {
                // The first thing is the look whether all is there, after which nothing has to be begun.
                ending if nth == 1 => assert!(matches!(ending, Ending::NothingChanged(_)), "{story}"),
                Ending::Stopped { .. } => stopped += 1,
                Ending::NothingChanged(Failure::NotBegun(Halt::Stopped)) => {
                    assert_eq!(world.vendor.effects(), 0, "{story}");
                }
                Ending::Rotated => {}
                _ => panic!("{story}"),
            }
            let end = world.bring_to_an_end().await;
            check(&world, end, 3, &story).await;
        }
        assert!(stopped > 3, "{flavour:?}: stopped only {stopped} times");
    }
}

#[tokio::test]
async fn a_wait_ends_soon_after_a_run_is_asked_to_stop() {
    let world = World::new(Flavour::Plain);
    world.vendor.script(Op::Issue, 1, Fault::LostAfter);
    let (engine, flag) = world.stopped_engine();
    let begun = world.clock.now();
    world.clock.watch(stop_after(Arc::clone(&world.clock) as Arc<dyn Clock>, begun, flag));
    let outcome = engine.rotate(&world.job()).await.expect("the journal works");
    assert!(matches!(outcome.ending, Ending::Stopped { phase: Phase::Issuing }), "{outcome:?}");
    let took = world.clock.now().duration_since(begun);
    assert!(took < jiff::SignedDuration::from_secs(5), "it waited {took}");
    world.clock.watch(Arc::new(|| {}));
    let end = world.bring_to_an_end().await;
    check(&world, end, 2, "stopped while waiting").await;
}

#[tokio::test]
async fn a_run_that_is_asked_to_stop_before_it_begins_asks_the_vendor_for_nothing() {
    for flavour in FLAVOURS {
        let world = World::new(flavour);
        let (engine, flag) = world.stopped_engine();
        flag.stop();
        let outcome = engine.rotate(&world.job()).await.expect("the journal works");
        let ending = &outcome.ending;
        assert!(matches!(ending, Ending::NothingChanged(Failure::NotBegun(Halt::Stopped))), "{outcome:?}");
        assert!(world.last().await.is_none() && world.vendor.effects() == 0);
    }
}

fn stop_after(clock: Arc<dyn Clock>, begun: jiff::Timestamp, flag: StopFlag) -> Arc<dyn Fn() + Send + Sync> {
    Arc::new(move || {
        if clock.now().duration_since(begun) >= jiff::SignedDuration::from_secs(2) {
            flag.stop();
        }
    })
}

/// Asks its engine to stop at the n-th thing it does.
#[derive(Debug)]
struct Stopper {
    left: AtomicUsize,
    flag: StopFlag,
}

impl Stopper {
    fn new(nth: usize, flag: StopFlag) -> Self {
        Self { left: nth.into(), flag }
    }
}

impl Observer for Stopper {
    fn at(&self, _: &cutover_core::TargetId, _: Option<Phase>, _: &str) {
        if self.left.fetch_sub(1, SeqCst) == 1 {
            self.flag.stop();
        }
    }
}
