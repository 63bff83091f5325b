//! A report made fit to be shown: cleaned and cut once, then written in any form.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde::Serialize;

use super::text::{NAME_MAX, REASON_MAX, clean, clean_line, clean_steps};
use super::{Cell, Counts, Report, Verdict};
use crate::Outcome;
use crate::kills::{self, Kill, Layer};

/// The version of the JSON document; it changes when a program that reads the old one would err.
pub(super) const VERSION: u32 = 1;

/// A report as it is shown. Serialized, it is the JSON document; `docs/conformance-report.schema.json` describes it.
#[derive(Debug, Serialize)]
pub(super) struct View {
    pub(super) format: &'static str,
    pub(super) version: u32,
    pub(super) suite: &'static str,
    pub(super) verdict: &'static str,
    pub(super) exit_code: u8,
    pub(super) started: Option<String>,
    #[serde(rename = "took_ms", serialize_with = "milliseconds")]
    pub(super) took: Duration,
    /// A text, because not every reader of JSON has whole numbers of 64 bits.
    pub(super) seed: Option<String>,
    pub(super) counts: Counts,
    pub(super) rules: Vec<RuleView>,
    pub(super) subjects: Vec<SubjectView>,
    pub(super) checks: Vec<CheckView>,
    /// What this run was shown to detect; `None` when no mutants were asked for.
    pub(super) mutants: Option<Vec<KillView>>,
    /// What these rules detect by the record that comes with the suite; `None` when this run has tried it.
    pub(super) recorded_mutants: Option<Vec<KillView>>,
    /// What is wrong with the suite itself; empty when no mutants were asked for.
    pub(super) gaps: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct RuleView {
    pub(super) id: String,
    pub(super) family: String,
    pub(super) title: String,
    pub(super) rests_on: String,
    pub(super) applies_to: &'static str,
    pub(super) needs: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
pub(super) struct SubjectView {
    pub(super) name: String,
    pub(super) counts: Counts,
    /// `None` when nobody has said what to expect.
    pub(super) expected_not_to_apply: Option<Vec<SkipView>>,
}

#[derive(Debug, Serialize)]
pub(super) struct SkipView {
    pub(super) rule: String,
    pub(super) reason: String,
}

#[derive(Debug, Serialize)]
pub(super) struct CheckView {
    pub(super) rule: String,
    pub(super) subject: String,
    pub(super) outcome: Found,
    pub(super) reason: Option<String>,
    pub(super) unexpected: Option<String>,
    pub(super) steps: Vec<String>,
    pub(super) steps_left_out: usize,
    pub(super) again: Option<String>,
    #[serde(rename = "took_ms", serialize_with = "milliseconds")]
    pub(super) took: Duration,
    /// Where the rule stands in `rules`.
    #[serde(skip)]
    pub(super) nth_rule: usize,
    /// Where the subject stands in `subjects`.
    #[serde(skip)]
    pub(super) nth_subject: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct KillView {
    pub(super) name: String,
    pub(super) layer: &'static str,
    pub(super) named: String,
    pub(super) killed_by: Vec<String>,
    pub(super) killed_by_name: bool,
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Found {
    Held,
    Broken,
    NotApplicable,
    NotSetUp,
}

impl View {
    /// The report, cleaned and cut.
    pub(super) fn of(report: &Report) -> Self {
        let verdict = report.verdict();
        Self {
            format: "cutover-conformance",
            version: VERSION,
            suite: env!("CARGO_PKG_VERSION"),
            verdict: match verdict {
                Verdict::Held => "held",
                Verdict::Broken => "broken",
                Verdict::NotSetUp => "not_set_up",
            },
            exit_code: verdict.code(),
            started: report.started.map(|started| format!("{started:.0}")),
            took: report.took,
            seed: report.seed.map(|seed| seed.to_string()),
            counts: report.counts(),
            rules: report.rules.iter().map(rule).collect(),
            subjects: subjects(report),
            checks: report.cells.iter().map(|cell| check(report, cell)).collect(),
            mutants: (!report.kills.is_empty()).then(|| report.kills.iter().map(kill).collect()),
            recorded_mutants: report.kills.is_empty().then(|| recorded(report)),
            gaps: report.gaps().iter().map(|gap| clean_line(gap, REASON_MAX)).collect(),
        }
    }

    /// The checks that a person has to look at, in order.
    pub(super) fn failures(&self) -> impl Iterator<Item = &CheckView> {
        self.checks.iter().filter(|check| check.is_failure())
    }

    /// The failures, those together that say the same: one rule on several subjects, or a subject that cannot be set up
    /// for several rules.
    pub(super) fn groups(&self) -> Vec<Group<'_>> {
        let mut groups: Vec<Group<'_>> = Vec::new();
        let mut places: HashMap<_, usize> = HashMap::new();
        for check in self.failures() {
            let of = if check.outcome == Found::NotSetUp {
                (None, Some(check.nth_subject))
            } else {
                (Some(check.nth_rule), None)
            };
            let said = check.unexpected.as_ref().or(check.reason.as_ref()).map(|said| without_numbers(said));
            match places.entry((of, check.outcome.words(), said)) {
                Entry::Occupied(place) => groups[*place.get()].checks.push(check),
                Entry::Vacant(place) => {
                    place.insert(groups.len());
                    groups.push(Group { checks: vec![check] });
                }
            }
        }
        groups
    }

    /// The columns of a matrix: a subject, with those of its further forms on which every rule came out alike.
    pub(super) fn columns(&self) -> Vec<Column> {
        let mut rows: Vec<Vec<_>> = vec![Vec::new(); self.subjects.len()];
        for check in &self.checks {
            if let Some(row) = rows.get_mut(check.nth_subject) {
                row.push((check.nth_rule, check.outcome.words(), check.unexpected.is_some()));
            }
        }
        let mut columns: Vec<Column> = Vec::new();
        let mut places: HashMap<_, usize> = HashMap::new();
        for (nth, row) in rows.into_iter().enumerate() {
            let name = &self.subjects[nth].name;
            match places.entry((base(name).to_owned(), row)) {
                Entry::Occupied(place) => columns[*place.get()].others.push(nth),
                Entry::Vacant(place) => {
                    place.insert(columns.len());
                    columns.push(Column { first: nth, others: Vec::new() });
                }
            }
        }
        columns
    }

    /// The names of a column's other subjects, without what they have in common with the first.
    pub(super) fn alike(&self, column: &Column) -> Vec<&str> {
        let short = |nth: &usize| {
            let name = self.subjects[*nth].name.as_str();
            name.get(base(name).len()..).map(str::trim_start).filter(|form| !form.is_empty()).unwrap_or(name)
        };
        column.others.iter().map(short).collect()
    }

    /// The names of subjects, where all forms of one are among them by their number.
    pub(super) fn told_together(&self, names: &[&str]) -> Vec<String> {
        let mut told: Vec<String> = Vec::new();
        let mut bases: Vec<&str> = names.iter().map(|name| base(name)).collect();
        bases.dedup();
        for one in bases {
            let of_one = |name: &&str| base(name) == one;
            let among: Vec<&str> = names.iter().copied().filter(of_one).collect();
            let all = self.subjects.iter().filter(|subject| base(&subject.name) == one).count();
            let whole = format!("{one} in all of its {all} forms");
            match among.len() {
                number if number == all && all > 2 => {
                    if !told.contains(&whole) {
                        told.push(whole);
                    }
                }
                _ => {
                    let new = among.into_iter().map(str::to_owned).filter(|name| !told.contains(name));
                    told.extend(new.collect::<Vec<_>>());
                }
            }
        }
        told
    }

    /// The gaps of the suite as they are told: rules that notice nothing in one line.
    pub(super) fn gaps_told(&self) -> Vec<String> {
        let (idle, mut told): (Vec<String>, Vec<String>) =
            self.gaps.iter().cloned().partition(|gap| gap.ends_with(NOTICES_NONE));
        if idle.len() < 2 {
            told.extend(idle);
        } else {
            let rules = idle.iter().map(|gap| gap.trim_end_matches(NOTICES_NONE).trim_end());
            told.push(format!("{} rules notice no mutant: {}", idle.len(), rules.collect::<Vec<_>>().join(", ")));
        }
        told
    }

    /// The check of one rule on one subject, by their places.
    pub(super) fn at(&self, rule: usize, subject: usize) -> Option<&CheckView> {
        // Rule by rule is how a run goes; a report put together in another way is searched.
        let there = |check: &&CheckView| (check.nth_rule, check.nth_subject) == (rule, subject);
        self.checks.get(rule * self.subjects.len() + subject).filter(there).or_else(|| self.checks.iter().find(there))
    }

    /// The rule of a check.
    pub(super) fn rule(&self, check: &CheckView) -> Option<&RuleView> {
        self.rules.get(check.nth_rule)
    }

    /// What the suite detects: shown in this run, or else on record; `None` when nothing is known of these rules.
    pub(super) fn detected(&self) -> Option<&[KillView]> {
        let known = self.mutants.as_ref().or(self.recorded_mutants.as_ref())?;
        (!known.is_empty()).then_some(known)
    }

    /// Where that is known from, as it is said beside it: nothing when this run has shown it.
    pub(super) fn detected_where(&self) -> &'static str {
        if self.mutants.is_some() { "" } else { " on record" }
    }

    /// How many mutants of a layer a rule kills that name it.
    pub(super) fn kills(&self, rule: &RuleView, layer: &str) -> usize {
        let by_name = |kill: &&KillView| kill.killed_by_name && kill.named == rule.id && kill.layer == layer;
        self.detected().into_iter().flatten().filter(by_name).count()
    }

    /// How many mutants there are, and how many of them are killed by the rule that they name; `None` when nothing is
    /// known of these rules.
    pub(super) fn killed(&self) -> Option<(usize, usize)> {
        let mutants = self.detected()?;
        Some((mutants.len(), mutants.iter().filter(|kill| kill.killed_by_name).count()))
    }
}

/// How a gap ends that is about a rule that notices no mutant.
const NOTICES_NONE: &str = "notices no mutant";

/// Failures that say the same.
#[derive(Debug)]
pub(super) struct Group<'v> {
    checks: Vec<&'v CheckView>,
}

/// A subject, and those that came out alike.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) first: usize,
    pub(super) others: Vec<usize>,
}

