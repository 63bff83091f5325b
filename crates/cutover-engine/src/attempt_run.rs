//! One attempt, driven from where it stands to where it ends or has to be held.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use cutover_core::{
    Attempt, ClientSecret, Clock, Effect, Kept, Recovery, Refusal, RotateError, Style, Verdict, Witness,
};

use crate::outcome::chain;
use crate::runner::{now, settle_time, verdict};
use crate::{
    Before, BeforeComplete, DestinationError, Ending, Engine, EngineError, Event, Failure, Hold, Job, Journal, Label,
    Lease, Outcome, Phase, Recorded, Settlement, State, Unsettled, Version, before_complete, settle,
};

/// How often one run looks again at an unsettled request or an uncertain completion before it holds.
const ROUNDS_MAX: u32 = 8;
/// The first pause before an answer that the journal did not take is offered again; it doubles up to a minute.
const KEEP_AGAIN: Duration = Duration::from_millis(200);

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

    /// Records that the vendor is about to be asked again, then asks.
    async fn ask(&mut self, repeats: bool) -> Result<Turn, EngineError> {
        if self.asked >= self.engine.options.issues_max {
            let asked = self.attempt.issue();
            let sentence = format!(
                "the vendor was asked {asked} times and no readable secret came back; what it answered is sealed in \
                 the journal. Look at the vendor's status, then resume to ask again"
            );
            return self.hold(true, sentence).await;
        }
        let sent = now(self.engine);
        self.attempt = if repeats { self.attempt.repeating() } else { self.attempt.asking_again(sent) };
        let before = self.state.before().clone();
        self.kept = None;
        self.record(Event::IssueStarted { issue: self.attempt.issue(), repeats, before, sent }).await?;
        self.send().await
    }

    /// Asks the vendor for a secret and keeps the answer: the one stretch that must not be cut.
    async fn send(&mut self) -> Result<Turn, EngineError> {
        self.doing("asking the vendor for a new secret");
        (self.unsent, self.asked) = (false, self.asked + 1);
        let (rotator, target) = (Arc::clone(self.job.rotator()), self.job.target().clone());
        let (journal, clock) = (Arc::clone(&self.engine.journal), Arc::clone(&self.engine.clock));
        let (attempt, patience) = (self.attempt.clone(), self.engine.options.keep_patience);
        // A task of its own, so that whoever drops the engine's future does not drop a secret.
        let asked = tokio::spawn(async move {
            let reply = rotator.issue(&target, &attempt).await.map_err(Unanswered::Vendor)?;
            keep(journal.as_ref(), clock.as_ref(), &attempt, reply, patience).await
        });
        match asked.await {
            Ok(Ok(kept)) => {
                self.state = self.next(&Event::ReplyKept)?;
                self.kept = Some(kept);
                Ok(Turn::On)
            }
            Ok(Err(Unanswered::NotKept(reason))) => {
                Err(EngineError::NotKept { target: self.job.target().id().clone(), reason })
            }
            Ok(Err(Unanswered::Vendor(error))) => self.unanswered(error).await,
            Err(died) => {
                // A panic in an adapter: what it did at the vendor is unknown, as if the process had died there.
                tracing::error!(target = %self.job.target().id(), panicked = died.is_panic(), "issue broke off");
                Ok(Turn::On)
            }
        }
    }

    async fn unanswered(&mut self, error: RotateError) -> Result<Turn, EngineError> {
        tracing::warn!(
            target = %self.job.target().id(), effect = %error.effect(), error = chain(&error), "no secret came back"
        );
        let first = self.attempt.issue() == 1;
        match (error.effect(), error.refusal()) {
            (Effect::NotApplied, _) if first => {
                self.record(Event::IssueRefused { reason: chain(&error) }).await?;
                Ok(Turn::Over(Ending::NothingChanged(Failure::Vendor(error))))
            }
            // An earlier request of this attempt arrived after all: look again.
            (Effect::NotApplied, Some(Refusal::AlreadyPending)) => Ok(Turn::On),
            (Effect::NotApplied, _) => {
                let sentence = format!(
                    "an earlier request for a secret was never answered, and asking again was refused: {}. The old \
                     secret may be dead; resume once the vendor accepts the request",
                    chain(&error)
                );
                self.hold(!error.is_transient(), sentence).await
            }
            (Effect::Unknown | Effect::Applied, _) => Ok(Turn::On),
        }
    }

    /// Settles a request without a usable answer by what the vendor shows.
    async fn settle(&mut self, answered: bool) -> Result<Turn, EngineError> {
        if self.rounds >= ROUNDS_MAX * self.engine.options.issues_max {
            return self.hold(false, "the vendor's answers go on contradicting each other; resume later").await;
        }
        self.doing("finding out what the vendor did");
        let profile = self.job.rotator().profile().clone();
        let shown = if matches!(profile.recovery(), Recovery::Replay { .. }) {
            None
        } else {
            match self.job.rotator().inspect(self.job.target()).await {
                Ok(shown) => Some(shown),
                Err(error) => return self.cannot_look(&error).await,
            }
        };
        let settlement = settle(
            profile.recovery(),
            Unsettled {
                before: self.state.before(),
                now_shown: shown.as_ref(),
                answered,
                sent: self.state.sent(),
                key_born: self.attempt.key_born(),
                straggler: profile.straggler(),
                now: now(self.engine),
            },
        );
        match settlement {
            Settlement::Repeat => self.ask(true).await,
            Settlement::AskAgain => self.ask(false).await,
            Settlement::Wait(left) => {
                self.doing(&format!("waiting {} s, in which the lost request may still arrive", left.as_secs().max(1)));
                self.engine.wait(self.lease, left).await?;
                Ok(Turn::On)
            }
            Settlement::CancelThenLook => match self.job.rotator().cancel(self.job.target()).await {
                Ok(()) => Ok(Turn::On),
                Err(error) if error.refusal() == Some(Refusal::NothingPending) => Ok(Turn::On),
                Err(error) if error.effect() == Effect::Unknown => Ok(Turn::On),
                Err(error) => self.cannot_look(&error).await,
            },
            Settlement::Superseded(reason) => self.superseded(reason.to_owned()).await,
            Settlement::CannotTell(reason) => self.hold(true, reason).await,
        }
    }

    async fn cannot_look(&mut self, error: &RotateError) -> Result<Turn, EngineError> {
        let sentence = format!("the vendor could not be asked how things stand: {}; resume later", chain(error));
        self.hold(!error.is_transient(), sentence).await
    }

    /// The new secret, read from its sealed answer; `None` when the answer holds none that can be read.
    async fn secret(&mut self) -> Result<Option<ClientSecret>, EngineError> {
        if self.kept.is_none() {
            let journal: &dyn Journal = self.engine.journal.as_ref();
            self.kept = Kept::recall(journal, &self.attempt).await.map_err(|error| EngineError::NotKept {
                target: self.job.target().id().clone(),
                reason: chain(&error),
            })?;
        }
        let Some(kept) = &self.kept else { return Ok(None) };
        match self.job.rotator().read(self.job.target(), kept) {
            Ok(issued) => Ok(Some(issued.into_secret())),
            Err(error) => {
                tracing::warn!(target = %self.job.target().id(), error = chain(&error), "the kept answer is unreadable");
                Ok(None)
            }
        }
    }

    async fn answer_is_gone(&mut self) -> Result<Turn, EngineError> {
        let sentence = "the sealed answer that was read before cannot be read any more, so nothing further is done with \
                        this rotation. Restore the journal and its key, then resume";
        self.hold(true, sentence).await
    }

    fn version(&self) -> Version {
        Version::new(self.attempt.id(), self.attempt.issue())
    }

    async fn stage(&mut self) -> Result<Turn, EngineError> {
        let Some(secret) = self.secret().await? else {
            // Answered, so it took effect; the answer stays sealed for a later version to read.
            return self.settle(true).await;
        };
        self.doing("staging the new secret");
        for destination in self.job.destinations() {
            let staged = async {
                destination.stage(self.version(), &secret).await?;
                let pending = destination.read(Label::Pending).await?;
                let current = destination.read(Label::Current).await?;
                came_back(destination.name(), &secret, [pending.as_ref(), current.as_ref()])
            };
            if let Err(error) = staged.await {
                return self.hold_for(&error).await;
            }
        }
        self.record(Event::Staged).await?;
        Ok(Turn::On)
    }

    async fn hold_for(&mut self, error: &DestinationError) -> Result<Turn, EngineError> {
        let sentence = format!(
            "{}. The new secret is sealed in the journal and not lost; mend the destination, then resume",
            chain(error)
        );
        self.hold(false, sentence).await
    }

    async fn verify(&mut self) -> Result<Turn, EngineError> {
        if self.job.rotator().profile().has(Witness::Probe) {
            self.doing("seeing that the vendor accepts the new secret");
            match self.look_at_new().await? {
                Some(Verdict::Accepted) => {}
                Some(Verdict::Refused) => return self.refused().await,
                Some(Verdict::NotKnown) | None => return self.not_seen().await,
            }
        }
        self.record(Event::Verified).await?;
        Ok(Turn::On)
    }

    /// What the vendor says to the new secret; `None` when it could not be asked.
    async fn look_at_new(&mut self) -> Result<Option<Verdict>, EngineError> {
        let Some(secret) = self.secret().await? else { return Ok(None) };
        self.new = match verdict(self.engine, self.job, &secret, Verdict::Accepted).await {
            Ok(verdict) => Some(verdict),
            Err(error) => {
                tracing::warn!(target = %self.job.target().id(), error = chain(&error), "the vendor could not be asked");
                None
            }
        };
        Ok(self.new)
    }

    async fn not_seen(&mut self) -> Result<Turn, EngineError> {
        let sentence = "whether the vendor accepts the new secret could not be seen; it is sealed in the journal and \
                        not lost, and nothing was retired on this side. Resume later";
        self.hold(false, sentence).await
    }

    /// The vendor refuses the new secret although its propagation time is over.
    async fn refused(&mut self) -> Result<Turn, EngineError> {
        let profile = self.job.rotator().profile().clone();
        if profile.style() == Style::TwoPhase {
            let shown = match self.job.rotator().inspect(self.job.target()).await {
                Ok(shown) => shown,
                Err(error) => return self.cannot_look(&error).await,
            };
            if matches!(shown.pending, cutover_core::Pending::Yes(_)) {
                let sentence = "the vendor refuses the new secret although the rotation is pending there; the old one \
                                was not retired. Is the client inactive? Resume once it is not";
                return self.hold(true, sentence).await;
            }
            let reason = "the new secret was dropped at the vendor by somebody else; the old one was not retired here";
            return self.superseded(reason.to_owned()).await;
        }
        if self.state.has_unanswered() {
            // Our own lost request arrived after the one that was answered, and took its place.
            return self.ask(false).await;
        }
        let reason = "the vendor refuses the secret that it issued: somebody rotated this client since. What they got \
                      is in use at the vendor; the destinations do not have it";
        self.superseded(reason.to_owned()).await
    }

    async fn promote(&mut self) -> Result<Turn, EngineError> {
        let Some(secret) = self.secret().await? else { return self.answer_is_gone().await };
        self.doing("giving the new secret to its readers");
        for destination in self.job.destinations() {
            let promoted = async {
                destination.promote(self.version()).await?;
                let current = destination.read(Label::Current).await?;
                came_back(destination.name(), &secret, [current.as_ref()])
            };
            if let Err(error) = promoted.await {
                return self.hold_for(&error).await;
            }
        }
        self.record(Event::Promoted).await?;
        Ok(Turn::On)
    }

    /// Immediate styles: looks at the new secret once more when a lost request of ours cannot arrive any more.
    async fn confirm(&mut self) -> Result<Turn, EngineError> {
        let profile = self.job.rotator().profile().clone();
        if profile.has(Witness::Probe) {
            let mut wait = settle_time(profile.recovery());
            if self.state.has_unanswered() {
                let since = now(self.engine).duration_since(self.state.sent());
                let since = Duration::try_from(since).unwrap_or_default();
                wait = wait.max(profile.straggler().saturating_sub(since));
            }
            if !wait.is_zero() {
                self.doing(&format!("waiting {} s before a last look", wait.as_secs().max(1)));
                self.engine.wait(self.lease, wait).await?;
            }
            match self.look_at_new().await? {
                Some(Verdict::Accepted) => {}
                Some(Verdict::Refused) => return self.refused().await,
                Some(Verdict::NotKnown) | None => return self.not_seen().await,
            }
        }
        self.record(Event::Completed).await?;
        Ok(Turn::On)
    }

    /// Two-phase: retires the old secret, behind evidence gathered in this very run.
    async fn complete(&mut self) -> Result<Turn, EngineError> {
        if self.rounds >= ROUNDS_MAX * self.engine.options.issues_max {
            return self.hold(false, "whether the old secret is retired stays open at the vendor; resume later").await;
        }
        let Some(secret) = self.secret().await? else { return self.answer_is_gone().await };
        for destination in self.job.destinations() {
            let read_back = async {
                let current = destination.read(Label::Current).await?;
                came_back(destination.name(), &secret, [current.as_ref()])
            };
            if let Err(error) = read_back.await {
                return self.hold_for(&error).await;
            }
        }
        let verdict = self.look_at_new().await?.unwrap_or(Verdict::NotKnown);
        let shown = match self.job.rotator().inspect(self.job.target()).await {
            Ok(shown) => shown,
            Err(error) => return self.cannot_look(&error).await,
        };
        match before_complete(self.state.before(), &shown, secret.last_four().as_ref(), verdict) {
            BeforeComplete::Complete => self.retire_old().await,
            BeforeComplete::AlreadyCompleted => {
                self.record(Event::Completed).await?;
                Ok(Turn::On)
            }
            BeforeComplete::Superseded => {
                let reason = "somebody else's rotation took the place of ours at the vendor; the old secret was not \
                              retired here, and the destinations hold the secret that we were given";
                self.superseded(reason.to_owned()).await
            }
            BeforeComplete::RollBack => self.roll_back().await,
            BeforeComplete::CannotTell => self.not_seen().await,
        }
    }

    async fn retire_old(&mut self) -> Result<Turn, EngineError> {
        self.doing("retiring the old secret");
        self.still_ours().await?;
        let Some(kept) = &self.kept else { return self.answer_is_gone().await };
        match self.job.rotator().complete(self.job.target(), kept).await {
            Ok(()) => self.record(Event::Completed).await.map(|()| Turn::On),
            // The witnesses tell on the next round: never called again blind.
            Err(error) if error.effect() != Effect::NotApplied => Ok(Turn::On),
            Err(error) if error.refusal() == Some(Refusal::NothingPending) => Ok(Turn::On),
            Err(error) => {
                let sentence = format!(
                    "the new secret is in use everywhere, and the vendor did not retire the old one: {}; resume later",
                    chain(&error)
                );
                self.hold(!error.is_transient(), sentence).await
            }
        }
    }

    /// Ours was dropped at the vendor: goes back to the old secret if that one is still good.
    async fn roll_back(&mut self) -> Result<Turn, EngineError> {
        self.doing("going back to the old secret");
        match self.old_verdict(Verdict::Accepted).await {
            Ok(Some(Verdict::Accepted)) => {}
            Ok(Some(Verdict::Refused)) => {
                let reason = "the vendor accepts neither the secret that we were given nor the one before: somebody \
                              rotated this client, and the destinations do not have what they got";
                return self.superseded(reason.to_owned()).await;
            }
            Ok(Some(Verdict::NotKnown)) => return self.not_seen().await,
            Ok(None) => {
                let sentence = "somebody cancelled the rotation at the vendor, and no destination holds the old secret \
                                to go back to. Put a good secret in place, then rotate again";
                return self.hold(true, sentence).await;
            }
            Err(error) => return self.hold_for(&error).await,
        }
        if let Err(error) = self.roll_back_destinations().await {
            return self.hold_for(&error).await;
        }
        let reason = "somebody cancelled the rotation at the vendor; the old secret is in use again everywhere";
        self.record(Event::RolledBack).await?;
        Ok(Turn::Over(Ending::RolledBack(reason.to_owned())))
    }

    async fn roll_back_destinations(&self) -> Result<(), DestinationError> {
        for destination in self.job.destinations() {
            destination.roll_back(self.version()).await?;
        }
        Ok(())
    }

    /// Checks that the old secret is refused, forgets it, and wipes the sealed answer.
    async fn finish(&mut self) -> Result<Turn, EngineError> {
        if self.state.old().is_none() {
            self.doing("seeing that the vendor refuses the old secret");
            let old = match self.old_verdict(Verdict::Refused).await {
                Ok(verdict) => verdict,
                Err(error) => return self.hold_for(&error).await,
            };
            if old == Some(Verdict::Accepted) {
                let sentence = "the new secret is in use everywhere, and the vendor still accepts the old one. Ask the \
                                vendor, then resume to look again";
                return self.hold(true, sentence).await;
            }
            if let Some(verdict) = old {
                self.record(Event::OldChecked { verdict }).await?;
            }
        }
        for destination in self.job.destinations() {
            if let Err(error) = destination.forget_previous(self.version()).await {
                return self.hold_for(&error).await;
            }
        }
        self.record(Event::Finished).await?;
        Ok(Turn::Over(Ending::Rotated))
    }

    /// What the vendor says to the previous secret; `None` when no destination has one.
    async fn old_verdict(&self, wanted: Verdict) -> Result<Option<Verdict>, DestinationError> {
        if !self.job.rotator().profile().has(Witness::Probe) {
            return Ok(None);
        }
        for destination in self.job.destinations() {
            if let Some(old) = destination.read(Label::Previous).await? {
                let said = verdict(self.engine, self.job, &old, wanted).await;
                return Ok(Some(said.unwrap_or(Verdict::NotKnown)));
            }
        }
        Ok(None)
    }
}

