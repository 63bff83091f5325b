//! `cutover history`: what happened in the latest attempts, from the journal alone.

use cutover::Verdict;
use cutover::engine::{Change, Entry, Event, Recorded};
use jiff::Timestamp;
use serde::Serialize;

use crate::args::Status;
use crate::connect;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::print::{Paint, padded};
use crate::recorded::{Attempts, Head, no_record, reason};
use crate::report::{sentence, verdict_words};

/// The longest event: `issue_refused`, `issue_started`.
const EVENT_WIDTH: usize = 13;
/// A time to the second, and what has passed since the attempt began.
const TIME_WIDTH: usize = 20;
const PASSED_WIDTH: usize = 12;

#[derive(Debug, Serialize)]
struct Told {
    #[serde(flatten)]
    head: Head,
    events: Vec<Happened>,
}

/// One event. What does not belong to it is `null`.
#[derive(Debug, Serialize)]
struct Happened {
    at: Timestamp,
    event: &'static str,
    /// Which request for a secret, from 1.
    request: Option<u32>,
    /// Whether it repeats the one before it under the same key.
    repeats: Option<bool>,
    /// What the vendor said to the old secret.
    old_secret: Option<Verdict>,
    /// Which hook ran.
    hook: Option<String>,
    /// What it was told.
    change: Option<Change>,
    message: Option<String>,
    person_needed: Option<bool>,
}

pub(super) async fn run(context: &Context, args: &Status) -> Result<Exit, CliError> {
    let config = context.config()?;
    let mut recorded: Vec<Recorded> = Vec::new();
    if let Some(opened) = connect::journal::open_if_there(&config.journal, &context.printer).await? {
        let journal = opened.journal();
        if args.targets.is_empty() {
            recorded = journal.history(None, args.limit).await?;
        }
        for target in &args.targets {
            recorded.extend(journal.history(Some(target), args.limit).await?);
        }
        recorded.sort_by_key(|recorded| recorded.attempt.id());
        recorded.dedup_by_key(|recorded| recorded.attempt.id());
    }
    let attempts: Vec<Told> = recorded.iter().map(Told::of).collect();
    if context.printer.is_json() {
        context.printer.document(&Attempts::of("history", attempts));
    } else if attempts.is_empty() {
        context.printer.line(no_record(&config, &args.targets));
    } else {
        attempts.iter().for_each(|told| show(context, told));
    }
    Ok(Exit::Done)
}

impl Told {
    fn of(recorded: &Recorded) -> Self {
        Self { head: Head::of(recorded), events: recorded.entries.iter().map(Happened::of).collect() }
    }
}

impl Happened {
    fn of(entry: &Entry) -> Self {
        let mut happened = Self {
            at: entry.at,
            event: entry.event.name(),
            request: None,
            repeats: None,
            old_secret: None,
            hook: None,
            change: None,
            message: reason(&entry.event),
            person_needed: None,
        };
        match &entry.event {
            Event::IssueStarted { issue, repeats, .. } => {
                (happened.request, happened.repeats) = (Some(*issue), Some(*repeats));
            }
            Event::OldChecked { verdict } => happened.old_secret = Some(*verdict),
            Event::HookRan { hook, change } => {
                (happened.hook, happened.change) = (Some(hook.clone()), Some(*change));
            }
            Event::Held(hold) => {
                happened.message = Some(sentence(&hold.sentence));
                happened.person_needed = Some(hold.person);
            }
            _ => {}
        }
        happened
    }

    /// What is said beside its name, in a few words.
    fn remark(&self) -> String {
        if let (Some(hook), Some(change)) = (&self.hook, self.change) {
            let told = if change == Change::RolledBack { ", for the old secret again" } else { "" };
            return format!("{hook}{told}");
        }
        match (self.request, self.old_secret, self.person_needed) {
            (Some(request), ..) if self.repeats == Some(true) => format!("request {request}, same key"),
            (Some(request), ..) => format!("request {request}"),
            (_, verdict @ Some(_), _) => format!("old secret {}", verdict_words(verdict)),
            (_, _, Some(true)) => "a person is needed".to_owned(),
            _ => String::new(),
        }
    }
}

fn show(context: &Context, told: &Told) {
    let printer = &context.printer;
    let paint = match told.head.state {
        "rotated" => Paint::Good,
        "nothing_changed" => Paint::Bad,
        _ => Paint::Odd,
    };
    let unfinished = if told.head.unfinished { "unfinished, " } else { "" };
    let state = printer.paint(paint, format_args!("{unfinished}{}", told.head.state.replace('_', " ")));
    let kind = format!("{} {}", told.head.vendor, told.head.kind);
    let attempt = printer.paint(Paint::Faint, &told.head.attempt);
    printer.line(format_args!("{}  {kind}  {state}  {attempt}", printer.paint(Paint::Strong, &told.head.target)));
    let began = told.events.first().map(|first| first.at).unwrap_or_default();
    for happened in &told.events {
        let (at, since) = (second(happened.at), passed(began, happened.at));
        let (at, since) = (padded(&at, TIME_WIDTH), padded(&since, PASSED_WIDTH));
        let event = padded(happened.event, EVENT_WIDTH);
        let line = format!("  {at}  {since}  {event}  {}", happened.remark());
        printer.line(line.trim_end());
        happened.message.iter().for_each(|message| printer.prose(4, message));
    }
}

/// A time, to the second.
fn second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// How long after the beginning that was; nothing for the beginning itself.
fn passed(began: Timestamp, at: Timestamp) -> String {
    let passed = at.duration_since(began);
    match (passed.as_millis(), passed.as_secs()) {
        // A clock that went back proves nothing about time passed.
        (millis, _) if millis <= 0 => String::new(),
        (millis, 0..60) => format!("+{}.{:03} s", millis / 1_000, millis % 1_000),
        (_, seconds @ 60..3_600) => format!("+{} min {} s", seconds / 60, seconds % 60),
        (_, seconds) => format!("+{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn the_time_passed_is_told_finely_at_first_and_roughly_later() {
        let began = Timestamp::from_second(1_000_000_000).expect("in range");
        for (millis, words) in [
            (-5, ""),
            (0, ""),
            (41, "+0.041 s"),
            (59_999, "+59.999 s"),
            (60_000, "+1 min 0 s"),
            (3_599_000, "+59 min 59 s"),
            (90_000_000, "+25 h 0 min"),
        ] {
            let at = began.checked_add(SignedDuration::from_millis(millis)).expect("in range");
            assert_eq!(passed(began, at), words);
        }
    }
}
