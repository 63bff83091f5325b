//! One attempt, driven from where it stands to where it ends or has to be held.

use std::time::Duration;

use jiff::Timestamp;

use cutover_core::{Attempt, Kept, Style, Verdict};

use crate::outcome::chain;
use crate::runner::now;
use crate::{Before, Ending, Engine, EngineError, Event, Hold, Job, Lease, Outcome, Phase, Recorded, State};

mod asking;
mod delivering;
mod retiring;

/// How often one run looks again at an unsettled request or an uncertain completion before it holds.
const ROUNDS_MAX: u32 = 8;

pub(crate) struct AttemptRun<'a> {
    engine: &'a Engine,
    job: &'a Job,
    lease: &'a Lease,
    attempt: Attempt,
    state: State,
    kept: Option<Kept>,
    /// The intent is recorded and the vendor has not been asked by this process.
    unsent: bool,
    resumed: bool,
    rounds: u32,
    asked: u32,
    renewed: Timestamp,
    new: Option<Verdict>,
}

/// Whether the run goes on, or why it does not.
enum Turn {
    On,
    Over(Ending),
}

impl<'a> AttemptRun<'a> {
    /// Records the intent. The vendor is asked when the run is driven.
    pub(crate) async fn begin(
        engine: &'a Engine,
        job: &'a Job,
        lease: &'a Lease,
        before: Before,
    ) -> Result<AttemptRun<'a>, EngineError> {
        let sent = now(engine);
        let attempt = Attempt::new(job.target().id().clone(), sent);
        let intent = Event::IssueStarted { issue: attempt.issue(), repeats: false, before, sent };
        engine.journal.append(lease, job.target(), &attempt, &intent, sent).await?;
        let state = State::of([&intent])
            .map_err(|source| EngineError::Damaged { target: job.target().id().clone(), source })?;
        Ok(Self::at(engine, job, lease, attempt, state, false))
    }

    /// Takes up an attempt that the journal holds.
    pub(crate) fn resume(
        engine: &'a Engine,
        job: &'a Job,
        lease: &'a Lease,
        recorded: Recorded,
    ) -> Result<AttemptRun<'a>, EngineError> {
        let state =
            recorded.state().map_err(|source| EngineError::Damaged { target: job.target().id().clone(), source })?;
        Ok(Self::at(engine, job, lease, recorded.attempt, state, true))
    }

    fn at(
        engine: &'a Engine,
        job: &'a Job,
        lease: &'a Lease,
        attempt: Attempt,
        state: State,
        resumed: bool,
    ) -> AttemptRun<'a> {
        let (renewed, kept, new) = (now(engine), None, None);
        let (unsent, rounds, asked) = (!resumed, 0, 0);
        Self { engine, job, lease, attempt, state, kept, unsent, resumed, rounds, asked, renewed, new }
    }

    /// Goes on until the attempt ends, is held, or was asked to stop.
    pub(crate) async fn drive(mut self) -> Result<Outcome, EngineError> {
        loop {
            let phase = self.state.phase();
            if self.engine.stop.is_set() && !self.unsent {
                return Ok(self.outcome(Ending::Stopped { phase }));
            }
            let turn = match phase {
                Phase::Issuing if self.unsent => self.send().await?,
                Phase::Issuing => self.settle(false).await?,
                Phase::Kept => self.stage().await?,
                Phase::Staged => self.verify().await?,
                Phase::Verified => self.promote().await?,
                Phase::Promoted => match self.job.rotator().profile().style() {
                    Style::TwoPhase => self.complete().await?,
                    _ => self.confirm().await?,
                },
                Phase::Completed => self.finish().await?,
                // The way to an end hands out its ending itself, and the journal gives out no ended attempt to resume.
                Phase::Ended(_) => Turn::Over(Ending::Stopped { phase }),
            };
            self.rounds += 1;
            if let Turn::Over(ending) = turn {
                return Ok(self.outcome(ending));
            }
        }
    }

    fn outcome(&self, ending: Ending) -> Outcome {
        Outcome {
            target: self.job.target().id().clone(),
            attempt: Some(self.attempt.id()),
            ending,
            new: self.new,
            old: self.state.old(),
            issues: self.attempt.issue(),
            resumed: self.resumed,
        }
    }

    fn doing(&self, what: &str) {
        let target = self.job.target().id();
        tracing::info!(target = %target, attempt = %self.attempt.id(), phase = self.state.phase().name(), "{what}");
        self.engine.observer.at(target, Some(self.state.phase()), what);
    }

    /// Records an event, and moves.
    async fn record(&mut self, event: Event) -> Result<(), EngineError> {
        let at = now(self.engine);
        let next = self.next(&event)?;
        let lived = Duration::try_from(at.duration_since(self.renewed)).unwrap_or_default();
        if self.engine.options.lease_ttl / 3 < lived {
            self.still_ours().await?;
        }
        self.engine.journal.append(self.lease, self.job.target(), &self.attempt, &event, at).await?;
        self.state = next;
        Ok(())
    }

    /// Shows that the lease is still ours before a call that cannot be taken back, and keeps it.
    async fn still_ours(&mut self) -> Result<(), EngineError> {
        let at = now(self.engine);
        self.engine.journal.renew(self.lease, at, self.engine.options.lease_ttl).await?;
        self.renewed = at;
        Ok(())
    }

    fn next(&self, event: &Event) -> Result<State, EngineError> {
        let target = self.job.target().id().clone();
        self.state.clone().after(event).map_err(|source| EngineError::Damaged { target, source })
    }

    async fn hold(&mut self, person: bool, sentence: impl Into<String>) -> Result<Turn, EngineError> {
        let hold = Hold { sentence: sentence.into(), person };
        let phase = self.state.phase();
        self.record(Event::Held(hold.clone())).await?;
        Ok(Turn::Over(Ending::Held { phase, hold }))
    }

    async fn superseded(&mut self, reason: String) -> Result<Turn, EngineError> {
        // Readers must not be given, nor left with, a secret that is not the vendor's: a pending one is dropped, and
        // where ours was promoted already the one from before is no better, so the current one is left as it is.
        if matches!(self.state.phase(), Phase::Kept | Phase::Staged | Phase::Verified)
            && let Err(error) = self.roll_back_destinations().await
        {
            return self.hold(false, format!("{reason}; {}", chain(&error))).await;
        }
        self.record(Event::Superseded { reason: reason.clone() }).await?;
        Ok(Turn::Over(Ending::Superseded(reason)))
    }
}
