//! One attempt, driven from where it stands to where it ends or has to be held.

use std::time::Duration;

use jiff::Timestamp;

use cutover_core::{Attempt, ChangeMarker, ClientSecret, Kept, Observation, RotateError, Style, Verdict, chain};

use crate::scrub::scrub;
use crate::shift::Shift;
use crate::{Before, Ending, Engine, EngineError, Event, Hold, Job, Outcome, Phase, Recorded, State};

mod asking;
mod delivering;
mod going_back;
mod retiring;
mod telling;

/// How many turns one run takes for each request it may make before it holds: several times what the longest way needs,
/// so that only a vendor whose answers go on contradicting each other uses them up.
const ROUNDS_MAX: u32 = 8;

pub(crate) struct AttemptRun<'a> {
    engine: &'a Engine,
    job: &'a Job,
    shift: Shift<'a>,
    attempt: Attempt,
    state: State,
    resumed: bool,
    kept: Option<Kept>,
    /// Whether the vendor marked the answer as a repeated one.
    replayed: bool,
    /// Why the adapter did not even try to read the answer.
    misread: Option<String>,
    /// The vendor's mark in the answer.
    marker: Option<ChangeMarker>,
    /// The intent is recorded, and the request has not had an effect: it can be sent without looking first.
    unsent: bool,
    /// How often this run asked for a secret.
    asked: u32,
    /// How long the latest request was put off since its intent was recorded.
    put_off: Duration,
    /// How long this run has waited for the latest request to arrive. Counted here because a clock can jump back.
    waited_out: Duration,
    /// Why this run did not learn whether a completion took effect, once for each.
    completed_blind: Vec<String>,
    /// Whether this run has waited for what the vendor shows to agree.
    looked_again: bool,
    /// Whether the latest request was seen to have arrived.
    arrived: bool,
    /// How many unanswered requests were seen to have arrived and were cancelled.
    accounted: usize,
    /// When this run took over from one that did not come to its own end, where such a run may have left a completion or
    /// a cancellation on its way. Neither names a secret: it would complete or cancel whatever is pending then.
    abandoned: Option<Timestamp>,
    /// Whether this run has seen every destination give the new secret to its readers.
    given: bool,
    rounds: u32,
    new: Option<Verdict>,
    old: Option<Verdict>,
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
        shift: Shift<'a>,
        before: Before,
    ) -> Result<AttemptRun<'a>, EngineError> {
        let sent = engine.clock.now();
        let attempt = Attempt::new(job.target().id().clone(), sent);
        let intent = Event::IssueStarted { issue: attempt.issue(), repeats: false, before, sent };
        engine.journal.append(shift.lease(), job.target(), &attempt, &intent, sent).await?;
        let state = State::of([&intent])
            .map_err(|source| EngineError::Damaged { target: job.target().id().clone(), source })?;
        Ok(Self::at(engine, job, shift, attempt, state, false))
    }

    /// Takes up an attempt that the journal holds.
    pub(crate) fn resume(
        engine: &'a Engine,
        job: &'a Job,
        shift: Shift<'a>,
        recorded: Recorded,
    ) -> Result<AttemptRun<'a>, EngineError> {
        let mut state =
            recorded.state().map_err(|source| EngineError::Damaged { target: job.target().id().clone(), source })?;
        let leased = shift.renewed();
        // Whoever is held has come to its own end and left nothing on its way.
        let died = state.held().is_none();
        if died {
            // Its request was recorded before it left, and may have left as late as its lease allowed.
            let latest = state.sent().checked_add(engine.options.lease_ttl).unwrap_or(Timestamp::MAX);
            state.left_by(latest.min(leased));
        } else if let Some(held) = recorded.entries.last() {
            state.left_by(held.at);
        }
        let mut run = Self::at(engine, job, shift, recorded.attempt, state, true);
        run.abandoned = (died && run.two_phase()).then_some(leased);
        Ok(run)
    }

    fn at(
        engine: &'a Engine,
        job: &'a Job,
        shift: Shift<'a>,
        attempt: Attempt,
        state: State,
        resumed: bool,
    ) -> AttemptRun<'a> {
        let old = state.old();
        AttemptRun {
            engine,
            job,
            shift,
            attempt,
            state,
            resumed,
            kept: None,
            replayed: false,
            misread: None,
            marker: None,
            unsent: !resumed,
            asked: 0,
            put_off: Duration::ZERO,
            waited_out: Duration::ZERO,
            completed_blind: Vec::new(),
            looked_again: false,
            arrived: false,
            accounted: 0,
            abandoned: None,
            given: false,
            rounds: 0,
            new: None,
            old,
        }
    }

    /// Goes on until the attempt ends, is held, or was asked to stop.
    pub(crate) async fn drive(mut self) -> Result<Outcome, EngineError> {
        // A request that was begun in this run is sent even so: its intent is recorded, and only settling it would tell
        // that nothing was sent.
        let mut first = !self.resumed;
        loop {
            let phase = self.state.phase();
            if self.stopping() && !first {
                return Ok(self.outcome(Ending::Stopped { phase }));
            }
            first = false;
            let turn = match phase {
                Phase::Issuing if self.unsent => self.send().await?,
                Phase::Issuing => self.settle(false).await?,
                Phase::Kept => self.stage().await?,
                Phase::Staged => self.verify().await?,
                Phase::Verified | Phase::GoingBack => self.promote().await?,
                Phase::Promoted if self.two_phase() => self.complete().await?,
                Phase::Promoted => self.confirm().await?,
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
            old: self.old,
            issues: self.attempt.issue(),
            resumed: self.resumed,
        }
    }

    fn two_phase(&self) -> bool {
        self.job.rotator().profile().style() == Style::TwoPhase
    }

    fn stopping(&self) -> bool {
        self.shift.stopping()
    }

    fn rounds_are_over(&self) -> bool {
        self.rounds >= ROUNDS_MAX.saturating_mul(self.engine.options.issues_max)
    }

    fn doing(&self, what: &str) {
        let (target, phase) = (self.job.target().id(), self.state.phase());
        tracing::info!(target = %target, attempt = %self.attempt.id(), phase = phase.name(), "{what}");
        self.engine.observer.at(target, Some(phase), what);
    }

    /// Records an event, and moves. Durably where it could not be found out again.
    async fn record(&mut self, event: Event) -> Result<(), EngineError> {
        let next = self.next(&event)?;
        self.shift.keep_lease().await?;
        let (journal, at) = (&self.engine.journal, self.engine.clock.now());
        if event.is_found_again() {
            journal.note(self.shift.lease(), self.job.target(), &self.attempt, &event, at).await?;
        } else {
            journal.append(self.shift.lease(), self.job.target(), &self.attempt, &event, at).await?;
        }
        self.state = next;
        Ok(())
    }

    fn next(&self, event: &Event) -> Result<State, EngineError> {
        let target = self.job.target().id().clone();
        self.state.clone().after(event).map_err(|source| EngineError::Damaged { target, source })
    }

    /// What the vendor shows.
    async fn inspect(&mut self) -> Result<Result<Observation, RotateError>, EngineError> {
        self.shift.inspect(Some(self.state.phase())).await
    }

    async fn hold(&mut self, person: bool, sentence: impl Into<String>) -> Result<Turn, EngineError> {
        let secret = self.secret_if_read();
        let hold = Hold { sentence: scrub(&sentence.into(), secret.as_ref(), None), person };
        let phase = self.state.phase();
        self.record(Event::Held(hold.clone())).await?;
        Ok(Turn::Over(Ending::Held { phase, hold }))
    }

    async fn superseded(&mut self, reason: &str) -> Result<Turn, EngineError> {
        // Readers must not be given, nor left with, a secret that is not the vendor's: a pending one is dropped, and
        // where ours was promoted already the one from before is no better, so the current one is left as it is.
        if matches!(self.state.phase(), Phase::Kept | Phase::Staged | Phase::Verified | Phase::GoingBack)
            && let Err(stuck) = self.roll_back_destinations(None).await
        {
            let error = stuck.at_destination()?;
            let sentence = format!("{reason}; {}; mend the destination, then resume", self.say(&error));
            return self.hold(false, sentence).await;
        }
        self.record(Event::Superseded { reason: reason.to_owned() }).await?;
        Ok(Turn::Over(Ending::Superseded(reason.to_owned())))
    }

    /// An error and what caused it, fit to be recorded.
    fn say(&self, error: &dyn std::error::Error) -> String {
        scrub(&chain(error), self.secret_if_read().as_ref(), self.kept.as_ref().map(Kept::reply))
    }

    /// The new secret, where its answer is at hand and can be read.
    fn secret_if_read(&self) -> Option<ClientSecret> {
        let kept = self.kept.as_ref()?;
        self.job.rotator().read(self.job.target(), kept).ok().map(cutover_core::Issued::into_secret)
    }
}
