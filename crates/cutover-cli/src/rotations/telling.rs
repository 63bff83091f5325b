//! What a person is told of many targets: each once, the same reason not a hundred times, and at the end what is left.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use cutover::engine::{EngineError, Halt, Job, Outcome};
use serde::Serialize;

use super::Work;
use super::progress::Progress;
use crate::context::Context;
use crate::exit::{Exit, Part};
use crate::print::{Paint, Printer, column, padded};
use crate::report::{About, Report};

/// The longest outcome: `nothing changed`.
const OUTCOME_WIDTH: usize = 15;
/// How often the same explanation is given in full.
const IN_FULL: usize = 3;
/// Up to so many targets fit on a screen, and need no list at the end of those that did not come out well.
const ON_A_SCREEN: usize = 20;
/// How many names stand for all in such a list, and how many reasons.
const NAMES: usize = 4;
const REASONS: usize = 5;

#[derive(Debug, Serialize)]
struct Document {
    command: &'static str,
    exit_code: u8,
    /// Why some targets were not begun.
    line_stopped: Option<String>,
    targets: Vec<Report>,
}

/// Tells what came of each target, and in the end of all of them.
#[derive(Debug)]
pub(crate) struct Telling<'a> {
    context: &'a Context,
    jobs: &'a [Job],
    work: Work,
    progress: Arc<Progress>,
    width: usize,
    /// By what was said, how often and of which target first.
    said: BTreeMap<String, (usize, String)>,
    told: Vec<(usize, Report, Part)>,
    halt: Option<Halt>,
}

impl<'a> Telling<'a> {
    /// Of the targets of these jobs, of none of them yet.
    pub(crate) fn of(context: &'a Context, jobs: &'a [Job], work: Work) -> Self {
        let names = || jobs.iter().map(|job| job.target().id().as_str());
        let progress = Arc::new(Progress::new(&context.printer, names()));
        let (said, told) = (BTreeMap::new(), Vec::new());
        Self { context, jobs, work, progress, width: column(names()), said, told, halt: None }
    }

