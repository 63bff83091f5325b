//! What runs whole rotations over an adapter: the engine, or a wrong one in its place.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use cutover_core::Clock;
use cutover_engine::{Ending, EngineError, Job, Journal, Options, Outcome};

/// Something that runs rotations so that no secret is lost: an engine under check.
#[async_trait]
pub trait Rotations: fmt::Debug + Send + Sync {
    /// Gives the work's target a new secret.
    async fn rotate(&self, work: &Work) -> Told;

    /// Goes on with what an earlier run has left, perhaps of another process.
    async fn resume(&self, work: &Work) -> Told;

    /// Goes back to the old secret, where an unfinished rotation allows it.
    async fn roll_back(&self, work: &Work) -> Told;
}

/// What an engine works with.
#[derive(Clone, Debug)]
pub struct Work {
    /// Where it records what it does.
    pub journal: Arc<dyn Journal>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The target with the adapter of its vendor, the destinations that read its secret, and the hooks that run then.
    pub job: Job,
}

/// What an engine said came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// In short.
    pub said: Said,
    /// All that it said, in words; holds no secret.
    pub words: String,
}

/// What an engine said, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Said {
    /// The new secret is in use everywhere and the old one is retired.
    Rotated,
    /// Nothing was begun or changed.
    NothingChanged,
    /// The old secret is in use again everywhere.
    RolledBack,
    /// Somebody else rotated the target meanwhile.
    Superseded,
    /// It stands still, and resuming may go on.
    Held,
    /// There was nothing to go on with.
    NothingToDo,
    /// It could not run at all.
    Failed,
}

/// The engine of this project.
#[derive(Clone, Copy, Debug, Default)]
pub struct Engine {
    /// What it is told.
    pub options: Options,
}

impl Engine {
    fn over(self, work: &Work) -> cutover_engine::Engine {
        cutover_engine::Engine::new(Arc::clone(&work.journal), Arc::clone(&work.clock)).with_options(self.options)
    }
}

#[async_trait]
impl Rotations for Engine {
    async fn rotate(&self, work: &Work) -> Told {
        self.over(work).rotate(&work.job).await.map(Some).into()
    }

    async fn resume(&self, work: &Work) -> Told {
        self.over(work).resume(&work.job).await.into()
    }

    async fn roll_back(&self, work: &Work) -> Told {
        self.over(work).roll_back(&work.job).await.into()
    }
}

impl From<Result<Option<Outcome>, EngineError>> for Told {
    fn from(run: Result<Option<Outcome>, EngineError>) -> Self {
        let outcome = match run {
            Ok(Some(outcome)) => outcome,
            Ok(None) => return Self { said: Said::NothingToDo, words: "nothing to go on with".to_owned() },
            Err(error) => return Self { said: Said::Failed, words: error.to_string() },
        };
        let (said, why) = match &outcome.ending {
            Ending::Rotated => (Said::Rotated, String::new()),
            Ending::NothingChanged(failure) => (Said::NothingChanged, failure.chain()),
            Ending::RolledBack(why) => (Said::RolledBack, why.clone()),
            Ending::Superseded(why) => (Said::Superseded, why.clone()),
            Ending::Held { hold, .. } => (Said::Held, hold.sentence.clone()),
            _ => (Said::Held, String::new()),
        };
        let words = if why.is_empty() { outcome.to_string() } else { format!("{outcome}: {why}") };
        Self { said, words }
    }
}