impl<'v> Group<'v> {
    /// The first of them, which stands for all.
    pub(super) fn first(&self) -> &'v CheckView {
        self.checks[0]
    }

    /// All of them.
    pub(super) fn all(&self) -> &[&'v CheckView] {
        &self.checks
    }

    /// Which rule on which subject, in short.
    pub(super) fn title(&self) -> String {
        let CheckView { rule, subject, outcome, .. } = self.first();
        match (self.checks.len() - 1, outcome) {
            (0, _) => format!("{rule} on {subject}"),
            (more, Found::NotSetUp) => format!("{rule} and {more} more on {subject}"),
            (more, _) => format!("{rule} on {subject} and {more} more"),
        }
    }

    /// What the others are: rules or subjects, by name; nothing when there are none.
    pub(super) fn others(&self) -> Option<(&'static str, Vec<&'v str>)> {
        let (what, name): (_, fn(&CheckView) -> &str) = match self.first().outcome {
            Found::NotSetUp => ("rules", |check| &check.rule),
            _ => ("subjects", |check| &check.subject),
        };
        (self.checks.len() > 1).then(|| (what, self.checks.iter().map(|check| name(check)).collect()))
    }
}

/// What is said, whatever the ids in it are.
fn without_numbers(text: &str) -> String {
    let plain = |word: &&str| !word.contains(|c: char| c.is_ascii_digit());
    text.split_whitespace().filter(plain).collect::<Vec<_>>().join(" ")
}

