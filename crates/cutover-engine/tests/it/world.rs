//! One vendor, one journal, some destinations and a clock, and processes that live and die among them.

use std::sync::Arc;
use std::time::Duration;

use cutover_core::{ClientId, Kind, Target, TargetId, Vendor};
use cutover_engine::{
    End, Ending, Engine, EngineError, Fleet, Job, Journal, Options, Outcome, Patience, Phase, Recorded, StopFlag,
};

use crate::clock::SimClock;
use crate::log::{Deed, Log};
use crate::points::Points;
use crate::stores::{FaultyDestination, FaultyHook, FaultyJournal};
use crate::vendor::{FakeVendor, Flavour};

/// How long a dead worker's lease lasts at most.
pub(crate) const LEASE: Duration = Duration::from_secs(120);
/// How often an attempt is resumed before a test takes it for stuck.
const RESUMED_MAX: u32 = 12;

pub(crate) struct World {
    pub(crate) flavour: Flavour,
    pub(crate) clock: Arc<SimClock>,
    pub(crate) points: Arc<Points>,
    pub(crate) log: Arc<Log>,
    pub(crate) vendor: Arc<FakeVendor>,
    pub(crate) journal: Arc<FaultyJournal>,
    pub(crate) destinations: Vec<Arc<FaultyDestination>>,
    pub(crate) hooks: Vec<Arc<FaultyHook>>,
    pub(crate) options: Options,
    /// Longer than any destination takes, unless a test says otherwise.
    pub(crate) patience: Patience,
    pub(crate) target: Target,
    /// Where the vendor and everything else that panics is expected to do so.
    pub(crate) outcomes: std::sync::Mutex<Vec<String>>,
}

impl World {
    /// A vendor of this flavour and two destinations that hold the secret in use.
    pub(crate) fn new(flavour: Flavour) -> Self {
        Self::with(flavour, |vendor| vendor)
    }

    pub(crate) fn with(flavour: Flavour, change: impl FnOnce(FakeVendor) -> FakeVendor) -> Self {
        let (clock, points, log) = (SimClock::new(), Points::new(), Log::new());
        let vendor = FakeVendor::new(flavour, Arc::clone(&clock), Arc::clone(&points), Arc::clone(&log));
        let journal = FaultyJournal::new(Arc::clone(&points), Arc::clone(&log));
        let target = Target::new(
            TargetId::new("billing").expect("valid"),
            Vendor::from_static("acme"),
            Kind::from_static("m2m"),
            ClientId::new("client-1").expect("valid"),
        );
        let mut world = Self {
            flavour,
            clock,
            points,
            log,
            vendor: Arc::new(change(vendor)),
            journal: Arc::new(journal),
            destinations: Vec::new(),
            hooks: Vec::new(),
            options: Options { lease_ttl: LEASE, ..Options::default() },
            patience: Patience { per_call: Duration::from_secs(600), ..Patience::default() },
            target,
            outcomes: std::sync::Mutex::default(),
        };
        for name in ["vault", "file"] {
            world.add_destination(name, true);
        }
        world
    }

    /// A vendor of this flavour, two destinations that hold the secret in use, and two hooks.
    pub(crate) fn hooked(flavour: Flavour) -> Self {
        let mut world = Self::new(flavour);
        world.add_hook("reload");
        world.add_hook("announce");
        world
    }

    /// One more hook, with an application behind it that uses the first secret.
    pub(crate) fn add_hook(&mut self, name: &str) {
        let (points, log) = (Arc::clone(&self.points), Arc::clone(&self.log));
        self.hooks.push(Arc::new(FaultyHook::new(name, self.destinations.clone(), points, log)));
    }

    /// One more destination, which holds the first secret or nothing.
    pub(crate) fn add_destination(&mut self, name: &str, filled: bool) {
        let current = filled.then(|| self.log.secret(0));
        let (points, log) = (Arc::clone(&self.points), Arc::clone(&self.log));
        self.destinations.push(Arc::new(FaultyDestination::new(name, current, points, log)));
    }

    /// The engine of a process that begins now.
    pub(crate) fn engine(&self) -> Engine {
        self.log.push(Deed::Process);
        let journal = Arc::clone(&self.journal);
        let clock = Arc::clone(&self.clock);
        Engine::new(journal, clock).with_options(self.options)
    }

    pub(crate) fn job(&self) -> Job {
        let vendor = Arc::clone(&self.vendor);
        let job = Job::new(self.target.clone(), vendor);
        let job = self.destinations.iter().fold(job, |job, destination| {
            let destination = Arc::clone(destination);
            job.to_with(destination, self.patience)
        });
        self.hooks.iter().fold(job, |job, hook| {
            let hook = Arc::clone(hook);
            job.then(hook)
        })
    }

