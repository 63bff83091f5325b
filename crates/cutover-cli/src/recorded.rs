//! What the journal has of an attempt, in the words that people and programs read.

use cutover::TargetId;
use cutover::engine::{Event, Phase, Recorded};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::config::Config;
use crate::exit::Exit;
use crate::report::sentence;

/// The document of a command that looks at attempts.
#[derive(Debug, Serialize)]
pub(crate) struct Attempts<T> {
    command: &'static str,
    exit_code: u8,
    /// Oldest first.
    attempts: Vec<T>,
}

impl<T> Attempts<T> {
    /// What `command` says of these.
    pub(crate) fn of(command: &'static str, attempts: Vec<T>) -> Self {
        Self { command, exit_code: Exit::Done.code(), attempts }
    }
}

/// What is said first of every attempt.
#[derive(Debug, Serialize)]
pub(crate) struct Head {
    pub(crate) target: String,
    pub(crate) vendor: String,
    pub(crate) kind: String,
    pub(crate) attempt: String,
    /// How far it has come, or how it ended.
    pub(crate) state: &'static str,
    pub(crate) unfinished: bool,
    /// How often the vendor was asked for a secret.
    asked: u32,
}

impl Head {
    /// What is said of this one.
    pub(crate) fn of(recorded: &Recorded) -> Self {
        let target = &recorded.target;
        Self {
            target: target.id().to_string(),
            vendor: target.vendor().to_string(),
            kind: target.kind().to_string(),
            attempt: recorded.attempt.id().to_string(),
            state: recorded.state().map_or("damaged", |state| state.phase().name()),
            unfinished: !recorded.has_ended(),
            asked: recorded.attempt.issue(),
        }
    }
}

/// Why an attempt ended as it did, where the journal says so.
pub(crate) fn reason(event: &Event) -> Option<String> {
    match event {
        Event::IssueRefused { reason } | Event::Superseded { reason } => Some(sentence(reason)),
        _ => None,
    }
}

/// What is said where the journal has nothing of the targets of those names, or nothing at all.
pub(crate) fn no_record(config: &Config, names: &[TargetId]) -> String {
    match names {
        [] => format!("Nothing has been rotated yet: {} has no record.", config.journal.place),
        names => {
            format!("There is no record of {}.", names.iter().map(TargetId::as_str).collect::<Vec<_>>().join(", "))
        }
    }
}

/// What is said of a target that has no attempt, or of its latest one: for `list`.
pub(crate) fn state_of(recorded: Option<&Recorded>) -> &'static str {
    match recorded.map(Recorded::state) {
        None => "never_rotated",
        Some(Err(_)) => "damaged",
        Some(Ok(state)) if state.held().is_some() => "held",
        Some(Ok(state)) => match state.phase() {
            Phase::Ended(_) => state.phase().name(),
            _ => "unfinished",
        },
    }
}

/// How long ago that was, roughly; the day, when it is long past.
pub(crate) fn ago(now: Timestamp, then: Timestamp) -> String {
    let passed = now.duration_since(then);
    let (minutes, hours) = (passed.as_mins(), passed.as_hours());
    let count = |number: i64, unit: &str| format!("{number} {unit}{} ago", if number == 1 { "" } else { "s" });
    match passed {
        // A clock that went back proves nothing about time passed.
        passed if passed < SignedDuration::from_secs(60) => "just now".to_owned(),
        _ if hours < 1 => count(minutes, "minute"),
        _ if hours < 48 => count(hours, "hour"),
        _ => then.to_string().chars().take("2026-01-01".len()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_past_is_told_roughly() {
        let now = Timestamp::from_second(1_000_000_000).expect("in range");
        for (seconds, words) in [
            (-5, "just now"),
            (59, "just now"),
            (60, "1 minute ago"),
            (3_599, "59 minutes ago"),
            (3_600, "1 hour ago"),
            (47 * 3_600, "47 hours ago"),
            (48 * 3_600, "2001-09-07"),
        ] {
            let then = now.checked_sub(SignedDuration::from_secs(seconds)).expect("in range");
            assert_eq!(ago(now, then), words);
        }
    }
}
