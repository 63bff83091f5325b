//! Several workers on one PostgreSQL journal: a fleet rotated by one worker, by several, and by several of which one is
//! killed again and again. Each target is rotated once each time, whoever does it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use cutover_core::{Clock as _, SystemClock};
use cutover_emulator::server::{Listen, Server};
use cutover_emulator::{Emulator, Vendor};
use cutover_engine::{Event, Recorded};
use jiff::Timestamp;
use serde::Serialize;

use super::held::Shared;
use super::life::{Lived, Worker};
use super::outside::Outside;
use super::{Part, Role, SHOWN, fresh_schema};
use crate::count::{Count, Violation};
use crate::report::grouped;
use crate::subject::SEED;

/// How often the vendors' log is read, which forgets.
const READ: Duration = Duration::from_millis(100);
/// How long a fleet may take, with or without kills.
const PATIENCE: Duration = Duration::from_secs(900);
/// Every so-and-so-many-th kill takes all workers at once, and then it is looked at everything.
const ALL_AT_ONCE: u32 = 8;

/// What is to be shown.
#[derive(Clone, Debug)]
pub struct Proof {
    /// How many targets are rotated, at least.
    pub targets: usize,
    /// By how many workers.
    pub workers: u32,
    /// How many of them are killed.
    pub kills: u32,
    /// Where the moments of the kills come from.
    pub seed: u64,
    /// How long a vendor takes for an answer.
    pub round_trip: Duration,
    /// The PostgreSQL server.
    pub url: String,
}

/// What was shown.
#[derive(Debug, Default, Serialize)]
pub struct Proved {
    /// How many targets were rotated each time.
    pub targets: usize,
    /// By how many workers.
    pub workers: u32,
    /// A vendor's answer takes so many milliseconds.
    pub round_trip_ms: u128,
    /// How many seconds one worker took.
    pub by_one: f64,
    /// How many seconds several workers took.
    pub by_several: f64,
    /// How many seconds they took while they were killed.
    pub while_killed: f64,
    /// How many were killed.
    pub kills: u32,
    /// How many of them all at once, after which everything was looked at.
    pub looks: u32,
    /// How many secrets the vendors made in all three runs.
    pub made: u64,
    /// How many requests for a secret were sent once more because somebody had died.
    pub asked_again: u64,
    /// In which phases rotations were when all workers were killed.
    pub found: BTreeMap<String, u64>,
    /// For how many seconds at most nothing happened, after a death, to a rotation that was under way.
    pub longest: f64,
    /// What is wrong.
    pub violations: Vec<Violation>,
}

/// Shows it.
///
/// # Errors
/// When the emulators or a worker do not start, or something cannot be looked at; that says nothing of a promise.
pub fn prove(proof: &Proof) -> Result<Proved, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| format!("no runtime: {error}"))?.block_on(proved(proof))
}

async fn proved(proof: &Proof) -> Result<Proved, String> {
    let folder = tempfile::tempdir().map_err(|error| format!("no folder: {error}"))?;
    // Each vendor's share of that many, in sixths, as the fleet has it.
    let targets = proof.targets.div_ceil(18) * 6;
    let emulator = Emulator::builder().seed(SEED).targets(targets).build();
    if !proof.round_trip.is_zero() {
        for vendor in Vendor::ALL {
            let slow = format!("{}.*#*=delay:{}", vendor.name(), proof.round_trip.as_millis());
            emulator.fault(&slow).map_err(|error| error.to_string())?;
        }
    }
    let server = Server::start(emulator.clone(), Listen::default()).await.map_err(|error| error.to_string())?;
    let base_urls = Vendor::ALL.map(|vendor| (vendor.name().to_owned(), server.base_url(vendor))).into();
    let shared = Shared { url: proof.url.clone(), schema: fresh_schema() };
    let part = Part {
        folder: folder.path().join("work"),
        log: folder.path().join("worker.log"),
        base_urls,
        role: Role::Ends,
        targets,
        shared: Some(shared.clone()),
    };
    let outside = Outside::prepare(emulator.clone(), &part, folder.path().join("copy"))?;
    let clients = outside.told.clients;
    // The journal and its key are made before many want to.
    outside.history().await?;
    let mut crew = Crew { part, outside, moments: fastrand::Rng::with_seed(proof.seed), kills: 0, looks: 0 };
    let mut told = Proved {
        targets: clients,
        workers: proof.workers,
        round_trip_ms: proof.round_trip.as_millis(),
        ..Proved::default()
    };
    told.by_one = crew.rotates(1, 0).await?;
    told.by_several = crew.rotates(proof.workers, 0).await?;
    told.while_killed = crew.rotates(proof.workers, proof.kills).await?;
    (told.kills, told.looks) = (crew.kills, crew.looks);
    let history = crew.outside.history().await?;
    told.asked_again = history.iter().map(asked_again).sum();
    let seen = crew.outside.in_the_end().await?;
    (told.made, told.found, told.longest, told.violations) = (seen.made, seen.found, seen.longest, seen.violations);
    server.shutdown().await;
    shared.drop().await?;
    Ok(told)
}

/// The workers, and whoever looks from outside.
struct Crew {
    part: Part,
    outside: Outside,
    moments: fastrand::Rng,
    kills: u32,
    looks: u32,
}

