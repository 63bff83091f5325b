//! Rules times subjects.

use std::fmt;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use cutover_core::{Clock, SystemClock};

use crate::check::check_on;
use crate::report::{About, Cell, Report};
use crate::{Checked, Draw, Fixture, Outcome, Rule, Skip, Subject};

/// Checks `rules` on what `fixtures` make: a new subject for each check.
pub async fn run(rules: &[Rule], fixtures: &[Box<dyn Fixture>]) -> Report {
    Suite::new(rules, fixtures).run().await
}

/// Rules and subjects, and what else is to be known for a run.
#[derive(Clone, Copy)]
pub struct Suite<'a> {
    rules: &'a [Rule],
    fixtures: &'a [Box<dyn Fixture>],
    draw: Draw,
    program: Option<&'a str>,
    watcher: Option<&'a Watcher<'a>>,
}

/// Hears of each check before it begins.
pub type Watcher<'w> = dyn Fn(Progress<'_>) + Sync + 'w;

/// How far a run has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// How many checks are done.
    pub done: usize,
    /// How many there are.
    pub all: usize,
    /// The rule that is checked now.
    pub rule: &'a str,
    /// What it is checked on.
    pub subject: &'a str,
}

impl<'a> Suite<'a> {
    /// `rules` on what `fixtures` make.
    pub fn new(rules: &'a [Rule], fixtures: &'a [Box<dyn Fixture>]) -> Self {
        Self { rules, fixtures, draw: Draw::default(), program: None, watcher: None }
    }

    /// Where generated sequences come from, and how many of them there are.
    #[must_use]
    pub fn drawing(mut self, draw: Draw) -> Self {
        self.draw = draw;
        self
    }

    /// A command that takes `--rule` and `--on` and does a check again, for reports to name. Without one they name the
    /// test in which the suite runs, if it does.
    #[must_use]
    pub fn program(mut self, program: &'a str) -> Self {
        self.program = Some(program);
        self
    }

    /// Calls `watcher` before each check.
    #[must_use]
    pub fn watched_by(mut self, watcher: &'a Watcher<'a>) -> Self {
        self.watcher = Some(watcher);
        self
    }

    /// Checks every rule on every subject, and lets the fixtures clean up.
    ///
    /// Whoever drops this future early has to see to [`Fixture::clean_up`].
    pub async fn run(self) -> Report {
        let started = SystemClock.now();
        let subjects = about(self.fixtures);
        let mut cells = Vec::with_capacity(self.rules.len() * self.fixtures.len());
        // A subject on which nothing was done, because a rule does not apply to it, is new for the next rule.
        let mut unused: Vec<Option<Box<dyn Subject>>> = self.fixtures.iter().map(|_| None).collect();
        for rule in self.rules {
            for ((fixture, about), unused) in self.fixtures.iter().zip(&subjects).zip(&mut unused) {
                if let Some(watcher) = self.watcher {
                    let all = self.rules.len() * self.fixtures.len();
                    watcher(Progress { done: cells.len(), all, rule: rule.id, subject: &about.name });
                }
                cells.push(self.cell(rule, fixture.as_ref(), about, unused).await);
            }
        }
        drop(unused);
        for fixture in self.fixtures {
            fixture.clean_up().await;
        }
        let took = since(started);
        Report {
            rules: self.rules.to_vec(),
            subjects,
            cells,
            seed: Some(self.draw.seed),
            started: Some(started),
            took,
            kills: Vec::new(),
        }
    }

    async fn cell(
        self,
        rule: &Rule,
        fixture: &dyn Fixture,
        about: &About,
        unused: &mut Option<Box<dyn Subject>>,
    ) -> Cell {
        let started = SystemClock.now();
        let subject = match unused.take() {
            Some(subject) => Ok(subject),
            None => fixture.subject().await,
        };
        let Checked { outcome, steps, seed } = match subject {
            Ok(subject) => match rule.excuse(subject.as_ref()) {
                Some(excuse) => {
                    *unused = Some(subject);
                    Checked::before_any_step(Outcome::NotApplicable(excuse))
                }
                None => check_on(rule, subject.as_ref(), Some(fixture), self.draw).await,
            },
            Err(stop) => Checked::before_any_step(Err(stop).into()),
        };
        let unexpected = about.expected.as_ref().and_then(|expected| unexpected(rule, &outcome, expected));
        let again = match self.program {
            Some(program) => {
                let seed = seed.map(|seed| format!(" --seed {seed} --cases 1")).unwrap_or_default();
                Some(format!("{program} --rule {} --on {}{seed}", rule.id, quoted(&about.name)))
            }
            None => test(),
        };
        Cell { rule: *rule, subject: about.name.clone(), outcome, steps, again, took: since(started), unexpected }
    }
}

