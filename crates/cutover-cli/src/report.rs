//! What came of a rotation, in the words that people and programs read.

use cutover::engine::{Ending, EngineError, Failure, Halt, Job, JournalError, Outcome, Phase};
use cutover::{Effect, Refusal, Verdict, chain};
use serde::Serialize;

/// The one word or two for what a vendor says of a secret.
pub(crate) fn verdict_words(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Accepted) => "accepted",
        Some(Verdict::Refused) => "refused",
        Some(Verdict::NotKnown) => "not seen",
        None => "not known here",
    }
}

/// What came of one target's rotation, as people and programs read it.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    target: String,
    vendor: String,
    kind: String,
    class: &'static str,
    outcome: &'static str,
    attempt: Option<String>,
    /// Where the attempt stands, when it has not ended.
    phase: Option<&'static str>,
    new_secret: Option<Verdict>,
    old_secret: Option<Verdict>,
    /// How often the vendor was asked for a secret.
    asked: u32,
    resumed: bool,
    /// What the rotation did at the vendor.
    effect: Effect,
    person_needed: bool,
    message: Option<String>,
    /// Where the secrets are.
    secret: Option<String>,
    next: Option<String>,
    /// Why it was never begun, where that is because of others or of a request to stop.
    #[serde(skip)]
    left_alone: Option<Halt>,
    /// Whether there is something that `resume` goes on with.
    #[serde(skip)]
    unfinished: bool,
}

/// Which job a report is about.
#[derive(Clone, Debug)]
pub(crate) struct About<'a> {
    pub(crate) job: Job,
    /// The program and its global options, for commands to copy.
    pub(crate) program: &'a str,
}

impl Report {
    /// The report of a run.
    pub(crate) fn of(about: &About<'_>, result: &Result<Outcome, EngineError>) -> Self {
        match result {
            Ok(outcome) => Self::of_outcome(about, outcome),
            Err(error) => Self::of_error(about, error),
        }
    }

    fn blank(about: &About<'_>, outcome: &'static str) -> Self {
        let target = about.job.target();
        Self {
            target: target.id().to_string(),
            vendor: target.vendor().to_string(),
            kind: target.kind().to_string(),
            class: about.job.rotator().profile().recovery().class(),
            outcome,
            attempt: None,
            phase: None,
            new_secret: None,
            old_secret: None,
            asked: 0,
            resumed: false,
            effect: Effect::Unknown,
            person_needed: false,
            message: None,
            secret: None,
            next: None,
            left_alone: None,
            unfinished: false,
        }
    }

    fn of_outcome(about: &About<'_>, outcome: &Outcome) -> Self {
        let mut report = Self::blank(about, outcome.ending.name());
        report.attempt = outcome.attempt.map(|id| id.to_string());
        (report.new_secret, report.old_secret) = (outcome.new, outcome.old);
        (report.asked, report.resumed) = (outcome.issues, outcome.resumed);
        let (program, name) = (about.program, outcome.target.as_str());
        match &outcome.ending {
            Ending::Rotated => report.effect = Effect::Applied,
            Ending::NothingChanged(Failure::NotBegun(why)) => {
                (report.outcome, report.left_alone) = ("not_begun", Some(*why));
                report.effect = Effect::NotApplied;
                report.message = Some(sentence(&match why {
                    Halt::Stopped => format!("it was not begun: {why}"),
                    _ => why.to_string(),
                }));
                report.next = Some(format!("{program} rotate {name}"));
            }
            Ending::NothingChanged(failure) => {
                report.effect = Effect::NotApplied;
                report.message = Some(sentence(&failure.chain()));
                report.secret = Some("Nothing was changed; the secret in use stays as it is.".to_owned());
                report.next = Some(after_failure(about, failure));
            }
            Ending::RolledBack(reason) => {
                report.effect = Effect::NotApplied;
                report.message = Some(sentence(reason));
                report.secret = Some("The old secret is in every destination; the new one is dropped.".to_owned());
                report.next = Some(format!("{program} rotate {name}"));
            }
            Ending::Superseded(reason) => {
                report.person_needed = true;
                report.message = Some(sentence(reason));
                report.next =
                    Some(format!("fetch the secret in use, or end it with a new one: {program} rotate {name}"));
            }
            Ending::Held { phase, hold } => {
                report.stands_at(about, *phase);
                report.person_needed = hold.person;
                report.message = Some(sentence(&hold.sentence));
                report.next = Some(format!("{program} resume {name}"));
            }
            Ending::Stopped { phase } => {
                report.stands_at(about, *phase);
                report.message = Some("It was asked to stop and did so at a safe point.".to_owned());
                report.next = Some(format!("{program} resume {name}"));
            }
            // A later engine may know more endings.
            _ => report.next = Some(format!("{program} status {name}")),
        }
        report
    }