    pub(crate) async fn rotate(&self) -> Result<Outcome, EngineError> {
        self.noted(self.engine().rotate(&self.job()).await)
    }

    pub(crate) async fn resume(&self) -> Result<Option<Outcome>, EngineError> {
        match self.engine().resume(&self.job()).await {
            Ok(Some(outcome)) => self.noted(Ok(outcome)).map(Some),
            Ok(None) => Ok(None),
            Err(error) => self.noted(Err(error)).map(Some),
        }
    }

    pub(crate) async fn roll_back(&self) -> Result<Option<Outcome>, EngineError> {
        self.engine().roll_back(&self.job()).await
    }

    pub(crate) fn fleet(&self) -> Fleet {
        Fleet::new(self.engine(), 2)
    }

    pub(crate) fn stopped_engine(&self) -> (Engine, StopFlag) {
        let engine = self.engine();
        let flag = engine.stop_flag();
        (engine, flag)
    }

    /// Remembers everything that a user would be shown, for the checker to look through.
    fn noted(&self, result: Result<Outcome, EngineError>) -> Result<Outcome, EngineError> {
        let mut outcomes = self.outcomes.lock().expect("no panic under this lock");
        outcomes.push(format!("{result:?}"));
        match &result {
            Ok(outcome) => outcomes.push(outcome.to_string()),
            Err(error) => outcomes.push(error.to_string()),
        }
        result
    }

    /// Rotates in a process that dies at the `deadly`-th point; where it died, if it did.
    pub(crate) async fn rotate_until(&self, deadly: usize) -> Option<String> {
        self.points.arm(Some(deadly));
        let died = self.points.live(self.rotate()).await.is_none();
        let died_at = self.points.died_at();
        self.points.arm(None);
        self.after(died);
        died_at
    }

    /// As [`rotate_until`](Self::rotate_until), resuming.
    pub(crate) async fn resume_until(&self, deadly: usize) -> Option<String> {
        self.points.arm(Some(deadly));
        let died = self.points.live(self.resume()).await.is_none();
        let died_at = self.points.died_at();
        self.points.arm(None);
        self.after(died);
        died_at
    }

    fn after(&self, died: bool) {
        if died {
            self.clock.advance(LEASE);
        }
    }

    /// Resumes until nothing is unfinished, some minutes between two tries; how the last attempt ended, if there was
    /// one.
    pub(crate) async fn bring_to_an_end(&self) -> Option<End> {
        for _ in 0..RESUMED_MAX {
            match self.resume().await {
                Ok(None) => return self.last().await.map(|last| ended(&last)),
                Ok(Some(Outcome { ending: Ending::NothingChanged(failure), .. })) if self.is_open().await => {
                    panic!("it cannot be resumed: {failure}");
                }
                Ok(Some(_)) | Err(_) => self.clock.advance(Duration::from_secs(300)),
            }
        }
        panic!("it does not end: {:?}", self.outcomes.lock().expect("no panic under this lock").last());
    }

    pub(crate) async fn is_open(&self) -> bool {
        !self.journal.inner.unfinished(None).await.expect("memory can be read").is_empty()
    }

    /// The last attempt, as the journal has it.
    pub(crate) async fn last(&self) -> Option<Recorded> {
        self.journal.inner.history(None, 1).await.expect("memory can be read").pop()
    }

    pub(crate) async fn phase(&self) -> Phase {
        let last = self.last().await.expect("an attempt was begun");
        last.state().expect("in order").phase()
    }
}

/// A job at the vendor of each world, each of a target of its own.
pub(crate) fn jobs_of(worlds: &[World]) -> Vec<Job> {
    let job = |(nth, world): (usize, &World)| {
        let id = TargetId::new(format!("target-{nth}")).expect("valid");
        let client = ClientId::new("client-1").expect("valid");
        let target = Target::new(id, Vendor::from_static("acme"), Kind::from_static("m2m"), client);
        let vendor = Arc::clone(&world.vendor);
        world.destinations.iter().fold(Job::new(target, vendor), |job, destination| {
            let destination = Arc::clone(destination);
            job.to(destination)
        })
    };
    worlds.iter().enumerate().map(job).collect()
}

fn ended(last: &Recorded) -> End {
    match last.state().expect("in order").phase() {
        Phase::Ended(end) => end,
        open => panic!("nothing is unfinished, and the last attempt is {}", open.name()),
    }
}
