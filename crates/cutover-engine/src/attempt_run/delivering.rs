//! Reading the kept answer and giving the secret to its destinations.

use std::time::Duration;

use cutover_core::{ClientSecret, Effect, Kept, Verdict, Witness};
use futures_util::future::BoxFuture;

use super::{AttemptRun, Turn};
use crate::{
    BeforeComplete, Destination, DestinationError, EngineError, Event, Journal, JournalError, Label, Phase, Version,
    before_complete,
};

/// The pause between two looks at a secret while a change propagates at the vendor.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How long a vendor that does not say what it thinks of a secret is asked again, where its propagation time is shorter:
/// one throttled answer is no reason to stop.
const NOT_KNOWN_MAX: Duration = Duration::from_secs(5);
/// How often a destination is looked at for what was just written to it: 7.5 s in all, as the pauses double. Stores of
/// several copies are that much behind on a bad day.
const READ_BACKS: u32 = 5;

impl AttemptRun<'_> {
    /// The new secret, read from its sealed answer; `None` when the answer holds none that can be read.
    pub(super) async fn secret(&mut self) -> Result<Option<ClientSecret>, EngineError> {
        if self.kept.is_none() {
            let journal: &dyn Journal = self.engine.journal.as_ref();
            self.kept = Kept::recall(journal, &self.attempt).await.map_err(|error| JournalError::Unavailable {
                reason: "it does not give back the sealed answer".to_owned(),
                source: Some(error.into()),
            })?;
        }
        let Some(kept) = &self.kept else { return Ok(None) };
        match self.job.rotator().read(self.job.target(), kept) {
            Ok(issued) => {
                (self.replayed, self.marker) = (issued.is_replayed(), issued.marker().cloned());
                Ok(Some(issued.into_secret()))
            }
            Err(error) => {
                let sentence = self.say(&error);
                tracing::warn!(target = %self.job.target().id(), error = sentence, "the kept answer is unreadable");
                // Only `Unreadable` is about the answer; anything else is about the adapter and its settings.
                self.misread = (error.effect() != Effect::Applied).then_some(sentence);
                Ok(None)
            }
        }
    }

    pub(super) async fn answer_is_gone(&mut self) -> Result<Turn, EngineError> {
        let sentence = "the sealed answer that was read before cannot be read any more, so nothing further is done with \
                        this rotation. Restore the journal and its key, then resume";
        self.hold(true, sentence).await
    }

    pub(super) fn version(&self) -> Version {
        Version::new(self.attempt.id(), self.attempt.issue())
    }

    pub(super) async fn stage(&mut self) -> Result<Turn, EngineError> {
        let Some(secret) = self.secret().await? else {
            if let Some(error) = self.misread.take() {
                let sentence = format!(
                    "the sealed answer could not be read, and nothing says that it is bad: {error}. The new secret is \
                     not lost; mend the settings, then resume"
                );
                return self.hold(true, sentence).await;
            }
            // Answered, so it took effect; the answer stays sealed for a later version to read.
            return self.settle(true).await;
        };
        self.doing("staging the new secret");
        if let Err(stuck) = self.stage_everywhere(&secret, Done::Again).await {
            return self.hold_for(stuck).await;
        }
        self.record(Event::Staged).await?;
        Ok(Turn::On)
    }

    /// Stages `secret` in every destination, or in every one that holds it neither as pending nor as current, and reads
    /// it back.
    async fn stage_everywhere(&mut self, secret: &ClientSecret, done: Done) -> Result<(), Stuck> {
        let (job, version) = (self.job, self.version());
        for destination in job.destinations() {
            let destination = destination.as_ref();
            self.shift.keep_lease().await?;
            if done == Done::Kept && holds(destination, secret).await? {
                continue;
            }
            destination.stage(version, secret).await?;
            if !self.comes_true(destination, || Box::pin(holds(destination, secret))).await? {
                return Err(not_come_back(destination).into());
            }
        }
        Ok(())
    }

    /// Looks until a destination shows what was just written to it, since a read may be behind a write; `false` where it
    /// does not.
    pub(super) async fn comes_true<'d>(
        &mut self,
        destination: &dyn Destination,
        look: impl Fn() -> BoxFuture<'d, Result<bool, DestinationError>>,
    ) -> Result<bool, Stuck> {
        let mut pause = LOOK_AGAIN;
        for _ in 1..READ_BACKS {
            if look().await? {
                return Ok(true);
            }
            self.doing(&format!("waiting until {} shows what was written to it", destination.name()));
            self.shift.wait(pause).await?;
            pause *= 2;
        }
        Ok(look().await?)
    }

    pub(super) async fn hold_for(&mut self, stuck: Stuck) -> Result<Turn, EngineError> {
        let error = stuck.at_destination()?;
        let sentence = format!(
            "{}. The new secret is sealed in the journal and not lost; mend the destination, then resume",
            self.say(&error)
        );
        self.hold(false, sentence).await
    }

    pub(super) async fn verify(&mut self) -> Result<Turn, EngineError> {
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
    pub(super) async fn look_at_new(&mut self) -> Result<Option<Verdict>, EngineError> {
        let Some(secret) = self.secret().await? else { return Ok(None) };
        self.new = self.look(&secret, Verdict::Accepted).await?;
        Ok(self.new)
    }

    /// What the vendor says to `secret` once that is `wanted`, or the propagation time is over; `None` when it could not
    /// be asked.
    pub(super) async fn look(
        &mut self,
        secret: &ClientSecret,
        wanted: Verdict,
    ) -> Result<Option<Verdict>, EngineError> {
        let propagation = self.job.rotator().profile().propagation();
        let mut waited = Duration::ZERO;
        loop {
            let said = match self.shift.verify(Some(self.state.phase()), secret).await? {
                Ok(said) => said,
                Err(error) => {
                    let error = self.say(&error);
                    tracing::warn!(target = %self.job.target().id(), error, "the vendor could not be asked");
                    return Ok(None);
                }
            };
            let patience = if said == Verdict::NotKnown { propagation.max(NOT_KNOWN_MAX) } else { propagation };
            if said == wanted || waited >= patience {
                return Ok(Some(said));
            }
            let pause = LOOK_AGAIN.min(patience - waited);
            self.shift.wait(pause).await?;
            waited += pause;
            if self.stopping() {
                return Ok(None);
            }
        }
    }

    pub(super) async fn not_seen(&mut self) -> Result<Turn, EngineError> {
        if self.stopping() {
            return Ok(Turn::On);
        }
        let sentence = "whether the vendor accepts the new secret could not be seen; it is sealed in the journal and \
                        not lost, and nothing was retired on this side. Resume later";
        self.hold(false, sentence).await
    }

    /// The vendor refuses the new secret although its propagation time is over.
    pub(super) async fn refused(&mut self) -> Result<Turn, EngineError> {
        if self.two_phase() {
            return self.refused_while_both_live().await;
        }
        let marks = self.job.rotator().profile().has(Witness::ChangeMarker);
        let shown = if marks {
            match self.inspect().await? {
                Ok(shown) => Some(shown),
                Err(error) => return self.cannot_look(&error).await,
            }
        } else {
            None
        };
        let mark = shown.as_ref().and_then(|shown| shown.marker.as_ref());
        // `None` where the vendor does not show whether another secret was made since ours. A mark from before ours is one
        // that lags behind.
        let before = self.state.before().marker.as_ref();
        let changed = mark.zip(self.marker.as_ref()).map(|(now, ours)| now != ours && Some(now) != before);
        if changed == Some(false) {
            let sentence = "the vendor refuses the new secret although it made none since; it is sealed in the journal \
                            and not lost. Is the client inactive? Resume once it is not";
            return self.hold(true, sentence).await;
        }
        if self.state.has_unanswered() {
            // Our own lost request arrived after the one that was answered, and took its place.
            return self.ask(false, shown).await;
        }
        // To end here wipes the sealed answer. Where readers do not have the secret yet, and nothing but this refusal
        // says that it is dead, that waits for somebody to have looked.
        let seen_before = self.state.held().is_some_and(|hold| hold.person);
        let repeated = self.replayed || self.state.is_repeat();
        if self.state.phase() != Phase::Promoted && changed.is_none() && !repeated && !seen_before {
            let sentence = "the vendor refuses the secret that it issued. It is sealed in the journal and not lost. If \
                            the client is inactive, activate it, then resume. If somebody rotated this client since, \
                            resume to end this rotation, and put what they got in place";
            return self.hold(true, sentence).await;
        }
        let reason = "the vendor refuses the secret that it issued: somebody rotated this client since. What they got \
                      is in use at the vendor; the destinations do not have it";
        self.superseded(reason).await
    }

    async fn refused_while_both_live(&mut self) -> Result<Turn, EngineError> {
        let shown = match self.inspect().await? {
            Ok(shown) => shown,
            Err(error) => return self.cannot_look(&error).await,
        };
        let ours = self.secret_if_read().and_then(|secret| secret.last_four());
        match before_complete(self.state.before(), &shown, ours.as_ref(), Verdict::Refused) {
            BeforeComplete::RollBack => self.dropped(shown).await,
            BeforeComplete::Superseded => {
                let reason = "the vendor refuses the new secret and uses another one than before: somebody rotated \
                              this client. The old secret was not retired here";
                self.superseded(reason).await
            }
            BeforeComplete::Complete | BeforeComplete::AlreadyCompleted | BeforeComplete::CannotTell => {
                let sentence = "the vendor refuses the new secret although it shows nobody else's in its place; the old \
                                one was not retired here. Is the client inactive? Resume once it is not";
                self.hold(true, sentence).await
            }
        }
    }

    pub(super) async fn promote(&mut self) -> Result<Turn, EngineError> {
        let Some(secret) = self.secret().await? else { return self.answer_is_gone().await };
        // A vendor may let a late start take the place of the pending secret, and a late cancellation drops it: not once
        // readers have it.
        if self.two_phase()
            && let Some(turn) = self.wait_lost_out().await?
        {
            return Ok(turn);
        }
        // What an earlier run saw may be long ago, and the destinations may be others.
        if self.job.rotator().profile().has(Witness::Probe) && self.new != Some(Verdict::Accepted) {
            match self.look_at_new().await? {
                Some(Verdict::Accepted) => {}
                Some(Verdict::Refused) => return self.refused().await,
                Some(Verdict::NotKnown) | None => return self.not_seen().await,
            }
        }
        self.doing("giving the new secret to its readers");
        if let Err(stuck) = self.deliver(&secret, Done::Again).await {
            return self.hold_for(stuck).await;
        }
        self.record(Event::Promoted).await?;
        Ok(Turn::On)
    }

    /// Gives `secret` to the readers of every destination, or of every one that does not have it, all staged before the
    /// first is promoted, and reads it back.
    ///
    /// For a secret that the vendor was seen to accept. A destination that lacks it may have been added since, or its
    /// content put back to an older one.
    pub(super) async fn deliver(&mut self, secret: &ClientSecret, done: Done) -> Result<(), Stuck> {
        let (job, version) = (self.job, self.version());
        self.stage_everywhere(secret, Done::Kept).await?;
        for destination in job.destinations() {
            let destination = destination.as_ref();
            self.shift.keep_lease().await?;
            if done == Done::Kept && reads(destination, Label::Current, secret).await? {
                continue;
            }
            destination.promote(version).await?;
            if !self.comes_true(destination, || Box::pin(reads(destination, Label::Current, secret))).await? {
                return Err(not_come_back(destination).into());
            }
        }
        self.given = true;
        Ok(())
    }

    /// Shows that the readers of every destination get `secret`.
    pub(super) async fn missing_nowhere(&mut self, secret: &ClientSecret) -> Result<(), Stuck> {
        let job = self.job;
        for destination in job.destinations() {
            self.shift.keep_lease().await?;
            if !reads(destination.as_ref(), Label::Current, secret).await? {
                return Err(not_come_back(destination.as_ref()).into());
            }
        }
        Ok(())
    }
}

