//! One call for a third party's own tests.

use std::fmt;

use crate::report::{Report, Verdict};
use crate::{Fixture, rules, run};

/// Checks every rule on what `fixture` makes: an adapter with a vendor behind it.
///
/// As the last line of a test that returns this, it is all that a suite needs: a failure shows as the report.
///
/// # Errors
/// [`NotHeld`] when a promise was broken, when what does not apply is not what the fixture expects, or when nothing
/// could be checked.
pub async fn check_adapter(fixture: impl Fixture + 'static) -> Result<(), NotHeld> {
    let report = run(&rules::all(), &[Box::new(fixture)]).await;
    if report.verdict() == Verdict::Held { Ok(()) } else { Err(NotHeld(Box::new(report))) }
}

/// An adapter that does not hold every rule. Shown as the report, in either form.
pub struct NotHeld(Box<Report>);

impl NotHeld {
    /// What was found.
    pub fn report(&self) -> &Report {
        &self.0
    }
}

impl fmt::Display for NotHeld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not every rule is held\n\n{}", self.0)
    }
}

/// What a test that fails with this prints.
impl fmt::Debug for NotHeld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for NotHeld {}
