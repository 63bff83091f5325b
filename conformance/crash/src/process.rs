//! One process: an engine with everything it holds, on a runtime of its own, until it is done or dies.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use cutover_engine::{Engine, Job};

use crate::clock::SimClock;
use crate::destination::SimDestination;
use crate::hook::SimHook;
use crate::journal::SimJournal;
use crate::line::Line;
use crate::subject::Link;
use crate::trace::ProcessNo;
use crate::world::{Death, World};
use crate::wrong_rotator::WrongRotator;

/// A process of a world.
pub(crate) struct Process {
    pub(crate) world: Arc<World>,
    pub(crate) by: ProcessNo,
    pub(crate) engine: Engine,
    pub(crate) job: Job,
}

/// How a process ended.
pub(crate) enum Life<T> {
    /// It did its work.
    Lived(T),
    /// It died at a point.
    Died(Death),
}

impl Process {
    /// A process that begins now and dies at the `deadly`-th point, if it is given one.
    pub(crate) fn begin(world: &Arc<World>, deadly: Option<u32>, records: bool) -> Self {
        let by = world.begin(deadly, records);
        // Backoffs are drawn from here, so that a run can be repeated.
        fastrand::seed(u64::from(by.0));
        let clock: Arc<SimClock> = Arc::new(SimClock::of(world, by));
        let link = Link {
            transport: Arc::new(Line::of(world, by)),
            clock: Arc::clone(&clock) as _,
            base_url: None,
            straggler: None,
            v2: world.scenario.v2,
        };
        // A secret that a late duplicate has ended is looked at for as long as it might still show. A short time of that
        // has the same steps as a long one, and a tenth of the points.
        let rotator = world.kind().rotator(link, world.scenario.duplicates());
        let rotator = match world.scenario.wrong {
            Some(_) => Arc::new(WrongRotator { inner: rotator, world: Arc::clone(world), by }) as _,
            None => rotator,
        };
        let job = (0..world.scenario.destinations).fold(Job::new(world.client.target.clone(), rotator), |job, nth| {
            let destination = Arc::new(SimDestination::open(world, by, nth));
            job.to(destination)
        });
        let hooks = if SimHook::are_left_out(world) { 0 } else { world.scenario.hooks };
        let job = (0..hooks).fold(job, |job, nth| job.then(Arc::new(SimHook::open(world, by, nth))));
        let engine = Engine::new(Arc::new(SimJournal::open(world, by)), clock);
        Self { world: Arc::clone(world), by, engine, job }
    }

    /// Runs `work` of this process to its end, or to the point at which it dies: then everything that it holds, and every
    /// task that it started, is dropped, and what it had not made durable meets its fate. The world knows of a
    /// [death](World::death) after the end as well.
    ///
    /// # Panics
    /// When the operating system gives no runtime.
    pub(crate) fn live<'a, T, F>(&'a self, work: impl FnOnce(&'a Self) -> F) -> Life<T>
    where
        F: Future<Output = T> + 'a,
    {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let life = runtime.block_on(until_death(&self.world, work(self)));
        // Tasks die with the runtime that runs them.
        drop(runtime);
        let dies = matches!(life, Life::Died(_)) || self.world.exits(self.by);
        if let Some(death) = self.world.death().filter(|_| dies) {
            self.world.bury(self.by, death.fate);
        }
        life
    }
}

/// Polls `work` until it is done or its process has died.
pub(crate) async fn until_death<T>(world: &World, work: impl Future<Output = T>) -> Life<T> {
    let mut work = pin!(work);
    std::future::poll_fn(|context| {
        world.set_root(context.waker());
        if let Some(death) = world.death() {
            return Poll::Ready(Life::Died(death));
        }
        let polled = work.as_mut().poll(context);
        match (world.death(), polled) {
            (Some(death), _) => Poll::Ready(Life::Died(death)),
            (None, Poll::Ready(value)) => Poll::Ready(Life::Lived(value)),
            (None, Poll::Pending) => Poll::Pending,
        }
    })
    .await
}
