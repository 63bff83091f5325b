//! Somebody else rotates the same client.

use std::time::Duration;

use cutover_core::{Refusal, Verdict};
use cutover_engine::{End, Ending, Failure, Label, Options, Phase};

use crate::check::check;
use crate::stores::Fail;
use crate::vendor::{FLAVOURS, Fault, Flavour, Foreign, Op};
use crate::world::World;

fn taking_over(flavour: Flavour) -> World {
    let mut world = World::new(flavour);
    world.options = Options { take_over: true, ..world.options };
    world
}

#[tokio::test]
async fn somebody_elses_pending_rotation_is_a_reason_to_stop_and_stays_untouched() {
    let world = World::new(Flavour::Restart);
    world.vendor.foreign(Foreign::Start);
    let theirs = world.vendor.pending();
    let outcome = world.rotate().await.expect("the journal works");
    let Ending::NothingChanged(failure) = &outcome.ending else { panic!("{outcome:?}") };
    let Failure::ForeignPending { last_four, .. } = failure else { panic!("{failure:?}") };
    assert_eq!(last_four.as_deref(), Some("0001"));
    assert!(failure.to_string().contains("--take-over"), "{failure}");
    assert_eq!((world.vendor.pending(), world.vendor.effects()), (theirs, 0));
    assert!(world.engine().check(&world.job()).await.is_err(), "a check would not have told");
    check(&world, None, 0, "foreign pending").await;
}

#[tokio::test]
async fn somebody_elses_pending_rotation_is_cancelled_when_the_user_says_so() {
    let world = taking_over(Flavour::Restart);
    world.vendor.foreign(Foreign::Start);
    let outcome = world.rotate().await.expect("the journal works");
    assert!(matches!(outcome.ending, Ending::Rotated), "{outcome:?}");
    let end = world.bring_to_an_end().await;
    check(&world, end, 1, "taken over").await;
}

