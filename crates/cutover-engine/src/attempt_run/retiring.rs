//! The last looks, and retiring the old secret.

use std::time::Duration;

use cutover_core::{ClientSecret, Effect, Pending, Recovery, Refusal, Verdict, Witness};

use super::delivering::{Done, Stuck};
use super::{AttemptRun, Turn};
use crate::{BeforeComplete, Change, Ending, EngineError, Event, Label, Phase, before_complete};

/// How often one run completes without learning what came of it. Each time it waits until the call cannot arrive any more,
/// a minute at most vendors; one that is down for longer is better asked later, while both secrets work.
const COMPLETIONS_MAX: usize = 3;

impl AttemptRun<'_> {
    /// Immediate styles: looks at the new secret once more when a lost request of ours cannot arrive any more.
    pub(super) async fn confirm(&mut self) -> Result<Turn, EngineError> {
        if self.rounds_are_over() {
            return self
                .hold(false, "destinations go on losing the new secret that they are given; resume later")
                .await;
        }
        let Some(secret) = self.secret().await? else { return self.answer_is_gone().await };
        // At once: what readers have is dead until they take up the new one.
        if let Some(turn) = self.tell_promoted(&secret).await? {
            return Ok(turn);
        }
        let profile = self.job.rotator().profile().clone();
        if profile.has(Witness::Probe) {
            let settle = match profile.recovery() {
                Recovery::Supersede { settle } => settle,
                _ => Duration::ZERO,
            };
            let wait = settle.max(self.straggler_left());
            if !wait.is_zero() {
                self.doing(&format!("waiting {} s before a last look", wait.as_secs().max(1)));
                self.shift.rest(wait).await?;
            }
            if self.stopping() {
                return Ok(Turn::On);
            }
            match self.look_at_new().await? {
                Some(Verdict::Accepted) => {}
                Some(Verdict::Refused) => return self.refused().await,
                Some(Verdict::NotKnown) | None => return self.not_seen().await,
            }
        }
        if let Err(stuck) = self.given_after_all(&secret).await {
            return self.hold_for(stuck).await;
        }
        if !self.hooks_are_due() {
            self.record(Event::Completed).await?;
        }
        Ok(Turn::On)
    }

    /// Two-phase: retires the old secret, behind evidence gathered in this very turn.
    pub(super) async fn complete(&mut self) -> Result<Turn, EngineError> {
        if self.rounds_are_over() {
            return self.hold(false, "whether the old secret is retired stays open at the vendor; resume later").await;
        }
        let Some(secret) = self.secret().await? else { return self.answer_is_gone().await };
        // First, since they may take long: the evidence below is not to grow old.
        if let Some(turn) = self.tell_promoted(&secret).await? {
            return Ok(turn);
        }
        // A vendor may let a late start take the place of the pending secret. One that came between the looks and the
        // completion would make a secret that nobody has the only one.
        if let Some(turn) = self.wait_lost_out().await? {
            return Ok(turn);
        }
        self.doing("looking once more before the old secret is retired");
        let verdict = self.look_at_new().await?.unwrap_or(Verdict::NotKnown);
        if verdict == Verdict::Accepted
            && let Err(stuck) = self.given_after_all(&secret).await
        {
            return self.hold_for(stuck).await;
        }
        if self.hooks_are_due() {
            // A destination had lost the secret, and has it again.
            return Ok(Turn::On);
        }
        let shown = match self.inspect().await? {
            Ok(shown) => shown,
            Err(error) => return self.cannot_look(&error).await,
        };
        match before_complete(self.state.before(), &shown, secret.last_four().as_ref(), verdict) {
            BeforeComplete::Complete if self.completed_blind.len() < COMPLETIONS_MAX => self.retire_old().await,
            BeforeComplete::Complete => self.not_retired().await,
            BeforeComplete::AlreadyCompleted => {
                self.record(Event::Completed).await?;
                Ok(Turn::On)
            }
            BeforeComplete::Superseded => {
                let reason = "the vendor refuses our secret and uses another one than before: somebody else's rotation \
                              took the place of ours. The destinations hold the secret that we were given";
                self.superseded(reason).await
            }
            BeforeComplete::RollBack => self.dropped(shown).await,
            BeforeComplete::CannotTell => self.cannot_tell(verdict).await,
        }
    }

    async fn cannot_tell(&mut self, verdict: Verdict) -> Result<Turn, EngineError> {
        let propagation = self.job.rotator().profile().propagation();
        let sentence = match verdict {
            Verdict::NotKnown => return self.not_seen().await,
            // It was looked at before the others were shown, and a secret that was dropped can be accepted until that has
            // shown everywhere.
            Verdict::Accepted if !self.looked_again => {
                self.looked_again = true;
                if !propagation.is_zero() {
                    self.doing(&format!(
                        "waiting {} s, in which the vendor may still change",
                        propagation.as_secs().max(1)
                    ));
                    self.shift.wait(propagation).await?;
                }
                return Ok(Turn::On);
            }
            Verdict::Accepted => {
                "the vendor accepts the new secret and shows others in its place; the old one was not retired here. \
                 Look whether somebody else rotates this client, then resume"
            }
            Verdict::Refused => {
                "the vendor refuses the new secret although it shows nobody else's in its place; the old one was not \
                 retired here. Is the client inactive? Resume once it is not"
            }
        };
        self.hold(true, sentence).await
    }

    async fn retire_old(&mut self) -> Result<Turn, EngineError> {
        self.doing("retiring the old secret");
        let Some(kept) = &self.kept else { return self.answer_is_gone().await };
        match self.shift.complete(kept).await? {
            Ok(()) => self.record(Event::Completed).await.map(|()| Turn::On),
            Err(error) if error.effect() == Effect::Unknown => {
                self.completed_blind.push(self.say(&error));
                // The witnesses tell on the next round: never called again blind. And not before this one cannot arrive
                // any more, for it would complete whatever is pending then, be it a later rotation.
                let left = self.job.rotator().profile().straggler();
                self.doing(&format!(
                    "waiting {} s, in which a lost completion may still arrive",
                    left.as_secs().max(1)
                ));
                self.shift.wait(left).await?;
                Ok(Turn::On)
            }
            Err(error) if error.effect() == Effect::Applied => Ok(Turn::On),
            Err(error) if error.refusal() == Some(Refusal::NothingPending) => Ok(Turn::On),
            // After a wait for its turn it has to be looked again.
            Err(error) if error.refusal() == Some(Refusal::RateLimited) && self.shift.turn_is_near() => Ok(Turn::On),
            Err(error) => {
                let sentence = format!(
                    "the new secret is in use everywhere, and the vendor did not retire the old one: {}; resume later",
                    self.say(&error)
                );
                self.hold(!error.is_transient(), sentence).await
            }
        }
    }

    /// The completion was sent again and again, none can still arrive, and none took effect.
    async fn not_retired(&mut self) -> Result<Turn, EngineError> {
        let sentence = format!(
            "the new secret is in use everywhere, and the vendor did not retire the old one in {} tries; both work. The \
             latest of them: {}. Resume later",
            self.completed_blind.len(),
            self.completed_blind.last().map_or("", String::as_str),
        );
        self.hold(false, sentence).await
    }

    /// Checks that the old secret is refused, forgets it, and wipes the sealed answer.
    pub(super) async fn finish(&mut self) -> Result<Turn, EngineError> {
        if self.rounds_are_over() {
            return self.hold(false, "rotations go on being pending at the vendor; resume later").await;
        }
        let secret = self.secret().await?;
        if let (true, Some(secret)) = (self.resumed, &secret)
            && let Some(turn) = self.lost_since(secret).await?
        {
            return Ok(turn);
        }
        if let Some(turn) = self.taken_over_while_completing().await? {
            return Ok(turn);
        }
        // Those of a job that has got more of them since, or of which a destination had lost the secret.
        if let Some(turn) = self.run_hooks(Change::Promoted).await? {
            return Ok(turn);
        }
        if self.state.old().is_none() {
            self.doing("seeing that the vendor refuses the old secret");
            let old = match self.previous_verdict(secret.as_ref()).await {
                Ok(verdict) => verdict,
                Err(stuck) => return self.hold_for(stuck).await,
            };
            if self.stopping() {
                return Ok(Turn::On);
            }
            self.old = old;
            if old == Some(Verdict::Accepted) {
                let sentence = "the new secret is in use everywhere, and the vendor still accepts the old one. Ask the \
                                vendor, then resume to look again";
                return self.hold(true, sentence).await;
            }
            if let Some(verdict) = old {
                self.record(Event::OldChecked { verdict }).await?;
            }
        }
        if let Some(turn) = self.left_pending().await? {
            return Ok(turn);
        }
        let job = self.job;
        for destination in job.destinations() {
            self.shift.keep_lease().await?;
            if let Err(error) = destination.forget_previous(self.version()).await {
                return self.hold_for(error.into()).await;
            }
        }
        self.record(Event::Finished).await?;
        Ok(Turn::Over(Ending::Rotated))
    }

    /// Two-phase: *complete* names no secret. One that somebody else started between our last look and the call was
    /// completed in place of ours, and then the vendor refuses ours now.
    async fn taken_over_while_completing(&mut self) -> Result<Option<Turn>, EngineError> {
        let probed = self.two_phase() && self.job.rotator().profile().has(Witness::Probe);
        if !probed || self.state.old().is_some() || self.look_at_new().await? != Some(Verdict::Refused) {
            return Ok(None);
        }
        let reason = "the vendor refuses our secret just after the rotation was completed: somebody else's took its \
                      place in between. The destinations hold the secret that we were given; rotate again";
        self.superseded(reason).await.map(Some)
    }

    /// A run that takes up a completed rotation sees that every destination still has the secret, before its last copy
    /// outside of them is wiped.
    async fn lost_since(&mut self, secret: &ClientSecret) -> Result<Option<Turn>, EngineError> {
        let Err(missing) = self.missing_nowhere(secret).await else { return Ok(None) };
        if !self.job.rotator().profile().has(Witness::Probe) {
            return self.hold_for(missing).await.map(Some);
        }
        match self.look_at_new().await? {
            Some(Verdict::Accepted) => match self.given_after_all(secret).await {
                Err(stuck) => self.hold_for(stuck).await.map(Some),
                Ok(()) => Ok(None),
            },
            Some(Verdict::Refused) => {
                let reason = "the rotation was done, and somebody rotated this client since: the vendor refuses our \
                              secret, and not every destination has it any more";
                self.superseded(reason).await.map(Some)
            }
            Some(Verdict::NotKnown) | None => self.not_seen().await.map(Some),
        }
    }

    /// Shows that the readers of every destination get `secret`; delivers it once more where one lacks it, if the vendor
    /// was seen to accept it. Hooks that ran are due again then.
    pub(super) async fn given_after_all(&mut self, secret: &ClientSecret) -> Result<(), Stuck> {
        match self.missing_nowhere(secret).await {
            Err(Stuck::Destination(_)) if self.new == Some(Verdict::Accepted) => {
                if !self.state.hooks_ran().is_empty() {
                    self.record(Event::Redelivering).await?;
                }
                self.deliver(secret, Done::Kept).await
            }
            seen => seen,
        }
    }

    /// What the vendor says to the previous secrets; `None` when no destination has one, or it cannot be asked.
    async fn previous_verdict(&mut self, new: Option<&ClientSecret>) -> Result<Option<Verdict>, Stuck> {
        if !self.job.rotator().profile().has(Witness::Probe) {
            return Ok(None);
        }
        let mut asked: Vec<ClientSecret> = Vec::new();
        let mut worst = None;
        let job = self.job;
        for destination in job.destinations() {
            self.shift.keep_lease().await?;
            let old = destination.read(Label::Previous).await?;
            let Some(old) = old.filter(|old| new != Some(old) && !asked.contains(old)) else { continue };
            let said = self.look(&old, Verdict::Refused).await?.unwrap_or(Verdict::NotKnown);
            asked.push(old);
            worst = match (worst, said) {
                (Some(Verdict::Accepted), _) | (_, Verdict::Accepted) => Some(Verdict::Accepted),
                (Some(Verdict::NotKnown), _) | (_, Verdict::NotKnown) => Some(Verdict::NotKnown),
                (_, Verdict::Refused) => Some(Verdict::Refused),
            };
        }
        Ok(worst)
    }

    /// Two-phase: a lost request of ours that arrives after all would leave a rotation pending that nobody remembers,
    /// and that the next attempt takes for somebody else's. Waits it out, and drops it.
    async fn left_pending(&mut self) -> Result<Option<Turn>, EngineError> {
        if !self.two_phase() || self.state.unanswered().len() <= self.accounted {
            return Ok(None);
        }
        if let Some(turn) = self.wait_lost_out().await? {
            return Ok(Some(turn));
        }
        match self.inspect().await? {
            Ok(shown) if matches!(shown.pending, Pending::Yes(_)) => self.cancel().await.map(Some),
            Ok(_) => Ok(None),
            Err(error) => self.cannot_look(&error).await.map(Some),
        }
    }

    /// Waits until no lost request of ours can arrive any more, unless the run is asked to stop meanwhile.
    pub(super) async fn wait_lost_out(&mut self) -> Result<Option<Turn>, EngineError> {
        let left = self.straggler_left();
        if !left.is_zero() {
            self.doing(&format!("waiting {} s, in which a lost request may still arrive", left.as_secs().max(1)));
            self.shift.rest(left).await?;
            if self.stopping() {
                return Ok(Some(Turn::On));
            }
            self.waited_out += left;
            // What was seen before may have changed.
            self.new = None;
        }
        Ok(None)
    }

    /// How long a request that was never answered may still arrive, ours or one of a run that died.
    pub(super) fn straggler_left(&self) -> Duration {
        let straggler = self.job.rotator().profile().straggler().saturating_sub(self.waited_out);
        let now = self.engine.clock.now();
        let latest = (self.state.phase() == Phase::Issuing).then(|| self.state.sent());
        let lost = self.state.unanswered().iter().skip(self.accounted).copied();
        // A clock that went back behind the sending counts as no time passed.
        let age = |sent| Duration::try_from(now.duration_since(sent)).unwrap_or_default();
        lost.chain(latest)
            .chain(self.abandoned)
            .map(|sent| straggler.saturating_sub(age(sent)))
            .max()
            .unwrap_or_default()
    }
}
