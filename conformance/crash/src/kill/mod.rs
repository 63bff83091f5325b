//! Real processes over real files and real sockets, killed at moments drawn from a seed.
//!
//! The emulators are served by this process; those that are killed are this same program, playing workers: one SQLite
//! journal for all, one or two files per client, the real adapters over the network. Nothing in them knows when they
//! will be killed. What becomes of it is looked at from outside, after each kill and once more at the end.

#[cfg(target_os = "linux")]
mod files;
mod held;
mod life;
mod outside;
mod proof;
mod trigger;
mod worker;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use cutover_core::{Clock as _, SystemClock};
use cutover_emulator::server::{Listen, Server};
use cutover_emulator::{Emulator, Vendor};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::count::Violation;
use crate::report::grouped;
use crate::subject::SEED;
use held::Shared;
use life::Life;
use outside::Outside;

pub use proof::{Proof, Proved, prove};
pub use worker::play_worker;

/// Tells a process that it is a worker, and what it has to know. Holds no secret: credentials come from the seed.
const PART: &str = "CUTOVER_CRASH_WORKER";
/// How many clients each vendor has.
const TARGETS: usize = 12;
/// How long a worker that nobody kills may take before it counts as standing still.
const PATIENCE: Duration = Duration::from_secs(120);

/// How many violations are shown; the first ones tell most.
const SHOWN: usize = 20;

/// What a worker has to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Part {
    folder: PathBuf,
    /// The file for everything it logs or complains about.
    log: PathBuf,
    base_urls: BTreeMap<String, String>,
    role: Role,
    /// How many clients the emulators were made with, at each vendor.
    targets: usize,
    /// Where the journal is, unless it is a file.
    shared: Option<Shared>,
}

/// What a worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Role {
    /// Resumes what is unfinished, then rotates everything, again and again.
    Forwards,
    /// The same from the other end of the fleet, so that two meet.
    Backwards,
    /// Takes back what is unfinished where that can be done, then goes on as the first one does.
    TakesBack,
    /// Brings to an end what was begun, and then stops.
    Ends,
    /// Rotates everything once, and then stops.
    Once,
    /// Does its share of what was not rotated since then, and stops when nothing is left.
    Shares { since: Timestamp },
}

/// What came of the kills.
#[derive(Debug, Default, Serialize)]
pub struct Killed {
    /// How many processes were killed.
    pub kills: u32,
    /// How many of them while another one worked on the same journal.
    pub in_company: u32,
    /// How many clients they rotated.
    pub clients: usize,
    /// How many rotations were done in the end.
    pub rotated: u64,
    /// How many rotations were taken back.
    pub rolled_back: u64,
    /// How many secrets the vendors made.
    pub made: u64,
    /// What was seen last before a kill, and how often.
    pub triggers: BTreeMap<String, u64>,
    /// In which phases rotations were when their process was killed.
    pub found: BTreeMap<String, u64>,
    /// How many secrets were recovered from answers that were sealed when their process was killed.
    pub recovered: u64,
    /// What workers said of rotations that did not end as they should, and how often.
    pub said: BTreeMap<String, u64>,
    /// What the last process said of a rotation that did not end, and how often.
    pub stuck: BTreeMap<String, u64>,
    /// For how many seconds at most nothing happened, after a death, to a rotation that was under way.
    pub longest: f64,
    /// How long all of it took.
    pub seconds: f64,
    /// What is wrong.
    pub violations: Vec<Violation>,
}

/// The journal that the killed share.
#[derive(Clone, Debug)]
pub enum KillJournal {
    /// A file.
    Sqlite,
    /// A schema of its own at the PostgreSQL server with this URL, with so many workers at a time.
    Postgres {
        /// The server.
        url: String,
        /// How many are killed one after another.
        workers: u32,
    },
}

/// Kills `kills` workers, some or all of them several at a time, and looks from outside what became of their rotations.
///
/// # Errors
/// When the emulators or a worker do not start; that says nothing of a promise.
pub fn kill(kills: u32, seed: u64, journal: &KillJournal) -> Result<Killed, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| format!("no runtime: {error}"))?.block_on(killed(kills, seed, journal))
}

