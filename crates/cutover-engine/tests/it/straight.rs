//! What happens when nothing goes wrong, and what is refused before anything happens.

use std::time::Duration;

use cutover_core::{ClientId, Kind, Target, TargetId, Vendor, Verdict, Witness};
use cutover_engine::{Ending, EngineError, Failure, Label, Share};

use crate::check::check;
use crate::stores::Fail;
use crate::vendor::{FLAVOURS, Fault, Flavour, Op};
use crate::world::{World, jobs_of};

#[tokio::test]
async fn a_rotation_ends_with_the_new_secret_everywhere_and_the_old_one_refused() {
    for flavour in FLAVOURS {
        let world = World::new(flavour);
        let outcome = world.rotate().await.expect("nothing is in the way");
        assert!(matches!(outcome.ending, Ending::Rotated), "{flavour:?}: {outcome:?}");
        assert_eq!((outcome.new, outcome.old), (Some(Verdict::Accepted), Some(Verdict::Refused)), "{flavour:?}");
        assert_eq!((outcome.issues, outcome.resumed), (1, false));
        let end = world.bring_to_an_end().await;
        check(&world, end, 1, "straight").await;
        for destination in &world.destinations {
            assert_eq!(destination.holds(Label::Previous).await, None, "the old secret is kept for no reason");
        }
        assert!(world.resume().await.expect("readable").is_none(), "there is nothing to resume");
    }
}

#[tokio::test]
async fn one_rotation_after_another_works_from_where_the_last_one_ended() {
    for flavour in FLAVOURS {
        let world = World::new(flavour);
        for round in 1..=3 {
            let outcome = world.rotate().await.expect("nothing is in the way");
            assert!(matches!(outcome.ending, Ending::Rotated), "{flavour:?}: {outcome:?}");
            let end = world.bring_to_an_end().await;
            check(&world, end, round, "one after another").await;
        }
    }
}

#[tokio::test]
async fn a_first_rotation_fills_destinations_that_were_empty() {
    for flavour in FLAVOURS {
        let mut world = World::new(flavour);
        world.destinations.clear();
        world.add_destination("empty", false);
        let outcome = world.rotate().await.expect("nothing is in the way");
        assert!(matches!(outcome.ending, Ending::Rotated), "{flavour:?}: {outcome:?}");
        assert_eq!(outcome.old, None, "nobody here knows the old secret");
        let end = world.bring_to_an_end().await;
        check(&world, end, 1, "empty").await;
    }
}

#[tokio::test]
async fn a_change_that_takes_time_to_show_at_the_vendor_is_waited_for() {
    for flavour in FLAVOURS {
        let slow = Duration::from_secs(300);
        let world = World::with(flavour, |vendor| vendor.with_propagation(slow));
        let outcome = world.rotate().await.expect("the lease is kept while it waits");
        assert!(matches!(outcome.ending, Ending::Rotated), "{flavour:?}: {outcome:?}");
        assert_eq!(outcome.old, Some(Verdict::Refused));
        let end = world.bring_to_an_end().await;
        check(&world, end, 1, "slow to show").await;
    }
}

#[tokio::test]
async fn an_immediate_vendor_that_cannot_verify_is_rotated_without_a_verdict() {
    let world = World::with(Flavour::Plain, |vendor| vendor.with_witnesses(&[]));
    let outcome = world.rotate().await.expect("nothing is in the way");
    assert!(matches!(outcome.ending, Ending::Rotated), "{outcome:?}");
    assert_eq!((outcome.new, outcome.old), (None, None));
}

#[tokio::test]
async fn a_two_phase_adapter_that_cannot_verify_is_refused_before_the_vendor_hears() {
    let world = World::with(Flavour::Restart, |vendor| vendor.with_witnesses(&[Witness::Pending]));
    let outcome = world.rotate().await.expect("the journal works");
    assert!(matches!(outcome.ending, Ending::NothingChanged(Failure::Unfit(_))), "{outcome:?}");
    assert_eq!(world.vendor.calls(), 0);
}

