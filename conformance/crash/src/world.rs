//! Everything that outlives a process: the disk, the vendor, the clock; and what has happened so far.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use cutover_core::{Attempt, ClientSecret, Reply};
use cutover_emulator::{Emulator, Exchange, FaultKind, canary};
use jiff::Timestamp;

use crate::count::{Count, Violation};
use crate::disk::{Disk, Fate, FileName};
use crate::journal_file::Index;
use crate::late::Late;
use crate::place::{Op, Place};
use crate::scenario::{DestinationOp, HowFailed, Scenario, Trouble};
use crate::subject::{Class, Client, ClientKind, NO_SCOPE, SEED, is_scope_refused};
use crate::token;
use crate::trace::{Deed, ProcessNo, SecretNo, What};
use crate::watch;
use crate::wrong::Wrong;

/// When every run begins.
const START: Timestamp = Timestamp::constant(1_800_000_000, 0);
/// A process that passes more points than this never comes to an end.
const POINTS_MAX: u32 = 60_000;

/// The world of one run.
pub struct World {
    /// What the run is about.
    pub scenario: Arc<Scenario>,
    /// The vendors, and the one clock.
    pub emulator: Emulator,
    /// The client that is rotated.
    pub client: Client,
    /// Whether Stytch's tokens are signed anew, which takes longer than all the rest of a run.
    signs: bool,
    inner: Mutex<Inner>,
}

pub(crate) struct Inner {
    pub(crate) disk: Disk,
    pub(crate) journal: Index,
    pub(crate) trace: Vec<Deed>,
    pub(crate) violations: Vec<Violation>,
    pub(crate) late: Vec<Late>,
    /// What the vendor has made, by number; the first is the one from before.
    secrets: Vec<Arc<str>>,
    keys: Vec<String>,
    first_attempt: Option<Attempt>,
    /// Answers that a journal which is wrong writes later.
    pub(crate) deferred: Vec<Vec<u8>>,
    /// Whether an intent was acknowledged that a power cut would take.
    pub(crate) intent_unsynced: bool,
    /// A two-phase vendor as its answers show it.
    pub(crate) current: SecretNo,
    pub(crate) pending: Option<SecretNo>,
    upsets_seen: Vec<u64>,
    destination_ops: BTreeMap<(u8, &'static str), u32>,
    hook_runs: BTreeMap<u8, u32>,
    /// What is broken was mended.
    mended: bool,
    /// What stood in a destination before its present operation, and before its latest write.
    pub(crate) before_operation: BTreeMap<u8, Stood>,
    pub(crate) before_write: BTreeMap<u8, Stood>,
    /// A destination that reads what stood before its latest write, now.
    pub(crate) reads_stale: Option<u8>,
    /// What the application behind each hook uses.
    pub(crate) applications: Vec<Option<SecretNo>>,
    process: ProcessNo,
    dead: Vec<ProcessNo>,
    points: Points,
    /// Whoever stands still, and whether it may go on.
    sleeper: Option<Waker>,
    awake: bool,
    /// Moves with everything by which two crashes could differ.
    version: u64,
}

/// What readers see of a destination, and what stands beside it.
pub(crate) type Stood = (Vec<u8>, Vec<u8>);

/// The points that the present process passes.
#[derive(Default)]
struct Points {
    of: ProcessNo,
    passed: u32,
    deadly: Option<u32>,
    death: Option<Death>,
    seen: Option<Vec<Seen>>,
    root: Option<Waker>,
    endless: bool,
    in_wait: bool,
}

/// A point that was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Where.
    pub place: Place,
    /// Two points of one process with the same print leave the same world behind: nothing durable, nothing at the
    /// vendor, nothing on its way and nothing that was promised to anybody lies between them.
    pub print: (u64, Fate, u8),
}

/// Where a process died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Death {
    /// The place.
    pub place: Place,
    /// What becomes of what was not synced.
    pub fate: Fate,
}

