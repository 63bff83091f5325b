//! ERR and RETRY: what a failed call says of its effect, and what is sent again.

use cutover_core::{Effect, Recovery, Refusal, RotateError, Witness};

use crate::rule::{got, hold};
use crate::rules::NO_TARGET;
use crate::{Disturbance, Outcome, Rule, Subject};

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "ERR-1",
        title: "A secret for a target that does not exist is refused with the vendor's code",
        rests_on: "Every vendor: 404 with a code of its own",
        check: |subject| Box::pin(err_1(subject)),
    },
    Rule {
        id: "ERR-2",
        title: "A lost answer is never taken for nothing having happened",
        rests_on: "P1: an answer that never reached us is known to be missing",
        check: |subject| Box::pin(err_2(subject)),
    },
    Rule {
        id: "ERR-3",
        title: "An answer that was cut is handed over or known to be missing, and counts as applied",
        rests_on: "P1: the bytes of an answer are kept before they are read",
        check: |subject| Box::pin(err_3(subject)),
    },
    Rule {
        id: "ERR-4",
        title: "Inspecting a target that does not exist is refused with the vendor's code",
        rests_on: "Every vendor with a call that reads one client: 404 with a code of its own",
        check: |subject| Box::pin(err_4(subject)),
    },
    Rule {
        id: "RETRY-1",
        title: "A request for a secret without a key is never sent twice by the adapter",
        rests_on: "P3: a call whose effect is unknown is never blindly sent again",
        check: |subject| Box::pin(retry_1(subject)),
    },
    Rule {
        id: "RETRY-2",
        title: "A throttled request changed nothing and may be repeated",
        rests_on: "Every vendor: 429 refuses a request",
        check: |subject| Box::pin(retry_2(subject)),
    },
];

async fn err_1(subject: &dyn Subject) -> Outcome {
    let target = subject.missing_target();
    let issued = subject.rotator().issue(&target, &subject.attempt(&target)).await;
    told_apart(issued.map(|_| ()), Refusal::NotFound)
}

async fn err_4(subject: &dyn Subject) -> Outcome {
    if !subject.rotator().profile().has(Witness::Identity) {
        return Outcome::NotApplicable("the vendor has no call that shows whether the target exists");
    }
    told_apart(subject.rotator().inspect(&subject.missing_target()).await.map(|_| ()), Refusal::NotFound)
}

fn told_apart(result: Result<(), RotateError>, refusal: Refusal) -> Outcome {
    let Err(refused) = result else { return Outcome::Broken("it succeeded".to_owned()) };
    hold!(refused.effect() == Effect::NotApplied, "it leaves its effect open: {refused}");
    hold!(refused.refusal() == Some(refusal), "it is not told apart: {refused}");
    hold!(refused.code().is_some(), "it was refused without the vendor's code: {refused}");
    Outcome::Held
}

async fn err_2(subject: &dyn Subject) -> Outcome {
    let Some((target, _)) = subject.fresh_target().await else { return Outcome::Broken(NO_TARGET.to_owned()) };
    if !subject.disturb(Disturbance::LoseAnswer) {
        return Outcome::NotApplicable("answers of this subject cannot be lost at will");
    }
    match subject.issue(&target, &subject.attempt(&target)).await {
        // Repeated under its key.
        Ok((_, secret)) => {
            hold!(got!(subject.accepts(&target, &secret).await, "verify"), "the secret that came back does not work");
        }
        Err(error) => {
            hold!(error.effect() == Effect::Unknown, "a lost answer counts as {}: {error}", error.effect());
        }
    }
    Outcome::Held
}

async fn err_3(subject: &dyn Subject) -> Outcome {
    let Some((target, _)) = subject.fresh_target().await else { return Outcome::Broken(NO_TARGET.to_owned()) };
    if !subject.disturb(Disturbance::CutAnswer) {
        return Outcome::NotApplicable("answers of this subject cannot be cut at will");
    }
    let attempt = subject.attempt(&target);
    let reply = got!(subject.rotator().issue(&target, &attempt).await, "an answer with a head is an answer");
    hold!(!reply.is_whole(), "a cut answer passes for a whole one");
    hold!(!reply.expose_body().is_empty(), "the bytes that came are gone");
    let keeper = cutover_core::MemoryKeeper::default();
    let kept = got!(cutover_core::Kept::keep(&keeper, &attempt, reply).await, "keep");
    match subject.rotator().read(&target, &kept) {
        Ok(_) => Outcome::Broken("a secret was read where none can be".to_owned()),
        Err(error) if error.effect() == Effect::Applied => Outcome::Held,
        Err(error) => Outcome::Broken(format!("a cut answer counts as {}: {error}", error.effect())),
    }
}

async fn retry_1(subject: &dyn Subject) -> Outcome {
    if matches!(subject.rotator().profile().recovery(), Recovery::Replay { .. }) {
        return Outcome::NotApplicable("under its key the request may be repeated");
    }
    let Some((target, _)) = subject.fresh_target().await else { return Outcome::Broken(NO_TARGET.to_owned()) };
    let Some(before) = subject.issues_seen() else {
        return Outcome::NotApplicable("the requests that reach this subject cannot be counted");
    };
    if !subject.disturb(Disturbance::LoseAnswer) {
        return Outcome::NotApplicable("answers of this subject cannot be lost at will");
    }
    let lost = subject.issue(&target, &subject.attempt(&target)).await;
    hold!(lost.is_err(), "a lost answer came back");
    let sent = subject.issues_seen().unwrap_or_default() - before;
    hold!(sent == 1, "the request was sent {sent} times");
    Outcome::Held
}

async fn retry_2(subject: &dyn Subject) -> Outcome {
    let Some((target, old)) = subject.fresh_target().await else { return Outcome::Broken(NO_TARGET.to_owned()) };
    if !subject.disturb(Disturbance::TooMany) {
        return Outcome::NotApplicable("this subject cannot be throttled at will");
    }
    let attempt = subject.attempt(&target);
    let secret = match subject.issue(&target, &attempt).await {
        Ok((_, secret)) => secret,
        Err(error) => {
            hold!(error.effect() == Effect::NotApplied, "throttling counts as {}: {error}", error.effect());
            hold!(error.is_transient(), "throttling counts as final: {error}");
            hold!(got!(subject.accepts(&target, &old).await, "verify"), "throttling ended the old secret");
            got!(subject.issue(&target, &attempt).await, "issue after throttling").1
        }
    };
    hold!(got!(subject.accepts(&target, &secret).await, "verify"), "the issued secret does not work");
    Outcome::Held
}
