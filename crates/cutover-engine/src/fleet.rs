//! Many rotations at once, and when no further one is begun.

use std::fmt;

use crate::runner::nothing_begun;
use crate::{Ending, Engine, EngineError, Failure, Job, JournalError, Next, Outcome, UnderWay};

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
    /// How many targets may be unfinished at the same time: those under way, and those that stand still half-rotated,
    /// whoever began them. `None` for any number.
    pub unfinished_max: Option<usize>,
}

/// How far a fleet has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Targets that were begun.
    pub begun: usize,
    /// Those of them that are through.
    pub through: Share,
    /// Targets that are unfinished and not under way, this fleet's and others.
    pub standing: usize,
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
    /// So many stand still half-rotated.
    Unfinished(usize),
    /// It was asked to stop.
    Stopped,
}

impl Fleet {
    /// A fleet that works on at most `at_once` targets at the same time; at least one. One that only waits until a time
    /// has passed, with a working secret at every reader, leaves its slot to another, up to a number of such that is in
    /// proportion to `at_once`.
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
        let mut progress = Progress { standing: self.standing_before().await, ..Progress::default() };
        let mut halt = None;
        let mut under_way = UnderWay::new(&self.engine, self.at_once);
        loop {
            let mut waits = false;
            while halt.is_none() && under_way.has_room() {
                let nth = progress.begun;
                let Some(job) = jobs.get(nth) else { break };
                if self.engine.stop.is_set() {
                    halt = Some(Halt::Stopped);
                    break;
                }
                match self.caution.gate(progress) {
                    Gate::Begin => {
                        let engine = under_way.engine().clone();
                        under_way.begin(async move { (nth, engine.rotate(job).await) });
                        progress.begun += 1;
                    }
                    Gate::Wait => {
                        waits = true;
                        break;
                    }
                    Gate::Halt(why) => halt = Some(why),
                }
            }
            let more = halt.is_none() && !waits && progress.begun < jobs.len();
            let (nth, result) = match under_way.next(more).await {
                Next::Through(through) => through,
                Next::Room => continue,
                Next::Nothing => break,
            };
            progress.through.count(&result);
            progress.standing += usize::from(stands_still(&result));
            tell(nth, &result);
            results.push((nth, result));
        }
        if let Some(why) = halt {
            for (nth, job) in jobs.iter().enumerate().skip(progress.begun) {
                let result = Ok(nothing_begun(job, Failure::NotBegun(why)));
                tell(nth, &result);
                results.push((nth, result));
            }
        }
        in_order(results)
    }

    /// Resumes every job's target that has an unfinished rotation; `None` for the others. In the order of the jobs.
    pub async fn resume(&self, jobs: &[Job]) -> Vec<Result<Option<Outcome>, EngineError>> {
        let (mut left, mut results) = (jobs.iter().enumerate().peekable(), Vec::with_capacity(jobs.len()));
        let mut under_way = UnderWay::new(&self.engine, self.at_once);
        loop {
            while under_way.has_room()
                && let Some((nth, job)) = left.next()
            {
                let engine = under_way.engine().clone();
                under_way.begin(async move { (nth, engine.resume(job).await) });
            }
            match under_way.next(left.peek().is_some()).await {
                Next::Through(through) => results.push(through),
                Next::Room => {}
                Next::Nothing => return in_order(results),
            }
        }
    }

    /// How many rotations in the journal are unfinished, where that matters.
    async fn standing_before(&self) -> usize {
        if self.caution.unfinished_max.is_none() {
            return 0;
        }
        // A journal that cannot be read says so to each target, of which none is begun then.
        self.engine.journal().unfinished(None).await.map_or(0, |open| open.len())
    }
}

/// Whether a rotation that was just begun is left unfinished, or may be.
fn stands_still(result: &Result<Outcome, EngineError>) -> bool {
    match result {
        Ok(outcome) => matches!(outcome.ending, Ending::Held { .. } | Ending::Stopped { .. }),
        // Nothing was begun, and what is unfinished was so before.
        Err(EngineError::Unfinished { .. } | EngineError::Journal(JournalError::Busy { .. })) => false,
        Err(_) => true,
    }
}

fn in_order<T>(mut results: Vec<(usize, T)>) -> Vec<T> {
    results.sort_by_key(|(nth, _)| *nth);
    results.into_iter().map(|(_, result)| result).collect()
}

