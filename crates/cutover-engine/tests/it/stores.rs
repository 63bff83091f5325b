//! A journal, a destination and a hook that fail, or stop for ever, before or after any operation.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use cutover_core::{Attempt, ClientSecret, Clock, KeepError, Reply, ReplyKeeper, ReplySlot, Target, TargetId};
use cutover_engine::{
    Destination, DestinationError, Event, Hook, HookError, Journal, JournalError, Label, Lease, MemoryDestination,
    MemoryJournal, News, Recorded, StopFlag, Version,
};
use jiff::Timestamp;

use crate::clock::SimClock;
use crate::log::{Deed, Log};
use crate::points::Points;

/// What is said of a trouble that passes.
const PASSING: &str = "busy";

/// How one operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fail {
    /// Nothing is done.
    Before,
    /// It is done, and the one who asked does not hear of it.
    After,
    /// Nothing is done, for a reason that passes by itself.
    Passing,
    Panic,
}

/// Counts operations, and says which of them fail.
#[derive(Debug, Default)]
struct Script {
    done: u32,
    done_of: BTreeMap<&'static str, u32>,
    by_ordinal: BTreeMap<u32, Fail>,
    by_name: BTreeMap<(&'static str, u32), Fail>,
    always: BTreeMap<&'static str, Fail>,
}

impl Script {
    fn next(&mut self, name: &'static str) -> Option<Fail> {
        self.done += 1;
        let nth = self.done_of.entry(name).or_default();
        *nth += 1;
        let by_name = self.by_name.get(&(name, *nth));
        self.by_ordinal.get(&self.done).or(by_name).or_else(|| self.always.get(name)).copied()
    }
}

/// Runs operations past a script and two points each.
#[derive(Debug)]
struct Gate {
    whose: String,
    points: Arc<Points>,
    script: Mutex<Script>,
    slow: Mutex<Option<(Arc<SimClock>, Duration)>>,
    stall: Mutex<Option<(&'static str, Arc<SimClock>, Duration)>>,
}

impl Gate {
    fn new(whose: &str, points: Arc<Points>) -> Self {
        Self {
            whose: whose.to_owned(),
            points,
            script: Mutex::default(),
            slow: Mutex::default(),
            stall: Mutex::default(),
        }
    }

    async fn run<T, E>(
        &self,
        name: &'static str,
        error: impl Fn(&str) -> E,
        operation: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.points.pass(|| format!("before {} {name}", self.whose)).await;
        let fail = self.script.lock().expect("no panic under this lock").next(name);
        match fail {
            Some(Fail::Before) => return Err(error("out of order")),
            Some(Fail::Passing) => return Err(error(PASSING)),
            Some(Fail::Panic) => panic!("{} fell over", self.whose),
            Some(Fail::After) | None => {}
        }
        let slow = self.slow.lock().expect("no panic under this lock").clone();
        if let Some((clock, duration)) = slow {
            clock.sleep(duration).await;
        }
        let stall = self.stall.lock().expect("no panic under this lock").take_if(|(of, ..)| *of == name);
        if let Some((_, clock, duration)) = stall {
            clock.sleep(duration).await;
        }
        let done = operation.await;
        self.points.pass(|| format!("after {} {name}", self.whose)).await;
        if fail == Some(Fail::After) { Err(error("the answer was lost")) } else { done }
    }

    fn with(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.script.lock().expect("no panic under this lock"));
    }
}

macro_rules! scripted {
    () => {
        /// Fails the `nth` operation of this name, from 1.
        pub(crate) fn fail(&self, name: &'static str, nth: u32, how: Fail) {
            self.gate.with(|script| {
                script.by_name.insert((name, nth), how);
            });
        }

        /// Fails the `nth` operation of any name, from 1.
        pub(crate) fn fail_at(&self, nth: u32, how: Fail) {
            self.gate.with(|script| {
                script.by_ordinal.insert(nth, how);
            });
        }

        /// Fails every operation of this name, or none any more.
        pub(crate) fn always(&self, name: &'static str, how: Option<Fail>) {
            self.gate.with(|script| {
                script.always.remove(name);
                script.always.extend(how.map(|how| (name, how)));
            });
        }

        /// How many operations there were.
        pub(crate) fn operations(&self) -> u32 {
            let mut done = 0;
            self.gate.with(|script| done = script.done);
            done
        }
    };
}

pub(crate) struct FaultyJournal {
    pub(crate) inner: MemoryJournal,
    gate: Gate,
    log: Arc<Log>,
}

impl FaultyJournal {
    pub(crate) fn new(points: Arc<Points>, log: Arc<Log>) -> Self {
        Self { inner: MemoryJournal::default(), gate: Gate::new("journal", points), log }
    }

