//! OLD: what becomes of the old secret, and when.

use cutover_core::Style;

use crate::rule::{got, hold};
use crate::rules::{NO_TARGET, NOT_IMMEDIATE, NOT_TWO_PHASE};
use crate::{Outcome, Rule, Subject};

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "OLD-1",
        title: "In a two-phase rotation the old secret works until it is completed",
        rests_on: "Stytch: after start both secrets are valid",
        check: |subject| Box::pin(old_1(subject)),
    },
    Rule {
        id: "OLD-2",
        title: "Completing retires the old secret and keeps the new one",
        rests_on: "Stytch: the rotate call replaces the secret by the next one",
        check: |subject| Box::pin(old_2(subject)),
    },
    Rule {
        id: "OLD-3",
        title: "In an immediate rotation issuing retires the old secret",
        rests_on: "Hopae: the old secret is invalidated at once; Zitadel: an app has one secret",
        check: |subject| Box::pin(old_3(subject)),
    },
    Rule {
        id: "OLD-4",
        title: "Rotating one target leaves every other alone",
        rests_on: "Every vendor: a secret belongs to one client",
        check: |subject| Box::pin(old_4(subject)),
    },
];

async fn old_1(subject: &dyn Subject) -> Outcome {
    if subject.rotator().profile().style() != Style::TwoPhase {
        return NOT_TWO_PHASE;
    }
    let Some((target, old)) = subject.fresh_target().await else { return Outcome::Broken(NO_TARGET.to_owned()) };
    let (_, new) = got!(subject.issue(&target, &subject.attempt(&target)).await, "issue");
    hold!(got!(subject.accepts(&target, &old).await, "verify"), "issuing ended the old secret");
    hold!(got!(subject.accepts(&target, &new).await, "verify"), "the new secret does not work beside the old one");
    Outcome::Held
}

async fn old_2(subject: &dyn Subject) -> Outcome {
    if subject.rotator().profile().style() != Style::TwoPhase {
        return NOT_TWO_PHASE;
    }
    let Some((target, old)) = subject.fresh_target().await else { return Outcome::Broken(NO_TARGET.to_owned()) };
    let (kept, new) = got!(subject.issue(&target, &subject.attempt(&target)).await, "issue");
    got!(subject.rotator().complete(&target, &kept).await, "complete");
    hold!(got!(subject.refuses(&target, &old).await, "verify"), "the old secret still works");
    hold!(got!(subject.accepts(&target, &new).await, "verify"), "the new secret does not work");
    Outcome::Held
}

async fn old_3(subject: &dyn Subject) -> Outcome {
    if subject.rotator().profile().style() == Style::TwoPhase {
        return NOT_IMMEDIATE;
    }
    let Some((target, old)) = subject.fresh_target().await else { return Outcome::Broken(NO_TARGET.to_owned()) };
    hold!(got!(subject.accepts(&target, &old).await, "verify"), "the secret in use is not accepted to begin with");
    let (_, new) = got!(subject.issue(&target, &subject.attempt(&target)).await, "issue");
    hold!(got!(subject.refuses(&target, &old).await, "verify"), "the old secret still works");
    hold!(got!(subject.accepts(&target, &new).await, "verify"), "the new secret does not work");
    Outcome::Held
}

async fn old_4(subject: &dyn Subject) -> Outcome {
    let Some((target, _)) = subject.fresh_target().await else { return Outcome::Broken(NO_TARGET.to_owned()) };
    let Some((other, secret)) = subject.fresh_target().await else { return Outcome::Broken(NO_TARGET.to_owned()) };
    hold!(
        got!(subject.accepts(&other, &secret).await, "verify"),
        "another target's secret is not accepted to begin with"
    );
    let (kept, new) = got!(subject.issue(&target, &subject.attempt(&target)).await, "issue");
    if subject.rotator().profile().style() == Style::TwoPhase {
        got!(subject.rotator().complete(&target, &kept).await, "complete");
    }
    hold!(got!(subject.accepts(&other, &secret).await, "verify"), "another target's secret was ended");
    hold!(got!(subject.refuses(&other, &new).await, "verify"), "another target takes the new secret");
    Outcome::Held
}
