//! Every scenario at every point, and pairs of points, on as many threads as there are; each run is on one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::checker::End;
use crate::count::{Count, Violation};
use crate::place::{Leg, Op, Place, Step};
use crate::run::{Plan, Report, run};
use crate::scenario::{Group, Scenario};
use crate::watch;
use crate::world::Seen;

/// How many findings of one sort are told in full; a count goes on.
const ALIKE_MAX: usize = 3;

/// What is swept of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One crash, at every point.
    Single,
    /// And a second one, at every point of what takes up the first.
    Pairs,
}

/// What a sweep found.
#[derive(Debug, Default, Serialize)]
pub struct Sweep {
    /// By the name of the group.
    pub groups: BTreeMap<String, Tally>,
    /// What is wrong, with how to see it again.
    pub findings: Vec<Finding>,
}

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Scenarios.
    pub scenarios: u64,
    /// Crash points: of pairs, each second one counts with each first one.
    pub points: u64,
    /// Runs: points that leave the same world behind share one.
    pub runs: u64,
    /// How runs ended.
    pub ends: BTreeMap<&'static str, u64>,
    /// Broken promises, by count.
    pub broken: BTreeMap<Count, u64>,
    /// What was said where a rotation stands still, and how often.
    pub stuck: BTreeMap<String, u64>,
    /// What was said where a rotation gave way to what looks like somebody else's.
    pub superseded: BTreeMap<String, u64>,
    /// Log lines and spans that were looked through.
    pub log_lines: u64,
}

/// A broken promise, with a script that replays it.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// What to give to `--only`.
    pub id: String,
    /// Where the processes died.
    pub deaths: Vec<String>,
    /// What was seen.
    pub violations: Vec<Violation>,
    /// How it went.
    pub story: Vec<String>,
}

/// Sweeps these groups.
///
/// # Panics
/// When a run panics: then the sweep itself is wrong.
pub fn sweep(groups: &[Group], threads: usize) -> Sweep {
    let work: Vec<(&Group, &Scenario)> =
        groups.iter().flat_map(|group| group.scenarios.iter().map(move |scenario| (group, scenario))).collect();
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Sweep::default()));
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while let Some((group, scenario)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (tally, findings) = scenario_swept(scenario, group.kind);
                    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                    found.groups.entry(group.name.to_owned()).or_default().add(&tally);
                    found.take(findings);
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.findings.sort_by(|one, other| one.id.cmp(&other.id));
    found
}

/// Sweeps one scenario.
pub fn scenario_swept(scenario: &Scenario, kind: Kind) -> (Tally, Vec<Finding>) {
    let mut sweeping = Sweeping { scenario: Arc::new(scenario.clone()), tally: Tally::default(), findings: Vec::new() };
    let lines = watch::lines();
    sweeping.tally.scenarios = 1;
    sweeping.tally.broken = Count::ALL.map(|count| (count, 0)).into();
    let first = sweeping.learn(&[]);
    for (at, shared) in distinct(&first, scenario.stall) {
        match kind {
            Kind::Single => {
                sweeping.tally.points += shared;
                sweeping.run(&[at]);
            }
            Kind::Pairs => {
                let second = sweeping.learn(&[at]);
                for (then, shared_then) in distinct(&second, false) {
                    sweeping.tally.points += shared * shared_then;
                    sweeping.run(&[at, then]);
                }
            }
        }
    }
    sweeping.tally.log_lines = watch::lines() - lines;
    (sweeping.tally, sweeping.findings)
}

/// The first run of a scenario with one crash that breaks a promise of this sort.
pub fn first_finding(scenario: &Scenario, count: Count) -> Option<Finding> {
    let mut sweeping = Sweeping { scenario: Arc::new(scenario.clone()), tally: Tally::default(), findings: Vec::new() };
    let first = sweeping.learn(&[]);
    let mut points = distinct(&first, scenario.stall).into_iter();
    loop {
        let wanted = |finding: &Finding| finding.violations.iter().any(|violation| violation.count == count);
        if let Some(at) = sweeping.findings.iter().position(wanted) {
            return Some(sweeping.findings.swap_remove(at));
        }
        let (at, _) = points.next()?;
        sweeping.run(&[at]);
    }
}

struct Sweeping {
    scenario: Arc<Scenario>,
    tally: Tally,
    findings: Vec<Finding>,
}

impl Sweeping {
    /// Runs without the last crash, to learn the points that the last process passes.
    fn learn(&mut self, crashes: &[u32]) -> Vec<Seen> {
        let plan = Plan { crashes, record: Some(crashes.len()), signs: crashes.is_empty(), ..Plan::default() };
        let report = run(&self.scenario, plan);
        let seen = report.seen.clone();
        self.note(crashes, report);
        seen
    }