    /// The next operation of this name takes so long.
    pub(crate) fn stalls(&self, name: &'static str, duration: Duration, clock: &Arc<SimClock>) {
        *self.gate.stall.lock().expect("no panic under this lock") = Some((name, Arc::clone(clock), duration));
    }

    scripted!();
}

fn unavailable(reason: &str) -> JournalError {
    JournalError::Unavailable { reason: reason.to_owned(), source: None }
}

fn not_kept(reason: &str) -> KeepError {
    KeepError::new(reason)
}

#[async_trait]
impl ReplyKeeper for FaultyJournal {
    async fn keep(&self, slot: &ReplySlot, reply: &Reply) -> Result<(), KeepError> {
        let keep = async {
            self.inner.keep(slot, reply).await?;
            self.log.push(Deed::Recorded { event: "reply_kept", issue: slot.issue() });
            Ok(())
        };
        self.gate.run("keep", not_kept, keep).await
    }

    async fn recall(&self, slot: &ReplySlot) -> Result<Option<Reply>, KeepError> {
        self.gate.run("recall", not_kept, self.inner.recall(slot)).await
    }
}

#[async_trait]
impl Journal for FaultyJournal {
    async fn preflight(&self) -> Result<(), JournalError> {
        self.gate.run("preflight", unavailable, self.inner.preflight()).await
    }

    async fn lease(&self, target: &TargetId, now: Timestamp, ttl: Duration) -> Result<Lease, JournalError> {
        self.gate.run("lease", unavailable, self.inner.lease(target, now, ttl)).await
    }

    async fn renew(&self, lease: &Lease, now: Timestamp, ttl: Duration) -> Result<(), JournalError> {
        self.gate.run("renew", unavailable, self.inner.renew(lease, now, ttl)).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), JournalError> {
        self.gate.run("release", unavailable, self.inner.release(lease)).await
    }

    async fn append(
        &self,
        lease: &Lease,
        target: &Target,
        attempt: &Attempt,
        event: &Event,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        let append = async {
            self.inner.append(lease, target, attempt, event, at).await?;
            self.log.push(Deed::Recorded { event: event.name(), issue: attempt.issue() });
            Ok(())
        };
        self.gate.run("append", unavailable, append).await
    }

    async fn note(
        &self,
        lease: &Lease,
        target: &Target,
        attempt: &Attempt,
        event: &Event,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        let note = async {
            self.inner.note(lease, target, attempt, event, at).await?;
            self.log.push(Deed::Recorded { event: event.name(), issue: attempt.issue() });
            Ok(())
        };
        self.gate.run("note", unavailable, note).await
    }

    async fn unfinished(&self, target: Option<&TargetId>) -> Result<Vec<Recorded>, JournalError> {
        self.gate.run("unfinished", unavailable, self.inner.unfinished(target)).await
    }

    async fn history(&self, target: Option<&TargetId>, limit: u32) -> Result<Vec<Recorded>, JournalError> {
        self.gate.run("history", unavailable, self.inner.history(target, limit)).await
    }
}

impl fmt::Debug for FaultyJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// How far reads are behind writes.
#[derive(Default)]
struct Lag {
    /// How many reads after each write.
    reads: u32,
    /// How many are left after the latest, and the numbers of the secrets that they get.
    left: u32,
    before: [Option<usize>; 3],
}

pub(crate) struct FaultyDestination {
    pub(crate) inner: MemoryDestination,
    /// Whether its errors quote the secret that they are about, against the rule.
    pub(crate) quotes: AtomicBool,
    forgets: AtomicBool,
    lag: Mutex<Lag>,
    gate: Gate,
    log: Arc<Log>,
}

impl FaultyDestination {
    pub(crate) fn new(name: &str, current: Option<ClientSecret>, points: Arc<Points>, log: Arc<Log>) -> Self {
        let inner = MemoryDestination::new(name, current);
        Self {
            inner,
            quotes: AtomicBool::new(false),
            forgets: AtomicBool::new(false),
            lag: Mutex::default(),
            gate: Gate::new(name, points),
            log,
        }
    }