/// Why not every destination is as it should be.
#[derive(Debug)]
pub(super) enum Stuck {
    /// One of them could not be made so, or does not show that it is.
    Destination(DestinationError),
    /// The run cannot go on at all.
    Run(EngineError),
}

impl Stuck {
    /// What the destination said, unless it is the run that cannot go on.
    pub(super) fn at_destination(self) -> Result<DestinationError, EngineError> {
        match self {
            Self::Destination(error) => Ok(error),
            Self::Run(error) => Err(error),
        }
    }
}

impl From<DestinationError> for Stuck {
    fn from(error: DestinationError) -> Self {
        Self::Destination(error)
    }
}

impl From<EngineError> for Stuck {
    fn from(error: EngineError) -> Self {
        Self::Run(error)
    }
}

/// What becomes of a step that a destination seems to have done already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    /// It is done again, since an earlier run may have died in the middle of it; the destination finds what is missing.
    Again,
    /// It is left alone: it was recorded as done, and the destination may have moved on.
    Kept,
}

async fn holds(destination: &dyn Destination, secret: &ClientSecret) -> Result<bool, DestinationError> {
    Ok(reads(destination, Label::Pending, secret).await? || reads(destination, Label::Current, secret).await?)
}

pub(super) async fn reads(
    destination: &dyn Destination,
    label: Label,
    secret: &ClientSecret,
) -> Result<bool, DestinationError> {
    Ok(destination.read(label).await?.is_some_and(|back| back == *secret))
}

fn not_come_back(destination: &dyn Destination) -> DestinationError {
    DestinationError::new(destination.name(), "the secret that was written did not come back when read")
}
