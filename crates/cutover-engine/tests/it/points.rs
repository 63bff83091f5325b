//! Where a process can die: every point that a run passes is counted, and one of them can be deadly.

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(crate) struct Points {
    inner: Mutex<Inner>,
    died: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    passed: usize,
    deadly: Option<usize>,
    died_at: Option<String>,
}

impl Points {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Passes a point, unless it is the deadly one: then nothing that waits for this ever goes on.
    pub(crate) async fn pass(&self, name: impl FnOnce() -> String) {
        let dies = {
            let mut inner = self.inner.lock().expect("no panic under this lock");
            let here = inner.passed;
            inner.passed += 1;
            let dies = inner.deadly == Some(here);
            if dies {
                inner.died_at = Some(name());
            }
            dies
        };
        if dies {
            self.died.notify_one();
            std::future::pending::<()>().await;
        }
    }

    /// Counts from 0 again, and makes the `deadly`-th point from now the last one.
    pub(crate) fn arm(&self, deadly: Option<usize>) {
        *self.inner.lock().expect("no panic under this lock") = Inner { passed: 0, deadly, died_at: None };
    }

    /// Which point was deadly, if it was reached.
    pub(crate) fn died_at(&self) -> Option<String> {
        self.inner.lock().expect("no panic under this lock").died_at.clone()
    }

    /// Runs `process` until it is done or dies; `None` when it died. A dead one is dropped.
    pub(crate) async fn live<T>(&self, process: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.died.notified() => None,
            done = process => Some(done),
        }
    }
}