/// What [`Suite::run`] does, on every core: for subjects of this process, which share nothing.
pub(crate) async fn on_every_core(
    rules: &[Rule],
    fixtures: Arc<[Box<dyn Fixture>]>,
    program: &str,
    draw: Draw,
    watcher: Option<&Watcher<'_>>,
) -> Report {
    let started = SystemClock.now();
    let (next, all) = (Arc::new(AtomicUsize::new(0)), rules.len() * fixtures.len());
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get).min(fixtures.len());
    for _ in 0..workers {
        let (next, tell, fixtures) = (Arc::clone(&next), tell.clone(), Arc::clone(&fixtures));
        let (rules, program) = (rules.to_vec(), program.to_owned());
        std::thread::spawn(move || {
            // Without a runtime nothing can be checked, which shows in the report.
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
            let suite = Suite::new(&rules, &fixtures).program(&program).drawing(draw);
            let subjects = about(&fixtures);
            loop {
                let nth = next.fetch_add(1, Ordering::Relaxed);
                let (Some(fixture), Some(about)) = (fixtures.get(nth), subjects.get(nth)) else { return };
                let mut unused = None;
                for (place, rule) in rules.iter().enumerate() {
                    let cell = runtime.block_on(suite.cell(rule, fixture.as_ref(), about, &mut unused));
                    // Whoever does not listen any more wants no further check.
                    if tell.send((place * fixtures.len() + nth, cell)).is_err() {
                        return;
                    }
                }
            }
        });
    }
    drop(tell);
    let (subjects, mut done, mut cells) = (about(&fixtures), 0, Vec::new());
    cells.resize_with(all, || None);
    while let Some((place, cell)) = told.recv().await {
        if let Some(watcher) = watcher {
            watcher(Progress { done, all, rule: cell.rule.id, subject: &cell.subject });
        }
        done += 1;
        cells[place] = Some(cell);
    }
    for fixture in fixtures.iter() {
        fixture.clean_up().await;
    }
    let places = rules.iter().flat_map(|rule| subjects.iter().map(move |about| (rule, about)));
    let cells = places.zip(cells).map(|((rule, about), cell)| cell.unwrap_or_else(|| unchecked(rule, about)));
    Report {
        rules: rules.to_vec(),
        cells: cells.collect(),
        subjects,
        seed: Some(draw.seed),
        started: Some(started),
        took: since(started),
        kills: Vec::new(),
    }
}

/// A check that no thread could be had for, or whose thread died of its fixture.
fn unchecked(rule: &Rule, about: &About) -> Cell {
    Cell {
        rule: *rule,
        subject: about.name.clone(),
        outcome: Outcome::NotSetUp("its thread ended before it was checked".to_owned()),
        steps: Vec::new(),
        again: None,
        took: Duration::ZERO,
        unexpected: None,
    }
}

fn about(fixtures: &[Box<dyn Fixture>]) -> Vec<About> {
    let about = |fixture: &dyn Fixture| About { name: fixture.name().to_owned(), expected: fixture.expected() };
    fixtures.iter().map(|fixture| about(fixture.as_ref())).collect()
}

/// The time since `started`; none when the machine's clock was put back meanwhile.
fn since(started: Timestamp) -> Duration {
    Duration::try_from(SystemClock.now().duration_since(started)).unwrap_or_default()
}

/// The command for the test that this thread runs, if it runs one.
fn test() -> Option<String> {
    let package = std::env::var("CARGO_PKG_NAME").ok()?;
    let thread = std::thread::current();
    let name = thread.name().filter(|name| *name != "main" && !name.starts_with("tokio"))?;
    Some(format!("cargo test -p {package} -- --exact {}", quoted(name)))
}

/// Text as one word of a shell.
pub(crate) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

fn unexpected(rule: &Rule, outcome: &Outcome, expected: &[Skip]) -> Option<String> {
    let skip = expected.iter().find(|skip| skip.rule == rule.id);
    match (outcome, skip) {
        (Outcome::NotApplicable(why), None) => Some(format!("it should apply, and does not: {why}")),
        (Outcome::NotApplicable(why), Some(skip)) if *why != skip.reason => {
            Some(format!("it should not apply because {}, and does not because {why}", skip.reason))
        }
        (Outcome::Held | Outcome::Broken(_), Some(skip)) => {
            Some(format!("it should not apply because {}, and does", skip.reason))
        }
        _ => None,
    }
}

impl fmt::Debug for Suite<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.fixtures.iter().map(|fixture| fixture.name()).collect();
        f.debug_struct("Suite").field("rules", &self.rules.len()).field("subjects", &names).finish_non_exhaustive()
    }
}
