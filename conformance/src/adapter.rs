//! One call for a third party's own tests.

use std::fmt;

use crate::report::{Cell, Report, Verdict};
use crate::{Fixture, Need, Outcome, rules, run};

/// So many failures are told at length: one mistake breaks many rules, and the first says most.
const TOLD: usize = 5;

/// Checks every rule on what `fixture` makes: an adapter with a vendor behind it.
///
/// As the last line of a test that returns this, it is all that a suite needs: a failure shows what was broken and how to get
/// there.
///
/// # Errors
/// [`NotHeld`] when a promise was broken, when what does not apply is not what the fixture expects, or when nothing
/// could be checked.
pub async fn check_adapter(fixture: impl Fixture + 'static) -> Result<(), NotHeld> {
    let report = run(&rules::all(), &[Box::new(fixture)]).await;
    if report.verdict() == Verdict::Held { Ok(()) } else { Err(NotHeld(Box::new(report))) }
}

/// An adapter that does not hold every rule. Shown, in either form, as what was broken and how to get there.
pub struct NotHeld(Box<Report>);

impl NotHeld {
    /// What was found.
    pub fn report(&self) -> &Report {
        &self.0
    }
}

impl fmt::Display for NotHeld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.0.counts();
        let mut failed: Vec<&Cell> = self.0.cells.iter().filter(|cell| wrong(cell).is_some()).collect();
        // What shows in the fewest steps is nearest to what is wrong; a step of the engine is many.
        failed.sort_by_key(|cell| (cell.rule.needs.contains(&Need::Engine), cell.steps.len()));
        for (nth, cell) in failed.iter().enumerate().take(TOLD) {
            let found = wrong(cell).unwrap_or_default();
            let gap = if nth == 0 { "" } else { "\n" };
            writeln!(f, "{gap}{} on {}: {}", cell.rule.id, cell.subject, cell.rule.title)?;
            for (nth, step) in cell.steps.iter().enumerate() {
                writeln!(f, "{:>6}. {step}", nth + 1)?;
            }
            writeln!(f, "   -> {found}\n      it rests on: {}", cell.rule.rests_on)?;
        }
        let others: Vec<&str> = failed.iter().skip(TOLD).map(|cell| cell.rule.id).collect();
        if !others.is_empty() {
            writeln!(f, "\n{} more, most likely for the same reason: {}", others.len(), others.join(", "))?;
        }
        write!(f, "\n{} rules held, {} broken, ", counts.held, counts.broken)?;
        write!(f, "{} that do not apply, {} that could not be set up", counts.not_applicable, counts.not_set_up)
    }
}

/// What went wrong, if something did.
fn wrong(cell: &Cell) -> Option<String> {
    match &cell.outcome {
        Outcome::Broken(how) => Some(how.clone()),
        Outcome::NotSetUp(why) => Some(format!("the subject could not be set up: {why}")),
        Outcome::Held | Outcome::NotApplicable(_) => cell.unexpected.clone(),
    }
}

/// What a test that fails with this prints.
impl fmt::Debug for NotHeld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for NotHeld {}
