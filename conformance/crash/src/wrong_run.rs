//! The sweep of deliberate faults: what shows that the sweep sees.

use std::collections::BTreeMap;

use crate::count::Count;
use crate::scenario::Scenario;
use crate::sweep::{Finding, Kind, Tally, scenario_swept};
use crate::wrong::Wrong;

/// Whether a deliberate fault was caught.
#[derive(Clone, Debug)]
pub struct Caught {
    /// Which.
    pub wrong: Wrong,
    /// How many runs raised the count that is named for it.
    pub by_its_count: u64,
    /// How many runs there were.
    pub runs: u64,
    /// What was counted.
    pub tally: Tally,
    /// One of the runs that saw it.
    pub finding: Option<Finding>,
    /// Whether the same scenario without the fault raises no count.
    pub control_is_clean: bool,
}

impl Caught {
    /// Whether it raised its count, and nothing else does where it shows.
    pub fn is_caught(&self) -> bool {
        0 < self.by_its_count && self.control_is_clean
    }
}

/// Sweeps every deliberate fault where it shows, and the same scenarios without them.
///
/// # Panics
/// When a fault names no scenario.
pub fn faults() -> Vec<Caught> {
    let mut clean = BTreeMap::new();
    Wrong::all().map(|wrong| caught(wrong, &mut clean)).collect()
}

/// Sweeps one. `clean` has what is known of scenarios without a fault.
fn caught(wrong: Wrong, clean: &mut BTreeMap<&'static str, bool>) -> Caught {
    let mistake = wrong.mistake();
    let right: Scenario = mistake.scenario.parse().unwrap_or_else(|error| panic!("{error}"));
    let (tally, findings) = scenario_swept(&Scenario { wrong: Some(wrong), ..right.clone() }, Kind::Single);
    let control_is_clean = *clean.entry(mistake.scenario).or_insert_with(|| {
        let (control, _) = scenario_swept(&right, Kind::Single);
        Count::ALL.iter().all(|count| control.of(*count) == 0)
    });
    let by_its_count = |finding: &Finding| finding.violations.iter().any(|it| it.count == mistake.caught_by);
    Caught {
        wrong,
        by_its_count: tally.of(mistake.caught_by),
        runs: tally.runs,
        finding: findings.into_iter().find(by_its_count),
        tally,
        control_is_clean,
    }
}
