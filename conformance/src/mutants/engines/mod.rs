//! Engines that are wrong on purpose: the right one with wrong parts, and one that knows no journal.

mod asking;
mod believing;
mod delivering;
mod journals;
mod running;
mod script;
mod telling;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use cutover_core::SecretRotator;
use cutover_engine::{Destination, Job, Journal, Options};

use super::behind::Behind;
use super::{Mutant, emulated};
use crate::engine::{Engine, Rotations, Told, Work};
use crate::kills::Layer;

/// The kinds of client on which a mutant is run.
type Kinds = &'static [&'static str];
/// Not `stytch m2m`, whose tokens take long to sign.
const STYTCH: Kinds = &["stytch connected_app"];
const HOPAE: Kinds = &["hopae app"];
const ZITADEL: Kinds = &["zitadel api"];
const USER: Kinds = &["zitadel machine_user"];

/// Every wrong engine.
pub(super) fn all() -> Vec<Mutant> {
    let parts = [asking::all(), delivering::all(), believing::all(), running::all(), telling::all()].concat();
    let mut all = [journals::all(), parts].concat();
    all.push(mutant("knows no journal", "CRASH-3", STYTCH, || Arc::new(script::Script)));
    all
}

fn mutant(name: &'static str, named: &'static str, kinds: Kinds, engine: fn() -> Arc<dyn Rotations>) -> Mutant {
    Mutant::new(name, Layer::Engine, named, move || {
        emulated(kinds).into_iter().map(|fixture| Behind::engine(fixture, engine())).collect()
    })
}

/// A mutant that has wrong parts.
fn wrong<P: Parts + Default>(name: &'static str, named: &'static str, kinds: Kinds) -> Mutant {
    mutant(name, named, kinds, || Arc::new(Around(P::default())))
}

/// What is wrong about the parts of an engine. Each is made anew for each run, as for a new process.
#[async_trait]
trait Parts: Send + Sync + 'static {
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
        let destinations = self.0.destinations(work.job.destinations().to_vec());
        Work {
            journal: self.0.journal(Arc::clone(&work.journal)),
            clock: Arc::clone(&work.clock),
            job: destinations.into_iter().fold(job, Job::to),
        }
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
