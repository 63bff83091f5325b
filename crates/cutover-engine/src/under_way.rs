//! How many rotations are worked on at once, those left out that only wait for a time to pass.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;

use crate::Engine;

/// So many rotations may be under way for each that is worked on: what a fleet needs of memory stays in proportion.
const UNDER_WAY_FOR_EACH: usize = 16;

/// Rotations that are under way, of which so many are worked on at once.
///
/// One that only waits until a time has passed, with a working secret at every reader, leaves its slot to another, up to
/// a number of such that is in proportion to the slots. For this it has to be a rotation of [`engine`](Self::engine).
pub struct UnderWay<'a, T> {
    engine: Engine,
    slots: Arc<Slots>,
    running: FuturesUnordered<BoxFuture<'a, T>>,
}

/// What comes next of what is under way.
#[derive(Debug)]
pub enum Next<T> {
    /// One is through, and came to this.
    Through(T),
    /// There is room for one more.
    Room,
    /// Nothing is under way.
    Nothing,
}

impl<'a, T> UnderWay<'a, T> {
    /// Nothing yet, and slots for `at_once`; at least one.
    pub fn new(engine: &Engine, at_once: usize) -> Self {
        let slots = Arc::new(Slots::new(at_once.max(1)));
        let engine = Engine { slots: Some(Arc::clone(&slots)), ..engine.clone() };
        Self { engine, slots, running: FuturesUnordered::new() }
    }

    /// The engine whose rotations leave their slot while they only wait.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether another may begin.
    pub fn has_room(&self) -> bool {
        self.slots.is_free() && self.running.len() < self.slots.under_way_max()
    }

    /// Whether nothing is under way.
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Begins one, in the slot that is there for it if [`has_room`](Self::has_room) says so.
    pub fn begin(&mut self, rotation: impl Future<Output = T> + Send + 'a) {
        self.slots.take();
        self.running.push(Box::pin(rotation));
    }

    /// Goes on with all of them until one is through or, where `more` are to begin, until there is room. Dropping the
    /// future loses nothing.
    pub async fn next(&mut self, more: bool) -> Next<T> {
        let next = poll_fn(|context| {
            // Before they are polled, since it is then that one of them gives up its slot.
            self.slots.watch(context.waker());
            match self.running.poll_next_unpin(context) {
                Poll::Pending if more && self.has_room() => Poll::Ready(Next::Room),
                polled => polled.map(|through| through.map_or(Next::Nothing, Next::Through)),
            }
        });
        let next = next.await;
        if let Next::Through(_) = next {
            self.slots.give_up();
        }
        next
    }
}

impl<T> fmt::Debug for UnderWay<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnderWay").field("engine", &self.engine).field("count", &self.running.len()).finish()
    }
}

/// The slots.
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
        poll_fn(|context| {
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
