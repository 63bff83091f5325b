//! Going back to the old secret on request.

use std::time::Duration;

use cutover_core::{Verdict, Witness};
use cutover_engine::{End, Ending, EngineError, Label, Phase};

use crate::check::check;
use crate::stores::Fail;
use crate::vendor::{FLAVOURS, FakeVendor, Fault, Flavour, Foreign, Op};
use crate::world::World;

/// A rotation that stands still at each phase in turn.
async fn held(flavour: Flavour, phase: Phase) -> World {
    let world = World::new(flavour);
    match phase {
        Phase::Issuing => {
            world.vendor.script(Op::Issue, 1, Fault::LostAfter);
            world.vendor.script(Op::Inspect, 2, Fault::Unreachable);
            if flavour != Flavour::Restart {
                world.vendor.script(Op::Issue, 2, Fault::Refuse(cutover_core::Refusal::Forbidden));
                world.vendor.script(Op::Inspect, 2, Fault::LostBefore);
            }
        }
        Phase::Kept => world.destinations[1].fail("stage", 1, Fail::Before),
        Phase::Staged => world.vendor.script(Op::Verify, 1, Fault::Unreachable),
        Phase::Verified => world.destinations[1].fail("promote", 1, Fail::Before),
        Phase::Promoted => world.vendor.script(Op::Verify, 2, Fault::Unreachable),
        Phase::Completed => world.destinations[1].fail("forget_previous", 1, Fail::Before),
        Phase::GoingBack | Phase::Ended(_) => unreachable!("a test holds attempts on the straight way"),
    }
    let outcome = world.rotate().await.expect("the journal works");
    assert!(matches!(outcome.ending, Ending::Held { phase: at, .. } if at == phase), "{phase:?}: {outcome:?}");
    world
}

const ON_THE_WAY: [Phase; 5] = [Phase::Issuing, Phase::Kept, Phase::Staged, Phase::Verified, Phase::Promoted];

#[tokio::test]
async fn a_two_phase_rotation_is_rolled_back_from_wherever_it_stands_until_the_old_secret_is_retired() {
    for phase in ON_THE_WAY {
        let world = held(Flavour::Restart, phase).await;
        let outcome = world.roll_back().await.expect("there is a way back").expect("it is unfinished");
        assert!(matches!(outcome.ending, Ending::RolledBack(_)), "{phase:?}: {outcome:?}");
        assert_eq!(outcome.old, Some(Verdict::Accepted));
        assert_eq!(world.vendor.live(), [0], "{phase:?}");
        let end = world.bring_to_an_end().await;
        check(&world, end, 1, &format!("{phase:?}")).await;
        let again = world.rotate().await.expect("nothing is in the way");
        assert!(matches!(again.ending, Ending::Rotated), "{phase:?}: {again:?}");
    }
}

#[tokio::test]
async fn a_retired_secret_is_not_gone_back_to_and_the_rotation_can_still_be_resumed() {
    let world = held(Flavour::Restart, Phase::Completed).await;
    let refused = world.roll_back().await;
    assert!(matches!(refused, Err(EngineError::Irreversible { .. })), "{refused:?}");
    let end = world.bring_to_an_end().await;
    assert_eq!(end, Some(End::Rotated));
    check(&world, end, 1, "completed").await;
}

#[tokio::test]
async fn a_rotation_that_was_completed_behind_our_back_is_not_rolled_back() {
    let world = held(Flavour::Restart, Phase::Promoted).await;
    world.vendor.foreign(Foreign::Complete);
    let refused = world.roll_back().await;
    assert!(matches!(refused, Err(EngineError::Irreversible { .. })), "{refused:?}");
    for destination in &world.destinations {
        assert_ne!(destination.holds(Label::Current).await, Some(0), "readers were given a dead secret");
    }
}

