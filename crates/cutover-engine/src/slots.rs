//! How many rotations of a fleet are worked on at once, those left out that only wait for a time to pass.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// So many rotations may be under way for each that is worked on: what a fleet needs of memory stays in proportion.
const UNDER_WAY_FOR_EACH: usize = 16;

/// The slots of a fleet.
#[derive(Debug)]
pub(crate) struct Slots {
    at_once: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Those that are worked on.
    taken: usize,
    /// Those that have rested and want to be worked on again; they come first.
    returning: usize,
    wakers: Vec<Waker>,
}

impl Slots {
    pub(crate) fn new(at_once: usize) -> Self {
        Self { at_once, inner: Mutex::default() }
    }

    /// How many may be under way, those that rest included.
    pub(crate) fn under_way_max(&self) -> usize {
        self.at_once.saturating_mul(UNDER_WAY_FOR_EACH)
    }

    /// Whether there is one for another rotation.
    pub(crate) fn is_free(&self) -> bool {
        let inner = self.inner();
        inner.taken + inner.returning < self.at_once
    }

    /// Takes one for another rotation.
    pub(crate) fn take(&self) {
        self.inner().taken += 1;
    }

    /// Gives one up: its rotation is through, or rests.
    pub(crate) fn give_up(&self) {
        let mut inner = self.inner();
        inner.taken = inner.taken.saturating_sub(1);
        let wakers = std::mem::take(&mut inner.wakers);
        drop(inner);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Waits for one after a rest.
    pub(crate) async fn take_again(&self) {
        self.inner().returning += 1;
        std::future::poll_fn(|context| {
            let mut inner = self.inner();
            if inner.taken < self.at_once {
                inner.taken += 1;
                inner.returning -= 1;
                return Poll::Ready(());
            }
            inner.wake_later(context.waker());
            Poll::Pending
        })
        .await;
    }

    /// Wakes whoever waits here once one is given up.
    pub(crate) fn watch(&self, waker: &Waker) {
        self.inner().wake_later(waker);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn wake_later(&mut self, waker: &Waker) {
        if !self.wakers.iter().any(|known| known.will_wake(waker)) {
            self.wakers.push(waker.clone());
        }
    }
}
