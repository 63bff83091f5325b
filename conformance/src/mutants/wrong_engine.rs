//! The right engine with wrong parts.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;

use cutover_core::SecretRotator;
use cutover_engine::{Destination, Hook, Job, Journal, Options};

use super::Mutant;
use super::behind::Behind;
use super::kinds::{Kinds, emulated};
use super::wrong_adapter::{Adapter, Wrong};
use crate::engine::{Engine, Rotations, Told, Work};
use crate::kills::Layer;

/// A mutant that is another engine.
pub(super) fn mutant(
    name: &'static str,
    named: &'static str,
    kinds: Kinds,
    engine: fn() -> Arc<dyn Rotations>,
) -> Mutant {
    Mutant::new(name, Layer::Engine, named, move || {
        emulated(kinds).into_iter().map(|kind| Behind::engine(Box::new(kind), engine())).collect()
    })
}

/// A mutant that has wrong parts.
pub(super) fn wrong<P: Parts + Default>(name: &'static str, named: &'static str, kinds: Kinds) -> Mutant {
    mutant(name, named, kinds, || Arc::new(Around(P::default())))
}

/// A mutant that asks its vendor wrongly, in the way of `W`.
pub(super) fn asking<W: Wrong + Default>(name: &'static str, named: &'static str, kinds: Kinds) -> Mutant {
    wrong::<Asking<W>>(name, named, kinds)
}

/// What is wrong about the parts of an engine. Each is made anew for each run, as for a new process.
#[async_trait]
pub(super) trait Parts: Send + Sync + 'static {
    fn options(&self) -> Options {
        Options::default()
    }

    fn journal(&self, right: Arc<dyn Journal>) -> Arc<dyn Journal> {
        right
    }

    fn rotator(&self, right: Arc<dyn SecretRotator>) -> Arc<dyn SecretRotator> {
        right
    }

    fn destinations(&self, right: Vec<Arc<dyn Destination>>) -> Vec<Arc<dyn Destination>> {
        right
    }

    fn hooks(&self, right: Vec<Arc<dyn Hook>>) -> Vec<Arc<dyn Hook>> {
        right
    }

    /// What it says of a run.
    fn told(&self, told: Told) -> Told {
        told
    }

    async fn resume(&self, engine: Engine, work: &Work) -> Told {
        engine.resume(work).await
    }

    async fn roll_back(&self, engine: Engine, work: &Work) -> Told {
        engine.roll_back(work).await
    }
}

/// The right engine with wrong parts.
struct Around<P>(P);

impl<P: Parts> Around<P> {
    fn engine(&self) -> Engine {
        Engine { options: self.0.options() }
    }

    fn work(&self, work: &Work) -> Work {
        let job = Job::new(work.job.target().clone(), self.0.rotator(Arc::clone(work.job.rotator())));
        let job = self.0.destinations(work.job.destinations().to_vec()).into_iter().fold(job, Job::to);
        let job = self.0.hooks(work.job.hooks().to_vec()).into_iter().fold(job, Job::then);
        Work { journal: self.0.journal(Arc::clone(&work.journal)), clock: Arc::clone(&work.clock), job }
    }
}

#[async_trait]
impl<P: Parts> Rotations for Around<P> {
    async fn rotate(&self, work: &Work) -> Told {
        self.0.told(self.engine().rotate(&self.work(work)).await)
    }

    async fn resume(&self, work: &Work) -> Told {
        self.0.told(self.0.resume(self.engine(), &self.work(work)).await)
    }

    async fn roll_back(&self, work: &Work) -> Told {
        self.0.told(self.0.roll_back(self.engine(), &self.work(work)).await)
    }
}

impl<P> fmt::Debug for Around<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Around")
    }
}

struct Asking<W>(PhantomData<W>);

impl<W> Default for Asking<W> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<W: Wrong + Default> Parts for Asking<W> {
    fn rotator(&self, right: Arc<dyn SecretRotator>) -> Arc<dyn SecretRotator> {
        Adapter::around(right, W::default())
    }
}
