//! Many rotations at once, and when no further one is begun.

use std::fmt;

use futures_util::StreamExt;
use futures_util::stream::{self, FuturesUnordered};

use crate::runner::nothing_begun;
use crate::{Ending, Engine, EngineError, Failure, Job, Outcome};

/// Rotations of many targets, so many at once.
#[derive(Clone, Debug)]
pub struct Fleet {
    engine: Engine,
    at_once: usize,
    caution: Caution,
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

/// When a fleet begins no further target. Those that are under way go on to their end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caution {
    /// How many targets are rotated first, before any other is begun; the others follow only if all of these end
    /// rotated. None unless given.
    pub canaries: usize,
    /// After how many targets that did not end rotated no further one is begun; `None` for never.
    pub failures_max: Option<usize>,
}

/// What [`Caution`] says to the next target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Begin it.
    Begin,
    /// Not before those that are under way have ended.
    Wait,
    /// Never: neither this nor any after it.
    Halt(Halt),
}

/// Why a fleet begins no further target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// One of those that were to be rotated first did not end rotated.
    CanaryFailed,
    /// So many did not end rotated.
    Failures(usize),
}

impl Fleet {
    /// A fleet that rotates at most `at_once` targets at the same time; at least one.
    pub fn new(engine: Engine, at_once: usize) -> Self {
        Self { engine, at_once: at_once.max(1), caution: Caution::default() }
    }

    /// The same fleet, which stops the line when `caution` says so.
    #[must_use]
    pub fn with_caution(mut self, caution: Caution) -> Self {
        self.caution = caution;
        self
    }

    /// Rotates every job's target. Results are in the order of the jobs; a failure stops no other unless the fleet's
    /// [`Caution`] says so. A target that was never begun for that is [`Failure::NotBegun`].
    pub async fn rotate(&self, jobs: &[Job]) -> Vec<Result<Outcome, EngineError>> {
        self.rotate_and_tell(jobs, |_, _| {}).await
    }

    /// As [`rotate`](Self::rotate), telling each result as soon as it is known, with the index of its job.
    pub async fn rotate_and_tell(
        &self,
        jobs: &[Job],
        mut tell: impl FnMut(usize, &Result<Outcome, EngineError>),
    ) -> Vec<Result<Outcome, EngineError>> {
        let mut results: Vec<(usize, Result<Outcome, EngineError>)> = Vec::with_capacity(jobs.len());
        let (mut begun, mut share, mut halt) = (0, Share::default(), None);
        let mut under_way = FuturesUnordered::new();
        loop {
            while halt.is_none() && under_way.len() < self.at_once {
                let Some(job) = jobs.get(begun) else { break };
                match self.caution.gate(begun, share) {
                    Gate::Begin => {
                        let nth = begun;
                        under_way.push(async move { (nth, self.engine.rotate(job).await) });
                        begun += 1;
                    }
                    Gate::Wait => break,
                    Gate::Halt(why) => halt = Some(why),
                }
            }
            let Some((nth, result)) = under_way.next().await else { break };
            share.count(&result);
            tell(nth, &result);
            results.push((nth, result));
        }
        if let Some(why) = halt {
            for (nth, job) in jobs.iter().enumerate().skip(begun) {
                let result = Ok(nothing_begun(job, Failure::NotBegun(why)));
                tell(nth, &result);
                results.push((nth, result));
            }
        }
        results.sort_by_key(|(nth, _)| *nth);
        results.into_iter().map(|(_, result)| result).collect()
    }

    /// Resumes every job's target that has an unfinished rotation; `None` for the others. In the order of the jobs.
    pub async fn resume(&self, jobs: &[Job]) -> Vec<Result<Option<Outcome>, EngineError>> {
        stream::iter(jobs).map(|job| self.engine.resume(job)).buffered(self.at_once).collect().await
    }
}

impl Caution {
    /// Whether one more target is begun after `begun` of them, of which those have ended that `share` counts.
    ///
    /// | so far | what follows |
    /// |---|---|
    /// | as many as `failures_max` did not end rotated | halt |
    /// | no more than the canaries were begun, and one of them did not end rotated | halt |
    /// | every canary was begun, and one of them has not ended | wait |
    /// | anything else | begin |
    pub fn gate(&self, begun: usize, share: Share) -> Gate {
        let not_rotated = share.failed + share.person;
        if self.failures_max.is_some_and(|max| max <= not_rotated) {
            return Gate::Halt(Halt::Failures(not_rotated));
        }
        // Once another target was begun, every canary had ended rotated.
        if 0 < self.canaries && begun <= self.canaries {
            if 0 < not_rotated {
                return Gate::Halt(Halt::CanaryFailed);
            }
            if begun == self.canaries && share.rotated < begun {
                return Gate::Wait;
            }
        }
        Gate::Begin
    }
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CanaryFailed => f.write_str("a target that was to be rotated first was not rotated"),
            Self::Failures(1) => f.write_str("another target was not rotated"),
            Self::Failures(count) => write!(f, "{count} other targets were not rotated"),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn share(rotated: usize, failed: usize, person: usize) -> Share {
        Share { rotated, failed, person }
    }

    #[test]
    fn without_caution_everything_is_begun() {
        for begun in 0..5 {
            assert_eq!(Caution::default().gate(begun, share(0, begun, 0)), Gate::Begin);
        }
    }

    #[test]
    fn the_line_stops_once_so_many_are_not_rotated_and_no_sooner() {
        let caution = Caution { failures_max: Some(2), ..Caution::default() };
        assert_eq!(caution.gate(9, share(5, 1, 0)), Gate::Begin);
        for stopped in [share(5, 2, 0), share(5, 1, 1), share(0, 0, 2)] {
            assert_eq!(caution.gate(9, stopped), Gate::Halt(Halt::Failures(2)));
        }
        assert_eq!(caution.gate(9, share(5, 3, 0)), Gate::Halt(Halt::Failures(3)));
    }

    #[test]
    fn nobody_follows_before_every_canary_has_ended_rotated() {
        let caution = Caution { canaries: 2, ..Caution::default() };
        assert_eq!(caution.gate(0, share(0, 0, 0)), Gate::Begin);
        assert_eq!(caution.gate(1, share(0, 0, 0)), Gate::Begin);
        assert_eq!(caution.gate(2, share(0, 0, 0)), Gate::Wait);
        assert_eq!(caution.gate(2, share(1, 0, 0)), Gate::Wait);
        assert_eq!(caution.gate(2, share(2, 0, 0)), Gate::Begin);
        for failed in [share(1, 1, 0), share(0, 1, 0), share(0, 0, 1)] {
            assert_eq!(caution.gate(2, failed), Gate::Halt(Halt::CanaryFailed));
        }
        assert_eq!(caution.gate(1, share(0, 1, 0)), Gate::Halt(Halt::CanaryFailed), "nor a further canary");
        assert_eq!(caution.gate(5, share(3, 1, 0)), Gate::Begin, "a later failure is no canary's");
    }

    /// Whatever ends in whatever order, a fleet that only ever waits for somebody comes to an end.
    #[test]
    fn a_gate_never_waits_for_nobody() {
        for canaries in 0..4 {
            for failures_max in [None, Some(1), Some(2)] {
                let caution = Caution { canaries, failures_max };
                for rotated in 0..5 {
                    for failed in 0..5 {
                        let gate = caution.gate(rotated + failed, share(rotated, failed, 0));
                        assert_ne!(gate, Gate::Wait, "{caution:?} waits after {rotated} rotated and {failed} not");
                    }
                }
            }
        }
    }
}
