//! The process that is killed.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use cutover_core::SystemClock;
use cutover_emulator::Seeds;
use cutover_engine::{Ending, Engine, Fleet, Job, Journal};
use cutover_http::{Limits, ReqwestTransport};
use cutover_stores::{FileDestination, SealingKeys, SqliteJournal, SqliteOptions, key_file};
use tracing_subscriber::filter::LevelFilter;

use super::{PART, Part, Ready, TARGETS};
use crate::subject::{Client, ClientKind, Link};

/// How many clients are rotated at the same time.
const AT_ONCE: usize = 8;
/// How long a lost request may still arrive: on loopback it either is there or never comes.
const STRAGGLER: Duration = Duration::from_millis(300);
/// How often the last worker takes up what does not end.
const RESUMES_MAX: u32 = 12;

/// One client of the fleet.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) kind: ClientKind,
    pub(super) client: Client,
    /// Every other client has two destinations.
    pub(super) destinations: usize,
}

/// Every client that an emulator was seeded with.
pub(super) fn fleet(seeds: &Seeds) -> Vec<Member> {
    let of_kind = |kind: ClientKind| {
        let count = match kind {
            ClientKind::M2m | ClientKind::ConnectedApp => TARGETS / 2,
            ClientKind::App => TARGETS,
            ClientKind::Api | ClientKind::Oidc | ClientKind::MachineUser => TARGETS / 3,
        };
        let member = move |nth| Member { kind, client: kind.client_of(seeds, nth), destinations: 1 + nth % 2 };
        (0..count).map(member)
    };
    ClientKind::ALL.into_iter().flat_map(of_kind).collect()
}

impl Member {
    /// Its files: a JSON file, and where there is a second one, a dotenv file.
    pub(super) fn files(&self, folder: &Path) -> Vec<PathBuf> {
        let name = self.client.target.id();
        let files = [folder.join(format!("{name}.json")), folder.join(format!("{name}.env"))];
        files.into_iter().take(self.destinations).collect()
    }
}

/// Plays a worker, when this process was told to; then it has nothing else to do.
pub fn play_worker() -> Option<ExitCode> {
    let part = std::env::var(PART).ok()?;
    // Straight to standard error, unbuffered: what a killed process logged is looked through as well.
    let logs =
        tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(std::io::stderr).with_ansi(false);
    logs.init();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let played = runtime.map_err(|error| error.to_string()).and_then(|runtime| runtime.block_on(play(&part)));
    Some(match played {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error, "the worker gives up");
            ExitCode::FAILURE
        }
    })
}

async fn play(part: &str) -> Result<(), String> {
    let part: Part = serde_json::from_str(part).map_err(|error| error.to_string())?;
    let journal = Arc::new(journal(&part.folder).await?);
    let engine = Engine::new(Arc::clone(&journal) as Arc<dyn Journal>, Arc::new(SystemClock));
    let jobs = jobs(&part)?;
    let mut unfinished = BTreeMap::new();
    for open in journal.unfinished(None).await.map_err(|error| error.to_string())? {
        let phase = open.state().map_or("damaged", |state| state.phase().name());
        *unfinished.entry(phase.to_owned()).or_default() += 1;
    }
    say(&Ready { unfinished })?;
    let fleet = Fleet::new(engine, AT_ONCE);
    if part.last {
        let stuck = end(&fleet, &jobs, journal.as_ref()).await?;
        journal.close().await.map_err(|error| error.to_string())?;
        return say(&stuck);
    }
    loop {
        fleet.resume(&jobs).await;
        fleet.rotate(&jobs).await;
    }
}

/// Brings everything to an end; what was said of the rotations that do not come to one.
async fn end(fleet: &Fleet, jobs: &[Job], journal: &dyn Journal) -> Result<BTreeMap<String, u64>, String> {
    let mut stuck = BTreeMap::new();
    for _ in 0..RESUMES_MAX {
        stuck.clear();
        for resumed in fleet.resume(jobs).await {
            let said = match resumed {
                Ok(Some(outcome)) => match outcome.ending {
                    Ending::Held { hold, .. } => hold.sentence,
                    Ending::Superseded(reason) => return Err(format!("nobody else rotates here: {reason}")),
                    _ => continue,
                },
                Ok(None) => continue,
                Err(error) => error.to_string(),
            };
            *stuck.entry(said).or_default() += 1;
        }
        if journal.unfinished(None).await.map_err(|error| error.to_string())?.is_empty() {
            return Ok(BTreeMap::new());
        }
    }
    Ok(stuck)
}

/// The journal of all workers.
pub(super) async fn journal(folder: &Path) -> Result<SqliteJournal, String> {
    let (key, _) = key_file::load_or_create(&folder.join("sealing.key")).map_err(|error| error.to_string())?;
    let opened = SqliteJournal::open(folder.join("journal.db"), SealingKeys::new(key), SqliteOptions::default()).await;
    opened.map_err(|error| error.to_string())
}

fn jobs(part: &Part) -> Result<Vec<Job>, String> {
    let seeds = cutover_emulator::Emulator::builder().seed(part.seed).targets(TARGETS).build().seeds();
    let transport = Arc::new(ReqwestTransport::new(&Limits::default()).map_err(|error| error.to_string())?);
    let rotators: BTreeMap<ClientKind, _> = ClientKind::ALL
        .into_iter()
        .map(|kind| {
            let link = Link {
                transport: Arc::clone(&transport) as _,
                clock: Arc::new(SystemClock),
                base_url: part.base_urls.get(kind.vendor().name()).cloned(),
                straggler: Some(STRAGGLER),
                v2: false,
            };
            (kind, kind.rotator_of(&seeds, link))
        })
        .collect();
    let job = |member: Member| {
        let job = Job::new(member.client.target.clone(), Arc::clone(&rotators[&member.kind]));
        member.files(&part.folder).into_iter().enumerate().try_fold(job, |job, (nth, file)| {
            let destination =
                if nth == 0 { FileDestination::json(file, "/secret") } else { FileDestination::dotenv(file, "SECRET") };
            Ok(job.to(Arc::new(destination.map_err(|error| error.to_string())?)))
        })
    };
    fleet(&seeds).into_iter().map(job).collect()
}

fn say(what: &impl serde::Serialize) -> Result<(), String> {
    let line = serde_json::to_string(what).map_err(|error| error.to_string())?;
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).map_err(|error| error.to_string())
}
