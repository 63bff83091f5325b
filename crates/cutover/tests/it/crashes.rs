//! A process is killed at every point of a rotation, and another one goes on.

use cutover::Verdict;
use cutover::engine::{Ending, EngineError, Fleet, Job};

use crate::child::{Death, fleet_killed, killed};
use crate::site::ClientKind;
use crate::world::{World, told};

mod no_kill_loses_the_secret {
    for_every_kind!(super::no_kill_loses_the_secret);
}

async fn no_kill_loses_the_secret(kind: ClientKind) {
    for death in Death::ALL.into_iter().filter(|death| kind.is_two_phase() || *death != Death::CompleteAnswered) {
        let fault = (death == Death::Unanswered).then_some("*=lose_answer");
        goes_on_after(kind, death, fault).await;
    }
}

mod an_answer_that_is_cut_and_then_dies_with_its_process_is_asked_for_again {
    for_every_kind!(super::a_cut_answer_that_dies);
}

async fn a_cut_answer_that_dies(kind: ClientKind) {
    goes_on_after(kind, Death::Answered, Some("1=cut_body:40")).await;
}

mod an_answer_that_was_cut_behind_its_secret_and_kept_is_read {
    for_every_kind!(super::a_cut_answer_that_was_kept);
}

/// Where the secret stands in an answer changes from one to the next; whatever came of it, the rotation goes on.
async fn a_cut_answer_that_was_kept(kind: ClientKind) {
    let (world, context) = (World::on_sockets().await, format!("{} cut", kind.name()));
    let (client, job) = world.client(kind, 0);
    world.disturb(kind, "1=cut_body:60");
    killed(&world, &client, 0, Death::Kept).await;
    assert_eq!(world.rows(&client).await.replies, 1, "{context}: what came was not kept");
    let outcome = world.engine().resume(&job).await.expect("it can go on").expect("something to go on with");
    assert!(matches!(outcome.ending, Ending::Rotated), "{context}: {}", told(&outcome));
    world.assert_rotated(&client, &context).await;
}

#[tokio::test]
async fn a_fleet_that_dies_in_the_middle_is_taken_up_where_each_of_it_stands() {
    for death in [Death::BeforeIssue, Death::Answered, Death::Kept, Death::Recorded("promoted")] {
        let world = World::on_sockets().await;
        let fleet = ClientKind::ALL.map(|kind| world.client(kind, 2));
        fleet_killed(&world, 2, death).await;
        let jobs: Vec<Job> = fleet.iter().map(|(_, job)| job.clone()).collect();
        let resumed = Fleet::new(world.engine(), 3).resume(&jobs).await;
        let resumed: Vec<_> = resumed.into_iter().map(|outcome| outcome.expect("it can go on")).collect();
        assert!(resumed.iter().any(Option::is_some), "{death}: nothing was left to go on with");
        for ((client, job), resumed) in fleet.iter().zip(resumed) {
            let context = format!("{} in a fleet, {death}", client.kind.name());
            let outcome = match resumed {
                Some(outcome) => outcome,
                // Its turn had not come, or it was through.
                None => world.engine().rotate(job).await.expect("the journal works"),
            };
            assert!(matches!(outcome.ending, Ending::Rotated), "{context}: {}", told(&outcome));
            world.assert_rotated(client, &context).await;
        }
    }
}

async fn goes_on_after(kind: ClientKind, death: Death, fault: Option<&str>) {
    let context = format!("{} {death}", kind.name());
    let world = World::on_sockets().await;
    let (client, job) = world.client(kind, 0);
    if let Some(fault) = fault {
        world.disturb(kind, fault);
    }
    killed(&world, &client, 0, death).await;
    world.emulator.clear_faults();

    // What a dead process leaves: something unfinished, never a claim that all is done or that nothing happened.
    let rows = world.rows(&client).await;
    assert_eq!((rows.attempts, rows.unfinished), (1, 1), "{context}");
    assert_eq!(rows.replies > 0, is_kept(death), "{context}: the sealed answer");
    let again = world.engine().rotate(&job).await;
    assert!(matches!(again, Err(EngineError::Unfinished { .. })), "{context}: {again:?}");

    // The old secret is never retired before the new one is where it is read, and where the vendor lets both live no
    // reader notices anything.
    let old_works = world.outsider.accepts(kind, &client.target, &client.old).await;
    let served = world.is_served(&client).await;
    if kind.is_two_phase() {
        assert!(served, "{context}: applications are cut off");
        assert_eq!(old_works, !is_completed(death), "{context}: the old secret");
    } else {
        assert_eq!(old_works, death == Death::BeforeIssue, "{context}: the old secret");
        assert_eq!(served, death == Death::BeforeIssue || is_promoted(death), "{context}: applications");
    }

    let changed = if kind == ClientKind::App { world.outsider.changed_at(&client.target).await } else { String::new() };
    let outcome = world.engine().resume(&job).await.expect("it can go on").expect("something to go on with");
    assert!(matches!(outcome.ending, Ending::Rotated), "{context}: {}", told(&outcome));
    assert!(outcome.resumed, "{context}");
    assert_eq!(outcome.old, Some(Verdict::Refused), "{context}");
    world.assert_rotated(&client, &context).await;

    assert_eq!(world.issues(kind), issues(kind, death), "{context}: requests for a secret");
    if let Some(complete) = kind.complete() {
        assert_eq!(world.emulator.handled(kind.vendor(), complete), 1, "{context}: the old secret was retired once");
    }
    if kind == ClientKind::App && death != Death::BeforeIssue {
        assert_eq!(world.outsider.changed_at(&client.target).await, changed, "{context}: a second secret was made");
    }
    assert!(world.engine().resume(&job).await.expect("it can look").is_none(), "{context}: it is over");
}

/// How often the vendor has to have been asked in all: once more than before where the answer died with the process.
fn issues(kind: ClientKind, death: Death) -> u64 {
    match death {
        // Under an idempotency key the client itself asks four times before it gives up.
        Death::Unanswered if kind == ClientKind::App => 4 + 1,
        Death::Unanswered | Death::Answered => 2,
        _ => 1,
    }
}

fn is_kept(death: Death) -> bool {
    !matches!(death, Death::BeforeIssue | Death::Unanswered | Death::Answered)
}

fn is_promoted(death: Death) -> bool {
    matches!(death, Death::Recorded("promoted" | "completed") | Death::CompleteAnswered)
}

fn is_completed(death: Death) -> bool {
    matches!(death, Death::Recorded("completed") | Death::CompleteAnswered)
}
