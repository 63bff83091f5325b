//! What a run found, as data; each form that it is written in has a file of its own.

mod html;
mod json;
mod junit;
mod markdown;
mod terminal;
mod text;
mod view;

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;

use crate::kills::Kill;
use crate::{Outcome, Rule, Skip};

pub(crate) use json::rules_json;
pub use terminal::Colours;
use view::CheckView;

/// Everything that one run found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The rules that were checked, in order.
    pub rules: Vec<Rule>,
    /// The subjects, in order.
    pub subjects: Vec<About>,
    /// Rule by rule, and in each rule subject by subject.
    pub cells: Vec<Cell>,
    /// What the suite was shown to detect in this run; empty unless asked for. Reports then show what is on record.
    pub kills: Vec<Kill>,
    /// Where generated sequences came from.
    pub seed: Option<u64>,
    /// When it began.
    pub started: Option<Timestamp>,
    /// How long it took.
    pub took: Duration,
}

/// What is known of a subject.
#[derive(Clone, Debug)]
pub struct About {
    /// Its name.
    pub name: String,
    /// What it expects not to apply; `None` when nobody has said.
    pub expected: Option<Vec<Skip>>,
}

/// What came of one rule on one subject.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The rule.
    pub rule: Rule,
    /// The subject's name.
    pub subject: String,
    /// What was found.
    pub outcome: Outcome,
    /// What was done, step by step; without secrets.
    pub steps: Vec<String>,
    /// The command that does this check again, and as little else as it can; `None` when none is known.
    pub again: Option<String>,
    /// How long it took.
    pub took: Duration,
    /// Says so when the rule applied and was expected not to, or the other way round.
    pub unexpected: Option<String>,
}

/// How many cells there are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Promises kept.
    pub held: usize,
    /// Promises broken.
    pub broken: usize,
    /// Rules that say nothing about a subject.
    pub not_applicable: usize,
    /// Checks that did not get to their beginning.
    pub not_set_up: usize,
    /// Differences from what a subject expects.
    pub unexpected: usize,
}

/// The verdict on a whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything that applies was held, and every mutant was killed by the rule named for it.
    Held,
    /// A promise was broken, a difference was not expected, or a mutant survived.
    Broken,
    /// Nothing was broken, and some subject could not be set up.
    NotSetUp,
}

impl Report {
    /// How many cells there are of each kind.
    pub fn counts(&self) -> Counts {
        Counts::of(&self.cells)
    }

    /// The verdict.
    pub fn verdict(&self) -> Verdict {
        let counts = self.counts();
        if counts.broken > 0 || counts.unexpected > 0 || !self.gaps().is_empty() {
            Verdict::Broken
        } else if counts.not_set_up > 0 || counts.held == 0 && self.kills.is_empty() {
            Verdict::NotSetUp
        } else {
            Verdict::Held
        }
    }

    /// The cells in which a promise was broken.
    pub fn broken(&self) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(|cell| matches!(cell.outcome, Outcome::Broken(_)))
    }

    /// The cell of one rule on one subject.
    pub fn cell(&self, rule: &str, subject: &str) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.rule.id == rule && cell.subject == subject)
    }
}

impl Counts {
    fn of<'c>(cells: impl IntoIterator<Item = &'c Cell>) -> Self {
        let mut counts = Self::default();
        for cell in cells {
            match cell.outcome {
                Outcome::Held => counts.held += 1,
                Outcome::Broken(_) => counts.broken += 1,
                Outcome::NotApplicable(_) => counts.not_applicable += 1,
                Outcome::NotSetUp(_) => counts.not_set_up += 1,
            }
            counts.unexpected += usize::from(cell.unexpected.is_some());
        }
        counts
    }
}

impl Verdict {
    /// The exit code that says so.
    pub fn code(self) -> u8 {
        match self {
            Self::Held => 0,
            Self::Broken => 1,
            Self::NotSetUp => 4,
        }
    }
}

/// The steps of a check as a numbered script.
fn script(text: &mut String, check: &CheckView) {
    let head = if check.steps_left_out == 0 { check.steps.len() } else { check.steps.len() / 2 };
    for (nth, step) in check.steps.iter().enumerate() {
        if nth == head {
            let _infallible = writeln!(text, "      … {} steps …", check.steps_left_out);
        }
        let number = if nth < head { nth + 1 } else { nth + 1 + check.steps_left_out };
        let _infallible = writeln!(text, "  {number:>2}. {step}");
    }
}
