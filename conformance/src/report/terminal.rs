//! For a person at a terminal: at most 80 columns.

use std::fmt;

use super::Report;
use crate::Outcome;

/// A table: `ok`, `BROKEN`, `-` where the rule does not apply, `NOT UP`; then what was broken and how.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<&str> =
            self.subjects.iter().map(|about| about.name.rsplit(' ').next().unwrap_or_default()).collect();
        write!(f, "{:8}", "")?;
        for kind in &kinds {
            write!(f, " {kind:>6}")?;
        }
        writeln!(f)?;
        for row in self.cells.chunks(kinds.len().max(1)) {
            write!(f, "{:8}", row.first().map_or("", |cell| cell.rule.id))?;
            for (cell, kind) in row.iter().zip(&kinds) {
                let word = match cell.outcome {
                    Outcome::Held => "ok",
                    Outcome::Broken(_) => "BROKEN",
                    Outcome::NotApplicable(_) => "-",
                    Outcome::NotSetUp(_) => "NOT UP",
                };
                write!(f, " {word:>width$}", width = kind.len().max(6))?;
            }
            writeln!(f)?;
        }
        for cell in &self.cells {
            match &cell.outcome {
                Outcome::Broken(how) => {
                    writeln!(f, "\n{} broken by {}: {}", cell.rule.id, cell.subject, cell.rule.title)?;
                    writeln!(f, "  {how}\n  rests on: {}", cell.rule.rests_on)?;
                    for (nth, step) in cell.steps.iter().enumerate() {
                        writeln!(f, "  {:>2}. {step}", nth + 1)?;
                    }
                    writeln!(f, "  again: {}", cell.again)?;
                }
                Outcome::NotSetUp(why) => {
                    writeln!(f, "\n{} not checked on {}: {why}", cell.rule.id, cell.subject)?;
                }
                _ => {}
            }
            if let Some(unexpected) = &cell.unexpected {
                writeln!(f, "\n{} on {}: {unexpected}", cell.rule.id, cell.subject)?;
            }
        }
        let counts = self.counts();
        writeln!(
            f,
            "\n{} held, {} broken, {} not applicable, {} not set up",
            counts.held, counts.broken, counts.not_applicable, counts.not_set_up
        )
    }
}