#[tokio::test]
async fn a_pending_rotation_that_its_owner_ends_while_it_is_taken_over_is_no_obstacle() {
    for deed in [Foreign::Cancel, Foreign::Complete] {
        let world = taking_over(Flavour::Restart);
        world.vendor.foreign(Foreign::Start);
        world.vendor.script(Op::Cancel, 1, Fault::Before(deed));
        // The intent has to be recorded with what is in use now: a lost answer must not look like their doing.
        world.vendor.script(Op::Issue, 1, Fault::LostBefore);
        let outcome = world.rotate().await.expect("the journal works");
        assert!(matches!(outcome.ending, Ending::Rotated), "{deed:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn somebody_who_goes_on_starting_rotations_is_not_taken_over_for_ever() {
    let world = taking_over(Flavour::Restart);
    world.vendor.always(Op::Inspect, Some(Fault::Before(Foreign::Start)));
    let outcome = world.rotate().await.expect("the journal works");
    assert!(matches!(outcome.ending, Ending::NothingChanged(Failure::ForeignPending { .. })), "{outcome:?}");
    assert!(world.vendor.calls_of(Op::Cancel) < 10);
}

#[tokio::test]
async fn a_rotation_that_somebody_begins_between_the_look_and_our_first_request_stays_untouched() {
    let world = World::new(Flavour::Restart);
    world.vendor.script(Op::Issue, 1, Fault::Before(Foreign::Start));
    let outcome = world.rotate().await.expect("the journal works");
    assert!(matches!(outcome.ending, Ending::NothingChanged(Failure::ForeignPending { .. })), "{outcome:?}");
    assert_eq!((world.vendor.pending(), world.vendor.effects()), (Some(1), 0));
    assert_eq!((world.vendor.calls_of(Op::Cancel), world.vendor.calls_of(Op::Complete)), (0, 0));
    let end = world.bring_to_an_end().await;
    assert_eq!(end, Some(End::NothingChanged));
    check(&world, end, 0, "began between").await;
}

#[tokio::test]
async fn a_rotation_that_is_cancelled_by_somebody_else_is_rolled_back_wherever_it_stands() {
    let mut rolled_back = 0;
    for nth in 1..20 {
        for put in [Fault::Before(Foreign::Cancel), Fault::After(Foreign::Cancel)] {
            for slow in [0, 20] {
                let slow = Duration::from_secs(slow);
                let world = World::with(Flavour::Restart, |vendor| vendor.with_propagation(slow));
                world.vendor.script_call(nth, put);
                let _ = world.rotate().await;
                let end = world.bring_to_an_end().await;
                let story = format!("call {nth} {put:?} {slow:?}");
                assert!(matches!(end, Some(End::Rotated | End::RolledBack)), "{story}: {end:?}");
                rolled_back += u32::from(end == Some(End::RolledBack));
                check(&world, end, 1, &story).await;
            }
        }
    }
    assert!(rolled_back >= 8, "only {rolled_back} were rolled back");
}

#[tokio::test]
async fn a_dropped_secret_that_is_accepted_for_a_while_is_waited_for_and_not_held() {
    let slow = Duration::from_secs(20);
    let world = World::with(Flavour::Restart, |vendor| vendor.with_propagation(slow));
    // Between the promotion and the look before the completion, in which the dropped secret still looks good.
    world.vendor.script(Op::Inspect, 2, Fault::Before(Foreign::Cancel));
    let outcome = world.rotate().await.expect("the journal works");
    assert!(matches!(outcome.ending, Ending::RolledBack(_)), "{outcome:?}");
    assert_eq!(world.vendor.calls_of(Op::Complete), 0);
    let end = world.bring_to_an_end().await;
    check(&world, end, 1, "slow to drop").await;
}

#[tokio::test]
async fn a_roll_back_that_is_cut_anywhere_goes_on_where_it_was() {
    for point in 0..400 {
        let world = World::new(Flavour::Restart);
        world.vendor.script(Op::Verify, 2, Fault::Before(Foreign::Cancel));
        let died_at = world.rotate_until(point).await;
        let end = world.bring_to_an_end().await;
        let story = format!("{point} {died_at:?}: {end:?}");
        assert!(matches!(end, None | Some(End::RolledBack | End::Rotated)), "{story}");
        check(&world, end, 2, &story).await;
        if died_at.is_none() {
            assert_eq!(end, Some(End::RolledBack), "{story}");
            assert!(point > 60, "only {point} points");
            return;
        }
    }
    panic!("no end");
}

#[tokio::test]
async fn theirs_is_never_completed_in_place_of_ours() {
    // Ours is cancelled and theirs started at any moment up to the completion itself.
    // At the completion itself nobody can tell: that call names no secret.
    for nth in 1..20 {
        let world = World::new(Flavour::Restart);
        world.vendor.script_call(nth, Fault::Before(Foreign::Cancel));
        world.vendor.script_call(nth, Fault::Before(Foreign::Start));
        let _ = world.rotate().await;
        let end = world.bring_to_an_end().await;
        let story = format!("call {nth}: {end:?}");
        if world.vendor.ordinal_of(Op::Complete, 1).is_some_and(|completes| completes <= nth) {
            assert!(nth > 5, "{story}: completed early");
            return;
        }
        assert!(!world.vendor.theirs().contains(&world.vendor.live()[0]), "{story}: theirs was completed");
        assert!(world.vendor.theirs().iter().all(|theirs| world.vendor.live().contains(theirs)), "{story}: cancelled");
        check(&world, end, 1, &story).await;
    }
    panic!("no run completes");
}

#[tokio::test]
async fn a_rotation_that_somebody_completes_for_us_is_finished() {
    for nth in 3..8 {
        let world = World::new(Flavour::Restart);
        world.vendor.script_call(nth, Fault::Before(Foreign::Complete));
        let _ = world.rotate().await;
        let end = world.bring_to_an_end().await;
        let live = world.vendor.live();
        assert_eq!(end, Some(End::Rotated), "call {nth}");
        for destination in &world.destinations {
            assert_eq!(destination.holds(Label::Current).await, Some(live[0]), "call {nth}");
        }
    }
}

#[tokio::test]
async fn a_two_phase_rotation_that_somebody_replaces_by_theirs_ends_superseded() {
    for nth in 3..7 {
        let world = World::new(Flavour::Restart);
        world.vendor.script_call(nth, Fault::Before(Foreign::Rotate));
        let _ = world.rotate().await;
        let end = world.bring_to_an_end().await;
        assert_eq!(end, Some(End::Superseded), "call {nth}");
        check(&world, end, 1, &format!("call {nth}")).await;
    }
}

#[tokio::test]
async fn an_immediate_rotation_that_somebody_replaces_by_theirs_ends_superseded_and_theirs_lives() {
    for flavour in [Flavour::Replay, Flavour::Marked, Flavour::Plain] {
        for (op, nth) in [(Op::Verify, 1), (Op::Verify, 2)] {
            let world = World::new(flavour);
            world.vendor.script(op, nth, Fault::Before(Foreign::Rotate));
            let outcome = world.rotate().await.expect("the journal works");
            let end = world.bring_to_an_end().await;
            let story = format!("{flavour:?} {op:?} {nth}: {outcome:?}");
            assert_eq!(end, Some(End::Superseded), "{story}");
            assert_eq!(world.vendor.live(), world.vendor.theirs(), "{story}: theirs was ended");
            // Without any other sign than the refusal the sealed answer is kept until somebody has looked.
            let held = matches!(outcome.ending, Ending::Held { phase: Phase::Staged, .. });
            assert_eq!(held, nth == 1 && flavour != Flavour::Marked, "{story}");
            check(&world, end, 1, &story).await;
        }
    }
}

#[tokio::test]
async fn a_replayed_answer_whose_secret_somebody_replaced_since_is_not_given_to_readers() {
    let world = World::new(Flavour::Replay);
    world.vendor.script(Op::Issue, 1, Fault::LostAfter);
    world.vendor.script(Op::Issue, 2, Fault::Before(Foreign::Rotate));
    let outcome = world.rotate().await.expect("the journal works");
    assert!(matches!(outcome.ending, Ending::Superseded(_)), "{outcome:?}");
    for destination in &world.destinations {
        assert_eq!(destination.holds(Label::Current).await, Some(0), "a dead secret was promoted");
    }
    let end = world.bring_to_an_end().await;
    check(&world, end, 1, "replayed and dead").await;
}

#[tokio::test]
async fn a_rotation_taken_up_late_is_not_promoted_where_somebody_rotated_meanwhile() {
    for flavour in [Flavour::Replay, Flavour::Marked, Flavour::Plain] {
        let world = World::new(flavour);
        world.destinations[1].fail("promote", 1, Fail::Before);
        let outcome = world.rotate().await.expect("the journal works");
        assert!(matches!(outcome.ending, Ending::Held { phase: Phase::Verified, .. }), "{outcome:?}");
        world.vendor.foreign(Foreign::Rotate);
        let end = world.bring_to_an_end().await;
        assert_eq!(end, Some(End::Superseded), "{flavour:?}");
        assert_eq!(
            world.destinations[1].holds(Label::Current).await,
            Some(0),
            "{flavour:?}: a dead secret was promoted"
        );
    }
}

#[tokio::test]
async fn a_lost_request_excuses_one_dead_secret_and_not_the_work_of_others_for_ever() {
    for flavour in [Flavour::Marked, Flavour::Plain] {
        let world = World::new(flavour);
        world.vendor.script(Op::Issue, 1, Fault::LostAfter);
        world.vendor.always(Op::Verify, Some(Fault::Before(Foreign::Rotate)));
        let _ = world.rotate().await;
        world.vendor.always(Op::Verify, None);
        let end = world.bring_to_an_end().await;
        assert_eq!(end, Some(End::Superseded), "{flavour:?}");
        assert!(world.vendor.calls_of(Op::Issue) <= 3, "{flavour:?}: it fought with somebody");
    }
}

#[tokio::test]
async fn whatever_others_do_at_any_moment_a_run_ends_and_loses_nothing_of_ours() {
    for flavour in FLAVOURS {
        for deed in [Foreign::Start, Foreign::Cancel, Foreign::Complete, Foreign::Rotate] {
            for nth in 1..20 {
                for lost in [None, Some(Fault::LostAfter)] {
                    let world = World::new(flavour);
                    if flavour != Flavour::Restart && deed != Foreign::Rotate {
                        continue;
                    }
                    world.vendor.script_call(nth, Fault::Before(deed));
                    if let Some(lost) = lost {
                        world.vendor.script(Op::Issue, 1, lost);
                    }
                    let _ = world.rotate().await;
                    let end = world.bring_to_an_end().await;
                    let story = format!("{flavour:?} {deed:?} {nth} {lost:?}: {end:?}");
                    assert!(world.vendor.violations().is_empty(), "{story}: {:?}", world.vendor.violations());
                    if end == Some(End::Rotated) {
                        let current = world.destinations[0].holds(Label::Current).await.expect("filled");
                        assert!(world.vendor.live().contains(&current) || current != 0, "{story}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_refusal_because_of_a_pending_rotation_after_a_lost_request_is_settled_by_looking() {
    let world = World::new(Flavour::Restart);
    world.vendor.script(Op::Issue, 1, Fault::LostBefore);
    world.vendor.script(Op::Issue, 2, Fault::Refuse(Refusal::AlreadyPending));
    let outcome = world.rotate().await.expect("the journal works");
    assert!(matches!(outcome.ending, Ending::Rotated), "{outcome:?}");
    let end = world.bring_to_an_end().await;
    check(&world, end, 1, "already pending").await;
}

/// *Complete* names no secret: in the instant before it arrives, somebody may have put theirs in the place of ours.
#[tokio::test]
async fn theirs_completed_in_the_place_of_ours_is_noticed_and_not_reported_as_rotated() {
    let world = World::new(Flavour::Restart);
    world.vendor.script(Op::Complete, 1, Fault::Before(Foreign::Cancel));
    world.vendor.script(Op::Complete, 1, Fault::Before(Foreign::Start));
    let outcome = world.rotate().await.expect("the journal works");
    assert!(matches!(outcome.ending, Ending::Superseded(_)), "{outcome:?}");
    assert_eq!(outcome.new, Some(Verdict::Refused), "{outcome:?}");
}
