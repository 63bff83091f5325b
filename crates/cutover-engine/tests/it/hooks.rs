//! What is done once readers have another secret, and what becomes of a rotation whose hooks fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use cutover_core::{Clock as _, Verdict};
use cutover_engine::{
    Action, Change, Destination, End, Ending, Event, Failure, Guarantee, Hold, Journal as _, Label, Phase, Standing,
    Version,
};
use futures_util::FutureExt as _;

use crate::check::check;
use crate::crashes::{POINTS_MAX, effects_max, ends_well};
use crate::log::Deed;
use crate::stores::Fail;
use crate::vendor::{FLAVOURS, Fault, Flavour, Foreign, Op, WINDOW};
use crate::world::{LEASE, World};

const HOW: [Fail; 4] = [Fail::Before, Fail::After, Fail::Passing, Fail::Panic];

async fn held(world: &World, wanted: Phase) -> Hold {
    let outcome = world.rotate().await.expect("the journal works");
    let Ending::Held { phase, hold } = outcome.ending else { panic!("{outcome:?}") };
    assert_eq!((phase, hold.person), (wanted, false), "{}", hold.sentence);
    hold
}

/// What each hook was told, in order.
fn told(world: &World) -> Vec<(String, Change)> {
    let told = |deed| if let Deed::Told(name, change, _) = deed { Some((name, change)) } else { None };
    world.log.deeds().into_iter().filter_map(told).collect()
}

fn times(world: &World, name: &str, change: Change) -> usize {
    told(world).iter().filter(|(told, as_)| told == name && *as_ == change).count()
}

async fn events(world: &World) -> Vec<Event> {
    world.last().await.expect("recorded").entries.into_iter().map(|entry| entry.event).collect()
}

#[tokio::test]
async fn hooks_run_once_in_order_after_every_destination_has_the_secret_and_before_the_old_one_goes() {
    for flavour in FLAVOURS {
        let world = World::hooked(flavour);
        let outcome = world.rotate().await.expect("nothing is in the way");
        assert!(matches!(outcome.ending, Ending::Rotated), "{outcome:?}");
        let both = ["reload", "announce"].map(|name| (name.to_owned(), Change::Promoted));
        assert_eq!(told(&world), both, "{flavour:?}");
        let names: Vec<_> = events(&world).await.iter().map(Event::name).collect();
        let at = names.iter().position(|name| *name == "hook_ran").expect("recorded");
        assert_eq!(names[at - 1..=at + 2], ["promoted", "hook_ran", "hook_ran", "completed"], "{flavour:?}");
        let end = world.bring_to_an_end().await;
        check(&world, end, 1, &format!("{flavour:?}")).await;
    }
}

#[tokio::test]
async fn a_hook_that_takes_minutes_keeps_its_target_from_every_other_worker() {
    for flavour in FLAVOURS {
        let world = World::hooked(flavour);
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        world.hooks[0].takes(minutes(9), minutes(10), &world.clock);
        let (journal, clock, target) =
            (Arc::clone(&world.journal), Arc::clone(&world.clock), world.target.id().clone());
        let taken = Arc::new(AtomicU32::new(0));
        let (counter, asked) = (Arc::clone(&taken), Arc::clone(&clock));
        clock.watch(Arc::new(move || {
            let lease =
                journal.inner.lease(&target, asked.now(), LEASE).now_or_never().expect("memory waits for nobody");
            counter.fetch_add(u32::from(lease.is_ok()), SeqCst);
        }));
        let outcome = world.rotate().await.expect("nobody took the target over");
        assert!(matches!(outcome.ending, Ending::Rotated), "{outcome:?}");
        assert_eq!(taken.load(SeqCst), 0, "{flavour:?}");
        assert_eq!(times(&world, "reload", Change::Promoted), 1);
    }
}