    fn of_error(about: &About<'_>, error: &EngineError) -> Self {
        let mut report = Self::blank(about, "failed");
        report.message = Some(sentence(&chain(error)));
        let (program, name) = (about.program, about.job.target().id());
        report.unfinished = !matches!(error, EngineError::Journal(JournalError::Busy { .. }));
        match error {
            EngineError::Irreversible { .. } => report.next = Some(format!("{program} resume {name}")),
            EngineError::Unfinished { .. } => {
                report.effect = Effect::NotApplied;
                report.next = Some(format!("{program} resume {name}"));
            }
            EngineError::Journal(JournalError::Busy { .. }) => {
                report.effect = Effect::NotApplied;
                report.next = Some(format!("wait for the other worker, or look: {program} status {name}"));
            }
            EngineError::Journal(_) => {
                report.secret = Some("What was recorded before stays recorded.".to_owned());
                report.next = Some(format!("mend the journal, then {program} resume {name}"));
            }
            EngineError::NotKept { .. } => {
                report.next = Some(format!("mend the journal, then {program} resume {name}, which gets another one"));
            }
            EngineError::Damaged { .. } => {
                report.person_needed = true;
                report.next = Some("restore the journal from its backup".to_owned());
            }
            _ => report.next = Some(format!("{program} status {name}")),
        }
        report
    }

    fn stands_at(&mut self, about: &About<'_>, phase: Phase) {
        (self.phase, self.unfinished) = (Some(phase.name()), true);
        self.effect = if phase == Phase::Issuing { Effect::Unknown } else { Effect::Applied };
        self.secret = Some(whereabouts(phase, about.job.rotator().profile().recovery().class()).to_owned());
    }

    /// The target's name.
    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    /// The outcome in the words of the terminal.
    pub(crate) fn words(&self) -> String {
        self.outcome.replace('_', " ")
    }

    /// Whether the new secret is in use everywhere and the old one is retired.
    pub(crate) fn is_rotated(&self) -> bool {
        self.outcome == "rotated"
    }

    /// Whether there is something, or may be, that `resume` goes on with.
    pub(crate) fn is_unfinished(&self) -> bool {
        self.unfinished
    }

    /// Why it was never begun, where that is because of others or of a request to stop.
    pub(crate) fn left_alone(&self) -> Option<Halt> {
        self.left_alone
    }

    /// What is said beside the outcome, in a few words.
    pub(crate) fn remark(&self) -> String {
        if self.is_rotated() {
            let again = if self.asked > 1 { format!(", asked {} times", self.asked) } else { String::new() };
            let (new, old) = (verdict_words(self.new_secret), verdict_words(self.old_secret));
            return format!("new {new}, old {old}{again}");
        }
        match (self.phase, self.person_needed) {
            (Some(phase), true) => format!("{phase}; a person is needed"),
            (Some(phase), false) => phase.to_owned(),
            (None, true) => "a person is needed".to_owned(),
            (None, false) => String::new(),
        }
    }

    /// What happened, and where the secret is: a sentence or two each.
    pub(crate) fn explanation(&self) -> impl Iterator<Item = &str> {
        let secret = self.secret.as_deref();
        let secret = secret.and_then(|secret| unsaid(self.message.as_deref().unwrap_or_default(), secret));
        self.message.iter().map(String::as_str).chain(secret)
    }

    /// What to do next.
    pub(crate) fn next(&self) -> Option<&str> {
        self.next.as_deref()
    }
}

/// What of `whereabouts` the sentence of a hold does not say itself: where the new secret is, and what readers have.
pub(crate) fn unsaid<'w>(sentence: &str, whereabouts: &'w str) -> Option<&'w str> {
    let says = |words: &[&str]| words.iter().any(|words| sentence.contains(words));
    if !says(&["new secret", "sealed in the journal"]) {
        return Some(whereabouts);
    }
    let (_, readers) = whereabouts.split_once(". ")?;
    (!says(&["readers", "old secret", "old one"])).then_some(readers)
}