impl World {
    /// A world before the first rotation. With `signs`, every token of Stytch's has a signature of its own.
    ///
    /// # Panics
    /// When the scenario names a switch or a value that no vendor has.
    pub fn new(scenario: Arc<Scenario>, signs: bool) -> Arc<Self> {
        let clock = cutover_emulator::Clock::simulated(START);
        let emulator = Emulator::builder().seed(SEED).clock(clock).build();
        for switch in &scenario.switches {
            let (name, value) = switch.split_once('=').expect("a switch has a value");
            emulator.set_behaviour(name, value).unwrap_or_else(|error| panic!("{error}"));
        }
        let client = scenario.kind.client();
        let mut disk = Disk::default();
        for destination in 0..scenario.destinations {
            disk.replace(FileName::Value(destination), client.secret.as_bytes().to_vec());
            disk.sync(FileName::Value(destination));
        }
        watch::begin();
        Arc::new(Self {
            inner: Mutex::new(Inner {
                disk,
                journal: Index::default(),
                trace: Vec::with_capacity(128),
                violations: Vec::new(),
                late: Vec::new(),
                secrets: vec![Arc::clone(&client.secret)],
                keys: Vec::new(),
                first_attempt: None,
                deferred: Vec::new(),
                intent_unsynced: false,
                current: SecretNo(0),
                pending: None,
                upsets_seen: vec![0; scenario.upsets.len()],
                destination_ops: BTreeMap::new(),
                hook_runs: BTreeMap::new(),
                mended: false,
                before_operation: BTreeMap::new(),
                before_write: BTreeMap::new(),
                reads_stale: None,
                applications: vec![Some(SecretNo(0)); usize::from(scenario.hooks)],
                process: ProcessNo(0),
                dead: Vec::new(),
                points: Points::default(),
                sleeper: None,
                awake: false,
                version: 0,
            }),
            scenario,
            emulator,
            client,
            signs,
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn kind(&self) -> ClientKind {
        self.scenario.kind
    }

    pub(crate) fn is_wrong(&self, wrong: Wrong) -> bool {
        self.scenario.wrong == Some(wrong)
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.emulator.now()
    }

    /// A new process begins; it dies at the `deadly`-th point from 0, if it is given one and comes so far.
    pub(crate) fn begin(&self, deadly: Option<u32>, records: bool) -> ProcessNo {
        let mut inner = self.lock();
        inner.process.0 += 1;
        let of = inner.process;
        inner.points = Points { of, deadly, seen: records.then(Vec::new), ..Points::default() };
        let (open, answered) = (inner.journal.is_open(), inner.journal.is_answered());
        drop(inner);
        self.note(of, What::Began { open, answered });
        of
    }

    /// The points that the latest process has passed, where they were recorded.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.lock().points.seen.take().unwrap_or_default()
    }

    pub(crate) fn death(&self) -> Option<Death> {
        self.lock().points.death
    }

    /// Whether this process has come to its last point, or stands still there.
    pub(crate) fn has_died(&self, by: ProcessNo) -> bool {
        let inner = self.lock();
        inner.points.of == by && inner.points.death.is_some()
    }

    pub(crate) fn is_endless(&self) -> bool {
        self.lock().points.endless
    }

    pub(crate) fn set_root(&self, waker: &Waker) {
        self.lock().points.root = Some(waker.clone());
    }

    /// Passes a point, or never goes on. Where something is not durable there are two: the power goes, and only the
    /// process dies.
    pub(crate) async fn pass(&self, by: ProcessNo, place: Place) {
        if self.dies(by, place, Fate::Lost) || self.has_unsynced() && self.dies(by, place, Fate::Kept) {
            self.rest(by).await;
        }
    }

    /// Passes a point at which the power goes in the middle of a write.
    pub(crate) async fn pass_torn(&self, by: ProcessNo, place: Place) {
        if self.dies(by, place, Fate::Torn) {
            self.rest(by).await;
        }
    }

    /// A process that has told its result dies.
    pub(crate) fn exits(&self, by: ProcessNo) -> bool {
        self.dies(by, Place::Exit, Fate::Lost) || self.has_unsynced() && self.dies(by, Place::Exit, Fate::Kept)
    }

    fn has_unsynced(&self) -> bool {
        self.lock().disk.has_unsynced()
    }

    /// Whether `by` dies here. The caller has to [`rest`](Self::rest) then.
    pub(crate) fn dies(&self, by: ProcessNo, place: Place, fate: Fate) -> bool {
        let mut inner = self.lock();
        if inner.dead.contains(&by) {
            inner.violations.push(Violation::new(Count::NotConverged, "a dead process went on"));
            return true;
        }
        if inner.points.of != by || inner.points.endless {
            return inner.points.of == by;
        }
        let unsynced = if inner.disk.has_unsynced() { fate } else { Fate::Lost };
        let way = if let Place::Call(_, crate::place::Leg::SentAndLate(after)) = place { after + 1 } else { 0 };
        let print = (inner.version, unsynced, way);
        let points = &mut inner.points;
        points.in_wait = place == Place::Wait;
        let here = points.passed;
        points.passed += 1;
        if let Some(seen) = &mut points.seen {
            seen.push(Seen { place, print });
        }
        points.endless = POINTS_MAX <= here;
        if points.deadly == Some(here) || points.endless {
            points.death = Some(Death { place, fate });
            if let Some(root) = points.root.take() {
                root.wake();
            }
            return true;
        }
        false
    }

    /// What a process does after its last point: nothing, for ever; or, where it only stood still, until it wakes up.
    pub(crate) async fn rest(&self, by: ProcessNo) {
        std::future::poll_fn(|context| {
            let mut inner = self.lock();
            let awake = inner.awake && !inner.dead.contains(&by);
            inner.sleeper = Some(context.waker().clone());
            if awake { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    }

    /// Lets a process go on that stood still. Its later points are no concern of anybody's.
    pub(crate) fn awaken(&self) {
        let mut inner = self.lock();
        inner.awake = true;
        inner.points.of = ProcessNo::default();
        let sleeper = inner.sleeper.take();
        drop(inner);
        sleeper.into_iter().for_each(Waker::wake);
    }

    /// The process is dead and the power was gone: what was not durable is lost, torn or kept.
    pub(crate) fn bury(&self, by: ProcessNo, fate: Fate) {
        let mut inner = self.lock();
        inner.dead.push(by);
        inner.deferred.clear();
        inner.disk.lose_power(fate);
        inner.journal = Index::read(inner.disk.durable(FileName::Journal));
        let lost = inner.unsealed();
        if let Some(lost) = lost {
            inner.violations.push(lost);
        }
    }

    /// Whether a lease of `process` counts no more: its worker was seen to be dead.
    pub(crate) fn is_dead(inner: &Inner, process: ProcessNo) -> bool {
        inner.dead.contains(&process)
    }

    pub(crate) fn note(&self, by: ProcessNo, what: What) {
        let at = self.now();
        self.lock().note(by, at, what);
    }

    /// A request arrives at the vendor, which acts.
    pub(crate) fn arrive(&self, by: ProcessNo, op: Op, request: &http::Request<Bytes>) -> http::Response<Bytes> {
        let response = self.exchange(op, request);
        let at = self.now();
        let mut inner = self.lock();
        inner.version += 1;
        let applied = response.status().is_success();
        let shown = if op == Op::Issue { self.kind().made(&response) } else { None };
        // One that was shown before is a replay, and nothing new.
        let new = shown.filter(|text| inner.number(text.as_bytes()).is_none());
        let made = new.map(|text| {
            inner.secrets.push(text.into());
            SecretNo::of(inner.secrets.len() - 1)
        });
        if applied {
            match (op, self.kind().class()) {
                (Op::Issue, Class::TwoPhase) => inner.pending = made.or(inner.pending),
                (Op::Issue, Class::Keyed | Class::Plain) => inner.current = made.unwrap_or(inner.current),
                (Op::Complete, _) => inner.current = inner.pending.take().unwrap_or(inner.current),
                (Op::Cancel, _) => inner.pending = None,
                (Op::Inspect | Op::Verify, _) => {}
            }
        }
        if op.changes() {
            let readers = (0..self.scenario.destinations).map(|nth| inner.reader(nth)).collect();
            inner.note(by, at, What::Acted { op, applied, made, readers });
        }
        response
    }

    /// The emulator's answer; a token that would be signed is the one that was signed once, unless this world signs.
    fn exchange(&self, op: Op, request: &http::Request<Bytes>) -> http::Response<Bytes> {
        if self.kind() == ClientKind::M2m && op == Op::Verify && !self.signs {
            let mut twin = request.clone();
            *twin.body_mut() = [request.body(), &b"&scope="[..], NO_SCOPE.as_bytes()].concat().into();
            let answer = self.plain_exchange(twin);
            return if is_scope_refused(&answer) { token::signed_once() } else { answer };
        }
        self.plain_exchange(request.clone())
    }

    /// The answer to a plain request, with no fault in the way.
    pub(crate) fn plain_exchange(&self, request: http::Request<Bytes>) -> http::Response<Bytes> {
        match self.emulator.exchange(self.kind().vendor(), request) {
            Exchange::Answer(response) => response,
            other => panic!("a fault that nobody asked for: {other:?}"),
        }
    }

    /// The vendor's own refusal or failure, in the dialect of the route; it does not act.
    pub(crate) fn refusal(&self, kind: FaultKind, request: &http::Request<Bytes>) -> http::Response<Bytes> {
        let (vendor, operation) = (self.kind().vendor(), "*".to_owned());
        let fault = cutover_emulator::Fault { vendor, operation, ordinals: cutover_emulator::Ordinals::Every, kind };
        self.emulator.add_fault(fault).expect("every operation is known");
        let response = self.plain_exchange(request.clone());
        self.emulator.clear_faults();
        self.lock().version += 1;
        response
    }

    /// What goes wrong with the next call of this sort.
    pub(crate) fn upset(&self, op: Op) -> Option<FaultKind> {
        let mut inner = self.lock();
        let mut struck = None;
        for (upset, seen) in self.scenario.upsets.iter().zip(&mut inner.upsets_seen) {
            if upset.op == op {
                *seen += 1;
                if struck.is_none() && upset.fault.ordinals.contain(*seen) {
                    struck = Some(upset.fault.kind.clone());
                }
            }
        }
        struck
    }

    /// Whether and how the next operation of this sort fails at a destination.
    pub(crate) fn trouble(&self, destination: u8, op: DestinationOp) -> Option<HowFailed> {
        let of_this = |it: &Trouble| it.operation == op || it.operation == DestinationOp::Any;
        let trouble = self.scenario.trouble.filter(|it| it.destination == destination && of_this(it))?;
        let mut inner = self.lock();
        let seen = inner.destination_ops.entry((destination, trouble.operation.name())).or_default();
        *seen += 1;
        let strikes = trouble.how.strikes(trouble.nth, *seen);
        if trouble.how == HowFailed::Stale && strikes {
            inner.reads_stale = Some(destination);
        }
        let mended = inner.mended && !self.is_wrong(Wrong::STAYS_DENIED);
        (strikes && !mended).then_some(trouble.how)
    }

    /// Whether and how the next run of a hook fails.
    pub(crate) fn hook_trouble(&self, hook: u8) -> Option<HowFailed> {
        let trouble = self.scenario.hook_trouble.filter(|it| it.hook == hook)?;
        let mut inner = self.lock();
        let seen = inner.hook_runs.entry(hook).or_default();
        *seen += 1;
        let strikes = trouble.how.strikes(trouble.nth, *seen);
        (strikes && !inner.mended).then_some(trouble.how)
    }

    /// Whatever is broken and can be mended works again.
    pub(crate) fn mend(&self) {
        self.lock().mended = true;
    }

    /// Why a rotation cannot come to an end by itself now, where that is so.
    pub(crate) fn obstacle(&self) -> Option<&'static str> {
        let mended = self.lock().mended && self.scenario.can_be_mended();
        self.scenario.obstacle().filter(|_| !mended)
    }

    /// The first attempt that asked in this world: this one, where there was none before.
    pub(crate) fn first_attempt(&self, attempt: &Attempt) -> Attempt {
        self.lock().first_attempt.get_or_insert_with(|| attempt.clone()).clone()
    }

    /// The number of a secret.
    pub(crate) fn number(&self, secret: &ClientSecret) -> Option<SecretNo> {
        self.lock().number(secret.expose().as_bytes())
    }

    /// Every secret that the vendor has made.
    pub(crate) fn secrets(&self) -> Vec<Arc<str>> {
        self.lock().secrets.clone()
    }

    /// The secret that stands whole in these bytes.
    pub(crate) fn secret_in(&self, bytes: &[u8]) -> Option<SecretNo> {
        let inner = self.lock();
        let mut numbered = inner.secrets.iter().enumerate().rev();
        let found = numbered.find(|(_, secret)| crate::subject::find(bytes, secret.as_bytes()));
        found.map(|(nth, _)| SecretNo::of(nth))
    }

    /// Looks through a text that a user, a log or a disk gets.
    pub(crate) fn hear(&self, whose: &str, text: &str) {
        let mut inner = self.lock();
        if self.shows_any(&inner, text) {
            inner.violations.push(Violation::new(Count::Leaked, format!("a secret or a key stands in {whose}")));
        }
    }

    /// Whether a text shows a secret of any vendor's, or an idempotency key of this run.
    pub(crate) fn shows_any(&self, inner: &Inner, text: &str) -> bool {
        let shows = |key: &String| crate::subject::find(text.as_bytes(), key.as_bytes());
        canary::is_in(text) || inner.keys.iter().any(shows)
    }

    /// Whether bytes on a disk show a secret or a key of this run. What is sealed looks like chance, in which a short mark
    /// turns up by itself; so a whole secret or credential is looked for, or a long piece of one.
    pub(crate) fn stands_in(&self, inner: &Inner, bytes: &[u8]) -> bool {
        let shows = |text: &str| crate::subject::find(bytes, text.as_bytes());
        let halves = |secret: &Arc<str>| {
            let (one, other) = secret.split_at(secret.len() / 2);
            shows(one) || shows(other)
        };
        inner.secrets.iter().any(halves)
            || inner.keys.iter().any(|key| shows(key))
            || crate::subject::credentials().any(shows)
    }

    pub(crate) fn violate(&self, count: Count, what: impl Into<String>) {
        self.lock().violations.push(Violation::new(count, what));
    }

    /// Lets time pass; requests that are on their way for long enough arrive meanwhile.
    pub(crate) fn advance(&self, by: Duration) {
        let end = self.now().checked_add(by).unwrap_or(Timestamp::MAX);
        while let Some(due) = self.next_due().filter(|due| *due <= end) {
            self.emulator.advance(Duration::try_from(due.duration_since(self.now())).unwrap_or_default());
            self.deliver(|late| late.due <= due);
        }
        self.emulator.advance(Duration::try_from(end.duration_since(self.now())).unwrap_or_default());
        self.lock().version += 1;
    }

    fn next_due(&self) -> Option<Timestamp> {
        self.lock().late.iter().map(|late| late.due).min()
    }

    /// Those requests arrive.
    pub(crate) fn deliver(&self, wanted: impl Fn(&Late) -> bool) {
        let mut inner = self.lock();
        let (due, waiting) = std::mem::take(&mut inner.late).into_iter().partition(wanted);
        inner.late = waiting;
        drop(inner);
        let due: Vec<Late> = due;
        for late in due {
            let _nobody_waits = self.arrive(late.by, late.op, &late.request);
        }
    }

    /// Whether a wait may be cut here: once in each row of waits.
    pub(crate) fn begins_wait(&self) -> bool {
        !self.lock().points.in_wait
    }
}

impl Inner {
    pub(crate) fn note(&mut self, by: ProcessNo, at: Timestamp, what: What) {
        // What was promised to somebody tells two crashes apart, also where the disk does not. What a process has seen
        // dies with it.
        let seen_only = match &what {
            What::ReadBack { .. } => true,
            What::Asked { op, .. } | What::Answered { op, .. } | What::NoEffect { op } => !op.changes(),
            _ => false,
        };
        if !seen_only {
            self.version += 1;
        }
        if let What::Intended { key } = &what {
            self.keys.push(key.clone());
            watch::look_for(key);
        }
        self.trace.push(Deed { by, at, what });
    }

    pub(crate) fn number(&self, secret: &[u8]) -> Option<SecretNo> {
        let found = self.secrets.iter().position(|known| known.as_bytes() == secret);
        found.map(SecretNo::of)
    }

    /// The secret that stands whole in an answer.
    pub(crate) fn secret_of(&self, reply: &Reply) -> Option<SecretNo> {
        let body = reply.expose_body();
        let found = self.secrets.iter().rposition(|secret| crate::subject::find(body, secret.as_bytes()));
        found.map(SecretNo::of)
    }

    /// What the readers of a destination would get after a power cut now.
    pub(crate) fn reader(&self, destination: u8) -> Option<SecretNo> {
        self.number(self.disk.durable(FileName::Value(destination)))
    }

    pub(crate) fn sync(&mut self, file: FileName) {
        if self.disk.sync(file) {
            self.version += 1;
        }
        if file == FileName::Journal {
            self.intent_unsynced = false;
        }
    }

    /// P1, at the moment of a crash: what was acknowledged as kept is there as long as its attempt is.
    fn unsealed(&self) -> Option<Violation> {
        let sealed = self.trace.iter().rev().find_map(|deed| match &deed.what {
            What::Sealed { secret: Some(secret) } => Some(*secret),
            _ => None,
        })?;
        let open = self.journal.is_open();
        let there = self.journal.replies().iter().any(|reply| {
            let secret = &self.secrets[usize::from(sealed.0)];
            crate::subject::find(reply, secret.as_bytes())
        });
        // An attempt that has asked again since may do without; one that has ended has to.
        let superseded = self.trace.iter().rev().take_while(|deed| !matches!(deed.what, What::Sealed { .. }));
        let moved_on = superseded.into_iter().any(|deed| matches!(deed.what, What::Intended { .. }));
        let is_lost = open && !there && !moved_on;
        is_lost.then(|| {
            Violation::new(Count::Lost, "an answer that was acknowledged as kept is not in the journal after a crash")
        })
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("scenario", &self.scenario.to_string()).finish_non_exhaustive()
    }
}
