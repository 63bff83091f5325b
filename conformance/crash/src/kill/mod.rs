//! Real processes over real files and real sockets, killed at moments drawn from a seed.
//!
//! The emulators are served by this process; the one that is killed is this same program, playing a worker: an SQLite
//! journal, one or two files per client, the real adapters over the network. Nothing in it knows that it will be killed.

mod outside;
mod worker;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use cutover_emulator::server::{Listen, Server};
use cutover_emulator::{Emulator, Vendor};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::count::Violation;
use crate::report::grouped;

pub use worker::play_worker;

/// Tells a process that it is a worker, and what it has to know. Holds no secret: credentials come from the seed.
const PART: &str = "CUTOVER_CRASH_WORKER";
/// How many clients each vendor has.
const TARGETS: usize = 12;
/// The longest that a worker lives after it said that it is ready: a fleet is rotated several times in it.
const LIFE_MAX: Duration = Duration::from_millis(600);
/// How long the last worker may take to bring everything to an end before it counts as standing still.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a worker has to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Part {
    folder: std::path::PathBuf,
    seed: u64,
    base_urls: BTreeMap<String, String>,
    /// Whether it only brings to an end what was begun, and then stops.
    last: bool,
}

/// What a worker says when it is ready: in which phases it found unfinished rotations.
#[derive(Debug, Serialize, Deserialize)]
struct Ready {
    unfinished: BTreeMap<String, u64>,
}

/// What came of the kills.
#[derive(Debug, Default, Serialize)]
pub struct Killed {
    /// How many processes were killed.
    pub kills: u32,
    /// How many clients they rotated.
    pub clients: usize,
    /// How many rotations were done in the end.
    pub rotated: u64,
    /// How many requests for a secret the vendors saw.
    pub issues: u64,
    /// In which phases rotations were when their process was killed.
    pub found: BTreeMap<String, u64>,
    /// What the last process said of a rotation that did not end, and how often.
    pub stuck: BTreeMap<String, u64>,
    /// What is wrong.
    pub violations: Vec<Violation>,
}

/// Kills `kills` workers, one after the other, and looks from outside what became of their rotations.
///
/// # Errors
/// When the emulators or a worker do not start; that says nothing of a promise.
pub fn kill(kills: u32, seed: u64) -> Result<Killed, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| format!("no runtime: {error}"))?.block_on(killed(kills, seed))
}

async fn killed(kills: u32, seed: u64) -> Result<Killed, String> {
    let folder = tempfile::tempdir().map_err(|error| format!("no folder: {error}"))?;
    let emulator = Emulator::builder().seed(seed).targets(TARGETS).build();
    let server = Server::start(emulator.clone(), Listen::default()).await.map_err(|error| error.to_string())?;
    let base_urls = Vendor::ALL.map(|vendor| (vendor.name().to_owned(), server.base_url(vendor))).into();
    let part = Part { folder: folder.path().to_owned(), seed, base_urls, last: false };
    let fleet = worker::fleet(&emulator.seeds());
    outside::prepare(&part, &fleet).map_err(|error| format!("the files cannot be made: {error}"))?;
    let mut told = Killed { clients: fleet.len(), ..Killed::default() };
    let mut moments = fastrand::Rng::with_seed(seed);
    for _ in 0..kills {
        let mut worker = start(&part)?;
        told.found(ready(&mut worker.said).await?);
        let life = LIFE_MAX.mul_f64(moments.f64());
        lives(life).await;
        worker.child.kill().await.map_err(|error| format!("a worker could not be killed: {error}"))?;
        told.kills += 1;
        outside::check_now(&emulator, &part, &fleet, &mut told.violations);
    }
    let mut last = start(&Part { last: true, ..part.clone() })?;
    told.found(ready(&mut last.said).await?);
    let ended = tokio::time::timeout(PATIENCE, end(&mut last)).await;
    told.stuck = ended.map_err(|_| "the last worker did not come to an end".to_owned())??;
    outside::check_end(&emulator, &part, &fleet, &mut told).await?;
    server.shutdown().await;
    Ok(told)
}

struct Worker {
    child: Child,
    said: Lines<BufReader<ChildStdout>>,
}

fn start(part: &Part) -> Result<Worker, String> {
    let failed = |error: std::io::Error| format!("a worker did not start: {error}");
    let json = serde_json::to_string(part).map_err(|error| error.to_string())?;
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command.env(PART, json).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log(&part.folder).map_err(failed)?);
    let mut child = command.kill_on_drop(true).spawn().map_err(failed)?;
    let said = child.stdout.take().ok_or("a worker has no standard output")?;
    Ok(Worker { child, said: BufReader::new(said).lines() })
}

/// Where everything goes that workers log or complain about.
fn log(folder: &Path) -> std::io::Result<std::fs::File> {
    std::fs::OpenOptions::new().create(true).append(true).open(folder.join("workers.log"))
}

async fn ready(said: &mut Lines<BufReader<ChildStdout>>) -> Result<Ready, String> {
    let line = said.next_line().await.map_err(|error| error.to_string())?;
    let line = line.ok_or("a worker ended before it was ready; see workers.log")?;
    serde_json::from_str(&line).map_err(|error| format!("a worker said {line:?}: {error}"))
}

/// What the last worker could not bring to an end.
async fn end(worker: &mut Worker) -> Result<BTreeMap<String, u64>, String> {
    let line = worker.said.next_line().await.map_err(|error| error.to_string())?.unwrap_or_default();
    let status = worker.child.wait().await.map_err(|error| error.to_string())?;
    if !status.success() {
        return Err(format!("the last worker ended with {status}"));
    }
    serde_json::from_str(&line).map_err(|error| format!("the last worker said {line:?}: {error}"))
}

/// The worker's life, which is what the seed decides.
#[allow(clippy::disallowed_methods, reason = "the moment of a kill is a time and no condition")]
async fn lives(life: Duration) {
    tokio::time::sleep(life).await;
}

impl Killed {
    fn found(&mut self, ready: Ready) {
        for (phase, count) in ready.unfinished {
            *self.found.entry(phase).or_default() += count;
        }
    }
}

impl fmt::Display for Killed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} processes killed over {} clients; {} rotations done, {} requests for a secret",
            self.kills,
            self.clients,
            grouped(self.rotated),
            grouped(self.issues)
        )?;
        let found: Vec<String> = self.found.iter().map(|(phase, count)| format!("{count} {phase}")).collect();
        writeln!(f, "unfinished when their process was killed: {}", found.join(", "))?;
        for (sentence, count) in &self.stuck {
            writeln!(f, "stuck and named, {count} times: {sentence}")?;
        }
        for violation in &self.violations {
            writeln!(f, "{}: {}", violation.count.name().to_uppercase(), violation.what)?;
        }
        if self.violations.is_empty() {
            writeln!(f, "nothing lost, leaked, doubled or cut early; every rotation came to its end")?;
        }
        Ok(())
    }
}
