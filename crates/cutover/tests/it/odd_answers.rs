//! Vendors that did what they were asked and answer with something that is no answer.

use cutover::engine::{Ending, Phase};
use cutover::{Attempt, Clock as _, Effect, Kept, MemoryKeeper, RotateError, SystemClock, Verdict};

use crate::site::ClientKind;
use crate::world::{World, told};

mod an_answer_without_a_readable_secret_is_kept_and_a_person_told_what_to_do {
    for_every_kind!(super::kept_and_told);
}

/// Every answer is unreadable: the engine gives up, holds, and goes on once they are readable again.
async fn kept_and_told(kind: ClientKind) {
    let missing = format!("*=drop_field:{}", kind.secret_field());
    for fault in ["*=html", "*=empty_body", &missing, "*=cut_body:3"] {
        let context = format!("{} {fault}", kind.name());
        let world = World::on_sockets().await;
        let (client, job) = world.client(kind, 0);
        world.disturb(kind, fault);
        let outcome = world.engine().rotate(&job).await.expect("the journal works");
        let Ending::Held { phase, hold } = &outcome.ending else { panic!("{context}: {}", told(&outcome)) };
        assert_eq!(*phase, Phase::Kept, "{context}: {}", hold.sentence);
        assert!(hold.person && hold.sentence.contains("resume"), "{context}: {}", hold.sentence);
        let rows = world.rows(&client).await;
        assert_eq!((rows.unfinished, rows.replies), (1, i64::from(outcome.issues)), "{context}: what came is kept");
        if kind.is_two_phase() {
            assert!(world.is_served(&client).await, "{context}: applications are cut off");
        }

        world.emulator.clear_faults();
        let outcome = world.engine().resume(&job).await.expect("the journal works").expect("something unfinished");
        assert!(matches!(outcome.ending, Ending::Rotated), "{context}: {}", told(&outcome));
        world.assert_rotated(&client, &context).await;
    }
}

mod a_success_that_cannot_be_read_is_known_to_have_taken_effect {
    for_every_kind!(super::known_to_have_taken_effect);
}

/// What an adapter says by itself, without an engine: the answer came, and is handed on whatever is in it.
async fn known_to_have_taken_effect(kind: ClientKind) {
    let missing = format!("1=drop_field:{}", kind.secret_field());
    for (nth, fault) in ["1=html", "1=empty_body", &missing].into_iter().enumerate() {
        let context = format!("{} {fault}", kind.name());
        let world = World::on_sockets().await;
        let (client, job) = world.client(kind, nth);
        world.disturb(kind, fault);
        let attempt = Attempt::new(client.target.id().clone(), SystemClock.now());
        let reply = job.rotator().issue(&client.target, &attempt).await.expect("an answer came");
        assert!((200..300).contains(&reply.status()) && reply.is_whole(), "{context}: {reply:?}");
        let kept = Kept::keep(&MemoryKeeper::default(), &attempt, reply).await.expect("memory keeps");
        let error = job.rotator().read(&client.target, &kept).expect_err("there is no secret in it");
        assert!(matches!(error, RotateError::Unreadable(_)), "{context}: {error}");
        assert_eq!((error.effect(), world.issues(kind)), (Effect::Applied, 1), "{context}: {error}");
    }
}

mod an_answer_in_odd_wrapping_is_read {
    for_every_kind!(super::odd_wrapping);
}

/// The secret is in these answers, so nothing has to be asked for twice.
async fn odd_wrapping(kind: ClientKind) {
    for fault in ["1=huge_body:104857600", "1=wrong_content_type", "1=extra_fields"] {
        let context = format!("{} {fault}", kind.name());
        let world = World::on_sockets().await;
        let (client, job) = world.client(kind, 0);
        world.disturb(kind, fault);
        let outcome = world.engine().rotate(&job).await.expect("the journal works");
        assert!(matches!(outcome.ending, Ending::Rotated), "{context}: {}", told(&outcome));
        assert_eq!((outcome.issues, outcome.old), (1, Some(Verdict::Refused)), "{context}");
        world.assert_rotated(&client, &context).await;
    }
}

mod answers_to_the_other_calls_may_be_as_odd_without_a_secret_being_lost {
    for_every_kind!(super::odd_answers_to_other_calls);
}

/// Everything but the request for a secret answers nonsense, at the first, second, … call; what stands still goes on
/// when the nonsense is over, and what went through is right.
async fn odd_answers_to_other_calls(kind: ClientKind) {
    let calls: &[&str] = match kind {
        ClientKind::M2m => &["m2m.get", "m2m.rotate", "token"],
        ClientKind::ConnectedApp => &["connected_app.get", "connected_app.rotate", "introspect"],
        ClientKind::App => &["get", "providers"],
        ClientKind::Api | ClientKind::Oidc => &["app.get", "app.changes", "introspect"],
        ClientKind::MachineUser => &["token"],
    };
    for call in calls {
        for fault in ["1-3=html:200", "1=empty_body", "2=lose_answer", "1=cut_body:5", "1-8=500_after_commit"] {
            let fault = format!("{}.{call}#{fault}", kind.vendor());
            let world = World::on_sockets().await;
            let (client, job) = world.client(kind, 0);
            world.emulator.fault(&fault).expect("a fault");
            let mut outcome = world.engine().rotate(&job).await.expect("the journal works");
            world.emulator.clear_faults();
            match &outcome.ending {
                Ending::Rotated => {}
                // Before anything was asked for there is nothing to go on with.
                Ending::NothingChanged(_) => {
                    world.assert_unchanged(&client, &fault).await;
                    outcome = world.engine().rotate(&job).await.expect("the journal works");
                }
                Ending::Held { .. } => {
                    let resumed = world.engine().resume(&job).await.expect("the journal works");
                    outcome = resumed.expect("something unfinished");
                }
                _ => {}
            }
            assert!(matches!(outcome.ending, Ending::Rotated), "{fault}: {}", told(&outcome));
            world.assert_rotated(&client, &fault).await;
            assert_eq!(world.issues(kind), 1, "{fault}: requests for a secret");
        }
    }
}
