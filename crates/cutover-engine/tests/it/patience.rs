//! Destinations whose trouble passes, or that do not answer.

use std::time::Duration;

use cutover_core::{AttemptId, ClientSecret};
use cutover_engine::{Destination, Ending, Patience, Version};

use crate::check::check;
use crate::log::Deed;
use crate::stores::Fail;
use crate::vendor::{FLAVOURS, Flavour, Op};
use crate::world::World;

#[tokio::test]
async fn a_destination_whose_trouble_passes_is_asked_again_and_holds_nothing_up() {
    for flavour in FLAVOURS {
        for operation in ["preflight", "stage", "read", "promote", "forget_previous"] {
            let world = World::new(flavour);
            for nth in [1, 2] {
                world.destinations[0].fail(operation, nth, Fail::Passing);
            }
            let outcome = world.rotate().await.expect("the journal works");
            assert!(matches!(outcome.ending, Ending::Rotated), "{flavour:?} {operation}: {outcome:?}");
            let end = world.bring_to_an_end().await;
            check(&world, end, 1, &format!("{flavour:?} {operation}")).await;
        }
    }
}

#[tokio::test]
async fn a_destination_that_does_not_answer_is_given_up_before_a_vendor_hears_of_anything() {
    let mut world = World::new(Flavour::Plain);
    world.patience = Patience::default();
    world.destinations[1].takes(Duration::from_secs(31), &world.clock);
    let outcome = world.rotate().await.expect("the journal works");
    let Ending::NothingChanged(failure) = &outcome.ending else { panic!("{outcome:?}") };
    assert!(failure.to_string().contains("preflight did not answer within 30 s"), "{failure}");
    assert_eq!(world.vendor.calls_of(Op::Issue), 0);
    world.destinations[1].takes(Duration::from_secs(29), &world.clock);
    let outcome = world.rotate().await.expect("the journal works");
    assert!(matches!(outcome.ending, Ending::Rotated), "{outcome:?}");
    let end = world.bring_to_an_end().await;
    check(&world, end, 1, "slow").await;
}

#[tokio::test]
async fn a_destination_whose_reads_are_behind_its_writes_is_waited_for_and_holds_nothing_up() {
    for flavour in FLAVOURS {
        for behind in 1..=4 {
            let world = World::new(flavour);
            world.destinations[1].is_behind(behind);
            let outcome = world.rotate().await.expect("the journal works");
            assert!(matches!(outcome.ending, Ending::Rotated), "{flavour:?} {behind}: {outcome:?}");
            let end = world.bring_to_an_end().await;
            check(&world, end, 1, &format!("{flavour:?} {behind}")).await;
        }
    }
}

#[tokio::test]
async fn a_destination_that_goes_back_late_is_waited_for_and_the_vendor_hears_of_it_after_that() {
    let world = World::new(Flavour::Restart);
    world.destinations[1].fail("promote", 1, Fail::After);
    let outcome = world.rotate().await.expect("the journal works");
    assert!(matches!(outcome.ending, Ending::Held { .. }), "{outcome:?}");
    world.destinations[1].is_behind(3);
    let outcome = world.roll_back().await.expect("there is a way back").expect("unfinished");
    assert!(matches!(outcome.ending, Ending::RolledBack(_)), "{outcome:?}");
    let end = world.bring_to_an_end().await;
    check(&world, end, 1, "rolled back").await;
}

#[tokio::test]
async fn a_pending_secret_that_a_late_stage_pushed_out_is_staged_again_when_resumed() {
    for flavour in FLAVOURS {
        let world = World::new(flavour);
        world.destinations[1].fail("promote", 1, Fail::Before);
        let outcome = world.rotate().await.expect("the journal works");
        assert!(matches!(outcome.ending, Ending::Held { .. }), "{outcome:?}");
        let old = Version::new(AttemptId::from_bits(1), 1);
        let late = world.destinations[1].inner.stage(old, &ClientSecret::new("of long ago")).await;
        late.expect("memory");
        let end = world.bring_to_an_end().await;
        check(&world, end, 1, &format!("{flavour:?}")).await;
        let staged = world.log.count(|deed| matches!(deed, Deed::Staged(name, _) if name == "file"));
        assert_eq!(staged, 2, "{flavour:?}");
    }
}