enum Unanswered {
    Vendor(RotateError),
    NotKept(String),
}

/// Keeps an answer, however long the journal takes to take it: it is the only copy.
async fn keep(
    journal: &dyn Journal,
    clock: &dyn Clock,
    attempt: &Attempt,
    mut reply: cutover_core::Reply,
    patience: Duration,
) -> Result<Kept, Unanswered> {
    let (mut pause, mut waited) = (KEEP_AGAIN, Duration::ZERO);
    loop {
        let error = match Kept::keep(journal, attempt, reply).await {
            Ok(kept) => return Ok(kept),
            Err(not_kept) => {
                let (back, error) = not_kept.into_parts();
                reply = back;
                error
            }
        };
        if waited >= patience {
            return Err(Unanswered::NotKept(chain(&error)));
        }
        tracing::error!(
            target = %attempt.target(), attempt = %attempt.id(), error = chain(&error),
            "the only copy of a new secret is in memory; trying again to keep it"
        );
        clock.sleep(pause).await;
        waited += pause;
        pause = (pause * 2).min(Duration::from_secs(60));
    }
}

fn came_back<const N: usize>(
    name: &str,
    secret: &ClientSecret,
    read: [Option<&ClientSecret>; N],
) -> Result<(), DestinationError> {
    if read.into_iter().flatten().any(|back| back == secret) {
        return Ok(());
    }
    Err(DestinationError::new(name, "the secret that was written did not come back when read"))
}
