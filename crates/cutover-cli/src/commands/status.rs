//! `cutover status`: what the journal alone knows.

use std::collections::BTreeSet;

use cutover::engine::{End, Hold, Journal, Phase, Recorded};
use cutover::{Clock as _, SystemClock, TargetId, Verdict};
use jiff::Timestamp;
use serde::Serialize;

use crate::args::Status;
use crate::connect::{self, Vendors};
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::print::{Paint, column, padded};
use crate::recorded::{Attempts, Head, ago, no_record, reason};
use crate::report::{sentence, unsaid, verdict_words, whereabouts};

/// An attempt, as people and programs read it.
#[derive(Debug, Serialize)]
struct Told {
    #[serde(flatten)]
    head: Head,
    began: Timestamp,
    changed: Timestamp,
    old_secret: Option<Verdict>,
    /// Those that ran since readers were last given another secret.
    hooks_ran: Vec<String>,
    held: Option<Held>,
    message: Option<String>,
    next: Option<String>,
    #[serde(skip)]
    whereabouts: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Held {
    reason: String,
    person_needed: bool,
}

pub(super) async fn run(context: &Context, args: &Status) -> Result<Exit, CliError> {
    let config = context.config()?;
    let recorded = match connect::journal::open_if_there(&config.journal, &context.printer).await? {
        Some(opened) => attempts(opened.journal().as_ref(), args).await?,
        None => Vec::new(),
    };
    let mut classes = Vendors::profiles(&config);
    let mut told = Vec::with_capacity(recorded.len());
    for recorded in &recorded {
        // The target may not be configured any more; then only what holds for every class is said.
        let configured = config.targets.iter().find(|target| target.target == recorded.target);
        let class = match configured {
            Some(target) => Some(classes.job(target).await?.rotator().profile().recovery().class()),
            None => None,
        };
        told.push(Told::of(context, recorded, class));
    }
    if context.printer.is_json() {
        context.printer.document(&Attempts::of("status", told));
    } else if told.is_empty() {
        context.printer.line(no_record(&config, &args.targets));
    } else {
        show(context, &told);
    }
    Ok(Exit::Done)
}

/// The unfinished attempts and the latest ones, each once, oldest first.
async fn attempts(journal: &dyn Journal, args: &Status) -> Result<Vec<Recorded>, CliError> {
    let wanted: Vec<Option<&TargetId>> =
        if args.targets.is_empty() { vec![None] } else { args.targets.iter().map(Some).collect() };
    let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
    for target in wanted {
        let (open, latest) = (journal.unfinished(target).await?, journal.history(target, args.limit).await?);
        found.extend(open.into_iter().chain(latest).filter(|recorded| seen.insert(recorded.attempt.id())));
    }
    found.sort_by_key(|recorded| recorded.attempt.id());
    Ok(found)
}

impl Told {
    fn of(context: &Context, recorded: &Recorded, class: Option<&'static str>) -> Self {
        let target = &recorded.target;
        let time = |entry: Option<&cutover::engine::Entry>| entry.map(|entry| entry.at).unwrap_or_default();
        let mut told = Self {
            head: Head::of(recorded),
            began: time(recorded.entries.first()),
            changed: time(recorded.entries.last()),
            old_secret: None,
            hooks_ran: Vec::new(),
            held: None,
            message: None,
            next: None,
            whereabouts: None,
        };
        let state = match recorded.state() {
            Ok(state) => state,
            Err(error) => {
                told.message = Some(sentence(&error.to_string()));
                told.next = Some("restore the journal from its backup".to_owned());
                return told;
            }
        };
        let phase = state.phase();
        told.old_secret = state.old();
        told.hooks_ran = state.hooks_ran().iter().cloned().collect();
        told.message = recorded.entries.last().and_then(|entry| reason(&entry.event));
        if phase == Phase::Ended(End::Superseded) {
            let (program, id) = (context.program(), target.id());
            told.next = Some(format!("fetch the secret in use, or end it with a new one: {program} rotate {id}"));
        }
        if phase.is_open() {
            let held = |hold: &Hold| Held { reason: sentence(&hold.sentence), person_needed: hold.person };
            told.held = state.held().map(held);
            told.whereabouts = class.map(|class| whereabouts(phase, class));
            told.next = Some(format!("{} resume {}", context.program(), target.id()));
        }
        told
    }

    /// How far it has come, or how it ended, in the words of the terminal.
    fn words(&self) -> String {
        let state = self.head.state.replace('_', " ");
        match (&self.held, self.head.unfinished) {
            (Some(_), _) => format!("held, {state}"),
            (None, true) => format!("unfinished, {state}"),
            (None, false) => state,
        }
    }
}

fn show(context: &Context, told: &[Told]) {
    let (printer, now) = (&context.printer, SystemClock.now());
    let words: Vec<String> = told.iter().map(Told::words).collect();
    let width = column(told.iter().map(|told| told.head.target.as_str()));
    let state_width = column(words.iter().map(String::as_str));
    for (told, words) in told.iter().zip(&words) {
        let paint = match (told.head.unfinished, told.head.state) {
            (true, _) | (_, "superseded" | "rolled_back" | "damaged") => Paint::Odd,
            (false, "rotated") => Paint::Good,
            (false, _) => Paint::Bad,
        };
        let state = padded(&printer.paint(paint, words), state_width);
        let old = match (told.head.state, told.old_secret) {
            ("rotated", verdict @ Some(_)) => format!("; old secret {}", verdict_words(verdict)),
            _ => String::new(),
        };
        printer.line(format_args!("{}  {state}  {}{old}", padded(&told.head.target, width), ago(now, told.changed)));
        let held = told.held.as_ref().map(|held| held.reason.clone());
        let person = told.held.as_ref().filter(|held| held.person_needed).map(|_| "A person is needed.".to_owned());
        let whereabouts = told.whereabouts.and_then(|where_| unsaid(held.as_deref().unwrap_or_default(), where_));
        let lines = [told.message.clone(), held, whereabouts.map(str::to_owned), person];
        lines.into_iter().flatten().for_each(|line| printer.prose(2, &line));
        told.next.iter().for_each(|next| printer.next(next));
    }
}