#[tokio::test]
async fn a_job_without_destinations_is_refused_before_the_vendor_hears() {
    for flavour in FLAVOURS {
        let mut world = World::new(flavour);
        world.destinations.clear();
        let outcome = world.rotate().await.expect("the journal works");
        let Ending::NothingChanged(Failure::Unfit(reason)) = outcome.ending else { panic!("{outcome:?}") };
        assert!(reason.contains("destination"), "{reason}");
        assert_eq!(world.vendor.calls(), 0);
    }
}

#[tokio::test]
async fn a_target_of_another_kind_or_vendor_is_refused_before_the_vendor_hears() {
    for (vendor, kind) in [("acme", "web"), ("other", "m2m")] {
        let mut world = World::new(Flavour::Replay);
        world.target = Target::new(
            TargetId::new("billing").expect("valid"),
            Vendor::new(vendor),
            Kind::new(kind),
            ClientId::new("client-1").expect("valid"),
        );
        let outcome = world.rotate().await.expect("the journal works");
        assert!(matches!(outcome.ending, Ending::NothingChanged(Failure::Unfit(_))), "{outcome:?}");
        assert_eq!(world.vendor.calls(), 0);
        assert!(world.engine().check(&world.job()).await.is_err());
    }
}

#[tokio::test]
async fn whatever_could_not_be_delivered_or_recorded_is_refused_before_a_secret_is_issued() {
    for flavour in FLAVOURS {
        let world = World::new(flavour);
        world.destinations[1].always("preflight", Some(Fail::Before));
        let outcome = world.rotate().await.expect("the journal works");
        assert!(matches!(outcome.ending, Ending::NothingChanged(Failure::Destination(_))), "{outcome:?}");
        world.destinations[1].always("preflight", None);
        world.journal.fail("preflight", 2, Fail::Before);
        let outcome = world.rotate().await.expect("the journal can be leased from");
        assert!(matches!(outcome.ending, Ending::NothingChanged(Failure::Journal(_))), "{outcome:?}");
        world.vendor.always(Op::Inspect, Some(Fault::Refuse(cutover_core::Refusal::NotFound)));
        let outcome = world.rotate().await.expect("the journal works");
        assert!(matches!(outcome.ending, Ending::NothingChanged(Failure::Vendor(_))), "{outcome:?}");
        assert_eq!(world.vendor.effects(), 0);
        assert!(!world.is_open().await);
    }
}

#[tokio::test]
async fn an_unfinished_attempt_refuses_another_rotation() {
    for flavour in FLAVOURS {
        let world = World::new(flavour);
        world.destinations[0].always("promote", Some(Fail::Before));
        let outcome = world.rotate().await.expect("the journal works");
        assert!(matches!(outcome.ending, Ending::Held { .. }), "{outcome:?}");
        let again = world.rotate().await;
        assert!(matches!(again, Err(EngineError::Unfinished { phase: "verified", .. })), "{again:?}");
        world.destinations[0].always("promote", None);
        let end = world.bring_to_an_end().await;
        check(&world, end, 1, "unfinished").await;
    }
}

#[tokio::test]
async fn a_check_changes_nothing_and_tells_what_the_vendor_says_to_the_secret_in_use() {
    for flavour in FLAVOURS {
        let world = World::new(flavour);
        let verdict = world.engine().check(&world.job()).await.expect("all is well");
        assert_eq!(verdict, Some(Verdict::Accepted));
        assert_eq!((world.vendor.effects(), world.last().await.is_some()), (0, false));
    }
}

#[tokio::test]
async fn a_fleet_goes_on_when_one_of_its_targets_fails_or_panics() {
    let worlds: Vec<World> = FLAVOURS.into_iter().map(World::new).collect();
    worlds[0].vendor.always(Op::Inspect, Some(Fault::PanicBefore));
    worlds[1].destinations[0].always("stage", Some(Fail::Panic));
    let jobs = jobs_of(&worlds);
    let results = worlds[0].fleet().rotate(&jobs).await;
    let mut share = Share::default();
    results.iter().for_each(|result| share.count(result));
    assert_eq!(share, Share { rotated: 2, failed: 2, person: 0 }, "{results:?}");
}