    scripted!();

    /// From now on every operation takes so long.
    pub(crate) fn takes(&self, duration: Duration, clock: &Arc<SimClock>) {
        *self.gate.slow.lock().expect("no panic under this lock") = Some((Arc::clone(clock), duration));
    }

    /// From now on this one says that it wrote, and did not; or does again.
    pub(crate) fn forgets_writes(&self, forgets: bool) {
        self.forgets.store(forgets, SeqCst);
    }

    /// From now on the first few reads after each write get what was there before it.
    pub(crate) fn is_behind(&self, reads: u32) {
        self.lag.lock().expect("no panic under this lock").reads = reads;
    }

    async fn is_about_to_write(&self) {
        let mut before = [None; 3];
        for (label, before) in Label::ALL.into_iter().zip(&mut before) {
            *before = self.holds(label).await;
        }
        let mut lag = self.lag.lock().expect("no panic under this lock");
        (lag.left, lag.before) = (lag.reads, before);
    }

    /// What a read gets that is behind; `None` for one that is not.
    fn stale(&self, label: Label) -> Option<Option<ClientSecret>> {
        let mut lag = self.lag.lock().expect("no panic under this lock");
        lag.left = lag.left.checked_sub(1)?;
        let nth = Label::ALL.iter().position(|one| *one == label).expect("one of them");
        Some(lag.before[nth].map(|number| self.log.secret(number)))
    }

    fn broken(&self) -> impl Fn(&str) -> DestinationError + '_ {
        |reason| {
            let error = DestinationError::new(self.inner.name(), reason);
            if reason == PASSING { error.transient() } else { error }
        }
    }

    fn name_owned(&self) -> String {
        self.inner.name().to_owned()
    }

    /// The number of the secret under a label, without passing a point.
    pub(crate) async fn holds(&self, label: Label) -> Option<usize> {
        let secret = self.inner.read(label).await.expect("memory can be read")?;
        self.log.number(&secret)
    }
}

#[async_trait]
impl Destination for FaultyDestination {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn preflight(&self) -> Result<(), DestinationError> {
        self.gate.run("preflight", self.broken(), self.inner.preflight()).await
    }

    async fn stage(&self, version: Version, secret: &ClientSecret) -> Result<(), DestinationError> {
        let stage = async {
            if self.forgets.load(SeqCst) {
                return Ok(());
            }
            self.is_about_to_write().await;
            let before = self.holds(Label::Pending).await;
            self.inner.stage(version, secret).await?;
            let pending = self.holds(Label::Pending).await;
            if let (true, Some(number)) = (pending != before, pending) {
                self.log.push(Deed::Staged(self.name_owned(), number));
            }
            Ok(())
        };
        let quoting = |reason: &str| {
            let quoted = if self.quotes.load(SeqCst) { secret.expose() } else { "" };
            let error = DestinationError::new(self.inner.name(), format!("{reason} {quoted}"));
            if reason == PASSING { error.transient() } else { error }
        };
        self.gate.run("stage", quoting, stage).await
    }

    async fn read(&self, label: Label) -> Result<Option<ClientSecret>, DestinationError> {
        let read = async {
            let secret = match self.stale(label) {
                Some(stale) => stale,
                None => self.inner.read(label).await?,
            };
            let number = secret.as_ref().and_then(|secret| self.log.number(secret));
            self.log.push(Deed::Read(self.name_owned(), label, number));
            Ok(secret)
        };
        self.gate.run("read", self.broken(), read).await
    }

