//! Simulated time: sleeping moves it, and nothing else does by itself.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use cutover_core::Clock;
use jiff::{SignedDuration, Timestamp};

type Watcher = Arc<dyn Fn() + Send + Sync>;

/// A clock that stands still until somebody sleeps or moves it, and that can be set wrong.
pub(crate) struct SimClock {
    truth: Mutex<Timestamp>,
    wrong_by: Mutex<SignedDuration>,
    watcher: Mutex<Option<Watcher>>,
}

impl SimClock {
    pub(crate) fn new() -> Arc<Self> {
        let now = Timestamp::from_second(1_800_000_000).expect("in range");
        Arc::new(Self { truth: Mutex::new(now), wrong_by: Mutex::default(), watcher: Mutex::default() })
    }

    /// Calls `watcher` after every sleep.
    pub(crate) fn watch(&self, watcher: Watcher) {
        *self.watcher.lock().expect("no panic under this lock") = Some(watcher);
    }

    /// Sets this clock on, or back. The time elsewhere stays what it is.
    pub(crate) fn jump(&self, by: SignedDuration) {
        *self.wrong_by.lock().expect("no panic under this lock") += by;
    }

    /// Lets time pass, here and elsewhere.
    pub(crate) fn advance(&self, by: Duration) {
        let mut truth = self.truth.lock().expect("no panic under this lock");
        *truth = truth.checked_add(by).expect("in range");
    }

    /// The time elsewhere.
    pub(crate) fn truth(&self) -> Timestamp {
        *self.truth.lock().expect("no panic under this lock")
    }
}

#[async_trait]
impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        self.truth().checked_add(*self.wrong_by.lock().expect("no panic under this lock")).expect("in range")
    }

    async fn sleep(&self, duration: Duration) {
        self.advance(duration);
        let watcher = self.watcher.lock().expect("no panic under this lock").clone();
        if let Some(watcher) = watcher {
            watcher();
        }
        // Others get their turn, as they would in a real pause.
        tokio::task::yield_now().await;
    }
}

impl fmt::Debug for SimClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimClock").field("now", &self.now()).finish_non_exhaustive()
    }
}
