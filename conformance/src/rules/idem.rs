//! IDEM: the same request under the same key gives the same answer.

use std::time::Duration;

use cutover_core::Recovery;

use crate::rule::{got, hold};
use crate::rules::{NO_KEY, NO_TARGET};
use crate::{Disturbance, Outcome, Rule, Subject};

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "IDEM-1",
        title: "The same attempt twice gives one secret, and it works",
        rests_on: "Hopae: the original response is returned, with the same secret",
        check: |subject| Box::pin(idem_1(subject)),
    },
    Rule {
        id: "IDEM-2",
        title: "A lost answer comes back under its key",
        rests_on: "Hopae: a retry under the same key does not rotate again",
        check: |subject| Box::pin(idem_2(subject)),
    },
    Rule {
        id: "IDEM-3",
        title: "A replay after a later rotation changes nothing",
        rests_on: "Hopae: a replay returns the original response",
        check: |subject| Box::pin(idem_3(subject)),
    },
    Rule {
        id: "IDEM-4",
        title: "Just before the window ends the key still gives the same secret",
        rests_on: "Hopae: a key is valid for 24 hours",
        check: |subject| Box::pin(idem_4(subject)),
    },
    Rule {
        id: "IDEM-5",
        title: "One key never carries the secret of one target to another",
        rests_on: "Hopae: keys are scoped to the workspace, not to the app",
        check: |subject| Box::pin(idem_5(subject)),
    },
];

async fn idem_1(subject: &dyn Subject) -> Outcome {
    if !matches!(subject.rotator().profile().recovery(), Recovery::Replay { .. }) {
        return NO_KEY;
    }
    let Some((target, old)) = subject.fresh_target().await else { return Outcome::Broken(NO_TARGET.to_owned()) };
    let attempt = subject.attempt(&target);
    let (_, first) = got!(subject.issue(&target, &attempt).await, "issue");
    let (_, again) = got!(subject.issue(&target, &attempt).await, "replay");
    hold!(first == again, "the same key gave two secrets");
    hold!(got!(subject.accepts(&target, &again).await, "verify"), "the replayed secret does not work");
    hold!(got!(subject.refuses(&target, &old).await, "verify"), "the old secret still works");
    Outcome::Held
}

async fn idem_2(subject: &dyn Subject) -> Outcome {
    if !matches!(subject.rotator().profile().recovery(), Recovery::Replay { .. }) {
        return NO_KEY;
    }
    let Some((target, _)) = subject.fresh_target().await else { return Outcome::Broken(NO_TARGET.to_owned()) };
    if !subject.disturb(Disturbance::LoseAnswer) {
        return Outcome::NotApplicable("answers of this subject cannot be lost at will");
    }
    let attempt = subject.attempt(&target);
    // The adapter may repeat the keyed request by itself; what counts is that it ends with one working secret.
    let secret = match subject.issue(&target, &attempt).await {
        Ok((_, secret)) => secret,
        Err(_) => got!(subject.issue(&target, &attempt).await, "issue after a lost answer").1,
    };
    hold!(got!(subject.accepts(&target, &secret).await, "verify"), "the secret that came back does not work");
    let (_, again) = got!(subject.issue(&target, &attempt).await, "replay");
    hold!(again == secret, "the key gave another secret later");
    Outcome::Held
}

async fn idem_3(subject: &dyn Subject) -> Outcome {
    if !matches!(subject.rotator().profile().recovery(), Recovery::Replay { .. }) {
        return NO_KEY;
    }
    let Some((target, _)) = subject.fresh_target().await else { return Outcome::Broken(NO_TARGET.to_owned()) };
    let attempt = subject.attempt(&target);
    let (_, first) = got!(subject.issue(&target, &attempt).await, "issue");
    let (_, second) = got!(subject.issue(&target, &subject.attempt(&target)).await, "second issue");
    let (_, replayed) = got!(subject.issue(&target, &attempt).await, "replay");
    hold!(replayed == first, "the replay gave another secret");
    hold!(got!(subject.accepts(&target, &second).await, "verify"), "the replay ended the later secret");
    hold!(got!(subject.refuses(&target, &replayed).await, "verify"), "the replay revived a dead secret");
    Outcome::Held
}

async fn idem_4(subject: &dyn Subject) -> Outcome {
    let Recovery::Replay { window, margin } = subject.rotator().profile().recovery() else { return NO_KEY };
    let Some((target, _)) = subject.fresh_target().await else { return Outcome::Broken(NO_TARGET.to_owned()) };
    let attempt = subject.attempt(&target);
    let (_, first) = got!(subject.issue(&target, &attempt).await, "issue");
    subject.clock().sleep(window.saturating_sub(margin).saturating_sub(Duration::from_secs(1))).await;
    let (_, again) = got!(subject.issue(&target, &attempt).await, "replay");
    hold!(first == again, "within the window that the profile states the key gave another secret");
    Outcome::Held
}

async fn idem_5(subject: &dyn Subject) -> Outcome {
    if !matches!(subject.rotator().profile().recovery(), Recovery::Replay { .. }) {
        return NO_KEY;
    }
    let Some((target, _)) = subject.fresh_target().await else { return Outcome::Broken(NO_TARGET.to_owned()) };
    let Some((other, others)) = subject.fresh_target().await else { return Outcome::Broken(NO_TARGET.to_owned()) };
    let attempt = subject.attempt(&target);
    let (_, first) = got!(subject.issue(&target, &attempt).await, "issue");
    // A refusal is as good as an independent rotation; handing over the other target's secret is not.
    if let Ok((_, crossed)) = subject.issue(&other, &attempt).await {
        hold!(crossed != first, "one key gave the same secret for two targets");
    } else {
        hold!(got!(subject.accepts(&other, &others).await, "verify"), "a refused request ended a secret");
    }
    Outcome::Held
}
