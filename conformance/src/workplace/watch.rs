//! Every call that an engine makes: seen, counted, and stopped where a rule says so.

use std::collections::BTreeSet;
use std::fmt;
use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::Notify;

use cutover_core::{Effect, IdempotencyKey, Verdict};
use cutover_engine::News;

/// A call of an engine to what is around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// Whom it asks: the journal, the adapter, or a destination or a hook by its number.
    pub of: Of,
    /// What it asks for.
    pub operation: Operation,
}

/// Whom a call asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Of {
    Journal,
    Adapter,
    Destination(usize),
    Hook(usize),
}

/// The name of a call, as in `issue`.
pub(crate) type Operation = &'static str;

/// What became of a call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Seen {
    /// It was begun.
    Began(Call),
    /// A request for a secret was begun under this key, then.
    Asked { key: IdempotencyKey, at: Timestamp },
    /// A request for a secret came back, with this effect if it failed.
    Answered(Option<Effect>),
    /// An event was recorded; durably, if so.
    Recorded { event: &'static str, durably: bool },
    /// A verdict on a secret, the `nth` that this watch has seen.
    Verified { secret: usize, verdict: Verdict },
    /// A kept answer was read, whose bytes the journal held, if so.
    Read { kept: bool },
    /// A destination's readers got a secret.
    Promoted { destination: usize, secret: Option<usize> },
    /// The old secret was to be retired while the readers had these.
    Completing { readers: Vec<Option<usize>> },
    /// A hook ran, was told this, and the readers had these.
    Ran { hook: usize, news: News, readers: Vec<Option<usize>> },
}

/// Sees the calls of one process, and stops or fails some.
#[derive(Default)]
pub(crate) struct Watch {
    seen: Mutex<Vec<Seen>>,
    calls: Mutex<usize>,
    destination_calls: Mutex<usize>,
    stop: Mutex<Option<Stop>>,
    stopped: Notify,
    standing: AtomicBool,
    go_on: Notify,
    dead: AtomicBool,
    failing: Mutex<BTreeSet<(usize, bool)>>,
    refuses: Mutex<Option<(Of, Operation)>>,
    loses: Mutex<Option<Operation>>,
    busy: Mutex<usize>,
    stopped_before: Mutex<Option<Call>>,
}

/// Where a process stops.
#[derive(Clone, Debug)]
enum Stop {
    /// Before the call of this number, from 0.
    At(usize),
    /// Before the first of these calls.
    Before(Call),
}

impl Watch {
    /// Stops before the call of this number, from 0.
    pub(crate) fn stop_at(&self, call: usize) {
        *self.lock(&self.stop) = Some(Stop::At(call));
    }

    /// Stops before the first call of this kind.
    pub(crate) fn stop_before(&self, of: Of, operation: Operation) {
        *self.lock(&self.stop) = Some(Stop::Before(Call { of, operation }));
    }

    /// Fails the destinations' call of this number, from 0: before it is done, or after.
    pub(crate) fn fail_destination(&self, call: usize, after: bool) {
        self.lock(&self.failing).insert((call, after));
    }

    /// Refuses every such call.
    pub(crate) fn refuse(&self, of: Of, operation: Operation) {
        *self.lock(&self.refuses) = Some((of, operation));
    }

    /// Loses the adapter's first answer to this.
    pub(crate) fn lose(&self, operation: Operation) {
        *self.lock(&self.loses) = Some(operation);
    }

    /// Whether this answer of the adapter's is lost.
    pub(crate) fn loses(&self, operation: Operation) -> bool {
        self.lock(&self.loses).take_if(|lost| *lost == operation).is_some()
    }

    /// Fails so many runs of hooks in passing.
    pub(crate) fn keep_hooks_busy(&self, times: usize) {
        *self.lock(&self.busy) = times;
    }

    /// Whether this run of a hook fails in passing.
    pub(crate) fn is_busy(&self) -> bool {
        let mut left = self.lock(&self.busy);
        let busy = *left > 0;
        *left = left.saturating_sub(1);
        busy
    }

    /// Before which call the process stands still, or did.
    pub(crate) fn stopped_before(&self) -> String {
        self.lock(&self.stopped_before).as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string)
    }

    /// Returns once the process stands still.
    pub(crate) async fn stopped(&self) {
        self.stopped.notified().await;
    }

    /// Lets a process go on that stands still.
    pub(crate) fn go_on(&self) {
        self.standing.store(false, Ordering::SeqCst);
        self.go_on.notify_waiters();
    }

    /// Ends the process: no call of it comes back any more.
    pub(crate) fn die(&self) {
        self.dead.store(true, Ordering::SeqCst);
    }

    /// How many calls there were.
    pub(crate) fn calls(&self) -> usize {
        *self.lock(&self.calls)
    }

    /// What was seen, in order.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.lock(&self.seen).clone()
    }

    pub(crate) fn note(&self, seen: Seen) {
        self.lock(&self.seen).push(seen);
    }

    /// A call begins. Returns whether it is refused.
    pub(crate) async fn begin(&self, of: Of, operation: Operation) -> bool {
        // Whoever gives a call up for taking too long stands still all the same.
        self.stand().await;
        let call = Call { of, operation };
        let nth = {
            let mut calls = self.lock(&self.calls);
            *calls += 1;
            *calls - 1
        };
        let stops = {
            let mut stop = self.lock(&self.stop);
            let stops = match stop.as_ref() {
                Some(Stop::At(at)) => *at == nth,
                Some(Stop::Before(before)) => *before == call,
                None => false,
            };
            if stops {
                *stop = None;
            }
            stops
        };
        if stops {
            *self.lock(&self.stopped_before) = Some(call.clone());
            self.standing.store(true, Ordering::SeqCst);
            self.stopped.notify_one();
            self.stand().await;
        }
        self.note(Seen::Began(call));
        *self.lock(&self.refuses) == Some((of, operation))
    }

    /// The number of a destination's call, and whether it fails before it is done.
    pub(crate) fn destination_call(&self) -> (usize, bool) {
        let mut calls = self.lock(&self.destination_calls);
        *calls += 1;
        let nth = *calls - 1;
        (nth, self.lock(&self.failing).contains(&(nth, false)))
    }

    /// Whether a destination's call fails after it was done.
    pub(crate) fn fails_after(&self, nth: usize) -> bool {
        self.lock(&self.failing).contains(&(nth, true))
    }

    /// Waits while the process stands still; what a dead one waits for never comes.
    async fn stand(&self) {
        let go_on = self.go_on.notified();
        if self.standing.load(Ordering::SeqCst) {
            go_on.await;
        }
        if self.dead.load(Ordering::SeqCst) {
            pending::<()>().await;
        }
    }

    fn lock<'a, T>(&self, mutex: &'a Mutex<T>) -> MutexGuard<'a, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call {
    /// Whether it changes anything anywhere. A death before a call that follows one which does not is the same as a
    /// death before that one.
    pub(crate) fn changes(&self) -> bool {
        !matches!(
            self.operation,
            "preflight" | "renew" | "unfinished" | "recall" | "history" | "inspect" | "verify" | "read"
        )
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.of {
            Of::Journal => write!(f, "the journal's {}", self.operation),
            Of::Adapter => write!(f, "{} at the vendor", self.operation),
            Of::Destination(nth) => write!(f, "{} at destination {}", self.operation, nth + 1),
            Of::Hook(nth) => write!(f, "{} of hook {}", self.operation, nth + 1),
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("calls", &self.calls()).finish_non_exhaustive()
    }
}

/// A watch that is shared by the parties of one process.
pub(super) type Shared = Arc<Watch>;
