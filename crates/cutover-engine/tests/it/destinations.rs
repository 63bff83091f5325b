//! Destinations that fail, come late, or lose what they had.

use cutover_engine::{Destination, End, Ending, Failure, Label, Phase, Version};

use crate::check::check;
use crate::log::Deed;
use crate::stores::Fail;
use crate::vendor::{FLAVOURS, Fault, Flavour, Foreign, Op};
use crate::world::World;

async fn held_at(world: &World, wanted: Phase, name: &str) {
    let outcome = world.rotate().await.expect("the journal works");
    let Ending::Held { phase, hold } = outcome.ending else { panic!("{outcome:?}") };
    assert_eq!((phase, hold.person), (wanted, false));
    assert!(hold.sentence.contains(name) && hold.sentence.contains("resume"), "{}", hold.sentence);
}

#[tokio::test]
async fn a_destination_that_fails_is_named_and_only_what_is_missing_is_done_when_resumed() {
    for flavour in FLAVOURS {
        for (operation, phase) in
            [("stage", Phase::Kept), ("promote", Phase::Verified), ("forget_previous", Phase::Completed)]
        {
            let world = World::new(flavour);
            world.destinations[1].fail(operation, 1, Fail::Before);
            held_at(&world, phase, "file").await;
            let issued = world.vendor.calls_of(Op::Issue);
            let end = world.bring_to_an_end().await;
            let story = format!("{flavour:?} {operation}");
            check(&world, end, 1, &story).await;
            assert_eq!(world.vendor.calls_of(Op::Issue), issued, "{story}: asked again");
            let staged = world.log.count(|deed| matches!(deed, Deed::Staged(name, _) if name == "vault"));
            let promoted = world.log.count(|deed| matches!(deed, Deed::Promoted(name, _) if name == "vault"));
            assert_eq!((staged, promoted), (1, 1), "{story}: done again where it was done");
            let completed = world.vendor.calls_of(Op::Complete);
            assert_eq!(completed, u32::from(flavour == Flavour::Restart), "{story}");
        }
    }
}

#[tokio::test]
async fn a_destination_that_does_not_give_back_what_was_written_holds_the_rotation() {
    for flavour in FLAVOURS {
        let world = World::new(flavour);
        world.destinations[0].forgets_writes(true);
        held_at(&world, Phase::Kept, "vault").await;
        assert!(world.log.count(|deed| matches!(deed, Deed::Promoted(..))) == 0);
        world.destinations[0].forgets_writes(false);
        let end = world.bring_to_an_end().await;
        check(&world, end, 1, &format!("{flavour:?}")).await;
    }
}

#[tokio::test]
async fn the_old_secret_is_not_retired_while_one_destination_lacks_the_new_one() {
    let world = World::new(Flavour::Restart);
    world.destinations[1].fail("promote", 1, Fail::Before);
    held_at(&world, Phase::Verified, "file").await;
    assert_eq!(world.vendor.calls_of(Op::Complete), 0);
    assert!(world.vendor.live().contains(&0), "readers of the other destination are cut off");
    let end = world.bring_to_an_end().await;
    check(&world, end, 1, "one lacks it").await;
}

#[tokio::test]
async fn a_destination_that_is_added_before_a_rotation_is_resumed_gets_the_secret_too() {
    for flavour in FLAVOURS {
        for (operation, phase) in
            [("stage", Phase::Kept), ("promote", Phase::Verified), ("forget_previous", Phase::Completed)]
        {
            for filled in [true, false] {
                let mut world = World::new(flavour);
                world.destinations[1].fail(operation, 1, Fail::Before);
                held_at(&world, phase, "file").await;
                world.add_destination("late", filled);
                let end = world.bring_to_an_end().await;
                let live = world.vendor.live()[0];
                assert_eq!(end, Some(End::Rotated), "{flavour:?} {operation}");
                for destination in &world.destinations {
                    let holds = destination.holds(Label::Current).await;
                    assert_eq!(holds, Some(live), "{flavour:?} {operation}: {destination:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_destination_that_is_put_back_to_the_old_secret_gets_the_new_one_again() {
    for flavour in FLAVOURS {
        for (op, nth) in [(Op::Complete, 1), (Op::Verify, 2)] {
            let world = World::new(flavour);
            // Held after the promotion, then restored from a backup.
            world.vendor.script(op, nth, Fault::Unreachable);
            let outcome = world.rotate().await.expect("the journal works");
            if !matches!(outcome.ending, Ending::Held { phase: Phase::Promoted, .. }) {
                continue;
            }
            let version = Version::new(cutover_core::AttemptId::from_bits(7), 1);
            let old = world.log.secret(0);
            world.destinations[1].inner.stage(version, &old).await.expect("memory");
            world.destinations[1].inner.promote(version).await.expect("staged");
            let end = world.bring_to_an_end().await;
            check(&world, end, 1, &format!("{flavour:?} {op:?}")).await;
        }
    }
}

#[tokio::test]
async fn a_rotation_resumed_without_any_destination_is_refused_and_its_secret_stays_sealed() {
    for flavour in FLAVOURS {
        for operation in ["stage", "promote", "forget_previous"] {
            let mut world = World::new(flavour);
            world.destinations[1].fail(operation, 1, Fail::Before);
            world.rotate().await.expect("the journal works");
            let destinations = std::mem::take(&mut world.destinations);
            let outcome = world.resume().await.expect("the journal works").expect("it is unfinished");
            assert!(matches!(outcome.ending, Ending::NothingChanged(Failure::Unfit(_))), "{outcome:?}");
            assert!(world.is_open().await, "the only copy was wiped");
            world.destinations = destinations;
            let end = world.bring_to_an_end().await;
            check(&world, end, 1, &format!("{flavour:?} {operation}")).await;
        }
    }
}

#[tokio::test]
async fn a_rotation_is_not_resumed_for_another_client_or_in_another_scope() {
    let mut world = World::new(Flavour::Replay);
    world.destinations[1].fail("stage", 1, Fail::Before);
    world.rotate().await.expect("the journal works");
    let calls = world.vendor.calls();
    let target = world.target.clone();
    world.target = target.clone().with_scope("organisation", "another");
    let outcome = world.resume().await.expect("the journal works").expect("it is unfinished");
    assert!(matches!(outcome.ending, Ending::NothingChanged(Failure::Unfit(_))), "{outcome:?}");
    assert_eq!(world.vendor.calls(), calls, "the vendor was asked about another client");
    world.target = target;
    let end = world.bring_to_an_end().await;
    check(&world, end, 1, "its own scope again").await;
}

#[tokio::test]
async fn a_rotation_that_is_done_but_for_its_last_words_does_not_overwrite_what_somebody_rotated_since() {
    for flavour in FLAVOURS {
        let world = World::new(flavour);
        world.destinations[1].fail("forget_previous", 1, Fail::Before);
        held_at(&world, Phase::Completed, "file").await;
        world.vendor.foreign(Foreign::Rotate);
        let theirs = world.vendor.theirs()[0];
        let version = Version::new(cutover_core::AttemptId::from_bits(7), 1);
        for destination in &world.destinations {
            destination.inner.stage(version, &world.log.secret(theirs)).await.expect("memory");
            destination.inner.promote(version).await.expect("staged");
        }
        let end = world.bring_to_an_end().await;
        assert_eq!(end, Some(End::Superseded), "{flavour:?}");
        for destination in &world.destinations {
            assert_eq!(destination.holds(Label::Current).await, Some(theirs), "{flavour:?}: theirs was overwritten");
        }
    }
}
