//! The sealed secret of an unfinished rotation, for a person who asks for it.

use std::sync::Arc;

use cutover_core::{Kind, Target, TargetId, Vendor};
use cutover_engine::{Ending, Job, Phase, RecoverError, recover};

use crate::stores::Fail;
use crate::vendor::{FLAVOURS, Fault, Flavour, Op};
use crate::world::World;

#[tokio::test]
async fn a_held_secret_is_recovered_unchanged_and_the_rotation_goes_on_as_if_nobody_had_asked() {
    for flavour in FLAVOURS {
        let world = World::new(flavour);
        world.destinations[0].always("promote", Some(Fail::Before));
        world.rotate().await.expect("the journal works");
        let calls = world.vendor.calls();
        let recovered = recover(world.journal.as_ref(), &world.job()).await.expect("it is sealed");
        assert_eq!(recovered.secret, world.log.secret(1), "{flavour:?}");
        assert_eq!((recovered.phase, recovered.issue, recovered.asked), (Phase::Verified, 1, 1));
        assert_eq!(world.vendor.calls(), calls, "the vendor was asked");
        assert!(!format!("{recovered:?}").contains(world.log.secret(1).expose()), "Debug shows it");
        world.destinations[0].always("promote", None);
        let outcome = world.resume().await.expect("the journal works").expect("it is unfinished");
        assert!(matches!(outcome.ending, Ending::Rotated), "{outcome:?}");
        let gone = recover(world.journal.as_ref(), &world.job()).await.expect_err("it is wiped");
        assert!(matches!(gone, RecoverError::NothingUnfinished { .. }), "{gone}");
    }
}

#[tokio::test]
async fn what_never_arrived_or_cannot_be_read_is_not_recovered_and_that_is_told_apart() {
    let world = World::new(Flavour::Plain);
    world.vendor.always(Op::Issue, Some(Fault::Garbage));
    world.rotate().await.expect("the journal works");
    let error = recover(world.journal.as_ref(), &world.job()).await.expect_err("there is no secret in it");
    assert!(matches!(error, RecoverError::NoSecret { .. }), "{error}");

    let world = World::new(Flavour::Plain);
    world.vendor.always(Op::Issue, Some(Fault::LostAfter));
    world.rotate().await.expect("the journal works");
    let error = recover(world.journal.as_ref(), &world.job()).await.expect_err("nothing came");
    assert!(matches!(error, RecoverError::NothingKept { .. }), "{error}");
}

#[tokio::test]
async fn the_latest_answer_that_can_be_read_is_recovered_and_said_to_be_an_earlier_one() {
    let world = World::new(Flavour::Plain);
    world.destinations[0].always("stage", Some(Fail::Before));
    world.rotate().await.expect("the journal works");
    let open = world.last().await.expect("it was recorded");
    let job = world.job();
    // As if the rotation had asked again and died before an answer came.
    let now = open.entries[0].at;
    let lease = cutover_engine::Journal::lease(world.journal.as_ref(), job.target().id(), now, crate::world::LEASE);
    let lease = lease.await.expect("nobody has it");
    let again = open.attempt.asking_again(now);
    let event = cutover_engine::Event::IssueStarted {
        issue: 2,
        repeats: false,
        before: cutover_engine::Before::default(),
        sent: now,
    };
    let append = cutover_engine::Journal::append(world.journal.as_ref(), &lease, job.target(), &again, &event, now);
    append.await.expect("the journal works");
    let recovered = recover(world.journal.as_ref(), &job).await.expect("it is sealed");
    assert_eq!((recovered.issue, recovered.asked, recovered.phase), (1, 2, Phase::Issuing));
    assert_eq!(recovered.secret, world.log.secret(1));
}

#[tokio::test]
async fn a_secret_of_another_client_is_not_given_out_under_the_target_s_name() {
    let world = World::new(Flavour::Replay);
    world.destinations[0].always("stage", Some(Fail::Before));
    world.rotate().await.expect("the journal works");
    let (vendor, kind) = (Vendor::from_static("acme"), Kind::from_static("m2m"));
    let id = TargetId::new("billing").expect("valid");
    let other = Target::new(id, vendor, kind, "client-2".parse().expect("valid"));
    let rotator = Arc::clone(&world.vendor);
    let error = recover(world.journal.as_ref(), &Job::new(other, rotator)).await.expect_err("another client");
    assert!(matches!(error, RecoverError::AnotherClient(_)), "{error}");
}
