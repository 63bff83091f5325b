//! One target with its journal and its destinations, worked on by one process after the other.

mod party;
mod watch;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cutover_core::{ClientSecret, Clock, SecretRotator, Style, Target};
use cutover_engine::{Destination, Entry, Job, Journal, Label, MemoryDestination, MemoryJournal};

use crate::engine::{Rotations, Said, Told, Work};
use crate::listener::Listener;
use crate::outcome::hold;
use crate::{Case, Stop};
use party::{Secrets, WatchedDestination, WatchedHook, WatchedJournal, WatchedRotator};
use watch::Watch;
pub(crate) use watch::{Call, Of, Seen};

/// How many places read the secret: two, so that one can have it and the other not.
const DESTINATIONS: usize = 2;
/// How many hooks there are where there are any: two, so that one can have run and the other not.
pub(crate) const HOOKS: usize = 2;
/// How long a next process waits: longer than any lease, and than any request that is on its way.
const BETWEEN_PROCESSES: Duration = Duration::from_secs(600);
/// How often a rotation is resumed before it counts as one that never ends.
const RESUMED_MAX: usize = 8;

/// One target, and what outlives the processes that work on it.
pub(crate) struct Workplace<'a> {
    case: &'a Case<'a>,
    pub(crate) target: Target,
    pub(crate) old: ClientSecret,
    engine: Arc<dyn Rotations>,
    rotator: Arc<dyn SecretRotator>,
    clock: Arc<dyn Clock>,
    journal: Arc<MemoryJournal>,
    destinations: Vec<MemoryDestination>,
    hooks: usize,
    secrets: Secrets,
    watches: Mutex<Vec<Arc<Watch>>>,
    /// How many steps the case had when nothing was done here yet.
    mark: usize,
    /// Hears what the adapter logs while it asks for secrets.
    pub(crate) listener: Listener,
}

/// One process: what it works with, and the watch over it.
pub(crate) struct Process {
    pub(crate) work: Work,
    pub(crate) watch: Arc<Watch>,
    engine: Arc<dyn Rotations>,
}

impl<'a> Workplace<'a> {
    /// A workplace for a fresh target, whose secret the destinations have.
    pub(crate) async fn new(case: &'a Case<'a>) -> Result<Self, Stop> {
        let (target, old) = case.fresh_target().await?;
        Ok(Self::with(case, target, old))
    }

    /// The same workplace with [`HOOKS`] hooks.
    pub(crate) fn with_hooks(self) -> Self {
        Self { hooks: HOOKS, ..self }
    }

    /// A workplace for this target, whose present secret is `old`.
    fn with(case: &'a Case<'a>, target: Target, old: ClientSecret) -> Self {
        let subject = case.subject();
        let secrets = Secrets::default();
        secrets.number(&old);
        let destination = |nth| MemoryDestination::new(&format!("destination-{}", nth + 1), Some(old.duplicate()));
        Self {
            case,
            engine: subject.engine(),
            rotator: Arc::clone(subject.rotator()),
            clock: subject.clock(),
            journal: Arc::default(),
            destinations: (0..DESTINATIONS).map(destination).collect(),
            hooks: 0,
            target,
            old,
            secrets,
            watches: Mutex::default(),
            mark: case.mark(),
            listener: Listener::default(),
        }
    }

    /// A workplace for the same target, with the secret that the readers have now and an empty journal. What was done
    /// here went well, and its steps are no part of what goes wrong there.
    pub(crate) async fn again(self) -> Result<Self, Stop> {
        let current = self.shared_secret().await?;
        self.case.rewind(self.mark);
        Ok(Self { hooks: self.hooks, ..Self::with(self.case, self.target, current) })
    }

