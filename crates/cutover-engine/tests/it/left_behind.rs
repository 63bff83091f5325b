//! Calls that are still on their way when the process that sent them is dead.

use std::time::Duration;

use cutover_engine::{End, Ending, EngineError, Label};

use crate::check::check;
use crate::vendor::{Fault, Flavour, Op, STRAGGLER};
use crate::world::World;

/// So short that a dead worker is followed while its call is still on its way.
const LEASE: Duration = Duration::from_secs(6);
const LATE: Duration = Duration::from_secs(30);

/// A rotation whose process dies while it waits for the answer to its first call of this kind, which arrives late.
async fn dies_sending(op: Op, change: impl FnOnce(&World)) -> World {
    let mut world = World::new(Flavour::Restart);
    world.options.lease_ttl = LEASE;
    world.vendor.script(op, 1, Fault::Straggle(LATE));
    world.vendor.stand_still_after(op);
    change(&world);
    tokio::select! {
        biased;
        () = world.vendor.stands_still() => {}
        done = world.rotate() => panic!("it was to die: {done:?}"),
    }
    assert_eq!(world.vendor.under_way(), 1, "{op:?} is not on its way");
    world.clock.advance(LEASE);
    world
}

#[tokio::test]
async fn a_completion_that_a_dead_process_left_on_its_way_does_not_complete_the_next_rotation() {
    let world = dies_sending(Op::Complete, |_| {}).await;
    let resumed = world.resume().await.expect("the lease has run out").expect("it is unfinished");
    assert!(matches!(resumed.ending, Ending::Rotated), "{resumed:?}");
    // Slow enough for the lost completion to arrive between the next secret and its delivery.
    world.destinations[0].takes(LATE / 3, &world.clock);
    let next = world.rotate().await.expect("nothing is in the way");
    assert!(matches!(next.ending, Ending::Rotated), "{next:?}");
    let end = world.bring_to_an_end().await;
    assert_eq!((end, world.vendor.live()), (Some(End::Rotated), vec![2]));
    check(&world, end, 2, "the next rotation").await;
}

#[tokio::test]
async fn readers_are_not_given_back_a_secret_that_a_dead_process_is_about_to_retire() {
    let world = dies_sending(Op::Complete, |_| {}).await;
    let refused = world.roll_back().await;
    assert!(matches!(refused, Err(EngineError::Irreversible { .. })), "{refused:?}");
    for destination in &world.destinations {
        assert_eq!(destination.holds(Label::Current).await, Some(1), "{destination:?}");
    }
    let end = world.bring_to_an_end().await;
    assert_eq!(end, Some(End::Rotated));
    check(&world, end, 1, "rolled back").await;
}

#[tokio::test]
async fn a_cancellation_that_a_dead_process_left_on_its_way_is_waited_for_before_readers_get_the_next_secret() {
    let world = dies_sending(Op::Cancel, |world| world.vendor.script(Op::Issue, 1, Fault::LostAfter)).await;
    let resumed = world.resume().await.expect("the lease has run out").expect("it is unfinished");
    assert_eq!(world.vendor.under_way(), 0, "it may still arrive: {resumed:?}");
    let end = world.bring_to_an_end().await;
    check(&world, end, 2, "a late cancellation").await;
}

#[tokio::test]
async fn a_lost_start_of_ours_that_takes_the_place_of_its_successor_is_cancelled_and_not_left_pending() {
    let world = dies_sending(Op::Issue, |world| world.vendor.replaces_pending()).await;
    let resumed = world.resume().await.expect("the lease has run out").expect("it is unfinished");
    assert!(matches!(resumed.ending, Ending::Rotated), "{resumed:?}");
    let end = world.bring_to_an_end().await;
    assert_eq!((end, world.vendor.live()), (Some(End::Rotated), vec![3]));
    check(&world, end, 3, "replaced").await;
}

#[tokio::test]
async fn the_time_in_which_a_request_may_arrive_does_not_begin_before_a_slow_journal_has_taken_the_intent() {
    let world = World::new(Flavour::Plain);
    world.vendor.script(Op::Issue, 1, Fault::LostBefore);
    world.journal.stalls("append", STRAGGLER, &world.clock);
    let outcome = world.rotate().await.expect("the journal works");
    assert!(matches!(outcome.ending, Ending::Rotated), "{outcome:?}");
    let end = world.bring_to_an_end().await;
    check(&world, end, 1, "a slow journal").await;
}

#[tokio::test]
async fn nor_when_the_process_died_meanwhile() {
    let mut world = World::new(Flavour::Plain);
    world.options.lease_ttl = STRAGGLER / 2;
    world.vendor.script(Op::Issue, 1, Fault::LostBefore);
    world.vendor.stand_still_after(Op::Issue);
    world.journal.stalls("append", STRAGGLER / 3, &world.clock);
    tokio::select! {
        biased;
        () = world.vendor.stands_still() => {}
        done = world.rotate() => panic!("it was to die: {done:?}"),
    }
    world.clock.advance(STRAGGLER / 2);
    let end = world.bring_to_an_end().await;
    assert_eq!(end, Some(End::Rotated));
    check(&world, end, 1, "a slow journal and a crash").await;
}
