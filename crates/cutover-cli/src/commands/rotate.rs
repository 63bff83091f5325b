//! `cutover rotate`, and what `resume` and `cancel` share with it: running an engine over many targets and telling what came of it.

pub(super) mod telling;

use std::sync::Arc;

use cutover::engine::{Caution, Ending, Engine, EngineError, Event, Fleet, Job, Journal, Options, Outcome};
use cutover::{Clock as _, SystemClock};
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use serde::Serialize;

use super::Context;
use crate::args::{Pace, Rotate};
use crate::config::{Config, TargetConfig};
use crate::connect::{self, Vendors};
use crate::error::CliError;
use crate::exit::{Exit, Part};
use crate::interrupt;
use crate::progress::Progress;
use crate::report::{About, Report};
use telling::Telling;

/// How many of a target's latest rotations are looked through for one that ended well.
const LOOK_BACK: u32 = 50;

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
    /// A new rotation or an unfinished one, of what other workers leave.
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "only a journal in PostgreSQL is shared"))]
    Share,
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
            Self::Share => "work",
            Self::Resume => "resume",
            Self::RollBack => "cancel",
        }
    }

    /// What a done target is.
    fn done(self) -> &'static str {
        match self {
            Self::Rotate { .. } | Self::Share | Self::Resume => "rotated",
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
    let now = SystemClock.now();
    let since = args.not_since.map_or(now, |not_since| not_since.at(now));
    let mut targets = context.chosen(&config, &args.targets)?;
    if args.not_since.is_some() {
        let chosen = targets.len();
        targets = not_rotated_since(context, &config, targets, since).await?;
        let left_out = chosen - targets.len();
        context.printer.note(format_args!("{left_out} of {chosen} were rotated since {since:.0} and are left out"));
    }
    let jobs = Vendors::new(&config, &context.printer).jobs(&targets).await?;
    let opened = connect::journal::open(&config.journal, &context.printer).await?;
    let caution = Caution {
        canaries: args.canary.unwrap_or_default(),
        failures_max: args.max_failures.map(|failures| failures.of(jobs.len())),
        unfinished_max: args.max_unfinished,
    };
    let work = Work::Rotate { take_over: args.take_over, caution };
    let told = over(context, &jobs, opened.journal(), work, args.pace).await;
    opened.close().await;
    let rest = args.all.then(|| format!("{} rotate --all --not-since {since:.3}", context.program()));
    Ok(conclude(context, work, told, rest.as_deref()))
}

/// Those of the targets whose latest rotation that ended well was before `since`, or that never had one.
async fn not_rotated_since<'c>(
    context: &Context,
    config: &Config,
    targets: Vec<&'c TargetConfig>,
    since: Timestamp,
) -> Result<Vec<&'c TargetConfig>, CliError> {
    let Some(opened) = connect::journal::open_if_there(&config.journal, &context.printer).await? else {
        return Ok(targets);
    };
    let journal = opened.journal();
    let mut wanted = Vec::with_capacity(targets.len());
    for target in targets {
        let history = journal.history(Some(target.target.id()), LOOK_BACK).await?;
        let mut entries = history.iter().filter_map(|recorded| recorded.entries.last());
        if !entries.any(|last| matches!(last.event, Event::Finished) && since <= last.at) {
            wanted.push(target);
        }
    }
    Ok(wanted)
}

/// Does the work on every job's target, and says what came of each as soon as it is known.
pub(super) async fn over(
    context: &Context,
    jobs: &[Job],
    journal: Arc<dyn Journal>,
    work: Work,
    pace: Pace,
) -> Vec<(Report, Part)> {
    let printer = &context.printer;
    let names = || jobs.iter().map(|job| job.target().id().as_str());
    let progress = Arc::new(Progress::new(printer, names()));
    let take_over = matches!(work, Work::Rotate { take_over: true, .. });
    let engine = Engine::new(journal, Arc::new(SystemClock))
        .with_options(Options { take_over, call_interval: pace.call_interval(), ..Options::default() })
        .with_observer(progress.clone());
    let stop = engine.stop_flag();
    interrupt::watch(stop.clone(), printer.clone(), format!("{} resume", context.program()));
    let mut telling = Telling::new(printer, names());
    let mut tell = |nth: usize, result: &Result<Outcome, EngineError>| {
        let about = About { job: jobs[nth].clone(), program: context.program() };
        progress.through(about.job.target().id());
        let (report, part) = (Report::of(&about, result), work.part(result));
        telling.tell(&report, part);
        (nth, report, part)
    };
    // As they come, so that one that has to wait keeps no other from beginning.
    let mut told = Vec::with_capacity(jobs.len());
    if let Work::Rotate { caution, .. } = work {
        let fleet = Fleet::new(engine, pace.at_once).with_caution(caution);
        fleet.rotate_and_tell(jobs, |nth, result| told.push(tell(nth, result))).await;
    } else {
        let one = |(nth, job)| {
            let (engine, progress) = (&engine, &progress);
            async move {
                let result = match work {
                    Work::RollBack => engine.roll_back(job).await.transpose(),
                    Work::Rotate { .. } | Work::Share | Work::Resume => engine.resume(job).await.transpose(),
                };
                if result.is_none() {
                    progress.through(job.target().id());
                }
                result.map(|result| (nth, result))
            }
        };
        let mut done = stream::iter(jobs.iter().enumerate()).map(one).buffer_unordered(pace.at_once);
        while let Some(done) = done.next().await {
            told.extend(done.map(|(nth, result)| tell(nth, &result)));
        }
    }
    told.sort_by_key(|(nth, ..)| *nth);
    told.into_iter().map(|(_, report, part)| (report, part)).collect()
}

/// Gives the JSON document, or how many of several came out how, and the exit code. `rest` is the command for those that
/// have no rotation to go on with.
pub(super) fn conclude(context: &Context, work: Work, told: Vec<(Report, Part)>, rest: Option<&str>) -> Exit {
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
        if let Some(why) = why {
            let why = why.strip_prefix("It was not begun: ").unwrap_or(why).trim_end_matches('.');
            printer.warn(format_args!("the line was stopped: {why}"));
        }
        telling::recap(context, &told, rest);
    }
    exit
}