    async fn promote(&self, version: Version) -> Result<(), DestinationError> {
        let promote = async {
            self.is_about_to_write().await;
            let before = self.holds(Label::Current).await;
            self.inner.promote(version).await?;
            let current = self.holds(Label::Current).await;
            if let (true, Some(number)) = (current != before, current) {
                self.log.push(Deed::Promoted(self.name_owned(), number));
            }
            Ok(())
        };
        self.gate.run("promote", self.broken(), promote).await
    }

    async fn roll_back(&self, version: Version) -> Result<(), DestinationError> {
        let roll_back = async {
            self.is_about_to_write().await;
            self.inner.roll_back(version).await?;
            self.log.push(Deed::WentBack(self.name_owned()));
            Ok(())
        };
        self.gate.run("roll_back", self.broken(), roll_back).await
    }

    async fn forget_previous(&self, version: Version) -> Result<(), DestinationError> {
        self.gate.run("forget_previous", self.broken(), self.inner.forget_previous(version)).await
    }
}

impl fmt::Debug for FaultyDestination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// A hook with an application behind it that takes up what its destinations give when the hook runs, and never else.
pub(crate) struct FaultyHook {
    name: String,
    reads: Vec<Arc<FaultyDestination>>,
    /// The secret that the application uses.
    uses: Mutex<Option<usize>>,
    /// What its errors quote, against the rule.
    pub(crate) quotes: Mutex<String>,
    /// Whom it asks to stop when it runs.
    pub(crate) stops: Mutex<Option<StopFlag>>,
    /// How long the engine should wait for it, and how long it takes.
    pub(crate) time: Mutex<Option<(Duration, Duration, Arc<SimClock>)>>,
    gate: Gate,
    log: Arc<Log>,
}

impl FaultyHook {
    pub(crate) fn new(name: &str, reads: Vec<Arc<FaultyDestination>>, points: Arc<Points>, log: Arc<Log>) -> Self {
        Self {
            name: name.to_owned(),
            reads,
            uses: Mutex::new(Some(0)),
            quotes: Mutex::default(),
            stops: Mutex::default(),
            time: Mutex::default(),
            gate: Gate::new(name, points),
            log,
        }
    }

    scripted!();

    /// From now on it takes so long, and the engine is told to wait for it so long.
    pub(crate) fn takes(&self, duration: Duration, limit: Duration, clock: &Arc<SimClock>) {
        *self.time.lock().expect("no panic under this lock") = Some((limit, duration, Arc::clone(clock)));
    }

    /// The number of the secret that the application behind it uses.
    pub(crate) fn uses(&self) -> Option<usize> {
        *self.uses.lock().expect("no panic under this lock")
    }

    fn broken(&self) -> impl Fn(&str) -> HookError + '_ {
        |reason| {
            let quoted = self.quotes.lock().expect("no panic under this lock").clone();
            let error = HookError::new(&self.name, format!("{reason} {quoted}"));
            if reason == PASSING { error.transient() } else { error }
        }
    }
}

#[async_trait]
impl Hook for FaultyHook {
    fn name(&self) -> &str {
        &self.name
    }

    fn time_limit(&self) -> Duration {
        let time = self.time.lock().expect("no panic under this lock");
        time.as_ref().map_or(Duration::from_secs(60), |(limit, ..)| *limit)
    }

    async fn preflight(&self) -> Result<(), HookError> {
        self.gate.run("preflight", self.broken(), async { Ok(()) }).await
    }

    async fn run(&self, news: &News) -> Result<(), HookError> {
        let run = async {
            let time = self.time.lock().expect("no panic under this lock").clone();
            if let Some((_, duration, clock)) = time {
                // In steps, between which whoever waits can look at the clock.
                for _ in 0..duration.as_secs() {
                    clock.sleep(Duration::from_secs(1)).await;
                }
            }
            let mut read = Vec::new();
            for destination in &self.reads {
                read.push(destination.holds(Label::Current).await);
            }
            *self.uses.lock().expect("no panic under this lock") = read[0];
            self.log.push(Deed::Told(self.name.clone(), news.change, read));
            if let Some(flag) = &*self.stops.lock().expect("no panic under this lock") {
                flag.stop();
            }
            Ok(())
        };
        self.gate.run("run", self.broken(), run).await
    }
}

impl fmt::Debug for FaultyHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyHook").field("name", &self.name).finish_non_exhaustive()
    }
}