/// A subject's name without the form in which it is checked, as in `hopae app [http]`.
fn base(name: &str) -> &str {
    name.split_once(" [").map_or(name, |(base, _)| base)
}

impl CheckView {
    /// Whether a person has to look at it.
    pub(super) fn is_failure(&self) -> bool {
        matches!(self.outcome, Found::Broken | Found::NotSetUp) || self.unexpected.is_some()
    }
}

impl Found {
    /// It in words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Broken => "broken",
            Self::NotApplicable => "not applicable",
            Self::NotSetUp => "not set up",
        }
    }
}

/// The layers in the order in which they are shown, as they are written.
pub(super) const LAYERS: [&str; 3] = ["vendor", "adapter", "engine"];

fn layer(layer: Layer) -> &'static str {
    match layer {
        Layer::Vendor => "vendor",
        Layer::Adapter => "adapter",
        Layer::Engine => "engine",
    }
}

pub(super) fn rule(rule: &crate::Rule) -> RuleView {
    RuleView {
        id: clean_line(rule.id, NAME_MAX),
        family: clean_line(rule.family(), NAME_MAX),
        title: clean_line(rule.title, REASON_MAX),
        rests_on: clean_line(rule.rests_on, REASON_MAX),
        applies_to: rule.profiles.as_str(),
        needs: rule.needs.iter().map(|need| need.as_str()).collect(),
    }
}

