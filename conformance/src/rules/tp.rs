//! TP: the order of a two-phase rotation.

use cutover_core::{Effect, Pending, Refusal, Style, Witness};

use crate::rule::{got, hold};
use crate::rules::{NO_TARGET, NOT_TWO_PHASE};
use crate::{Outcome, Rule, Subject};

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "TP-1",
        title: "Cancelling drops the new secret and keeps the old one",
        rests_on: "Stytch: a rotation can be cancelled",
        check: |subject| Box::pin(tp_1(subject)),
    },
    Rule {
        id: "TP-2",
        title: "Asking again while a rotation is pending is refused and changes nothing",
        rests_on: "Stytch's error types for a client that is rotating already",
        check: |subject| Box::pin(tp_2(subject)),
    },
    Rule {
        id: "TP-3",
        title: "A pending rotation is shown with the last four characters of its secret",
        rests_on: "Stytch: `next_client_secret_last_four` is null when no rotation is in progress",
        check: |subject| Box::pin(tp_3(subject)),
    },
    Rule {
        id: "TP-4",
        title: "Completing or cancelling nothing is refused and changes nothing",
        rests_on: "Stytch's error types for a client that is not rotating",
        check: |subject| Box::pin(tp_4(subject)),
    },
    Rule {
        id: "TP-5",
        title: "The proof of one target completes no other",
        rests_on: "P4: the old secret is retired only when its own successor is kept",
        check: |subject| Box::pin(tp_5(subject)),
    },
    Rule {
        id: "TP-6",
        title: "Without two phases, completing and cancelling are refused before anything is sent",
        rests_on: "`SecretRotator`: what a vendor lacks is in the profile first and an error second",
        check: |subject| Box::pin(tp_6(subject)),
    },
];

async fn tp_1(subject: &dyn Subject) -> Outcome {
    if subject.rotator().profile().style() != Style::TwoPhase {
        return NOT_TWO_PHASE;
    }
    let Some((target, old)) = subject.fresh_target().await else { return Outcome::Broken(NO_TARGET.to_owned()) };
    let (_, new) = got!(subject.issue(&target, &subject.attempt(&target)).await, "issue");
    got!(subject.rotator().cancel(&target).await, "cancel");
    hold!(got!(subject.refuses(&target, &new).await, "verify"), "the dropped secret still works");
    hold!(got!(subject.accepts(&target, &old).await, "verify"), "the old secret does not work any more");
    Outcome::Held
}

async fn tp_2(subject: &dyn Subject) -> Outcome {
    if subject.rotator().profile().style() != Style::TwoPhase {
        return NOT_TWO_PHASE;
    }
    let Some((target, old)) = subject.fresh_target().await else { return Outcome::Broken(NO_TARGET.to_owned()) };
    let (_, new) = got!(subject.issue(&target, &subject.attempt(&target)).await, "issue");
    let Err(refused) = subject.issue(&target, &subject.attempt(&target)).await else {
        return Outcome::Broken("a second secret was issued while one was pending".to_owned());
    };
    hold!(refused.effect() == Effect::NotApplied, "the refusal leaves it open what it did: {refused}");
    hold!(refused.refusal() == Some(Refusal::AlreadyPending), "the refusal is not told apart: {refused}");
    hold!(got!(subject.accepts(&target, &new).await, "verify"), "the pending secret was ended");
    hold!(got!(subject.accepts(&target, &old).await, "verify"), "the old secret was ended");
    Outcome::Held
}

async fn tp_3(subject: &dyn Subject) -> Outcome {
    if !subject.rotator().profile().has(Witness::Pending) {
        return Outcome::NotApplicable("the profile names no such witness");
    }
    let Some((target, old)) = subject.fresh_target().await else { return Outcome::Broken(NO_TARGET.to_owned()) };
    let before = got!(subject.rotator().inspect(&target).await, "inspect");
    hold!(before.pending == Pending::No, "a rotation is shown as pending before one was begun");
    let (_, new) = got!(subject.issue(&target, &subject.attempt(&target)).await, "issue");
    let shown = got!(subject.rotator().inspect(&target).await, "inspect");
    hold!(shown.pending == Pending::Yes(new.last_four()), "the pending rotation is not shown as ours");
    hold!(shown.current_last_four == old.last_four(), "the secret in use is not shown as the old one");
    Outcome::Held
}

async fn tp_4(subject: &dyn Subject) -> Outcome {
    if subject.rotator().profile().style() != Style::TwoPhase {
        return NOT_TWO_PHASE;
    }
    let Some((target, _)) = subject.fresh_target().await else { return Outcome::Broken(NO_TARGET.to_owned()) };
    let (kept, new) = got!(subject.issue(&target, &subject.attempt(&target)).await, "issue");
    got!(subject.rotator().complete(&target, &kept).await, "complete");
    for (what, result) in [
        ("completing", subject.rotator().complete(&target, &kept).await),
        ("cancelling", subject.rotator().cancel(&target).await),
    ] {
        let Err(refused) = result else { return Outcome::Broken(format!("{what} nothing succeeded")) };
        hold!(refused.refusal() == Some(Refusal::NothingPending), "{what} nothing: {refused}");
        hold!(refused.effect() == Effect::NotApplied, "{what} nothing leaves its effect open: {refused}");
    }
    hold!(got!(subject.accepts(&target, &new).await, "verify"), "the secret in use was ended");
    Outcome::Held
}

async fn tp_5(subject: &dyn Subject) -> Outcome {
    if subject.rotator().profile().style() != Style::TwoPhase {
        return NOT_TWO_PHASE;
    }
    let Some((target, old)) = subject.fresh_target().await else { return Outcome::Broken(NO_TARGET.to_owned()) };
    let Some((other, _)) = subject.fresh_target().await else { return Outcome::Broken(NO_TARGET.to_owned()) };
    let _ours = got!(subject.issue(&target, &subject.attempt(&target)).await, "issue");
    let (theirs, _) = got!(subject.issue(&other, &subject.attempt(&other)).await, "issue");
    let Err(refused) = subject.rotator().complete(&target, &theirs).await else {
        return Outcome::Broken("the proof of another target retired the old secret".to_owned());
    };
    hold!(refused.effect() == Effect::NotApplied, "the refusal leaves it open what it did: {refused}");
    hold!(got!(subject.accepts(&target, &old).await, "verify"), "the old secret was ended");
    Outcome::Held
}

async fn tp_6(subject: &dyn Subject) -> Outcome {
    if subject.rotator().profile().style() == Style::TwoPhase {
        return Outcome::NotApplicable("the vendor rotates in two phases");
    }
    let Some((target, _)) = subject.fresh_target().await else { return Outcome::Broken(NO_TARGET.to_owned()) };
    let (kept, new) = got!(subject.issue(&target, &subject.attempt(&target)).await, "issue");
    let seen = subject.issues_seen();
    for (what, result) in [
        ("complete", subject.rotator().complete(&target, &kept).await),
        ("cancel", subject.rotator().cancel(&target).await),
    ] {
        let Err(refused) = result else { return Outcome::Broken(format!("{what} succeeded")) };
        hold!(refused.effect() == Effect::NotApplied, "{what} leaves its effect open: {refused}");
        hold!(refused.status().is_none(), "{what} was sent to the vendor: {refused}");
    }
    hold!(subject.issues_seen() == seen, "the vendor was asked for another secret");
    hold!(got!(subject.accepts(&target, &new).await, "verify"), "the secret in use was ended");
    Outcome::Held
}
