//! Retiring the old secret, or going back to it.

use std::time::Duration;

use cutover_core::{Effect, Refusal, Verdict, Witness};

use super::delivering::came_back;
use super::{AttemptRun, ROUNDS_MAX, Turn};
use crate::outcome::chain;
use crate::runner::{now, settle_time, verdict};
use crate::{BeforeComplete, DestinationError, Ending, EngineError, Event, Label, before_complete};

impl AttemptRun<'_> {
    /// Immediate styles: looks at the new secret once more when a lost request of ours cannot arrive any more.
    pub(super) async fn confirm(&mut self) -> Result<Turn, EngineError> {
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
    pub(super) async fn complete(&mut self) -> Result<Turn, EngineError> {
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

    pub(super) async fn retire_old(&mut self) -> Result<Turn, EngineError> {
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
    pub(super) async fn roll_back(&mut self) -> Result<Turn, EngineError> {
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

    pub(super) async fn roll_back_destinations(&self) -> Result<(), DestinationError> {
        for destination in self.job.destinations() {
            destination.roll_back(self.version()).await?;
        }
        Ok(())
    }

    /// Checks that the old secret is refused, forgets it, and wipes the sealed answer.
    pub(super) async fn finish(&mut self) -> Result<Turn, EngineError> {
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
    pub(super) async fn old_verdict(&self, wanted: Verdict) -> Result<Option<Verdict>, DestinationError> {
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
