//! For a person at a terminal: at most 80 columns, however many subjects there are.

use std::fmt::{self, Write as _};

use super::Report;
use super::text::{cut, wrapped};
use super::view::{CheckView, Column, Found, Group, LAYERS, View, shown};

/// The widest line of a table or of prose. Commands to copy are never broken.
const WIDTH: usize = 80;

/// The column in which a rule's marks begin.
const MARKS: usize = 9;

/// So many subjects stand side by side: the last name still fits, and some of a rule's title too.
const BLOCK: usize = 18;

/// So many failures are told at length; whoever has more reads a file.
const TOLD: usize = 25;

/// Colours on a terminal that can show them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    /// As escape sequences.
    On,
    /// None.
    Off,
}

/// As [`Report::terminal`] without colours.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.terminal(Colours::Off))
    }
}

impl Report {
    /// The report for a terminal: a matrix, then what has to be looked at, then the sum.
    pub fn terminal(&self, colours: Colours) -> String {
        let mut page = Page { text: String::new(), colours };
        let view = View::of(self);
        let columns = view.columns();
        for (nth, block) in columns.chunks(BLOCK).enumerate() {
            if nth > 0 {
                page.line("");
            }
            matrix(&mut page, &view, block, (nth + 1) * BLOCK >= columns.len());
        }
        alike(&mut page, &view, &columns);
        failures(&mut page, &view);
        sum(&mut page, &view);
        page.text
    }
}

struct Page {
    text: String,
    colours: Colours,
}

impl Page {
    fn line(&mut self, line: impl fmt::Display) {
        let _infallible = writeln!(self.text, "{line}");
    }

    /// Prose behind a label, broken at the page's width and indented below its beginning.
    fn prose(&mut self, indent: usize, label: &str, text: &str) {
        let margin = indent + label.chars().count();
        for (nth, line) in wrapped(text, WIDTH - margin).iter().enumerate() {
            let label = if nth == 0 { label } else { "" };
            self.line(format_args!("{:indent$}{label:width$}{line}", "", width = margin - indent));
        }
    }

    fn paint(&self, code: &str, text: impl fmt::Display) -> String {
        match self.colours {
            Colours::On => format!("\x1b[{code}m{text}\x1b[0m"),
            Colours::Off => text.to_string(),
        }
    }
}

const GOOD: &str = "32";
const BAD: &str = "1;31";
const ODD: &str = "33";
const FAINT: &str = "2";
const STRONG: &str = "1";

/// Rules by some of the subjects; beside the last of them how many mutants each rule kills.
fn matrix(page: &mut Page, view: &View, columns: &[Column], with_kills: bool) {
    let kills = with_kills && view.detected().is_some();
    let stair = |depth: usize| format!("{:MARKS$}{}", "", "| ".repeat(depth));
    for (depth, column) in columns.iter().enumerate() {
        let more = if column.others.is_empty() { String::new() } else { format!(" +{}", column.others.len()) };
        let name = cut(&view.subjects[column.first].name, WIDTH - MARKS - 2 * depth - more.len());
        let name = page.paint(STRONG, name);
        page.line(format_args!("{}{name}{more}", stair(depth)));
    }
    if kills {
        for (nth, layer) in LAYERS.iter().enumerate() {
            let found = format!("wrong {layer}s it found{}", view.detected_where());
            let found = page.paint(FAINT, found);
            page.line(format_args!("{} {}{found}", stair(columns.len()), "|  ".repeat(nth)));
        }
    }
    for (nth, rule) in view.rules.iter().enumerate() {
        let mut line = format!("{:MARKS$}", cut(&rule.id, MARKS - 1));
        for column in columns {
            line.push_str(&mark(page, view.at(nth, column.first)));
            line.push(' ');
        }
        let mut width = MARKS + 2 * columns.len();
        if kills {
            for layer in LAYERS {
                let killed = match view.kills(rule, layer) {
                    0 => "-".to_owned(),
                    killed => killed.to_string(),
                };
                let _infallible = write!(line, "{killed:>2} ");
                width += 3;
            }
        }
        page.line(format_args!("{line} {}", cut(&rule.title, WIDTH - width - 1)));
    }
}

