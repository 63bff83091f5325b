//! Many rotations at once.

use futures_util::StreamExt;
use futures_util::stream;

use crate::{Ending, Engine, EngineError, Job, Outcome};

/// Rotations of many targets, so many at once.
#[derive(Clone, Debug)]
pub struct Fleet {
    engine: Engine,
    at_once: usize,
}

/// How many of a fleet's targets came out how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Rotated.
    pub rotated: usize,
    /// Not rotated, and no person is needed for that.
    pub failed: usize,
    /// A person is needed.
    pub person: usize,
}

impl Fleet {
    /// A fleet that rotates at most `at_once` targets at the same time; at least one.
    pub fn new(engine: Engine, at_once: usize) -> Self {
        Self { engine, at_once: at_once.max(1) }
    }

    /// Rotates every job's target. Results are in the order of the jobs; a failure stops no other.
    pub async fn rotate(&self, jobs: &[Job]) -> Vec<Result<Outcome, EngineError>> {
        stream::iter(jobs).map(|job| self.engine.rotate(job)).buffered(self.at_once).collect().await
    }

    /// Resumes every job's target that has an unfinished rotation; `None` for the others. In the order of the jobs.
    pub async fn resume(&self, jobs: &[Job]) -> Vec<Result<Option<Outcome>, EngineError>> {
        stream::iter(jobs).map(|job| self.engine.resume(job)).buffered(self.at_once).collect().await
    }
}

impl Share {
    /// Counts one more.
    pub fn count(&mut self, result: &Result<Outcome, EngineError>) {
        match result.as_ref().map(|outcome| &outcome.ending) {
            Ok(Ending::Rotated) => self.rotated += 1,
            Ok(Ending::Superseded(_)) => self.person += 1,
            Ok(Ending::Held { hold, .. }) if hold.person => self.person += 1,
            Err(EngineError::Damaged { .. }) => self.person += 1,
            Ok(_) | Err(_) => self.failed += 1,
        }
    }
}