#[tokio::test]
async fn a_hook_that_does_not_end_is_given_up_and_run_again_and_holds_the_rotation_at_last() {
    for flavour in FLAVOURS {
        let world = World::hooked(flavour);
        let long = Duration::from_secs(3600);
        world.hooks[1].takes(long, Duration::from_secs(90), &world.clock);
        let hold = held(&world, Phase::Promoted).await;
        let said = "hook announce: it did not end within 90 s; whether it was done is not known";
        assert!(hold.sentence.contains(said), "{}", hold.sentence);
        assert_eq!(times(&world, "reload", Change::Promoted), 1, "one that ran is not run again");
        world.hooks[1].takes(Duration::ZERO, long, &world.clock);
        let end = world.bring_to_an_end().await;
        check(&world, end, 1, &format!("{flavour:?}")).await;
    }
}

#[tokio::test]
async fn a_process_that_dies_at_any_point_around_its_hooks_leaves_nobody_untold() {
    for flavour in FLAVOURS {
        for (power, faults) in [(false, &[][..]), (true, &[]), (false, &[(Op::Issue, Fault::LostAfter)])] {
            for point in 0..POINTS_MAX {
                let world = World::hooked(flavour);
                faults.iter().for_each(|(op, fault)| world.vendor.script(*op, 1, *fault));
                let died_at = world.rotate_until(point).await;
                if power {
                    world.journal.inner.power_cut();
                }
                let story = format!("{flavour:?} power {power} {faults:?}: died {point} {died_at:?}");
                ends_well(&world, effects_max(flavour, 2), &story).await;
                if died_at.is_none() {
                    assert!(point >= 70, "{flavour:?}: only {point} points");
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn two_crashes_around_a_hook_leave_nobody_untold() {
    for flavour in [Flavour::Restart, Flavour::Plain] {
        let mut pairs = 0;
        'first: for first in 40..POINTS_MAX {
            for second in 0..POINTS_MAX {
                let mut world = World::new(flavour);
                world.add_hook("reload");
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
        assert!(pairs > 500, "{flavour:?}: only {pairs} pairs");
    }
}

#[tokio::test]
async fn a_hook_that_fails_holds_the_rotation_with_the_old_secret_alive_where_it_can_be() {
    for flavour in FLAVOURS {
        for how in [Fail::Before, Fail::After, Fail::Panic] {
            let world = World::hooked(flavour);
            world.hooks[1].fail("run", 1, how);
            let hold = held(&world, Phase::Promoted).await;
            let two_phase = flavour == Flavour::Restart;
            let old = if two_phase { "The old secret still works" } else { "The old secret is dead already" };
            for said in ["hook announce", "The new secret is in use in every destination", old, "resume"] {
                assert!(hold.sentence.contains(said), "{flavour:?} {how:?}: {}", hold.sentence);
            }
            assert_eq!(world.vendor.calls_of(Op::Complete), 0, "{flavour:?}");
            assert_eq!(world.vendor.live().contains(&0), two_phase, "{flavour:?}");
            let end = world.bring_to_an_end().await;
            check(&world, end, 1, &format!("{flavour:?} {how:?}")).await;
            assert_eq!(times(&world, "reload", Change::Promoted), 1, "{flavour:?}: one that ran is not run again");
            let again = if how == Fail::After { 2 } else { 1 };
            assert_eq!(times(&world, "announce", Change::Promoted), again, "{flavour:?} {how:?}");
        }
    }
}

#[tokio::test]
async fn a_hook_that_fails_for_a_passing_reason_is_run_again_after_pauses_and_held_when_it_does_not_pass() {
    for flavour in FLAVOURS {
        let world = World::hooked(flavour);
        (1..=3).for_each(|nth| world.hooks[0].fail("run", nth, Fail::Passing));
        let began = world.clock.truth();
        let outcome = world.rotate().await.expect("the journal works");
        assert!(matches!(outcome.ending, Ending::Rotated), "{outcome:?}");
        let passed = Duration::try_from(world.clock.truth().duration_since(began)).expect("forward");
        assert!(Duration::from_secs(7) <= passed, "{passed:?}");
        assert_eq!(times(&world, "reload", Change::Promoted), 1);

        let world = World::hooked(flavour);
        world.hooks[0].always("run", Some(Fail::Passing));
        held(&world, Phase::Promoted).await;
        assert_eq!(times(&world, "announce", Change::Promoted), 0, "the next one waits for it");
        world.hooks[0].always("run", None);
        let end = world.bring_to_an_end().await;
        check(&world, end, 1, &format!("{flavour:?}")).await;
    }
}

#[tokio::test]
async fn a_hook_that_could_not_run_keeps_a_vendor_from_being_asked() {
    for flavour in FLAVOURS {
        for how in [Fail::Before, Fail::Panic] {
            let world = World::hooked(flavour);
            world.hooks[1].fail("preflight", 1, how);
            let outcome = world.rotate().await.expect("the journal works");
            let Ending::NothingChanged(Failure::Hook(error)) = &outcome.ending else { panic!("{outcome:?}") };
            assert_eq!((error.hook(), world.vendor.calls()), ("announce", 0), "{flavour:?}");
            assert!(!world.is_open().await);
            world.hooks[1].fail("preflight", 2, how);
            assert!(matches!(world.engine().check(&world.job()).await, Err(Failure::Hook(_))));
        }
    }
}

#[tokio::test]
async fn any_operation_of_a_hook_that_fails_once_is_made_good() {
    for flavour in FLAVOURS {
        let fine = World::hooked(flavour);
        fine.rotate().await.expect("nothing is in the way");
        for (which, how) in [0, 1].into_iter().flat_map(|it| HOW.map(|how| (it, how))) {
            assert_eq!(fine.hooks[which].operations(), 2);
            for nth in 1..=2 {
                let world = World::hooked(flavour);
                world.hooks[which].fail_at(nth, how);
                world.rotate().await.expect("the journal works");
                ends_well(&world, 1, &format!("{flavour:?}: operation {nth} of hook {which} fails as {how:?}")).await;
            }
        }
    }
}

#[tokio::test]
async fn two_hooks_of_one_name_are_refused_before_the_vendor_hears() {
    let mut world = World::hooked(Flavour::Restart);
    world.add_hook("reload");
    let outcome = world.rotate().await.expect("the journal works");
    let Ending::NothingChanged(failure @ Failure::Unfit(_)) = &outcome.ending else { panic!("{outcome:?}") };
    assert!(failure.chain().contains("reload"), "{}", failure.chain());
    assert_eq!(world.vendor.calls(), 0);
}

#[tokio::test]
async fn a_hook_that_was_removed_is_not_waited_for_and_one_that_was_added_is_run() {
    for flavour in FLAVOURS {
        let mut world = World::hooked(flavour);
        world.hooks[0].always("run", Some(Fail::Before));
        held(&world, Phase::Promoted).await;
        world.hooks.remove(0);
        world.add_hook("late");
        let end = world.bring_to_an_end().await;
        check(&world, end, 1, &format!("{flavour:?} promoted")).await;
        assert_eq!((times(&world, "reload", Change::Promoted), times(&world, "late", Change::Promoted)), (0, 1));

        let mut world = World::new(flavour);
        world.destinations[1].fail("forget_previous", 1, Fail::Before);
        held(&world, Phase::Completed).await;
        world.add_hook("late");
        world.hooks[0].fail("run", 1, Fail::Before);
        let outcome = world.resume().await.expect("the journal works").expect("it is unfinished");
        let Ending::Held { phase: Phase::Completed, hold } = &outcome.ending else { panic!("{outcome:?}") };
        assert!(hold.sentence.contains("dead already"), "{}", hold.sentence);
        assert_eq!(world.bring_to_an_end().await, Some(End::Rotated), "{flavour:?}");
        assert_eq!(world.hooks[0].uses(), world.vendor.live().first().copied(), "{flavour:?}");
    }
}

#[tokio::test]
async fn hooks_run_again_for_a_second_secret_of_one_attempt() {
    let mut promoted_twice = 0;
    for flavour in [Flavour::Marked, Flavour::Plain] {
        // The last of them arrives just before the last look, when readers have the secret that it ends.
        for calls in 1..=4 {
            let world = World::hooked(flavour);
            world.vendor.script(Op::Issue, 1, Fault::StraggleCalls(calls));
            let outcome = world.rotate().await.expect("the journal works");
            assert!(matches!(outcome.ending, Ending::Rotated), "{flavour:?} {calls}: {outcome:?}");
            check(&world, Some(End::Rotated), 3, &format!("{flavour:?} {calls}")).await;
            let promoted = events(&world).await.iter().filter(|event| **event == Event::Promoted).count();
            assert_eq!(times(&world, "reload", Change::Promoted), promoted, "{flavour:?} {calls}");
            promoted_twice += promoted - 1;
        }
    }
    assert!(promoted_twice > 0, "no lost request arrived late enough");
}

#[tokio::test]
async fn a_roll_back_tells_the_hooks_before_the_new_secret_is_cancelled() {
    let mut world = World::hooked(Flavour::Restart);
    world.add_hook("third");
    world.hooks[2].fail("run", 1, Fail::Before);
    held(&world, Phase::Promoted).await;
    let outcome = world.roll_back().await.expect("there is a way back").expect("it is unfinished");
    assert!(matches!(outcome.ending, Ending::RolledBack(_)), "{outcome:?}");
    assert_eq!((outcome.old, world.vendor.live()), (Some(Verdict::Accepted), vec![0]));
    for name in ["reload", "announce", "third"] {
        assert_eq!(times(&world, name, Change::RolledBack), 1, "{name}");
    }
    let names: Vec<_> = events(&world).await.iter().map(Event::name).collect();
    assert!(names.ends_with(&["going_back", "hook_ran", "hook_ran", "hook_ran", "rolled_back"]), "{names:?}");
    check(&world, Some(End::RolledBack), 1, "rolled back").await;
}

#[tokio::test]
async fn a_hook_that_fails_on_the_way_back_leaves_both_secrets_alive_and_either_way_open() {
    for again in [true, false] {
        let world = World::hooked(Flavour::Restart);
        world.vendor.script(Op::Complete, 1, Fault::Unreachable);
        held(&world, Phase::Promoted).await;
        world.hooks[1].fail("run", 2, Fail::Before);
        let outcome = world.roll_back().await.expect("there is a way back").expect("it is unfinished");
        let Ending::Held { phase: Phase::GoingBack, hold } = &outcome.ending else { panic!("{outcome:?}") };
        for said in ["hook announce", "The old secret is in use in every destination again", "roll back again"] {
            assert!(hold.sentence.contains(said), "{}", hold.sentence);
        }
        assert_eq!(world.vendor.live(), [0, 1], "one of them was dropped");
        if again {
            world.roll_back().await.expect("there is a way back");
        }
        let end = world.bring_to_an_end().await;
        assert_eq!(end, Some(if again { End::RolledBack } else { End::Rotated }));
        check(&world, end, 1, &format!("again {again}")).await;
    }
}

#[tokio::test]
async fn a_roll_back_that_dies_anywhere_leaves_nobody_with_a_secret_that_was_dropped() {
    for (power, again) in [(false, true), (false, false), (true, true), (true, false)] {
        let mut deaths = 0;
        for point in 0..POINTS_MAX {
            let world = World::hooked(Flavour::Restart);
            world.vendor.script(Op::Complete, 1, Fault::Unreachable);
            held(&world, Phase::Promoted).await;
            world.points.arm(Some(point));
            let died = world.points.live(world.roll_back()).await.is_none();
            world.points.arm(None);
            if power {
                world.journal.inner.power_cut();
            }
            world.clock.advance(LEASE);
            let story = format!("died at point {point}, power {power}, again {again}");
            if again {
                let _ = world.roll_back().await.expect("there is a way back");
            }
            let end = world.bring_to_an_end().await;
            check(&world, end, 2, &story).await;
            if !died {
                break;
            }
            deaths += 1;
        }
        assert!(deaths > 40, "only {deaths} points");
    }
}

#[tokio::test]
async fn a_roll_back_of_what_no_reader_has_runs_no_hook() {
    for operation in ["stage", "promote"] {
        let world = World::hooked(Flavour::Restart);
        world.destinations[0].fail(operation, 1, Fail::Before);
        world.rotate().await.expect("the journal works");
        let outcome = world.roll_back().await.expect("there is a way back").expect("it is unfinished");
        assert!(matches!(outcome.ending, Ending::RolledBack(_)), "{outcome:?}");
        assert_eq!(told(&world), [], "{operation}");
        check(&world, Some(End::RolledBack), 1, operation).await;
    }
}

#[tokio::test]
async fn readers_of_one_destination_are_told_when_what_only_they_have_is_taken_back() {
    let world = World::hooked(Flavour::Restart);
    world.destinations[1].fail("promote", 1, Fail::Before);
    held(&world, Phase::Verified).await;
    world.roll_back().await.expect("there is a way back");
    assert_eq!(times(&world, "reload", Change::RolledBack), 1);
    assert_eq!(times(&world, "reload", Change::Promoted), 0);
    let end = world.bring_to_an_end().await;
    assert_eq!(end, Some(End::RolledBack));
    check(&world, end, 1, "half promoted").await;
}

#[tokio::test]
async fn a_secret_that_somebody_cancelled_is_taken_back_from_whoever_was_told_of_it() {
    for fails in [false, true] {
        let world = World::hooked(Flavour::Restart);
        world.vendor.script(Op::Complete, 1, Fault::Unreachable);
        held(&world, Phase::Promoted).await;
        world.vendor.foreign(Foreign::Cancel);
        if fails {
            world.hooks[0].fail("run", 2, Fail::Before);
            let outcome = world.resume().await.expect("the journal works").expect("it is unfinished");
            let Ending::Held { phase: Phase::GoingBack, hold } = &outcome.ending else { panic!("{outcome:?}") };
            assert!(hold.sentence.contains("dead at the vendor"), "{}", hold.sentence);
        }
        let end = world.bring_to_an_end().await;
        assert_eq!(end, Some(End::RolledBack));
        check(&world, end, 1, &format!("fails {fails}")).await;
    }
}

#[tokio::test]
async fn a_rotation_that_is_asked_to_stop_does_so_between_two_hooks() {
    for flavour in FLAVOURS {
        let world = World::hooked(flavour);
        let (engine, flag) = world.stopped_engine();
        *world.hooks[0].stops.lock().expect("no panic under this lock") = Some(flag);
        let outcome = engine.rotate(&world.job()).await.expect("the journal works");
        assert!(matches!(outcome.ending, Ending::Stopped { phase: Phase::Promoted }), "{outcome:?}");
        assert_eq!(times(&world, "announce", Change::Promoted), 0, "{flavour:?}");
        *world.hooks[0].stops.lock().expect("no panic under this lock") = None;
        let end = world.bring_to_an_end().await;
        check(&world, end, 1, &format!("{flavour:?}")).await;
        assert_eq!(times(&world, "reload", Change::Promoted), 1, "{flavour:?}");
    }
}

#[tokio::test]
async fn a_hook_whose_error_quotes_a_secret_does_not_get_it_into_the_journal() {
    for flavour in FLAVOURS {
        let world = World::hooked(flavour);
        // Of the next secret, which only the destination it was put into can have told it.
        let noise = 2_u64.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let next = format!("canary{noise:016x}{:016x}0001", noise.rotate_left(23));
        world.hooks[0].quotes.lock().expect("no panic under this lock").clone_from(&next);
        world.hooks[0].fail("run", 1, Fail::Before);
        let hold = held(&world, Phase::Promoted).await;
        assert_eq!(world.log.secret(1).expose(), next);
        assert!(!hold.sentence.contains(&next) && hold.sentence.contains("[redacted]"), "{}", hold.sentence);
        world.hooks[0].quotes.lock().expect("no panic under this lock").clear();
        let end = world.bring_to_an_end().await;
        check(&world, end, 1, &format!("{flavour:?}")).await;
    }
}

#[tokio::test]
async fn hooks_run_again_when_a_destination_lost_the_secret_after_they_ran() {
    for flavour in FLAVOURS {
        for phase in [Phase::Promoted, Phase::Completed] {
            let world = World::hooked(flavour);
            match phase {
                Phase::Promoted => world.hooks[1].fail("run", 1, Fail::Before),
                _ => world.destinations[1].fail("forget_previous", 1, Fail::Before),
            }
            held(&world, phase).await;
            // Restored from a backup, and everybody restarted.
            let version = Version::new(cutover_core::AttemptId::from_bits(7), 1);
            let old = world.log.secret(0);
            world.destinations[0].inner.stage(version, &old).await.expect("memory");
            world.destinations[0].inner.promote(version).await.expect("staged");
            let end = world.bring_to_an_end().await;
            assert_eq!(end, Some(End::Rotated), "{flavour:?} {phase:?}");
            assert_eq!(times(&world, "reload", Change::Promoted), 2, "{flavour:?} {phase:?}");
            let names: Vec<_> = events(&world).await.iter().map(Event::name).collect();
            assert!(names.contains(&"redelivering"), "{flavour:?} {phase:?}: {names:?}");
            let live = world.vendor.live();
            assert_eq!(world.destinations[0].holds(Label::Current).await, live.first().copied());
        }
    }
}

#[tokio::test]
async fn a_power_cut_after_the_old_secret_was_retired_is_not_said_to_have_left_it_alive() {
    let world = World::hooked(Flavour::Restart);
    world.rotate().await.expect("nothing is in the way");
    world.journal.inner.power_cut();
    assert_eq!(world.phase().await, Phase::Promoted);
    world.hooks[0].always("run", Some(Fail::Before));
    let outcome = world.resume().await.expect("the journal works").expect("it is unfinished again");
    let Ending::Held { hold, .. } = &outcome.ending else { panic!("{outcome:?}") };
    assert!(!hold.sentence.contains("still works"), "{}", hold.sentence);
    world.hooks[0].always("run", None);
    let end = world.bring_to_an_end().await;
    check(&world, end, 1, "a power cut").await;
}

#[tokio::test]
async fn what_is_left_to_do_names_the_hooks_until_they_ran() {
    for flavour in FLAVOURS {
        let world = World::hooked(flavour);
        world.hooks[1].fail("run", 1, Fail::Before);
        held(&world, Phase::Promoted).await;
        let (open, job) = (world.last().await.expect("recorded"), world.job());
        let profile = job.rotator().profile();
        let now = open.entries.last().expect("an event").at;
        let standing = Standing::of(profile, &open, now).expect("in order");
        assert_eq!(standing.hooks_ran, ["reload"]);
        assert!(!standing.left.contains(&Action::RunHooks));
        let with = |names: &[&'static str]| standing.clone().with_hooks(names.iter().copied()).left;
        assert_eq!(with(&["reload", "announce"]).first(), Some(&Action::RunHooks), "{flavour:?}");
        assert_eq!(with(&["reload"]), standing.left, "{flavour:?}");
        let steps = Guarantee::with_hooks(profile).steps;
        let after: Vec<_> = steps.iter().map(|step| step.action).skip_while(|it| *it != Action::RunHooks).collect();
        assert_eq!(with(&["announce"]), after, "{flavour:?}");
    }
}

#[tokio::test]
async fn a_key_whose_window_is_over_does_not_matter_to_a_hook_that_is_still_due() {
    let world = World::hooked(Flavour::Replay);
    world.hooks[0].fail("run", 1, Fail::Before);
    held(&world, Phase::Promoted).await;
    world.clock.advance(WINDOW);
    let end = world.bring_to_an_end().await;
    check(&world, end, 1, "a day later").await;
}