fn subjects(report: &Report) -> Vec<SubjectView> {
    let subject = |about: &super::About| SubjectView {
        name: clean_line(&about.name, NAME_MAX),
        counts: Counts::of(report.cells.iter().filter(|cell| cell.subject == about.name)),
        expected_not_to_apply: about.expected.as_ref().map(|skips| {
            let skip = |skip: &crate::Skip| SkipView {
                rule: clean_line(skip.rule, NAME_MAX),
                reason: clean_line(&skip.reason, REASON_MAX),
            };
            skips.iter().map(skip).collect()
        }),
    };
    report.subjects.iter().map(subject).collect()
}

fn check(report: &Report, cell: &Cell) -> CheckView {
    let (outcome, reason) = match &cell.outcome {
        Outcome::Held => (Found::Held, None),
        Outcome::Broken(how) => (Found::Broken, Some(how)),
        Outcome::NotApplicable(why) => (Found::NotApplicable, Some(why)),
        Outcome::NotSetUp(why) => (Found::NotSetUp, Some(why)),
    };
    let (steps, steps_left_out) = clean_steps(&cell.steps);
    CheckView {
        rule: clean_line(cell.rule.id, NAME_MAX),
        subject: clean_line(&cell.subject, NAME_MAX),
        outcome,
        reason: reason.map(|reason| clean(reason, REASON_MAX)),
        unexpected: cell.unexpected.as_ref().map(|unexpected| clean(unexpected, REASON_MAX)),
        steps,
        steps_left_out,
        again: cell.again.as_ref().map(|again| clean_line(again, REASON_MAX)),
        took: cell.took,
        nth_rule: report.rules.iter().position(|rule| rule.id == cell.rule.id).unwrap_or(usize::MAX),
        nth_subject: report.subjects.iter().position(|about| about.name == cell.subject).unwrap_or(usize::MAX),
    }
}

/// What is on record of the rules of a report.
fn recorded(report: &Report) -> Vec<KillView> {
    let ids: HashSet<&str> = report.rules.iter().map(|rule| rule.id).collect();
    let mut kills = kills::recorded();
    kills.retain(|kill| ids.contains(kill.named));
    kills.iter_mut().for_each(|kill| kill.killed_by.retain(|rule| ids.contains(rule)));
    kills.iter().map(kill).collect()
}

fn kill(kill: &Kill) -> KillView {
    KillView {
        name: clean_line(&kill.mutant, NAME_MAX),
        layer: layer(kill.layer),
        named: clean_line(kill.named, NAME_MAX),
        killed_by: kill.killed_by.iter().map(|rule| clean_line(rule, NAME_MAX)).collect(),
        killed_by_name: kill.is_by_name(),
    }
}

fn milliseconds<S: serde::Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(took.as_millis()).unwrap_or(u64::MAX))
}

/// A time in the unit that a person would choose.
pub(super) fn shown(took: Duration) -> String {
    match took.as_millis() {
        0 => "under 1 ms".to_owned(),
        ms @ 1..1000 => format!("{ms} ms"),
        ms @ 1000..60_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        ms => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1000),
    }
}

impl Report {
    /// What is wrong with the suite itself, by the mutants that were tried; nothing when none were.
    pub fn gaps(&self) -> Vec<String> {
        if self.kills.is_empty() {
            return Vec::new();
        }
        let mut gaps = kills::gaps(&self.rules, &self.kills);
        // Some of the rules show some of what is on record.
        if crate::rules::all().iter().all(|rule| self.rules.iter().any(|checked| checked.id == rule.id)) {
            gaps.extend(kills::differences(&self.kills));
        }
        gaps
    }
}