impl Crew {
    /// Has `workers` rotate every target once, while `kills` of them are killed and replaced, and says how many seconds
    /// that took: until the last target was rotated.
    async fn rotates(&mut self, workers: u32, kills: u32) -> Result<f64, String> {
        let since = SystemClock.now();
        let role = Role::Shares { since };
        let mut crew = Vec::new();
        for _ in 0..workers.max(1) {
            crew.push(Worker::start(&self.part, role)?);
        }
        let mut killed = 0;
        let mut next = self.moment();
        let mut said = Vec::new();
        let mut lived = Lived::default();
        let begun = since;
        while !crew.is_empty() {
            SystemClock.sleep(READ.min(next)).await;
            self.outside.count_made();
            let (mut ended, mut at_work) = (Vec::new(), Vec::new());
            for mut worker in crew {
                if worker.has_ended() { ended.push(worker) } else { at_work.push(worker) }
            }
            crew = at_work;
            for worker in ended {
                said.extend(worker.ended(&self.part).await?);
            }
            if PATIENCE < Duration::try_from(SystemClock.now().duration_since(begun)).unwrap_or_default() {
                return Err("the workers did not come to an end".to_owned());
            }
            next = next.saturating_sub(READ);
            if !next.is_zero() || kills <= killed || crew.is_empty() {
                continue;
            }
            next = self.moment();
            let all = (killed + 1) % ALL_AT_ONCE == 0;
            let dying = if all { std::mem::take(&mut crew) } else { vec![self.one_of(&mut crew)] };
            for worker in dying {
                lived.at_a_moment(worker).await?;
                killed += 1;
                if !all {
                    crew.push(Worker::start(&self.part, role)?);
                }
            }
            if all {
                self.looks += 1;
                self.outside.after_a_kill(&std::mem::take(&mut lived)).await?;
                for _ in 0..workers {
                    crew.push(Worker::start(&self.part, role)?);
                }
            }
        }
        self.kills += killed;
        self.outside.deaths_of(&lived);
        said.extend(lived.said);
        self.outside.after_an_end(&said).await?;
        self.each_once(since).await
    }

    fn one_of(&mut self, crew: &mut Vec<Worker>) -> Worker {
        let nth = self.moments.usize(0..crew.len());
        crew.swap_remove(nth)
    }

    fn moment(&mut self) -> Duration {
        Duration::from_millis(self.moments.u64(100..900))
    }

    /// Each target was rotated once since then; how many seconds it was until the last one.
    async fn each_once(&mut self, since: Timestamp) -> Result<f64, String> {
        let history = self.outside.history().await?;
        let mut rotated: BTreeMap<&str, u32> = BTreeMap::new();
        let mut last = since;
        let begun = |recorded: &&Recorded| recorded.entries.first().is_some_and(|first| since <= first.at);
        for recorded in history.iter().filter(begun) {
            if let Some(end) = recorded.entries.last().filter(|end| matches!(end.event, Event::Finished)) {
                *rotated.entry(recorded.target.id().as_str()).or_default() += 1;
                last = last.max(end.at);
            }
        }
        let wrong: Vec<String> = rotated
            .iter()
            .filter(|(_, times)| **times != 1)
            .map(|(id, times)| format!("{id} was rotated {times} times"))
            .collect();
        if rotated.len() != self.outside.told.clients {
            let what = format!("{} of {} targets were rotated", rotated.len(), self.outside.told.clients);
            self.outside.wrong(Count::NotConverged, what);
        }
        wrong.into_iter().for_each(|what| self.outside.wrong(Count::Double, what));
        Ok(last.duration_since(since).as_secs_f64())
    }
}

fn asked_again(recorded: &Recorded) -> u64 {
    let asked = recorded.entries.iter().filter(|entry| matches!(entry.event, Event::IssueStarted { .. })).count();
    asked.saturating_sub(1) as u64
}

impl fmt::Display for Proved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = |seconds: f64| self.targets as f64 / seconds.max(0.001);
        writeln!(f, "{} targets, a vendor's answer takes {} ms", grouped(self.targets as u64), self.round_trip_ms)?;
        writeln!(f, "one worker: {:.1} s, {:.0} targets a second", self.by_one, rate(self.by_one))?;
        writeln!(
            f,
            "{} workers: {:.1} s, {:.0} targets a second, {:.2} times one worker",
            self.workers,
            self.by_several,
            rate(self.by_several),
            self.by_one / self.by_several.max(0.001)
        )?;
        writeln!(
            f,
            "{} workers of which {} were killed, {} times all of them: {:.1} s, {:.0} targets a second",
            self.workers,
            self.kills,
            self.looks,
            self.while_killed,
            rate(self.while_killed)
        )?;
        writeln!(
            f,
            "{} secrets made for {} rotations; {} requests were sent again after a death",
            grouped(self.made),
            grouped(3 * self.targets as u64),
            self.asked_again
        )?;
        let found: Vec<String> = self.found.iter().map(|(phase, count)| format!("{count} {phase}")).collect();
        writeln!(f, "unfinished when all were killed: {}", found.join(", "))?;
        writeln!(f, "longest wait of a rotation after a death: {:.1} s", self.longest)?;
        for violation in self.violations.iter().take(SHOWN) {
            writeln!(f, "{}: {}", violation.count.name().to_uppercase(), violation.what)?;
        }
        if SHOWN < self.violations.len() {
            writeln!(f, "and {} more", self.violations.len() - SHOWN)?;
        }
        if self.violations.is_empty() {
            writeln!(f, "each target was rotated once each time; nothing lost, leaked, doubled or cut early")?;
        }
        Ok(())
    }
}
