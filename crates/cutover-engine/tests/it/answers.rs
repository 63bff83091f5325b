//! Answers that are lost, late, cut or unreadable, and requests that are refused or put off.

use std::time::Duration;

use cutover_core::{Refusal, Verdict};
use cutover_engine::{End, Ending, EngineError, Failure, Options, Phase};

use crate::check::check;
use crate::stores::Fail;
use crate::vendor::{FLAVOURS, Fault, Flavour, Foreign, MARGIN, Op, SETTLE, STRAGGLER, WINDOW};
use crate::world::World;

/// How many secrets one lost answer may cost: none where it can be replayed.
fn effects_max(flavour: Flavour, lost: u32) -> u32 {
    if flavour == Flavour::Replay { 1 } else { 1 + lost }
}

async fn rotated_with(flavour: Flavour, faults: &[(Op, u32, Fault)]) -> World {
    let world = World::new(flavour);
    for (op, nth, fault) in faults {
        world.vendor.script(*op, *nth, *fault);
    }
    let outcome = world.rotate().await.expect("the journal works");
    assert!(matches!(outcome.ending, Ending::Rotated), "{flavour:?}, {faults:?}: {outcome:?}");
    world
}

#[tokio::test]
async fn a_lost_answer_to_issue_is_settled_and_never_sent_again_blind() {
    for flavour in FLAVOURS {
        for fault in [Fault::LostBefore, Fault::LostAfter, Fault::PanicBefore, Fault::PanicAfter] {
            let world = rotated_with(flavour, &[(Op::Issue, 1, fault)]).await;
            let end = world.bring_to_an_end().await;
            check(&world, end, effects_max(flavour, 1), &format!("{flavour:?} {fault:?}")).await;
        }
    }
}

