//! `cutover rotate`, and what `resume` and `cancel` share with it: running an engine over many targets and telling what came of it.

use std::sync::Arc;

use cutover::SystemClock;
use cutover::engine::{Caution, Ending, Engine, EngineError, Fleet, Job, Journal, Options, Outcome};
use futures_util::{StreamExt as _, stream};
use serde::Serialize;

use super::{Context, column};
use crate::args::Rotate;
use crate::connect::{self, Vendors};
use crate::error::CliError;
use crate::exit::{Exit, Part};
use crate::interrupt;
use crate::print::{Paint, Printer, padded};
use crate::progress::Progress;
use crate::report::{About, Report};

/// The longest outcome: `nothing changed`.
const OUTCOME_WIDTH: usize = 15;

#[derive(Debug, Serialize)]
struct Document {
    command: &'static str,
    exit_code: u8,
    targets: Vec<Report>,
}

/// What is done to each target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// A new rotation.
    Rotate {
        /// Whether somebody else's pending rotation is cancelled.
        take_over: bool,
        /// When no further target is begun.
        caution: Caution,
    },
    /// An unfinished one, where there is one.
    Resume,
    /// The way back from an unfinished one, where there is one.
    RollBack,
}

impl Work {
    /// The command that does it.
    pub(super) fn command(self) -> &'static str {
        match self {
            Self::Rotate { .. } => "rotate",
            Self::Resume => "resume",
            Self::RollBack => "cancel",
        }
    }

    /// What a done target is.
    fn done(self) -> &'static str {
        match self {
            Self::Rotate { .. } | Self::Resume => "rotated",
            Self::RollBack => "rolled back",
        }
    }

    /// What a result is to whoever asked for this.
    fn part(self, result: &Result<Outcome, EngineError>) -> Part {
        match (self, result.as_ref().map(|outcome| &outcome.ending)) {
            (Self::RollBack, Ok(Ending::RolledBack(_))) => Part::Done,
            // Somebody wanted the old secret back and has the new one.
            (Self::RollBack, Ok(Ending::Rotated)) => Part::Failed,
            _ => Part::of(result),
        }
    }
}

pub(super) async fn run(context: &Context, args: &Rotate) -> Result<Exit, CliError> {
    let config = context.config()?;
    let targets = context.chosen(&config, &args.targets)?;
    let jobs = Vendors::new(&config, &context.printer).jobs(&targets).await?;
    let journal = connect::journal(&config.journal, &context.printer).await?;
    let caution = Caution {
        canaries: args.canary.unwrap_or_default(),
        failures_max: args.max_failures,
        unfinished_max: args.max_unfinished,
    };
    let work = Work::Rotate { take_over: args.take_over, caution };
    let told = over(context, &jobs, journal.clone(), work, args.pace.at_once).await;
    close(&journal).await;
    Ok(conclude(context, work, told))
}

/// Does the work on every job's target, and says what came of each as soon as it is known.
pub(super) async fn over(
    context: &Context,
    jobs: &[Job],
    journal: Arc<dyn Journal>,
    work: Work,
    at_once: usize,
) -> Vec<(Report, Part)> {
    let printer = &context.printer;
    let progress = Arc::new(Progress::new(printer, jobs.len()));
    let take_over = matches!(work, Work::Rotate { take_over: true, .. });
    let engine = Engine::new(journal, Arc::new(SystemClock))
        .with_options(Options { take_over, ..Options::default() })
        .with_observer(progress.clone());
    interrupt::watch(engine.stop_flag(), printer.clone(), format!("{} resume", context.program()));
    let width = column(jobs.iter().map(|job| job.target().id().as_str()));
    let tell = |nth: usize, result: &Result<Outcome, EngineError>| {
        let about = About { job: jobs[nth].clone(), program: context.program() };
        progress.through(about.job.target().id());
        let (report, part) = (Report::of(&about, result), work.part(result));
        show(printer, &report, part, width);
        (nth, report, part)
    };
    // As they come, so that one that has to wait keeps no other from beginning.
    let mut told = Vec::with_capacity(jobs.len());
    if let Work::Rotate { caution, .. } = work {
        let fleet = Fleet::new(engine, at_once).with_caution(caution);
        fleet.rotate_and_tell(jobs, |nth, result| told.push(tell(nth, result))).await;
    } else {
        let one = |(nth, job)| {
            let (engine, progress) = (&engine, &progress);
            async move {
                let result = match work {
                    Work::RollBack => engine.roll_back(job).await.transpose(),
                    Work::Rotate { .. } | Work::Resume => engine.resume(job).await.transpose(),
                };
                if result.is_none() {
                    progress.through(job.target().id());
                }
                result.map(|result| (nth, result))
            }
        };
        let mut done = stream::iter(jobs.iter().enumerate()).map(one).buffer_unordered(at_once);
        while let Some(done) = done.next().await {
            told.extend(done.map(|(nth, result)| tell(nth, &result)));
        }
    }
    told.sort_by_key(|(nth, ..)| *nth);
    told.into_iter().map(|(_, report, part)| (report, part)).collect()
}

fn show(printer: &Printer, report: &Report, part: Part, width: usize) {
    if printer.is_quiet() && part == Part::Done {
        return;
    }
    let paint = match part {
        Part::Done => Paint::Good,
        Part::Failed => Paint::Bad,
        Part::Person => Paint::Odd,
    };
    let outcome = printer.paint(paint, report.words());
    let line = format!("{}  {}  {}", padded(report.target(), width), padded(&outcome, OUTCOME_WIDTH), report.remark());
    printer.line(line.trim_end());
    // Why others were left alone is said once, at the end.
    if part != Part::Done && report.left_alone().is_none() {
        report.explanation().for_each(|sentence| printer.prose(2, sentence));
        report.next().iter().for_each(|next| printer.next(next));
    }
}

/// Gives the JSON document, or how many of several came out how, and the exit code.
pub(super) fn conclude(context: &Context, work: Work, told: Vec<(Report, Part)>) -> Exit {
    let exit: Exit = told.iter().map(|(_, part)| *part).collect();
    let printer = &context.printer;
    if printer.is_json() {
        let targets = told.into_iter().map(|(report, _)| report).collect();
        printer.document(&Document { command: work.command(), exit_code: exit.code(), targets });
    } else if told.len() > 1 {
        let mut left_alone = told.iter().filter_map(|(report, _)| report.left_alone());
        let (left, why) = (left_alone.clone().count(), left_alone.next());
        let count = |wanted| told.iter().filter(|(_, part)| *part == wanted).count();
        let not = format!("not {}", work.done());
        let parts = [
            (count(Part::Done), work.done()),
            (count(Part::Failed) - left, not.as_str()),
            (count(Part::Person), "need a person"),
            (left, "not begun"),
        ];
        let parts = parts.into_iter().filter(|(count, _)| *count > 0);
        let parts: Vec<_> = parts.map(|(count, what)| format!("{count} {what}")).collect();
        printer.step(parts.join(", "));
        why.iter().for_each(|why| printer.warn(format_args!("the line was stopped. {why}")));
    }
    exit
}

/// Gives the journal's leases back. Where that fails they end by themselves.
pub(super) async fn close(journal: &cutover::stores::SqliteJournal) {
    if let Err(error) = journal.close().await {
        tracing::warn!(error = crate::error::chain(&error), "the journal was not closed in good order");
    }
}