impl Caution {
    /// Whether one more target is begun.
    ///
    /// | so far | what follows |
    /// |---|---|
    /// | as many as `failures_max` did not end rotated | halt |
    /// | as many as `unfinished_max` stand still half-rotated | halt |
    /// | no more than the canaries were begun, and one of them did not end rotated | halt |
    /// | as many as `unfinished_max` stand still or are under way | wait |
    /// | every canary was begun, and one of them has not ended | wait |
    /// | anything else | begin |
    pub fn gate(&self, so_far: Progress) -> Gate {
        let Progress { begun, through, standing } = so_far;
        let not_rotated = through.failed + through.person;
        if self.failures_max.is_some_and(|max| max <= not_rotated) {
            return Gate::Halt(Halt::Failures(not_rotated));
        }
        if self.unfinished_max.is_some_and(|max| max <= standing) {
            return Gate::Halt(Halt::Unfinished(standing));
        }
        // Once another target was begun, every canary had ended rotated.
        let canaries_only = 0 < self.canaries && begun <= self.canaries;
        if canaries_only && 0 < not_rotated {
            return Gate::Halt(Halt::CanaryFailed);
        }
        let under_way = begun.saturating_sub(through.rotated + not_rotated);
        if self.unfinished_max.is_some_and(|max| max <= standing + under_way) {
            return Gate::Wait;
        }
        if canaries_only && begun == self.canaries && through.rotated < begun {
            return Gate::Wait;
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
            Self::Stopped => f.write_str("the run was asked to stop first"),
            Self::Unfinished(1) => f.write_str("another target stands still half-rotated"),
            Self::Unfinished(count) => write!(f, "{count} other targets stand still half-rotated"),
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

    fn through(rotated: usize, failed: usize, person: usize) -> Progress {
        let begun = rotated + failed + person;
        Progress { begun, through: Share { rotated, failed, person }, standing: 0 }
    }

    fn under_way(count: usize, so_far: Progress) -> Progress {
        Progress { begun: so_far.begun + count, ..so_far }
    }

    #[test]
    fn without_caution_everything_is_begun() {
        for failed in 0..5 {
            let so_far = Progress { standing: 7, ..through(0, failed, 0) };
            assert_eq!(Caution::default().gate(so_far), Gate::Begin);
        }
    }

    #[test]
    fn the_line_stops_once_so_many_are_not_rotated_and_no_sooner() {
        let caution = Caution { failures_max: Some(2), ..Caution::default() };
        assert_eq!(caution.gate(through(5, 1, 0)), Gate::Begin);
        for stopped in [through(5, 2, 0), through(5, 1, 1), through(0, 0, 2)] {
            assert_eq!(caution.gate(under_way(3, stopped)), Gate::Halt(Halt::Failures(2)));
        }
        assert_eq!(caution.gate(through(5, 3, 0)), Gate::Halt(Halt::Failures(3)));
    }

    #[test]
    fn nobody_follows_before_every_canary_has_ended_rotated() {
        let caution = Caution { canaries: 2, ..Caution::default() };
        assert_eq!(caution.gate(through(0, 0, 0)), Gate::Begin);
        assert_eq!(caution.gate(under_way(1, through(0, 0, 0))), Gate::Begin);
        assert_eq!(caution.gate(under_way(2, through(0, 0, 0))), Gate::Wait);
        assert_eq!(caution.gate(under_way(1, through(1, 0, 0))), Gate::Wait);
        assert_eq!(caution.gate(through(2, 0, 0)), Gate::Begin);
        for failed in [through(1, 1, 0), under_way(1, through(0, 1, 0)), under_way(1, through(0, 0, 1))] {
            assert_eq!(caution.gate(failed), Gate::Halt(Halt::CanaryFailed));
        }
        assert_eq!(caution.gate(through(0, 1, 0)), Gate::Halt(Halt::CanaryFailed), "nor a further canary");
        assert_eq!(caution.gate(under_way(1, through(3, 1, 0))), Gate::Begin, "a later failure is no canary's");
    }

    #[test]
    fn no_more_targets_are_unfinished_than_may_be() {
        let caution = Caution { unfinished_max: Some(3), ..Caution::default() };
        let standing = |standing, so_far| Progress { standing, ..so_far };
        assert_eq!(caution.gate(under_way(2, through(9, 0, 0))), Gate::Begin);
        assert_eq!(caution.gate(under_way(3, through(9, 0, 0))), Gate::Wait);
        assert_eq!(caution.gate(standing(1, under_way(1, through(9, 0, 0)))), Gate::Begin);
        assert_eq!(caution.gate(standing(1, under_way(2, through(9, 1, 0)))), Gate::Wait);
        assert_eq!(caution.gate(standing(2, through(9, 1, 1))), Gate::Begin);
        for others in [through(0, 0, 0), through(9, 0, 3), under_way(2, through(9, 1, 2))] {
            assert_eq!(caution.gate(standing(3, others)), Gate::Halt(Halt::Unfinished(3)));
        }
    }

    /// Whatever ends in whatever order, a fleet that only ever waits for somebody comes to an end.
    #[test]
    fn a_gate_never_waits_for_nobody() {
        let some = [None, Some(1), Some(2)];
        for (canaries, failures_max) in (0..4).flat_map(|canaries| some.map(|max| (canaries, max))) {
            for unfinished_max in some {
                let caution = Caution { canaries, failures_max, unfinished_max };
                for (rotated, failed) in (0..5).flat_map(|rotated| (0..5).map(move |failed| (rotated, failed))) {
                    for standing in 0..3 {
                        let gate = caution.gate(Progress { standing, ..through(rotated, failed, 0) });
                        assert_ne!(gate, Gate::Wait, "{caution:?} waits after {rotated} rotated and {failed} not");
                    }
                }
            }
        }
    }
}