#[tokio::test]
async fn several_lost_answers_in_a_row_cost_no_more_than_one_secret_each() {
    for flavour in FLAVOURS {
        let faults =
            [(Op::Issue, 1, Fault::LostAfter), (Op::Issue, 2, Fault::LostBefore), (Op::Issue, 3, Fault::LostAfter)];
        let world = rotated_with(flavour, &faults).await;
        let end = world.bring_to_an_end().await;
        check(&world, end, effects_max(flavour, 2), &format!("{flavour:?}")).await;
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_behind_the_secret_is_as_good_as_a_whole_one() {
    for flavour in FLAVOURS {
        let world = rotated_with(flavour, &[(Op::Issue, 1, Fault::CutLate)]).await;
        let end = world.bring_to_an_end().await;
        check(&world, end, 1, &format!("{flavour:?}")).await;
    }
}

#[tokio::test]
async fn an_answer_without_a_whole_secret_is_replaced() {
    for flavour in FLAVOURS {
        for fault in [Fault::Cut, Fault::Garbage] {
            let world = rotated_with(flavour, &[(Op::Issue, 1, fault)]).await;
            let end = world.bring_to_an_end().await;
            check(&world, end, effects_max(flavour, 1), &format!("{flavour:?} {fault:?}")).await;
        }
    }
}

#[tokio::test]
async fn a_vendor_that_answers_unreadably_for_ever_is_held_for_a_person() {
    for flavour in FLAVOURS {
        let world = World::new(flavour);
        world.vendor.always(Op::Issue, Some(Fault::Garbage));
        let outcome = world.rotate().await.expect("the journal works");
        let Ending::Held { phase, hold } = outcome.ending else { panic!("{outcome:?}") };
        assert_eq!((phase, hold.person), (Phase::Kept, true));
        assert!(hold.sentence.contains("5 times") && hold.sentence.contains("sealed"), "{}", hold.sentence);
        assert_eq!(hold.sentence.contains("in use as before"), flavour == Flavour::Restart, "{}", hold.sentence);
        assert_eq!(world.vendor.calls_of(Op::Issue), Options::default().issues_max);
        world.vendor.always(Op::Issue, None);
        let end = world.bring_to_an_end().await;
        check(&world, end, 6, &format!("{flavour:?}")).await;
    }
}

#[tokio::test]
async fn an_adapter_that_cannot_be_asked_to_read_does_not_cost_the_sealed_secret() {
    for flavour in FLAVOURS {
        let world = World::new(flavour);
        world.vendor.misconfigured(true);
        let outcome = world.rotate().await.expect("the journal works");
        let Ending::Held { phase, hold } = outcome.ending else { panic!("{outcome:?}") };
        assert_eq!((phase, hold.person, world.vendor.calls_of(Op::Issue)), (Phase::Kept, true, 1));
        assert!(hold.sentence.contains("settings"), "{}", hold.sentence);
        world.vendor.misconfigured(false);
        let end = world.bring_to_an_end().await;
        check(&world, end, 1, &format!("{flavour:?}")).await;
    }
}

#[tokio::test]
async fn a_first_request_that_is_refused_changes_nothing() {
    for flavour in FLAVOURS {
        for fault in [Fault::Refuse(Refusal::Forbidden), Fault::Refuse(Refusal::InProgress), Fault::Unreachable] {
            let world = World::new(flavour);
            world.vendor.script(Op::Issue, 1, fault);
            let outcome = world.rotate().await.expect("the journal works");
            assert!(matches!(outcome.ending, Ending::NothingChanged(Failure::Vendor(_))), "{outcome:?}");
            let end = world.bring_to_an_end().await;
            assert_eq!(end, Some(End::NothingChanged));
            check(&world, end, 0, &format!("{flavour:?} {fault:?}")).await;
        }
    }
}

#[tokio::test]
async fn a_first_request_that_the_vendor_is_too_busy_for_is_sent_again_and_given_up_when_that_goes_on() {
    for flavour in FLAVOURS {
        let busy = Fault::Refuse(Refusal::RateLimited);
        let world = rotated_with(flavour, &[(Op::Issue, 1, busy), (Op::Issue, 2, busy)]).await;
        let end = world.bring_to_an_end().await;
        check(&world, end, 1, &format!("{flavour:?}")).await;

        let world = World::new(flavour);
        world.vendor.always(Op::Issue, Some(busy));
        let outcome = world.rotate().await.expect("the journal works");
        assert!(matches!(outcome.ending, Ending::NothingChanged(Failure::Vendor(_))), "{outcome:?}");
        check(&world, Some(End::NothingChanged), 0, &format!("{flavour:?} for ever")).await;
    }
}

#[tokio::test]
async fn a_later_request_that_is_put_off_is_sent_again_after_a_pause() {
    for flavour in FLAVOURS {
        for put_off in [Fault::Refuse(Refusal::InProgress), Fault::Refuse(Refusal::RateLimited), Fault::Unreachable] {
            let faults = [(Op::Issue, 1, Fault::LostBefore), (Op::Issue, 2, put_off), (Op::Issue, 3, put_off)];
            let world = rotated_with(flavour, &faults).await;
            let end = world.bring_to_an_end().await;
            check(&world, end, 1, &format!("{flavour:?} {put_off:?}")).await;
        }
    }
}

#[tokio::test]
async fn a_later_request_that_is_put_off_for_ever_is_held_and_not_for_a_person() {
    for flavour in FLAVOURS {
        let world = World::new(flavour);
        world.vendor.script(Op::Issue, 1, Fault::LostAfter);
        for nth in 2..=20 {
            world.vendor.script(Op::Issue, nth, Fault::Refuse(Refusal::RateLimited));
        }
        let outcome = world.rotate().await.expect("the journal works");
        let Ending::Held { hold, .. } = outcome.ending else { panic!("{outcome:?}") };
        assert!(!hold.person && hold.sentence.contains("too many requests"), "{}", hold.sentence);
        let end = world.bring_to_an_end().await;
        check(&world, end, effects_max(flavour, 1), &format!("{flavour:?}")).await;
    }
}

#[tokio::test]
async fn a_later_request_that_is_refused_is_held_for_a_person_and_says_what_is_live() {
    for flavour in FLAVOURS {
        let world = World::new(flavour);
        world.vendor.script(Op::Issue, 1, Fault::LostAfter);
        world.vendor.script(Op::Issue, 2, Fault::Refuse(Refusal::Forbidden));
        let outcome = world.rotate().await.expect("the journal works");
        let Ending::Held { hold, .. } = outcome.ending else { panic!("{outcome:?}") };
        assert!(hold.person, "{}", hold.sentence);
        assert_eq!(hold.sentence.contains("in use as before"), flavour == Flavour::Restart, "{}", hold.sentence);
        let end = world.bring_to_an_end().await;
        check(&world, end, effects_max(flavour, 1), &format!("{flavour:?}")).await;
    }
}

#[tokio::test]
async fn a_request_that_arrives_late_is_waited_out_before_the_vendor_is_asked_again() {
    for flavour in FLAVOURS {
        for late in [1, 20, 59] {
            let fault = Fault::Straggle(Duration::from_secs(late));
            let world = rotated_with(flavour, &[(Op::Issue, 1, fault)]).await;
            world.clock.advance(STRAGGLER);
            let end = world.bring_to_an_end().await;
            check(&world, end, effects_max(flavour, 1), &format!("{flavour:?} {late}")).await;
        }
    }
}

#[tokio::test]
async fn a_request_that_arrives_after_the_one_that_was_answered_is_noticed_and_repaired() {
    for flavour in [Flavour::Marked, Flavour::Plain] {
        // Later than any wait: it arrives after so many more calls, whatever the clock says. With four more it arrives
        // just before the last look at the new secret; what comes after that nobody sees.
        for calls in 1..=4 {
            let world = World::new(flavour);
            world.vendor.script(Op::Issue, 1, Fault::StraggleCalls(calls));
            let outcome = world.rotate().await.expect("the journal works");
            assert_eq!(world.vendor.under_way(), 0, "{flavour:?} {calls}: it has not arrived");
            let story = format!("{flavour:?} {calls}: {outcome:?}");
            assert!(matches!(outcome.ending, Ending::Rotated), "{story}");
            let end = world.bring_to_an_end().await;
            check(&world, end, 3, &story).await;
        }
    }
}

#[tokio::test]
async fn a_lost_request_that_arrives_after_a_two_phase_rotation_leaves_nothing_pending() {
    for calls in 1..=8 {
        let world = World::new(Flavour::Restart);
        world.vendor.script(Op::Issue, 1, Fault::StraggleCalls(calls));
        let outcome = world.rotate().await.expect("the journal works");
        assert!(matches!(outcome.ending, Ending::Rotated), "{calls}: {outcome:?}");
        if world.vendor.under_way() > 0 {
            assert!(calls > 6, "{calls}: it arrives when nobody looks any more");
            break;
        }
        let end = world.bring_to_an_end().await;
        check(&world, end, 3, &format!("{calls}")).await;
    }
}

#[tokio::test]
async fn an_answer_is_replayed_for_as_long_as_the_window_surely_lasts_and_asked_for_anew_after_it() {
    let safe = WINDOW - MARGIN;
    for (later, effects) in [(safe - Duration::from_secs(200), 1), (safe, 2), (WINDOW * 3, 2)] {
        let world = World::new(Flavour::Replay);
        // The process dies when the answer is on its way, and comes back so much later.
        let died = world.rotate_until(issue_took_effect(Flavour::Replay).await).await;
        assert_eq!(died.as_deref(), Some("after Issue took effect"));
        world.clock.advance(later - Duration::from_secs(120));
        let end = world.bring_to_an_end().await;
        assert_eq!(world.vendor.effects(), effects, "{later:?} later");
        check(&world, end, effects, "replay").await;
    }
}

/// The point at which the first request has taken effect and its answer is not there yet.
async fn issue_took_effect(flavour: Flavour) -> usize {
    for point in 0..200 {
        if World::new(flavour).rotate_until(point).await.as_deref() == Some("after Issue took effect") {
            return point;
        }
    }
    panic!("no run asks for a secret");
}

#[tokio::test]
async fn a_clock_that_jumps_back_neither_stops_a_rotation_nor_loses_a_secret() {
    for flavour in FLAVOURS {
        for (op, nth) in [(Op::Issue, 1), (Op::Inspect, 1), (Op::Inspect, 2), (Op::Verify, 1), (Op::Verify, 2)] {
            for seconds in [-86_400 * 2, -30, 86_400 * 2] {
                let world = World::new(flavour);
                world.vendor.script(Op::Issue, 1, Fault::LostAfter);
                world.vendor.script(op, nth, Fault::ClockJump(seconds));
                let outcome = world.rotate().await.expect("the journal works");
                let story = format!("{flavour:?} {op:?} {nth} {seconds}: {outcome:?}");
                assert!(matches!(outcome.ending, Ending::Rotated), "{story}");
                let end = world.bring_to_an_end().await;
                if seconds > 0 && matches!(flavour, Flavour::Marked | Flavour::Plain) {
                    // A clock that is set on looks like a wait that is over. What that may cost is repaired.
                    crate::check::nothing_is_lost(&world, end, &story).await;
                } else {
                    check(&world, end, 2, &story).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_lost_answer_to_complete_is_settled_by_looking() {
    for fault in [Fault::LostBefore, Fault::LostAfter, Fault::PanicAfter, Fault::Straggle(Duration::from_secs(30))] {
        let world = rotated_with(Flavour::Restart, &[(Op::Complete, 1, fault)]).await;
        let end = world.bring_to_an_end().await;
        check(&world, end, 1, &format!("{fault:?}")).await;
    }
}

#[tokio::test]
async fn a_lost_completion_does_not_complete_a_later_rotation() {
    let world = rotated_with(Flavour::Restart, &[(Op::Complete, 1, Fault::Straggle(Duration::from_secs(59)))]).await;
    world.vendor.foreign(Foreign::Start);
    world.clock.advance(STRAGGLER);
    assert!(world.vendor.pending().is_some(), "the lost completion retired a secret that is in use");
}

#[tokio::test]
async fn a_lost_cancellation_does_not_drop_the_next_secret() {
    // The next secret is pending for longer than the lost cancellation can take.
    let slow = Duration::from_secs(100);
    let world = World::with(Flavour::Restart, |vendor| vendor.with_propagation(slow));
    world.vendor.script(Op::Issue, 1, Fault::LostAfter);
    world.vendor.script(Op::Cancel, 1, Fault::Straggle(Duration::from_secs(59)));
    let outcome = world.rotate().await.expect("the journal works");
    assert!(matches!(outcome.ending, Ending::Rotated), "{outcome:?}");
    let end = world.bring_to_an_end().await;
    check(&world, end, 2, "cancel").await;
}

#[tokio::test]
async fn a_lost_request_that_a_moved_mark_hides_is_waited_for_before_the_last_look() {
    let world = World::new(Flavour::Marked);
    world.vendor.script(Op::Issue, 1, Fault::Straggle(Duration::from_secs(40)));
    // The mark moves because somebody renames the client, which looks as if the request had arrived.
    world.vendor.script(Op::Inspect, 2, Fault::Before(Foreign::Touch));
    let outcome = world.rotate().await.expect("the journal works");
    assert!(matches!(outcome.ending, Ending::Rotated), "{outcome:?}");
    assert_eq!((outcome.issues, world.vendor.under_way()), (3, 0), "the late request was not noticed");
    let end = world.bring_to_an_end().await;
    check(&world, end, 3, "moved mark").await;
}

#[tokio::test]
async fn a_superseding_vendor_is_looked_at_once_more_after_its_settle_time() {
    for flavour in [Flavour::Marked, Flavour::Plain] {
        let world = World::new(flavour);
        let begun = world.clock.truth();
        world.rotate().await.expect("the journal works");
        let took = world.clock.truth().duration_since(begun);
        assert!(took >= jiff::SignedDuration::try_from(SETTLE).expect("in range"), "{flavour:?}: {took}");
        assert_eq!(world.vendor.calls_of(Op::Verify), 3, "{flavour:?}: the new one twice, the old one once");
    }
}

#[tokio::test]
async fn a_refused_completion_is_held_for_a_person_and_one_that_is_put_off_comes_later() {
    let world = World::new(Flavour::Restart);
    world.vendor.script(Op::Complete, 1, Fault::Refuse(Refusal::Forbidden));
    let outcome = world.rotate().await.expect("the journal works");
    let Ending::Held { phase, hold } = outcome.ending else { panic!("{outcome:?}") };
    assert_eq!((phase, hold.person), (Phase::Promoted, true));
    let end = world.bring_to_an_end().await;
    check(&world, end, 1, "refused").await;

    let busy = Fault::Refuse(Refusal::RateLimited);
    let world = rotated_with(Flavour::Restart, &[(Op::Complete, 1, busy), (Op::Complete, 2, busy)]).await;
    let end = world.bring_to_an_end().await;
    check(&world, end, 1, "put off").await;
}

#[tokio::test]
async fn a_completion_that_never_takes_effect_is_tried_some_times_and_held_with_both_secrets_alive() {
    let world = World::new(Flavour::Restart);
    world.vendor.always(Op::Complete, Some(Fault::LostBefore));
    let begun = world.clock.truth();
    let outcome = world.rotate().await.expect("the journal works");
    let took = world.clock.truth().duration_since(begun);
    let Ending::Held { phase, hold } = outcome.ending else { panic!("{outcome:?}") };
    assert_eq!((phase, hold.person, world.vendor.calls_of(Op::Complete)), (Phase::Promoted, false, 3));
    assert!(hold.sentence.contains("both work") && hold.sentence.contains("the line was cut"), "{}", hold.sentence);
    assert!(took <= jiff::SignedDuration::try_from(3 * STRAGGLER).expect("in range"), "it took {took}");
    assert_eq!(world.vendor.live().len(), 2);
    world.vendor.calm();
    let end = world.bring_to_an_end().await;
    check(&world, end, 1, "in the end").await;
}

#[tokio::test]
async fn one_look_that_tells_nothing_is_repeated_and_many_are_held_with_the_old_secret_alive() {
    for flavour in FLAVOURS {
        let world = rotated_with(flavour, &[(Op::Verify, 1, Fault::NotKnown)]).await;
        let end = world.bring_to_an_end().await;
        check(&world, end, 1, &format!("{flavour:?}")).await;

        let world = World::new(flavour);
        world.vendor.always(Op::Verify, Some(Fault::NotKnown));
        let outcome = world.rotate().await.expect("the journal works");
        let Ending::Held { phase, hold } = outcome.ending else { panic!("{outcome:?}") };
        assert_eq!((phase, hold.person), (Phase::Staged, false));
        assert!(flavour != Flavour::Restart || world.vendor.live().contains(&0));
        world.vendor.always(Op::Verify, None);
        let end = world.bring_to_an_end().await;
        check(&world, end, 1, &format!("{flavour:?}")).await;
    }
}

#[tokio::test]
async fn a_new_secret_that_is_refused_without_a_reason_is_not_given_up_at_the_first_look() {
    // An inactive client: the vendor refuses its secret, and nobody rotated.
    for flavour in FLAVOURS {
        let world = World::new(flavour);
        world.vendor.script(Op::Verify, 1, Fault::Inactive);
        let outcome = world.rotate().await.expect("the journal works");
        let Ending::Held { phase, hold } = outcome.ending else { panic!("{flavour:?}: {outcome:?}") };
        assert_eq!((phase, hold.person), (Phase::Staged, true));
        assert!(hold.sentence.contains("inactive"), "{}", hold.sentence);
        let end = world.bring_to_an_end().await;
        assert_eq!(end, Some(End::Rotated), "the sealed answer was given up");
        check(&world, end, 1, &format!("{flavour:?}")).await;
    }
}

#[tokio::test]
async fn an_old_secret_that_is_still_accepted_is_held_for_a_person() {
    for flavour in FLAVOURS {
        let world = World::new(flavour);
        world.vendor.keep_accepting(0, true);
        let outcome = world.rotate().await.expect("the journal works");
        let Ending::Held { phase, hold } = outcome.ending else { panic!("{outcome:?}") };
        assert_eq!((phase, hold.person), (Phase::Completed, true));
        assert!(hold.sentence.contains("still accepts the old one"), "{}", hold.sentence);
        assert_eq!((outcome.new, outcome.old), (Some(Verdict::Accepted), Some(Verdict::Accepted)));
        world.vendor.keep_accepting(0, false);
        let end = world.bring_to_an_end().await;
        check(&world, end, 1, &format!("{flavour:?}")).await;
    }
}

#[tokio::test]
async fn a_journal_that_does_not_take_the_answer_at_first_is_offered_it_until_it_does() {
    for flavour in FLAVOURS {
        for how in [Fail::Before, Fail::After, Fail::Panic] {
            let world = World::new(flavour);
            for nth in 1..=10 {
                world.journal.fail("keep", nth, how);
            }
            world.journal.fail("recall", 1, Fail::Before);
            let outcome = world.rotate().await.expect("the answer is kept in the end");
            assert!(matches!(outcome.ending, Ending::Rotated), "{outcome:?}");
            let end = world.bring_to_an_end().await;
            check(&world, end, 1, &format!("{flavour:?} {how:?}")).await;
        }
    }
}

#[tokio::test]
async fn a_journal_that_never_takes_the_answer_is_an_error_that_says_so_and_not_success() {
    for flavour in FLAVOURS {
        let world = World::new(flavour);
        world.journal.always("keep", Some(Fail::Before));
        let begun = cutover_core::Clock::now(world.clock.as_ref());
        let result = world.rotate().await;
        assert!(matches!(result, Err(EngineError::NotKept { .. })), "{result:?}");
        let tried = cutover_core::Clock::now(world.clock.as_ref()).duration_since(begun);
        assert!(tried >= jiff::SignedDuration::from_secs(600), "it gave up after {tried}");
        world.journal.always("keep", None);
        let end = world.bring_to_an_end().await;
        check(&world, end, effects_max(flavour, 1), &format!("{flavour:?}")).await;
    }
}
