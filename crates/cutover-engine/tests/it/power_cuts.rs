//! The machine loses its power at every point there is: with the process goes what was recorded in passing.

use std::time::Duration;

use cutover_core::Witness;
use cutover_engine::{End, EngineError, Event, Journal, Label, Phase};

use crate::check::check;
use crate::crashes::{POINTS_MAX, effects_max, ends_well};
use crate::vendor::{FLAVOURS, FakeVendor, Fault, Flavour, Op};
use crate::world::World;

/// Cuts the power at every point of a rotation, the one after its end included.
async fn cut_everywhere(flavour: Flavour, script: &[(Op, u32, Fault)], effects: u32) {
    for point in 0..POINTS_MAX {
        let world = World::new(flavour);
        script.iter().for_each(|(op, nth, fault)| world.vendor.script(*op, *nth, *fault));
        let died_at = world.rotate_until(point).await;
        world.journal.inner.power_cut();
        let story = format!("{flavour:?} {script:?}: the power was cut at {point} {died_at:?}");
        ends_well(&world, effects, &story).await;
        if died_at.is_none() {
            assert!(point >= 60, "{flavour:?}: only {point} points");
            return;
        }
    }
    panic!("{flavour:?}: no end after {POINTS_MAX} points");
}

#[tokio::test]
async fn a_power_cut_at_any_point_is_resumed_from_to_the_end() {
    for flavour in FLAVOURS {
        cut_everywhere(flavour, &[], effects_max(flavour, 1)).await;
    }
}

#[tokio::test]
async fn a_power_cut_at_any_point_of_a_recovery_is_resumed_from_to_the_end() {
    for flavour in FLAVOURS {
        for fault in [Fault::LostBefore, Fault::LostAfter, Fault::Cut, Fault::Straggle(Duration::from_secs(30))] {
            cut_everywhere(flavour, &[(Op::Issue, 1, fault)], effects_max(flavour, 2)).await;
        }
    }
}

#[tokio::test]
async fn a_power_cut_around_a_lost_completion_is_resumed_from_to_the_end() {
    for fault in [Fault::LostBefore, Fault::LostAfter, Fault::Straggle(Duration::from_secs(30))] {
        cut_everywhere(Flavour::Restart, &[(Op::Complete, 1, fault)], 2).await;
    }
}

#[tokio::test]
async fn two_power_cuts_in_a_row_are_survived_wherever_they_are() {
    for flavour in FLAVOURS {
        let mut pairs = 0;
        'first: for first in 0..POINTS_MAX {
            for second in 0..POINTS_MAX {
                let world = World::new(flavour);
                let Some(died_at) = world.rotate_until(first).await else { break 'first };
                world.journal.inner.power_cut();
                let died_again = world.resume_until(second).await;
                world.journal.inner.power_cut();
                let story = format!("{flavour:?}: cut at {first} {died_at}, then at {second} {died_again:?}");
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
async fn no_secret_is_put_back_that_was_retired_before_the_power_was_cut() {
    // A vendor that shows no last four has fewer witnesses of what was done.
    let shy = |vendor: FakeVendor| vendor.with_witnesses(&[Witness::Pending, Witness::Probe]);
    for last_four in [true, false] {
        for point in 0..POINTS_MAX {
            let world = if last_four { World::new(Flavour::Restart) } else { World::with(Flavour::Restart, shy) };
            let died_at = world.rotate_until(point).await;
            let retired = !world.vendor.live().contains(&0);
            world.journal.inner.power_cut();
            let story = format!("last four {last_four}: the power was cut at {point} {died_at:?}");
            let back = world.roll_back().await;
            if retired {
                let irreversible = matches!(back, Err(EngineError::Irreversible { .. }));
                assert!(irreversible || matches!(back, Ok(None)), "{story}: {back:?}");
                for destination in &world.destinations {
                    assert_ne!(destination.holds(Label::Current).await, Some(0), "{story}: readers got a dead secret");
                }
            }
            let end = world.bring_to_an_end().await;
            let wanted = if retired { [Some(End::Rotated); 2] } else { [Some(End::RolledBack), None] };
            assert!(wanted.contains(&end), "{story}: {end:?}");
            check(&world, end, 1, &story).await;
            if died_at.is_none() {
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_rotation_waits_for_the_disk_when_it_asks_when_it_has_the_answer_and_when_readers_have_it() {
    for flavour in FLAVOURS {
        let world = World::new(flavour);
        world.rotate().await.expect("nothing is in the way");
        let events: Vec<Event> =
            world.last().await.expect("recorded").entries.into_iter().map(|entry| entry.event).collect();
        let durable: Vec<_> = events.iter().filter(|event| !event.is_found_again()).map(Event::name).collect();
        assert_eq!(durable, ["issue_started", "reply_kept", "promoted"], "{flavour:?}");
        world.journal.inner.power_cut();
        assert_eq!(world.phase().await, Phase::Promoted, "{flavour:?}");
        assert_eq!(world.journal.inner.unfinished(None).await.expect("memory can be read").len(), 1);
    }
}