#[tokio::test]
async fn a_rotation_that_was_completed_unseen_is_not_rolled_back_where_the_vendor_shows_no_last_four() {
    for propagation in [0, 40].map(Duration::from_secs) {
        let shy = |vendor: FakeVendor| {
            vendor.with_witnesses(&[Witness::Pending, Witness::Probe]).with_propagation(propagation)
        };
        let world = World::with(Flavour::Restart, shy);
        world.vendor.script(Op::Complete, 1, Fault::Unreachable);
        let outcome = world.rotate().await.expect("the journal works");
        assert!(matches!(outcome.ending, Ending::Held { phase: Phase::Promoted, .. }), "{outcome:?}");
        world.vendor.foreign(Foreign::Complete);
        let refused = world.roll_back().await;
        assert!(matches!(refused, Err(EngineError::Irreversible { .. })), "{propagation:?}: {refused:?}");
        for destination in &world.destinations {
            assert_ne!(destination.holds(Label::Current).await, Some(0), "readers were given a dead secret");
        }
        let end = world.bring_to_an_end().await;
        assert_eq!(end, Some(End::Rotated), "{propagation:?}");
        check(&world, end, 1, "completed unseen").await;
    }
}

#[tokio::test]
async fn an_immediate_rotation_is_never_rolled_back_and_says_so() {
    for flavour in [Flavour::Replay, Flavour::Marked, Flavour::Plain] {
        for phase in ON_THE_WAY {
            if phase == Phase::Issuing && flavour == Flavour::Replay {
                continue;
            }
            let world = held(flavour, phase).await;
            let refused = world.roll_back().await;
            let Err(EngineError::Irreversible { reason, .. }) = &refused else { panic!("{refused:?}") };
            assert!(reason.contains("died"), "{reason}");
            let end = world.bring_to_an_end().await;
            check(&world, end, 2, &format!("{flavour:?} {phase:?}")).await;
        }
    }
}

#[tokio::test]
async fn a_roll_back_does_not_cancel_what_somebody_else_began_meanwhile() {
    for phase in [Phase::Kept, Phase::Staged, Phase::Verified, Phase::Promoted] {
        let world = held(Flavour::Restart, phase).await;
        world.vendor.foreign(Foreign::Cancel);
        world.vendor.foreign(Foreign::Start);
        let outcome = world.roll_back().await.expect("there is a way back").expect("it is unfinished");
        assert!(matches!(outcome.ending, Ending::RolledBack(_)), "{phase:?}: {outcome:?}");
        assert_eq!(world.vendor.live(), [0, world.vendor.theirs()[0]], "{phase:?}: theirs was cancelled");
        let end = world.bring_to_an_end().await;
        check(&world, end, 1, &format!("{phase:?}")).await;
    }
}

#[tokio::test]
async fn a_roll_back_that_dies_anywhere_is_rolled_back_or_rotated_in_the_end() {
    for phase in ON_THE_WAY {
        for again in [true, false] {
            let mut deaths = 0;
            for point in 0..400 {
                let world = held(Flavour::Restart, phase).await;
                world.points.arm(Some(point));
                let died = world.points.live(world.roll_back()).await.is_none();
                world.points.arm(None);
                world.clock.advance(crate::world::LEASE);
                let story = format!("{phase:?}, died at point {point}, again {again}");
                if again {
                    let _ = world.roll_back().await.expect("there is a way back");
                }
                let end = world.bring_to_an_end().await;
                check(&world, end, 2, &story).await;
                assert!(!again || end == Some(End::RolledBack), "{story}: {end:?}");
                if !died {
                    break;
                }
                deaths += 1;
            }
            assert!(deaths > 15, "{phase:?}: only {deaths} points");
        }
    }
}

#[tokio::test]
async fn there_is_nothing_to_roll_back_where_nothing_is_unfinished() {
    for flavour in FLAVOURS {
        let world = World::new(flavour);
        assert!(world.roll_back().await.expect("the journal works").is_none());
        world.rotate().await.expect("nothing is in the way");
        assert!(world.roll_back().await.expect("the journal works").is_none());
    }
}