/// Where the secrets are while an attempt stands at `phase`.
pub(crate) fn whereabouts(phase: Phase, class: &str) -> &'static str {
    match (phase, class) {
        (Phase::Issuing, "restart") => {
            "The vendor may have made a new secret that nobody has seen; the old one is in use and works."
        }
        (Phase::Issuing, _) => "The vendor may have made a new secret that nobody has seen; then the old one is dead.",
        (Phase::Kept, "restart") => {
            "The vendor's answer is sealed in the journal. Readers have the old secret, which works."
        }
        (Phase::Kept, _) => {
            "The vendor's answer is sealed in the journal. Readers still have the old secret, which is dead."
        }
        (Phase::Staged | Phase::Verified, "restart") => {
            "The new secret is in the journal and pending in the destinations. Readers have the old one, which works."
        }
        (Phase::Staged | Phase::Verified, _) => {
            "The new secret is in the journal and pending in the destinations. Readers still have the old one, which \
             is dead."
        }
        (Phase::Promoted, _) => "The new secret is in use in every destination.",
        (Phase::GoingBack, _) => {
            "Readers are given the old secret again, which works. The new one is sealed in the journal."
        }
        (Phase::Completed, _) => "The new secret is in use in every destination, and the old one is retired.",
        (Phase::Ended(_), _) => "Nothing is left to do.",
    }
}

fn after_failure(about: &About<'_>, failure: &Failure) -> String {
    let (program, target) = (about.program, about.job.target());
    let again = format!("{program} rotate {}", target.id());
    match failure {
        Failure::ForeignPending { .. } => format!("{program} rotate --take-over {}", target.id()),
        Failure::Vendor(error) if error.is_transient() => format!("try again later: {again}"),
        Failure::Vendor(error) => match error.refusal() {
            Some(Refusal::Credentials | Refusal::Forbidden) => {
                format!("see that the configured credential is right and may do this, then {again}")
            }
            Some(Refusal::NotFound) => {
                format!("see that the client id and its project, app or organisation are right, then {again}")
            }
            _ => again,
        },
        Failure::Destination(_) => format!("mend the destination, then {again}"),
        Failure::Hook(_) => format!("mend the hook, then {again}"),
        Failure::Journal(_) => format!("mend the journal, then {again}"),
        _ => again,
    }
}

/// A reason as a sentence of its own.
pub(crate) fn sentence(reason: &str) -> String {
    let mut characters = reason.chars();
    let Some(first) = characters.next() else { return String::new() };
    // Names such as `stytch` and ids keep their case; only a plain first word is raised.
    let word = reason.split(' ').next().unwrap_or_default();
    let plain = word.chars().all(|c| c.is_ascii_lowercase()) && !["stytch", "hopae", "zitadel"].contains(&word);
    let start = if plain { first.to_ascii_uppercase() } else { first };
    let end = if reason.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{start}{}{end}", characters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_becomes_a_sentence() {
        assert_eq!(sentence("the disk is full"), "The disk is full.");
        assert_eq!(sentence("billing-m2m is busy."), "billing-m2m is busy.");
        assert_eq!(sentence("stytch m2m.get was refused"), "stytch m2m.get was refused.");
        assert_eq!(sentence(""), "");
    }

    #[test]
    fn what_is_live_is_said_and_nothing_twice() {
        let kept = whereabouts(Phase::Kept, "replay");
        let readers = "Readers still have the old secret, which is dead.";
        assert_eq!(unsaid("the disk is full", kept), Some(kept));
        assert_eq!(unsaid("the disk is full. The new secret is sealed in the journal", kept), Some(readers));
        assert_eq!(unsaid("what it answered is sealed in the journal. The old secret may be dead", kept), None);
        assert_eq!(unsaid("the new secret is in use", whereabouts(Phase::Promoted, "replay")), None);
    }

    #[test]
    fn every_open_phase_of_every_class_says_where_the_secret_is() {
        for phase in [
            Phase::Issuing,
            Phase::Kept,
            Phase::Staged,
            Phase::Verified,
            Phase::Promoted,
            Phase::GoingBack,
            Phase::Completed,
        ] {
            for class in ["restart", "replay", "supersede"] {
                let said = whereabouts(phase, class);
                assert!(said.contains("secret") && said.ends_with('.'), "{said}");
                assert!(class != "restart" || !said.contains("dead"), "{said}");
            }
        }
    }
}
