//! What is explained of a rotation is what the engine does.

use cutover_core::Verdict;
use cutover_engine::{
    Action, EngineError, Event, Guarantee, Label, Phase, Readers, Remedy, Standing, WayBack, Whereabouts,
};

use crate::stores::Fail;
use crate::vendor::{FLAVOURS, Fault, Flavour, Op};
use crate::world::World;

#[tokio::test]
async fn the_steps_that_are_explained_are_the_events_that_are_recorded() {
    for (flavour, hooked) in FLAVOURS.into_iter().flat_map(|flavour| [(flavour, false), (flavour, true)]) {
        let world = if hooked { World::hooked(flavour) } else { World::new(flavour) };
        world.rotate().await.expect("nothing is in the way");
        let recorded = world.last().await.expect("it was recorded").entries;
        let mut recorded: Vec<_> = recorded.iter().map(|entry| entry.event.name()).collect();
        // Two hooks ran in one step.
        recorded.dedup();
        let job = world.job();
        let profile = job.rotator().profile();
        let steps = if hooked { Guarantee::with_hooks(profile).steps } else { Guarantee::of(profile).steps };
        let explained: Vec<_> = steps.iter().filter_map(|step| step.recorded).collect();
        assert_eq!(recorded, explained, "{flavour:?}");
    }
}

#[tokio::test]
async fn a_way_back_that_is_explained_is_there_and_one_that_is_not_is_refused() {
    for flavour in FLAVOURS {
        for (operation, phase) in
            [("stage", Phase::Kept), ("promote", Phase::Verified), ("forget_previous", Phase::Completed)]
        {
            let world = World::new(flavour);
            world.destinations[0].always(operation, Some(Fail::Before));
            world.rotate().await.expect("the journal works");
            let open = world.last().await.expect("it was recorded");
            let now = open.entries.last().expect("an event").at;
            let job = world.job();
            let standing = Standing::of(job.rotator().profile(), &open, now).expect("in order");
            assert_eq!(standing.phase, phase, "{flavour:?} {operation}");
            assert!(standing.held.is_some());
            world.destinations[0].always(operation, None);
            let back = world.roll_back().await;
            let refused = matches!(back, Err(EngineError::Irreversible { .. }));
            assert_eq!(refused, standing.way_back != WayBack::Open, "{flavour:?} at {phase:?}: {back:?}");
        }
    }
}

#[tokio::test]
async fn what_readers_have_is_explained_as_the_vendor_sees_it() {
    for flavour in FLAVOURS {
        for operation in ["stage", "promote", "forget_previous"] {
            let world = World::new(flavour);
            world.destinations[0].always(operation, Some(Fail::Before));
            world.rotate().await.expect("the journal works");
            world.destinations[0].always(operation, None);
            let (open, job) = (world.last().await.expect("it was recorded"), world.job());
            let now = open.entries.last().expect("an event").at;
            let standing = Standing::of(job.rotator().profile(), &open, now).expect("in order");
            let read = world.destinations[0].holds(Label::Current).await.expect("readers have one");
            let secret = world.log.secret(read);
            let verdict = job.rotator().verify(job.target(), &secret).await.expect("it answers");
            let dead = matches!(standing.readers, Readers::OldDead);
            assert_eq!(verdict == Verdict::Refused, dead, "{flavour:?} at {:?}", standing.phase);
            assert_eq!(read == 0, matches!(standing.readers, Readers::Old | Readers::OldDead));
        }
    }
}

#[tokio::test]
async fn a_lost_answer_is_remedied_as_it_is_explained() {
    let world = World::new(Flavour::Replay);
    world.vendor.script(Op::Issue, 1, Fault::LostAfter);
    world.rotate_until(usize::MAX).await;
    let last = world.last().await.expect("it was recorded");
    // As it stood after the lost answer: one request, and nothing since.
    let mut then = last.clone();
    then.entries.truncate(1);
    let now = then.entries[0].at;
    let standing = Standing::of(world.job().rotator().profile(), &then, now).expect("in order");
    assert_eq!((standing.remedy, standing.value), (Some(Remedy::SameSecretAgain), Whereabouts::Unseen));
    assert_eq!(standing.left.first(), Some(&Action::Issue));
    let Event::IssueStarted { repeats, .. } = &last.entries[1].event else { panic!("{last:?}") };
    assert!(repeats, "the same request was sent again");
}
