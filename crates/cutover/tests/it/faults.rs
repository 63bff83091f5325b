//! Everything that can go wrong on the line with the request for a new secret, on real sockets.

use cutover::Verdict;
use cutover::engine::Ending;

use crate::site::ClientKind;
use crate::world::{World, told};

/// What goes wrong, and how many requests for a secret then reach the vendor, by class: two-phase, idempotent, plain.
const FAULTS: &[(&str, [u64; 3])] = &[
    ("1=lose_answer", [2, 2, 2]),
    ("1-2=lose_answer", [3, 3, 3]),
    ("1=lose_request", [1, 1, 1]),
    ("1=refuse_connection", [1, 1, 1]),
    ("1=500_before_commit", [1, 1, 1]),
    ("1=500_after_commit", [2, 2, 2]),
    ("1=html:502", [2, 2, 2]),
    ("1=429:2", [1, 1, 1]),
    ("1=delay:30", [1, 1, 1]),
    ("1=extra_fields", [1, 1, 1]),
    ("1=wrong_content_type", [1, 1, 1]),
];

mod a_rotation_survives_what_the_line_does {
    for_every_kind!(super::survives_what_the_line_does);
}

async fn survives_what_the_line_does(kind: ClientKind) {
    for (fault, issues) in FAULTS {
        let context = format!("{} {fault}", kind.name());
        let world = World::on_sockets().await;
        let (client, job) = world.client(kind, 0);
        world.disturb(kind, fault);
        let outcome = world.engine().rotate(&job).await.expect("the journal works");
        assert!(matches!(outcome.ending, Ending::Rotated), "{context}: {}", told(&outcome));
        world.assert_rotated(&client, &context).await;
        let expected = issues[class(kind)];
        assert_eq!(world.issues(kind), expected, "{context}: requests for a secret");
        assert!(world.engine().resume(&job).await.expect("it can look").is_none(), "{context}: it is over");
    }
}

#[tokio::test]
async fn a_lost_answer_is_recovered_from_by_the_clock_of_this_machine() {
    let world = World::in_real_time().await;
    let world = &world;
    let lost = async |kind: ClientKind| {
        let (client, job) = world.client(kind, 0);
        let outcome = world.engine().rotate(&job).await.expect("the journal works");
        assert!(matches!(outcome.ending, Ending::Rotated), "{}", told(&outcome));
        client
    };
    // One fault for each call, of which API apps and OIDC apps share one.
    for kind in ClientKind::ALL.into_iter().filter(|kind| *kind != ClientKind::Oidc) {
        world.disturb(kind, "1=lose_answer");
    }
    let [a, b, c, d, e, f] = ClientKind::ALL;
    let (a, b, c, d, e, f) = tokio::join!(lost(a), lost(b), lost(c), lost(d), lost(e), lost(f));
    for client in [a, b, c, d, e, f] {
        world.assert_rotated(&client, client.kind.name()).await;
    }
}

mod a_lost_request_that_arrives_late_after_all_does_no_harm {
    for_every_kind!(super::arrives_late);
}

async fn arrives_late(kind: ClientKind) {
    // Later than that it would arrive after the last look, against what the profile says of stragglers.
    for after in 1..=4 {
        let context = format!("{} late by {after}", kind.name());
        let world = World::on_sockets().await;
        let (client, job) = world.client(kind, 0);
        world.disturb(kind, &format!("1=deliver_late:{after}"));
        let outcome = world.engine().rotate(&job).await.expect("the journal works");
        assert!(matches!(outcome.ending, Ending::Rotated), "{context}: {}", told(&outcome));
        world.assert_rotated(&client, &context).await;
        // The lost one, the one that took its place, and where they crossed each other one more.
        assert!(world.effects(kind) <= 3, "{context}: {} secrets were made", world.effects(kind));
        assert!(world.engine().resume(&job).await.expect("it can look").is_none(), "{context}: it is over");
    }
}

mod an_answer_cut_anywhere_costs_no_secret {
    for_every_kind!(super::cut_anywhere);
}

async fn cut_anywhere(kind: ClientKind) {
    for bytes in [0, 1, 17, 45, 80, 140, 230, 400, 700] {
        let context = format!("{} cut after {bytes}", kind.name());
        let world = World::on_sockets().await;
        let (client, job) = world.client(kind, 0);
        world.disturb(kind, &format!("1=cut_body:{bytes}"));
        let outcome = world.engine().rotate(&job).await.expect("the journal works");
        assert!(matches!(outcome.ending, Ending::Rotated), "{context}: {}", told(&outcome));
        world.assert_rotated(&client, &context).await;
        assert!(world.issues(kind) <= 2, "{context}: asked {} times", world.issues(kind));
    }
}

fn class(kind: ClientKind) -> usize {
    match kind {
        ClientKind::M2m | ClientKind::ConnectedApp => 0,
        ClientKind::App => 1,
        _ => 2,
    }
}

mod a_request_that_arrives_a_second_time_is_harmless_or_noticed {
    for_every_kind!(super::arrives_twice);
}

/// Where every request makes a secret that takes the place of the one before, a second arrival looks like somebody
/// else's rotation and cannot be told from it. So a person is told, and nothing claims that all is well.
async fn arrives_twice(kind: ClientKind) {
    // Later than that it would arrive after the last look.
    let last = if kind == ClientKind::MachineUser { 2 } else { 4 };
    for after in 1..=last {
        let context = format!("{} twice, after {after}", kind.name());
        let world = World::on_sockets().await;
        let (client, job) = world.client(kind, 0);
        world.disturb(kind, &format!("1=duplicate_later:{after}"));
        let mut outcome = world.engine().rotate(&job).await.expect("the journal works");
        if class(kind) == 2 {
            if let Ending::Held { hold, .. } = &outcome.ending {
                assert!(hold.person && hold.sentence.contains("somebody rotated this client"), "{context}");
                outcome = world.engine().resume(&job).await.expect("the journal works").expect("it is held");
            }
            assert!(matches!(outcome.ending, Ending::Superseded(_)), "{context}: {}", told(&outcome));
            assert_eq!(outcome.new, Some(Verdict::Refused), "{context}");
            outcome = world.engine().rotate(&job).await.expect("the journal works");
        }
        assert!(matches!(outcome.ending, Ending::Rotated), "{context}: {}", told(&outcome));
        world.assert_rotated(&client, &context).await;
    }
}

/// Where a vendor lets a second start take the place of the first, one that is late must not slip in between the last
/// look and the call that makes the pending secret the only one: nobody would have it.
#[tokio::test]
async fn no_old_secret_is_retired_while_a_lost_request_of_ours_may_still_arrive() {
    for kind in [ClientKind::M2m, ClientKind::ConnectedApp] {
        let world = World::in_process().await;
        let (client, job) = world.client(kind, 0);
        world.disturb(kind, "1=lose_request");
        let outcome = world.engine().rotate(&job).await.expect("the journal works");
        assert!(matches!(outcome.ending, Ending::Rotated), "{}", told(&outcome));
        let log = world.emulator.log();
        let at = |operation: &str| log.iter().find(|entry| entry.operation == operation).expect("it was called").at;
        let waited = at(kind.complete().expect("two-phase")).duration_since(at(kind.issue()));
        let straggler = job.rotator().profile().straggler();
        assert!(straggler <= waited.unsigned_abs(), "{}: only {waited:?}", kind.name());
        world.assert_rotated(&client, kind.name()).await;
    }
}