async fn killed(kills: u32, seed: u64, journal: &KillJournal) -> Result<Killed, String> {
    let began = SystemClock.now();
    let folder = tempfile::tempdir().map_err(|error| format!("no folder: {error}"))?;
    // The seed decides about kills only; everything that is killed is the same every time.
    let emulator = Emulator::builder().seed(SEED).targets(TARGETS).build();
    let server = Server::start(emulator.clone(), Listen::default()).await.map_err(|error| error.to_string())?;
    let base_urls = Vendor::ALL.map(|vendor| (vendor.name().to_owned(), server.base_url(vendor))).into();
    let (work, log) = (folder.path().join("work"), folder.path().join("worker.log"));
    let shared = match journal {
        KillJournal::Sqlite => None,
        KillJournal::Postgres { url, .. } => Some(Shared { url: url.clone(), schema: fresh_schema() }),
    };
    let part = Part { folder: work, log, base_urls, role: Role::Ends, targets: TARGETS, shared };
    let mut outside = Outside::prepare(emulator.clone(), &part, folder.path().join("copy"))?;
    let mut moments = fastrand::Rng::with_seed(seed);
    while outside.told.kills < kills {
        let left = kills - outside.told.kills;
        let life = match journal {
            KillJournal::Sqlite => Life::draw(&mut moments, left),
            KillJournal::Postgres { workers, .. } => Life::draw_shared(&mut moments, (*workers).max(1), left),
        };
        let lived = life.run(&emulator, &part).await?;
        outside.after_a_kill(&lived).await?;
    }
    for role in [Role::Ends, Role::Once] {
        let ended = tokio::time::timeout(PATIENCE, life::to_the_end(&part, role)).await;
        let said = ended.map_err(|_| format!("a worker that {role:?} did not come to an end"))??;
        outside.after_an_end(&said).await?;
    }
    let mut told = outside.in_the_end().await?;
    server.shutdown().await;
    if let Some(shared) = &part.shared {
        shared.drop().await?;
    }
    told.seconds = Duration::try_from(SystemClock.now().duration_since(began)).unwrap_or_default().as_secs_f64();
    Ok(told)
}

/// A name that no other run has.
fn fresh_schema() -> String {
    format!("crash_{}_{}", std::process::id(), SystemClock.now().as_microsecond())
}

impl fmt::Display for Killed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |counts: &BTreeMap<String, u64>| {
            let parts: Vec<String> = counts.iter().map(|(what, count)| format!("{} {what}", grouped(*count))).collect();
            if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
        };
        writeln!(
            f,
            "{} processes killed over {} clients in {:.0} s, {} of them beside another one on the same journal",
            self.kills, self.clients, self.seconds, self.in_company
        )?;
        writeln!(
            f,
            "{} rotations done, {} taken back, {} secrets made",
            grouped(self.rotated),
            grouped(self.rolled_back),
            grouped(self.made)
        )?;
        writeln!(f, "killed after: {}", list(&self.triggers))?;
        writeln!(f, "unfinished when their process was killed: {}", list(&self.found))?;
        writeln!(f, "sealed secrets that were tried then, and good: {}", grouped(self.recovered))?;
        writeln!(f, "longest wait of a rotation after a death: {:.1} s", self.longest)?;
        for (title, sentences) in [("said", &self.said), ("stuck and named", &self.stuck)] {
            for (sentence, count) in sentences {
                writeln!(f, "{title}, {} times: {sentence}", grouped(*count))?;
            }
        }
        for violation in self.violations.iter().take(SHOWN) {
            writeln!(f, "{}: {}", violation.count.name().to_uppercase(), violation.what)?;
        }
        if SHOWN < self.violations.len() {
            writeln!(f, "and {} more", self.violations.len() - SHOWN)?;
        }
        if self.violations.is_empty() {
            writeln!(
                f,
                "nothing lost, leaked, doubled or cut early, no false success; every rotation came to its end"
            )?;
        }
        Ok(())
    }
}