/// What stands behind the `+` of a column.
fn alike(page: &mut Page, view: &View, columns: &[Column]) {
    for column in columns.iter().filter(|column| !column.others.is_empty()) {
        page.line("");
        page.prose(0, "", &format!("{}, and alike:", view.subjects[column.first].name));
        page.prose(2, "", &view.alike(column).join(" "));
    }
}

fn mark(page: &Page, check: Option<&CheckView>) -> String {
    match check {
        Some(check) if check.unexpected.is_some() => page.paint(BAD, "?"),
        Some(check) => match check.outcome {
            Found::Held => page.paint(GOOD, "."),
            Found::Broken => page.paint(BAD, "X"),
            Found::NotApplicable => page.paint(FAINT, "-"),
            Found::NotSetUp => page.paint(ODD, "!"),
        },
        None => " ".to_owned(),
    }
}

fn failures(page: &mut Page, view: &View) {
    let groups = view.groups();
    for group in groups.iter().take(TOLD) {
        failure(page, view, group);
    }
    if groups.len() > TOLD {
        let more = groups.len() - TOLD;
        page.line(format_args!("\n{more} more are left out here; --html FILE and --json-file FILE have all."));
    }
    if !view.gaps.is_empty() {
        page.line(format_args!("\n{} of the suite itself", page.paint(BAD, "GAPS")));
        view.gaps_told().iter().for_each(|gap| page.prose(2, "- ", gap));
    }
}

fn failure(page: &mut Page, view: &View, group: &Group<'_>) {
    let check = group.first();
    let (word, colour) = match check.outcome {
        Found::Broken => ("BROKEN", BAD),
        Found::NotSetUp => ("NOT SET UP", ODD),
        _ => ("NOT EXPECTED", BAD),
    };
    page.line("");
    page.line(format_args!("{} {}", page.paint(colour, word), page.paint(STRONG, group.title())));
    if let Some(rule) = view.rule(check).filter(|_| check.outcome != Found::NotSetUp) {
        page.prose(2, "promise   ", &rule.title);
        page.prose(2, "rests on  ", &rule.rests_on);
    }
    let found = check.reason.iter().filter(|_| check.unexpected.is_none()).chain(&check.unexpected);
    found.for_each(|found| page.prose(2, "found     ", found));
    if let Some((what, names)) = group.others() {
        page.prose(2, &format!("{what:10}"), &names.join(", "));
    }
    if !check.steps.is_empty() {
        page.line("  script");
    }
    let head = if check.steps_left_out == 0 { check.steps.len() } else { check.steps.len() / 2 };
    for (nth, step) in check.steps.iter().enumerate() {
        if nth == head {
            page.line(format_args!("        … {} steps …", check.steps_left_out));
        }
        let number = if nth < head { nth + 1 } else { nth + 1 + check.steps_left_out };
        page.prose(4, &format!("{number:>2}. "), step);
    }
    if let Some(again) = &check.again {
        page.line(format_args!("  again     {again}"));
    }
}

fn sum(page: &mut Page, view: &View) {
    let counts = view.counts;
    let paint = |code, number: usize, what: &str| {
        let text = format!("{number} {what}");
        if number == 0 { text } else { page.paint(code, text) }
    };
    let parts = [
        paint(GOOD, counts.held, "held (.)"),
        paint(BAD, counts.broken, "broken (X)"),
        paint(FAINT, counts.not_applicable, "not applicable (-)"),
        paint(ODD, counts.not_set_up, "not set up (!)"),
    ];
    let unexpected = paint(BAD, counts.unexpected, "not as expected (?)");
    page.line("");
    page.line(parts.join(", "));
    if counts.unexpected > 0 {
        page.line(unexpected);
    }
    if let Some((mutants, killed)) = view.killed() {
        let code = if mutants == killed { GOOD } else { BAD };
        let found = format!("{killed} of {mutants} mutants found by the rule named for them");
        match view.mutants {
            Some(_) => page.line(page.paint(code, found)),
            None => page.line(format_args!("{found}, on record; not tried in this run")),
        }
    }
    let rules = plural(view.rules.len(), "rule");
    let subjects = plural(view.subjects.len(), "subject");
    let seed = view.seed.as_ref().map(|seed| format!(", seed {seed}")).unwrap_or_default();
    page.line(format_args!("{rules} on {subjects} in {}{seed}", shown(view.took)));
}

/// A number with its noun.
pub(super) fn plural(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