    /// Who is to be told how each one goes on.
    pub(super) fn observer(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Of how many was told what came of them.
    #[cfg(feature = "postgres")]
    pub(crate) fn count(&self) -> usize {
        self.told.len()
    }

    /// Nothing was to be done to the target of this job.
    pub(crate) fn passed_over(&self, nth: usize) {
        self.progress.through(self.jobs[nth].target().id());
    }

    /// Tells what came of the target of this job.
    pub(crate) fn came_out(&mut self, nth: usize, result: &Result<Outcome, EngineError>) {
        let about = About { job: self.jobs[nth].clone(), program: self.context.program() };
        self.progress.through(about.job.target().id());
        let (report, part) = (Report::of(&about, result), self.work.part(result));
        self.tell(&report, part);
        self.told.push((nth, report, part));
    }

    /// Why others were not begun, of which nothing was told.
    #[cfg(feature = "postgres")]
    pub(crate) fn stopped_by(self, halt: Option<Halt>) -> Self {
        Self { halt, ..self }
    }

    /// Tells how many came out how, or gives the JSON document; and the exit code. `rest` is the command for those that
    /// have no rotation to go on with.
    pub(crate) fn conclude(mut self, rest: Option<&str>) -> Exit {
        drop(self.progress);
        self.told.sort_by_key(|(nth, ..)| *nth);
        let (context, work) = (self.context, self.work);
        let told: Vec<(Report, Part)> = self.told.into_iter().map(|(_, report, part)| (report, part)).collect();
        let halt = self.halt.or_else(|| told.iter().find_map(|(report, _)| report.left_alone()));
        let line_stopped = halt.map(|why| why.to_string());
        // Targets that nobody began are not done.
        let exit: Exit = told.iter().map(|(_, part)| *part).chain(self.halt.map(|_| Part::Failed)).collect();
        let printer = &context.printer;
        if printer.is_json() {
            let targets = told.into_iter().map(|(report, _)| report).collect();
            printer.document(&Document { command: work.command(), exit_code: exit.code(), line_stopped, targets });
            return exit;
        }
        if told.len() > 1 {
            let left = told.iter().filter(|(report, _)| report.left_alone().is_some()).count();
            let count = |wanted| told.iter().filter(|(_, part)| *part == wanted).count();
            let not = format!("not {}", work.done());
            let parts = [
                (count(Part::Done), work.done()),
                (count(Part::Failed) - left, not.as_str()),
                (count(Part::Person), if count(Part::Person) == 1 { "needs a person" } else { "need a person" }),
                (left, "not begun"),
            ];
            let parts = parts.into_iter().filter(|(count, _)| *count > 0);
            let parts: Vec<_> = parts.map(|(count, what)| format!("{count} {what}")).collect();
            printer.step(parts.join(", "));
        }
        if let Some(why) = line_stopped {
            printer.warn(format_args!("the line was stopped: {why}"));
        }
        if told.len() > 1 {
            recap(context, &told, rest);
        }
        exit
    }

    fn tell(&mut self, report: &Report, part: Part) {
        let printer = &self.context.printer;
        if printer.is_quiet() && part == Part::Done {
            return;
        }
        let explained = part != Part::Done && report.left_alone().is_none();
        // Why others were left alone is said once, at the end; that they were, too, when they are many.
        if report.left_alone().is_some() && self.is_known(report, IN_FULL) {
            return;
        }
        let same_as = (explained && self.is_known(report, IN_FULL)).then(|| self.said[&reason(report)].1.clone());
        let remark = match &same_as {
            Some(first) => format!("as {first}"),
            None => report.remark(),
        };
        let printer = &self.context.printer;
        let paint = match part {
            Part::Done => Paint::Good,
            Part::Failed => Paint::Bad,
            Part::Person => Paint::Odd,
        };
        let outcome = padded(&printer.paint(paint, report.words()), OUTCOME_WIDTH);
        printer.line(format!("{}  {outcome}  {remark}", padded(report.target(), self.width)).trim_end());
        if explained && same_as.is_none() {
            report.explanation().for_each(|sentence| printer.prose(2, sentence));
            report.next().iter().for_each(|next| printer.next(next));
        }
    }

    /// Whether the same was said `often` already; counts it.
    fn is_known(&mut self, report: &Report, often: usize) -> bool {
        let said = self.said.entry(reason(report)).or_insert_with(|| (0, report.target().to_owned()));
        said.0 += 1;
        often < said.0
    }
}

/// Lists what did not come out well, by reason, when there were too many targets to have seen it; and says how to go on.
fn recap(context: &Context, told: &[(Report, Part)], rest: Option<&str>) {
    let printer = &context.printer;
    let is_many = ON_A_SCREEN < told.len();
    if is_many {
        let mut reasons: BTreeMap<String, Vec<&Report>> = BTreeMap::new();
        for (report, _) in told.iter().filter(|(report, part)| *part != Part::Done && report.left_alone().is_none()) {
            reasons.entry(reason(report)).or_default().push(report);
        }
        let mut reasons: Vec<_> = reasons.into_values().collect();
        reasons.sort_by_key(|reports| Reverse(reports.len()));
        reasons.iter().take(REASONS).for_each(|reports| list(printer, reports));
        let others: usize = reasons.iter().skip(REASONS).map(Vec::len).sum();
        if 0 < others {
            printer.aside(2, &format!("{others} for other reasons, given above"));
        }
    }
    let some = |is: fn(&Report) -> bool| told.iter().any(|(report, part)| *part != Part::Done && is(report));
    if is_many && some(Report::is_unfinished) {
        printer.step(format_args!("  Next: {} resume", context.program()));
    }
    if (is_many && some(|report| !report.is_unfinished())) || some(|report| report.left_alone().is_some()) {
        rest.iter().for_each(|rest| printer.step(format_args!("  Next: {rest}")));
    }
}

/// Targets that came out the same way for the same reason.
fn list(printer: &Printer, reports: &[&Report]) {
    let Some(first) = reports.first() else { return };
    let names: Vec<&str> = reports.iter().take(NAMES).map(|report| report.target()).collect();
    let more = reports.len().saturating_sub(NAMES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    printer.aside(2, &format!("{} {}: {}{more}", reports.len(), first.words(), names.join(", ")));
    first.explanation().for_each(|sentence| printer.aside(4, &sentence.replace(first.target(), "it")));
}

/// What is said of a target, without its name, and without numbers and ids, which differ where the reason does not.
fn reason(report: &Report) -> String {
    let said: Vec<&str> = report.explanation().collect();
    let said = format!("{} {}", report.words(), said.join(" ")).replace(report.target(), "it");
    let is_plain = |word: &&str| !word.contains(|c: char| c.is_ascii_digit());
    said.split_whitespace().filter(is_plain).collect::<Vec<_>>().join(" ")
}
