//! The process that is killed.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use cutover_core::SystemClock;
use cutover_emulator::Seeds;
use cutover_engine::{Ending, Engine, EngineError, Fleet, Job, Journal, JournalError, Outcome};
use cutover_http::{Limits, ReqwestTransport};
use cutover_stores::{FileDestination, SharedWork};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tracing_subscriber::filter::LevelFilter;

use super::held::Held;
use super::{PART, Part, Role};
use crate::subject::{Client, ClientKind, Link, SEED};

/// How many clients are rotated at the same time.
const AT_ONCE: usize = 8;
/// How long a lost request may still arrive: on loopback it either is there or never comes.
const STRAGGLER: Duration = Duration::from_millis(300);
/// How often what does not end is taken up before it counts as standing still.
const RESUMES_MAX: u32 = 12;

/// What a worker says, a line for each.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "said", rename_all = "snake_case")]
pub(super) enum Said {
    /// An attempt ended.
    Ended { attempt: String, ending: String },
    /// A rotation did not end as it should.
    Otherwise { sentence: String },
    /// In the end a rotation is not over.
    Stuck { sentence: String },
}

/// One client of the fleet.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) kind: ClientKind,
    pub(super) client: Client,
    /// Every other client has two destinations.
    pub(super) destinations: usize,
}

/// Every client of an emulator that was seeded with so many at each vendor.
pub(super) fn fleet(seeds: &Seeds, targets: usize) -> Vec<Member> {
    let of_kind = |kind: ClientKind| {
        let count = match kind {
            ClientKind::M2m | ClientKind::ConnectedApp => targets / 2,
            ClientKind::App => targets,
            ClientKind::Api | ClientKind::Oidc | ClientKind::MachineUser => targets / 3,
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

    /// Whether a request to this path is about it.
    pub(super) fn is_in(&self, path: &str) -> bool {
        let target = &self.client.target;
        let ids = [Some(target.client_id().as_str()), target.scope("app_id"), target.scope("user_id")];
        path.split('/').any(|part| ids.contains(&Some(part)))
    }
}

/// Whether a file of this name is one that applications read.
pub(super) fn is_destination(name: &str) -> bool {
    !name.starts_with('.') && (name.ends_with(".json") || name.ends_with(".env"))
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
    let held = Held::open(&part.folder, part.shared.as_ref()).await?;
    let mut jobs = jobs(&part)?;
    if let Role::Shares { since } = part.role {
        share(&held, &jobs, since).await?;
        return held.close().await;
    }
    let journal = held.journal();
    let engine = Engine::new(Arc::clone(&journal), Arc::new(SystemClock));
    let fleet = Fleet::new(engine.clone(), AT_ONCE);
    match part.role {
        Role::Ends => {
            end(&fleet, &jobs, journal.as_ref()).await?;
            return held.close().await;
        }
        Role::Once => {
            rotate(&fleet, &jobs).await?;
            return held.close().await;
        }
        Role::Backwards => jobs.reverse(),
        Role::TakesBack => {
            for job in &jobs {
                tell(job, &engine.roll_back(job).await.transpose())?;
            }
        }
        Role::Forwards | Role::Shares { .. } => {}
    }
    loop {
        for (job, resumed) in jobs.iter().zip(fleet.resume(&jobs).await) {
            tell(job, &resumed.transpose())?;
        }
        rotate(&fleet, &jobs).await?;
    }
}

/// Does what is due and in nobody's hands, until nothing is.
async fn share(held: &Held, jobs: &[Job], since: Timestamp) -> Result<(), String> {
    let Held::Shared(journal) = held else { return Err("a file is not shared".to_owned()) };
    let clock = Arc::new(SystemClock);
    let work = SharedWork::new(Arc::clone(journal), clock.clone(), |due| Engine::new(due, clock)).at_once(AT_ONCE);
    let mut told = Ok(());
    let tell = |nth: usize, result: Option<&Result<Outcome, EngineError>>| {
        let this = result.map_or(Ok(()), |result| tell_one(&jobs[nth], result));
        if told.is_ok() {
            told = this;
        }
    };
    work.run(jobs, || since, tell).await.map_err(|error| error.to_string())?;
    told
}

async fn rotate(fleet: &Fleet, jobs: &[Job]) -> Result<(), String> {
    let mut told = Ok(());
    let tell = |nth: usize, result: &Result<Outcome, EngineError>| {
        let this = tell_one(&jobs[nth], result);
        if told.is_ok() {
            told = this;
        }
    };
    fleet.rotate_and_tell(jobs, tell).await;
    told
}

/// Brings everything to an end, and says what does not come to one.
async fn end(fleet: &Fleet, jobs: &[Job], journal: &dyn Journal) -> Result<(), String> {
    for _ in 0..RESUMES_MAX {
        for (job, resumed) in jobs.iter().zip(fleet.resume(jobs).await) {
            tell(job, &resumed.transpose())?;
        }
        if journal.unfinished(None).await.map_err(|error| error.to_string())?.is_empty() {
            return Ok(());
        }
    }
    for recorded in journal.unfinished(None).await.map_err(|error| error.to_string())? {
        let state = recorded.state().map_err(|error| error.to_string())?;
        let held = state.held().map_or("no reason is recorded", |hold| &hold.sentence);
        say(&Said::Stuck { sentence: held.replace(recorded.target.id().as_str(), "it") })?;
    }
    Ok(())
}

fn tell(job: &Job, result: &Option<Result<Outcome, EngineError>>) -> Result<(), String> {
    result.as_ref().map_or(Ok(()), |result| tell_one(job, result))
}

fn tell_one(job: &Job, result: &Result<Outcome, EngineError>) -> Result<(), String> {
    let otherwise = |sentence: String| Said::Otherwise { sentence: sentence.replace(job.target().id().as_str(), "it") };
    match result {
        Ok(outcome) => {
            match &outcome.ending {
                Ending::Held { hold, .. } => say(&otherwise(hold.sentence.clone()))?,
                Ending::NothingChanged(failure) => say(&otherwise(failure.chain()))?,
                Ending::Superseded(reason) => say(&otherwise(reason.clone()))?,
                _ => {}
            }
            let ending = outcome.ending.name().to_owned();
            outcome.attempt.map_or(Ok(()), |attempt| say(&Said::Ended { attempt: attempt.to_string(), ending }))
        }
        // Another worker is at it, or has left it open since; and some have no way back. All of that is as it should be.
        Err(
            EngineError::Journal(JournalError::Busy { .. } | JournalError::Fenced { .. })
            | EngineError::Unfinished { .. }
            | EngineError::Irreversible { .. },
        ) => Ok(()),
        Err(error) => say(&otherwise(error.to_string())),
    }
}

/// What is done for each client.
pub(super) fn jobs(part: &Part) -> Result<Vec<Job>, String> {
    let seeds = cutover_emulator::Emulator::builder().seed(SEED).targets(part.targets).build().seeds();
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
    fleet(&seeds, part.targets).into_iter().map(job).collect()
}

fn say(what: &Said) -> Result<(), String> {
    let line = serde_json::to_string(what).map_err(|error| error.to_string())?;
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).map_err(|error| error.to_string())
}