    /// A new process.
    pub(crate) fn process(&self) -> Process {
        let watch = Arc::new(Watch::default());
        let journal = WatchedJournal { inner: Arc::clone(&self.journal), watch: Arc::clone(&watch) };
        let rotator = WatchedRotator {
            inner: Arc::clone(&self.rotator),
            watch: Arc::clone(&watch),
            secrets: self.secrets.clone(),
            journal: Arc::clone(&self.journal),
            destinations: self.destinations.clone(),
            clock: Arc::clone(&self.clock),
            listener: self.listener.clone(),
        };
        self.watches.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&watch));
        let job = self.destinations.iter().enumerate().fold(
            Job::new(self.target.clone(), Arc::new(rotator)),
            |job, (nth, destination)| {
                let (inner, watch, secrets) = (destination.clone(), Arc::clone(&watch), self.secrets.clone());
                job.to(Arc::new(WatchedDestination { inner, nth, watch, secrets }))
            },
        );
        let job = (0..self.hooks).fold(job, |job, nth| {
            let (watch, secrets) = (Arc::clone(&watch), self.secrets.clone());
            let (name, destinations) = (format!("hook-{}", nth + 1), self.destinations.clone());
            job.then(Arc::new(WatchedHook { name, nth, watch, secrets, destinations }))
        });
        let work = Work { journal: Arc::new(journal), clock: Arc::clone(&self.clock), job };
        Process { work, watch, engine: Arc::clone(&self.engine) }
    }

    /// What was seen of every process so far, one after the other.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        let watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        watches.iter().flat_map(|watch| watch.seen()).collect()
    }

    /// Lets a process that rotates die before its call of this number: what it died before, in words. `None` when it
    /// never came to that call; broken when what an earlier death has left kept it from there.
    pub(crate) async fn dies_at(&self, call: usize) -> Result<Option<String>, Stop> {
        let process = self.process();
        process.watch.stop_at(call);
        tokio::select! {
            biased;
            told = process.rotate() => {
                self.case.step(format_args!("rotate {}: {}", self.target.id(), told.words));
                hold!(told.said == Said::Rotated, "after an earlier death, another rotation says: {}", told.words);
                Ok(None)
            }
            () = process.watch.stopped() => {
                process.watch.die();
                // A power cut with it: what was only noted is gone.
                self.journal.power_cut();
                let before = process.watch.stopped_before();
                self.case.step(format_args!("the process dies before {before}"));
                Ok(Some(format!("dying before {before}")))
            }
        }
    }

    /// The calls of a rotation in which nothing goes wrong; broken when it says that something did.
    pub(crate) async fn straight(&self) -> Result<Vec<Call>, Stop> {
        let process = self.process();
        let told = self.rotate(&process).await;
        hold!(told.said == Said::Rotated, "nothing was in its way, and it ends so: {}", told.words);
        let begun = |seen| if let Seen::Began(call) = seen { Some(call) } else { None };
        Ok(process.watch.seen().into_iter().filter_map(begun).collect())
    }

    /// Lets a process rotate.
    pub(crate) async fn rotate(&self, process: &Process) -> Told {
        let told = process.rotate().await;
        self.case.step(format_args!("rotate {}: {}", self.target.id(), told.words));
        told
    }

    /// Lets a process resume.
    pub(crate) async fn resume(&self, process: &Process) -> Told {
        let told = process.engine.resume(&process.work).await;
        self.case.step(format_args!("resume {}: {}", self.target.id(), told.words));
        told
    }

    /// Lets a process roll back.
    pub(crate) async fn roll_back(&self, process: &Process) -> Told {
        let told = process.engine.roll_back(&process.work).await;
        self.case.step(format_args!("roll back {}: {}", self.target.id(), told.words));
        told
    }

    /// Lets time pass for what one process has left to run out.
    pub(crate) async fn wait(&self) {
        self.clock.sleep(BETWEEN_PROCESSES).await;
    }

    /// Resumes, each time by a new process, until nothing is left; broken when that never comes.
    pub(crate) async fn settle(&self) -> Result<Option<Told>, Stop> {
        let mut last = None;
        for _ in 0..RESUMED_MAX {
            if !self.is_open().await? {
                return Ok(last);
            }
            self.wait().await;
            last = Some(self.resume(&self.process()).await);
        }
        let words = last.map(|told| told.words).unwrap_or_default();
        hold!(!self.is_open().await?, "resumed {RESUMED_MAX} times, the rotation has not ended: {words}");
        Ok(None)
    }

    /// Whether a rotation has not ended.
    pub(crate) async fn is_open(&self) -> Result<bool, Stop> {
        let open = self.journal.unfinished(Some(self.target.id())).await;
        open.map(|open| !open.is_empty()).map_err(|error| Stop::NotSetUp(error.to_string()))
    }

    /// Broken unless a rotation does not begin that is refused this, which is `what` in words.
    pub(crate) async fn does_not_begin(&self, of: Of, operation: &'static str, what: &str) -> Result<(), Stop> {
        let process = self.process();
        process.watch.refuse(of, operation);
        self.case.step(what);
        let told = self.rotate(&process).await;
        let asked = self.seen().iter().any(|entry| matches!(entry, Seen::Asked { .. }));
        hold!(!asked, "with {what}, the vendor was asked for a secret");
        let said = matches!(told.said, Said::NothingChanged | Said::Failed);
        hold!(said, "with {what}, it is said: {}", told.words);
        hold!(self.case.accepts(&self.target, &self.old).await?, "with {what}, the old secret was ended");
        Ok(())
    }

    /// What the journal holds of the rotations that there were.
    pub(crate) async fn recorded(&self) -> Result<Vec<Entry>, Stop> {
        let history = self.journal.history(Some(self.target.id()), u32::MAX).await;
        let history = history.map_err(|error| Stop::NotSetUp(error.to_string()))?;
        Ok(history.into_iter().flat_map(|recorded| recorded.entries).collect())
    }

    /// Broken unless every reader has a secret that the vendor accepts, and all the same one.
    pub(crate) async fn readers_are_well(&self) -> Result<(), Stop> {
        let current = self.shared_secret().await?;
        let which = if current == self.old { "the old secret" } else { "a new secret" };
        hold!(self.case.accepts(&self.target, &current).await?, "the readers have {which}, and it does not work");
        Ok(())
    }

    /// Broken unless every reader has the same secret; gives it.
    pub(crate) async fn shared_secret(&self) -> Result<ClientSecret, Stop> {
        let mut shared: Option<ClientSecret> = None;
        for (nth, destination) in self.destinations.iter().enumerate() {
            let current = self.held(destination, Label::Current).await?;
            let Some(current) = current else {
                return Err(Stop::Broken(format!("the readers of destination {} have no secret", nth + 1)));
            };
            self.case.note(&current);
            hold!(
                shared.as_ref().is_none_or(|shared| *shared == current),
                "the readers of one destination have another secret than those of the other"
            );
            shared = Some(current);
        }
        shared.ok_or_else(|| Stop::NotSetUp("there is no destination".to_owned()))
    }

    /// Broken unless each reader has a secret that the vendor accepts now; they may have different ones.
    pub(crate) async fn every_reader_works(&self) -> Result<(), Stop> {
        for (nth, destination) in self.destinations.iter().enumerate() {
            let current = self.held(destination, Label::Current).await?;
            let current = current.unwrap_or_else(|| ClientSecret::new(""));
            let works = self.case.accepts(&self.target, &current).await?;
            hold!(works, "what the readers of destination {} have does not work", nth + 1);
        }
        Ok(())
    }

    /// Broken unless nothing is left of a rotation beside the secret in use.
    pub(crate) async fn nothing_is_left(&self) -> Result<(), Stop> {
        for (nth, destination) in self.destinations.iter().enumerate() {
            for (label, what) in [(Label::Pending, "a pending"), (Label::Previous, "the previous")] {
                let left = self.held(destination, label).await?;
                hold!(left.is_none(), "destination {} holds {what} secret at the end still", nth + 1);
            }
        }
        Ok(())
    }

    /// The number by which [`Seen`] names the secret that every reader has; broken unless that is one.
    pub(crate) async fn shared_number(&self) -> Result<usize, Stop> {
        Ok(self.secrets.number(&self.shared_secret().await?))
    }

    async fn held(&self, destination: &MemoryDestination, label: Label) -> Result<Option<ClientSecret>, Stop> {
        destination.read(label).await.map_err(|error| Stop::NotSetUp(error.to_string()))
    }

    /// Remembers every secret that came by, so that the check recognises it.
    pub(crate) fn remember(&self) {
        for secret in self.secrets.all() {
            self.case.note(&secret);
        }
    }

    /// Whether old and new secret are valid together for a while.
    pub(crate) fn is_two_phase(&self) -> bool {
        self.rotator.profile().style() == Style::TwoPhase
    }
}

/// Before which of these calls a death differs from one a call earlier.
pub(crate) fn deaths(calls: &[Call]) -> impl Iterator<Item = usize> {
    let changes = calls.iter().enumerate().filter(|(_, call)| call.changes());
    changes.map(|(at, _)| at + 1).filter(|at| *at < calls.len())
}

impl Process {
    /// Runs a rotation.
    pub(crate) async fn rotate(&self) -> Told {
        self.engine.rotate(&self.work).await
    }
}
