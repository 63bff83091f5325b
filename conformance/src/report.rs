//! Rules times subjects.

use std::fmt;

use crate::{Outcome, Rule, Subject};

/// What came of one rule on one subject.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The rule's id.
    pub rule: &'static str,
    /// The rule's promise.
    pub title: &'static str,
    /// What it rests on.
    pub rests_on: &'static str,
    /// The subject's name.
    pub subject: String,
    /// What was found.
    pub outcome: Outcome,
}

/// Every rule on every subject.
#[derive(Clone, Debug, Default)]
pub struct Matrix {
    cells: Vec<Cell>,
}

/// Checks `rules` on the subjects that `make` makes: a new one for each check.
pub async fn run<S: Subject>(rules: &[Rule], makers: &[fn() -> S]) -> Matrix {
    let mut cells = Vec::with_capacity(rules.len() * makers.len());
    for rule in rules {
        for make in makers {
            let subject = make();
            let outcome = (rule.check)(&subject).await;
            let (rule, title, rests_on) = (rule.id, rule.title, rule.rests_on);
            cells.push(Cell { rule, title, rests_on, subject: subject.name().to_owned(), outcome });
        }
    }
    Matrix { cells }
}

impl Matrix {
    /// Every cell, rule by rule.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The cells in which a promise was broken.
    pub fn broken(&self) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(|cell| matches!(cell.outcome, Outcome::Broken(_)))
    }

    /// How many promises were held, broken, and not applicable.
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |is: fn(&Outcome) -> bool| self.cells.iter().filter(|cell| is(&cell.outcome)).count();
        (
            count(|outcome| matches!(outcome, Outcome::Held)),
            count(|outcome| matches!(outcome, Outcome::Broken(_))),
            count(|outcome| matches!(outcome, Outcome::NotApplicable(_))),
        )
    }
}

/// A table of at most 80 columns: `ok`, `BROKEN`, or `-` where the rule does not apply; then what was broken and how.
impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut subjects: Vec<&str> = Vec::new();
        for cell in &self.cells {
            if !subjects.contains(&cell.subject.as_str()) {
                subjects.push(&cell.subject);
            }
        }
        let kinds: Vec<&str> = subjects.iter().map(|name| name.rsplit(' ').next().unwrap_or_default()).collect();
        write!(f, "{:8}", "")?;
        for kind in &kinds {
            write!(f, " {kind:>6}")?;
        }
        writeln!(f)?;
        for row in self.cells.chunks(subjects.len().max(1)) {
            write!(f, "{:8}", row.first().map_or("", |cell| cell.rule))?;
            for (cell, kind) in row.iter().zip(&kinds) {
                let word = match cell.outcome {
                    Outcome::Held => "ok",
                    Outcome::Broken(_) => "BROKEN",
                    Outcome::NotApplicable(_) => "-",
                };
                write!(f, " {word:>width$}", width = kind.len().max(6))?;
            }
            writeln!(f)?;
        }
        for cell in self.broken() {
            if let Outcome::Broken(how) = &cell.outcome {
                writeln!(f, "\n{} broken by {}: {}", cell.rule, cell.subject, cell.title)?;
                writeln!(f, "  {how}\n  rests on: {}", cell.rests_on)?;
            }
        }
        let (held, broken, skipped) = self.counts();
        writeln!(f, "\n{held} held, {broken} broken, {skipped} not applicable")
    }
}
