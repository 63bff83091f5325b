//! The process dies at every point there is, every call fails once, and every operation of a store does.

use std::time::Duration;

use cutover_core::Refusal;
use cutover_engine::{End, Ending};

use crate::check::check;
use crate::stores::Fail;
use crate::vendor::{FLAVOURS, Fault, Flavour, Op};
use crate::world::World;

/// Enough for the longest run; a loop that gets here never came to an end.
pub(crate) const POINTS_MAX: usize = 400;

/// How many secrets so many interruptions may cost.
pub(crate) fn effects_max(flavour: Flavour, interruptions: u32) -> u32 {
    if flavour == Flavour::Replay { 1 } else { 1 + interruptions }
}

/// Ends what was begun, or shows that nothing was and that a rotation works then.
pub(crate) async fn ends_well(world: &World, effects: u32, story: &str) {
    let end = world.bring_to_an_end().await;
    check(world, end, effects, story).await;
    if matches!(end, None | Some(End::NothingChanged)) {
        world.vendor.calm();
        let outcome = world.rotate().await.expect("nothing is in the way");
        assert!(matches!(outcome.ending, Ending::Rotated), "{story}: {outcome:?}");
        let end = world.bring_to_an_end().await;
        check(world, end, effects, story).await;
    } else {
        assert_eq!(end, Some(End::Rotated), "{story}");
    }
}

async fn dies_everywhere(flavour: Flavour, script: &[(Op, u32, Fault)], effects: u32, points_min: usize) {
    for point in 0..POINTS_MAX {
        let world = World::new(flavour);
        script.iter().for_each(|(op, nth, fault)| world.vendor.script(*op, *nth, *fault));
        let died_at = world.rotate_until(point).await;
        let story = format!("{flavour:?} {script:?}: died {point} {died_at:?}");
        ends_well(&world, effects, &story).await;
        if died_at.is_none() {
            assert!(point >= points_min, "{flavour:?}: only {point} points");
            return;
        }
    }
    panic!("{flavour:?}: no end after {POINTS_MAX} points");
}

#[tokio::test]
async fn a_process_that_dies_at_any_point_is_resumed_to_the_end() {
    for flavour in FLAVOURS {
        dies_everywhere(flavour, &[], effects_max(flavour, 1), 60).await;
    }
}

#[tokio::test]
async fn a_process_that_dies_at_any_point_of_a_recovery_is_resumed_to_the_end() {
    for flavour in FLAVOURS {
        for fault in [Fault::LostBefore, Fault::LostAfter, Fault::Cut, Fault::Straggle(Duration::from_secs(30))] {
            dies_everywhere(flavour, &[(Op::Issue, 1, fault)], effects_max(flavour, 2), 60).await;
        }
    }
}

#[tokio::test]
async fn a_process_that_dies_around_a_lost_completion_is_resumed_to_the_end() {
    for fault in [Fault::LostBefore, Fault::LostAfter, Fault::Straggle(Duration::from_secs(30))] {
        dies_everywhere(Flavour::Restart, &[(Op::Complete, 1, fault)], 2, 60).await;
    }
}

#[tokio::test]
async fn the_points_at_which_a_process_dies_include_every_step_of_the_protocol() {
    let mut seen = Vec::new();
    for point in 0..POINTS_MAX {
        match World::new(Flavour::Restart).rotate_until(point).await {
            Some(died_at) => seen.push(died_at),
            None => break,
        }
    }
    let steps = [
        "journal lease",
        "journal append",
        "journal note",
        "journal keep",
        "journal recall",
        "journal renew",
        "journal release",
        "vault stage",
        "file stage",
        "vault promote",
        "file promote",
        "vault read",
        "file forget_previous",
    ];
    for step in steps {
        for side in ["before", "after"] {
            assert!(seen.contains(&format!("{side} {step}")), "{side} {step} is not among {seen:?}");
        }
    }
    for op in [Op::Issue, Op::Complete, Op::Inspect, Op::Verify] {
        assert!(seen.contains(&format!("before {op:?} arrives")), "{op:?}");
        assert!(seen.contains(&format!("after {op:?} took effect")), "{op:?}");
    }
}