    fn run(&mut self, crashes: &[u32]) {
        let report = run(&self.scenario, Plan { crashes, ..Plan::default() });
        debug_assert_eq!(report.deaths.len(), crashes.len(), "{} {crashes:?}: {:?}", self.scenario, report.story);
        self.note(crashes, report);
    }

    fn note(&mut self, crashes: &[u32], report: Report) {
        self.tally.runs += 1;
        let (name, said) = match &report.end {
            End::Unchanged => ("unchanged, then rotated", None),
            End::Rotated => ("rotated", None),
            End::RolledBack => ("rolled back, then rotated", None),
            End::Superseded(reason) => ("superseded, then rotated", Some((&mut self.tally.superseded, reason))),
            End::Stuck(sentence) => ("stuck and named", Some((&mut self.tally.stuck, sentence))),
        };
        if let Some((said_of, sentence)) = said {
            *said_of.entry(sentence.clone()).or_default() += 1;
        }
        *self.tally.ends.entry(name).or_default() += 1;
        if report.violations.is_empty() {
            return;
        }
        let counts: BTreeSet<Count> = report.violations.iter().map(|violation| violation.count).collect();
        counts.into_iter().for_each(|count| *self.tally.broken.entry(count).or_default() += 1);
        self.findings.push(Finding {
            id: id(&self.scenario, crashes),
            deaths: report.deaths.iter().map(|death| death.place.to_string()).collect(),
            violations: report.violations,
            story: report.story,
        });
    }
}

/// What `--only` takes: the scenario and the points.
pub fn id(scenario: &Scenario, crashes: &[u32]) -> String {
    let points: Vec<String> = crashes.iter().map(u32::to_string).collect();
    format!("{scenario}@{}", points.join(","))
}

/// Reads what [`id`] wrote.
///
/// # Errors
/// When it is none.
pub fn of_id(text: &str) -> Result<(Scenario, Vec<u32>), String> {
    let (scenario, points) = text.split_once('@').unwrap_or((text, ""));
    let points = points.split(',').filter(|point| !point.is_empty());
    let points =
        points.map(|point| point.parse().map_err(|_| format!("{point:?} is no point"))).collect::<Result<_, _>>();
    Ok((scenario.parse()?, points?))
}

/// One point of each row that leaves the same world behind, and how many there are in the row.
fn distinct(seen: &[Seen], stall: bool) -> Vec<(u32, u64)> {
    let mut first: BTreeMap<_, (u32, u64)> = BTreeMap::new();
    for (at, seen) in (0..).zip(seen).filter(|(_, seen)| !stall || may_stand_still(seen.place)) {
        // Whoever stands still goes on from where it is, so that no two places are alike.
        let alone = if stall { at + 1 } else { 0 };
        first.entry((seen.print, alone)).or_insert((at, 0)).1 += 1;
    }
    first.into_values().collect()
}

/// Where a process may stand still for longer than its lease. Between a write that showed the lease to be good and the
/// call that relies on it nothing on this side can tell; a vendor that took fences could.
fn may_stand_still(place: Place) -> bool {
    matches!(place, Place::Journal(_, Step::Before) | Place::Call(Op::Issue, Leg::Committed | Leg::Read))
}

impl Sweep {
    fn take(&mut self, findings: Vec<Finding>) {
        for finding in findings {
            let kind = |finding: &Finding| finding.id.split('/').next().unwrap_or_default().to_owned();
            let alike = |known: &&Finding| known.violations == finding.violations && kind(known) == kind(&finding);
            if self.findings.iter().filter(alike).count() < ALIKE_MAX {
                self.findings.push(finding);
            }
        }
    }

    /// Everything together.
    pub fn total(&self) -> Tally {
        self.groups.values().fold(Tally::default(), |mut total, tally| {
            total.add(tally);
            total
        })
    }
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.scenarios += other.scenarios;
        self.points += other.points;
        self.runs += other.runs;
        self.log_lines += other.log_lines;
        add(&mut self.ends, &other.ends);
        add(&mut self.broken, &other.broken);
        add(&mut self.stuck, &other.stuck);
        add(&mut self.superseded, &other.superseded);
    }

    /// How many runs broke a promise of this sort.
    pub fn of(&self, count: Count) -> u64 {
        self.broken.get(&count).copied().unwrap_or_default()
    }

    /// How many runs stood still and said why.
    pub fn named(&self) -> u64 {
        self.stuck.values().sum()
    }
}

fn add<K: Clone + Ord>(to: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
    for (key, count) in from {
        *to.entry(key.clone()).or_default() += count;
    }
}
