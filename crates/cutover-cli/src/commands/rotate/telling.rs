//! What a person is told of many targets: each once, the same reason not a hundred times, and at the end what is left.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::commands::{Context, column};
use crate::exit::Part;
use crate::print::{Paint, Printer, padded};
use crate::report::Report;

/// The longest outcome: `nothing changed`.
const OUTCOME_WIDTH: usize = 15;
/// How often the same explanation is given in full.
const IN_FULL: usize = 3;
/// Up to so many targets fit on a screen, and need no list at the end of those that did not come out well.
const ON_A_SCREEN: usize = 20;
/// How many names stand for all in such a list, and how many reasons.
const NAMES: usize = 4;
const REASONS: usize = 5;

/// Tells what came of each target.
#[derive(Debug)]
pub(in crate::commands) struct Telling {
    printer: Printer,
    width: usize,
    /// By what was said, how often and of which target first.
    said: BTreeMap<String, (usize, String)>,
}

impl Telling {
    /// Of targets with these names.
    pub(in crate::commands) fn new<'n>(printer: &Printer, names: impl IntoIterator<Item = &'n str>) -> Self {
        Self { printer: printer.clone(), width: column(names), said: BTreeMap::new() }
    }

    /// Tells of one.
    pub(in crate::commands) fn tell(&mut self, report: &Report, part: Part) {
        let printer = &self.printer;
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
        let printer = &self.printer;
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
pub(in crate::commands) fn recap(context: &Context, told: &[(Report, Part)], rest: Option<&str>) {
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