#[tokio::test]
async fn two_crashes_in_a_row_are_survived_wherever_they_are() {
    for flavour in FLAVOURS {
        let mut pairs = 0;
        'first: for first in 0..POINTS_MAX {
            for second in 0..POINTS_MAX {
                let world = World::new(flavour);
                let Some(died_at) = world.rotate_until(first).await else { break 'first };
                let died_again = world.resume_until(second).await;
                let story = format!("{flavour:?}: died {first} {died_at}, then {second} {died_again:?}");
                ends_well(&world, effects_max(flavour, 2), &story).await;
                pairs += 1;
                if died_again.is_none() {
                    break;
                }
            }
        }
        assert!(pairs > 1500, "{flavour:?}: only {pairs} pairs");
    }
}

#[tokio::test]
async fn any_one_vendor_call_may_be_lost_late_put_off_or_panic() {
    let faults = [
        Fault::LostBefore,
        Fault::LostAfter,
        Fault::PanicBefore,
        Fault::PanicAfter,
        Fault::Unreachable,
        Fault::Refuse(Refusal::RateLimited),
        Fault::Straggle(Duration::from_secs(40)),
    ];
    for flavour in FLAVOURS {
        for fault in faults {
            for nth in 1..50 {
                let world = World::new(flavour);
                world.vendor.script_call(nth, fault);
                let _ = world.rotate().await;
                let reached = nth <= world.vendor.calls();
                ends_well(&world, effects_max(flavour, 1), &format!("{flavour:?}: call {nth} {fault:?}")).await;
                if !reached {
                    assert!(nth > 4, "{flavour:?}: only {nth} calls");
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn any_two_vendor_calls_may_be_lost() {
    for flavour in FLAVOURS {
        for (one, other) in [(Fault::LostAfter, Fault::LostAfter), (Fault::LostBefore, Fault::LostAfter)] {
            for first in 1..15 {
                for second in first + 1..20 {
                    let world = World::new(flavour);
                    world.vendor.script_call(first, one);
                    world.vendor.script_call(second, other);
                    let _ = world.rotate().await;
                    let story = format!("{flavour:?}: {one:?} {first}, {other:?} {second}");
                    ends_well(&world, effects_max(flavour, 2), &story).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn any_one_operation_of_the_journal_may_fail_before_or_after_it_is_done() {
    for flavour in FLAVOURS {
        for how in [Fail::Before, Fail::After] {
            for nth in 1..60 {
                let world = World::new(flavour);
                world.journal.fail_at(nth, how);
                let _ = world.rotate().await;
                let reached = nth <= world.journal.operations();
                // The worker that failed to give its lease back, or never heard that it has one, is waited for.
                world.clock.advance(crate::world::LEASE);
                ends_well(&world, effects_max(flavour, 1), &format!("{flavour:?}: {nth} {how:?}")).await;
                if !reached {
                    assert!(nth > 12, "{flavour:?}: only {nth} operations");
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn any_one_operation_of_a_destination_may_fail_before_or_after_it_is_done() {
    for flavour in FLAVOURS {
        for how in [Fail::Before, Fail::After, Fail::Panic] {
            for which in 0..2 {
                for nth in 1..60 {
                    let world = World::new(flavour);
                    let destination = &world.destinations[which];
                    destination.fail_at(nth, how);
                    let outcome = world.rotate().await.expect("the journal works");
                    let reached = nth <= destination.operations();
                    let story = format!("{flavour:?}: {destination:?} {nth} {how:?}: {outcome:?}");
                    if let Ending::Held { hold, .. } = &outcome.ending {
                        let name = if which == 0 { "vault" } else { "file" };
                        assert!(hold.sentence.contains(name), "{story}");
                        assert!(!hold.person, "{story}");
                    }
                    ends_well(&world, 1, &story).await;
                    if !reached {
                        assert!(nth > 7, "{flavour:?}: only {nth} operations");
                        break;
                    }
                }
            }
        }
    }
}
