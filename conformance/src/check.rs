//! Checks one rule on one subject.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;

use crate::case::Left;
use crate::scrub::Parts;
use crate::{Case, Draw, Fixture, Outcome, Rule, Stop, Subject};

/// What came of one rule on one subject.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What was found.
    pub outcome: Outcome,
    /// What was done, step by step; without secrets.
    pub steps: Vec<String>,
    /// The seed of the generated sequence that broke the rule.
    pub seed: Option<u64>,
}

/// Checks `rule` on a subject that `fixture` makes, and each generated sequence on another.
pub async fn check_anew(rule: &Rule, fixture: &dyn Fixture, draw: Draw) -> Checked {
    match fixture.subject().await {
        Ok(subject) => check_on(rule, subject.as_ref(), Some(fixture), draw).await,
        Err(stop) => Checked::before_any_step(Err(stop).into()),
    }
}

/// Checks `rule` on `subject`; with the outcome come the steps that led to it.
pub async fn check(rule: &Rule, subject: &dyn Subject) -> (Outcome, Vec<String>) {
    check_drawing(rule, subject, Draw::default()).await
}

/// Checks `rule` on `subject` with these generated sequences, if it generates any.
pub async fn check_drawing(rule: &Rule, subject: &dyn Subject, draw: Draw) -> (Outcome, Vec<String>) {
    let Checked { outcome, steps, .. } = check_on(rule, subject, None, draw).await;
    (outcome, steps)
}

/// Checks `rule` on `subject`, and each generated sequence on another that `fixture` makes, where there is one.
pub(crate) async fn check_on(rule: &Rule, subject: &dyn Subject, fixture: Option<&dyn Fixture>, draw: Draw) -> Checked {
    if let Some(excuse) = rule.excuse(subject) {
        return Checked::before_any_step(Outcome::NotApplicable(excuse));
    }
    let draw = Draw { cases: subject.sequences(draw.cases), ..draw };
    let case = Case::new(subject, fixture, draw);
    let checked = AssertUnwindSafe((rule.check)(&case)).catch_unwind().await;
    let outcome = checked.unwrap_or_else(|panic| Err(Stop::Broken(panicked(panic.as_ref())))).into();
    let Left { steps, seed, secrets } = case.leave();
    let steps = steps.iter().map(|step| secrets.scrub(step)).collect();
    Checked { outcome: outcome_without(outcome, &secrets), steps, seed }
}

impl Checked {
    /// What was found without a step.
    pub(crate) fn before_any_step(outcome: Outcome) -> Self {
        Self { outcome, steps: Vec::new(), seed: None }
    }
}

/// What to say of a check that panicked: one subject's fault, and no reason to know nothing of the others.
fn panicked(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("it panicked: {}", said.unwrap_or("without a word"))
}

/// Nothing that an adapter or a vendor says of itself is shown before the secrets of the check are out of it.
fn outcome_without(outcome: Outcome, secrets: &Parts) -> Outcome {
    match outcome {
        Outcome::Held => Outcome::Held,
        Outcome::Broken(how) => Outcome::Broken(secrets.scrub(&how)),
        Outcome::NotApplicable(why) => Outcome::NotApplicable(secrets.scrub(&why)),
        Outcome::NotSetUp(why) => Outcome::NotSetUp(secrets.scrub(&why)),
    }
}
