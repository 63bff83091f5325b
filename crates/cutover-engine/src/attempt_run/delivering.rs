//! Reading the kept answer and giving the secret to its destinations.

use cutover_core::{ClientSecret, Kept, Style, Verdict, Witness};

use super::{AttemptRun, Turn};
use crate::outcome::chain;
use crate::runner::verdict;
use crate::{DestinationError, EngineError, Event, Journal, Label, Version};

impl AttemptRun<'_> {
    /// The new secret, read from its sealed answer; `None` when the answer holds none that can be read.
    pub(super) async fn secret(&mut self) -> Result<Option<ClientSecret>, EngineError> {
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

    pub(super) async fn hold_for(&mut self, error: &DestinationError) -> Result<Turn, EngineError> {
        let sentence = format!(
            "{}. The new secret is sealed in the journal and not lost; mend the destination, then resume",
            chain(error)
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
        self.new = match verdict(self.engine, self.job, &secret, Verdict::Accepted).await {
            Ok(verdict) => Some(verdict),
            Err(error) => {
                tracing::warn!(target = %self.job.target().id(), error = chain(&error), "the vendor could not be asked");
                None
            }
        };
        Ok(self.new)
    }

    pub(super) async fn not_seen(&mut self) -> Result<Turn, EngineError> {
        let sentence = "whether the vendor accepts the new secret could not be seen; it is sealed in the journal and \
                        not lost, and nothing was retired on this side. Resume later";
        self.hold(false, sentence).await
    }

    /// The vendor refuses the new secret although its propagation time is over.
    pub(super) async fn refused(&mut self) -> Result<Turn, EngineError> {
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

    pub(super) async fn promote(&mut self) -> Result<Turn, EngineError> {
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
}

pub(super) fn came_back<const N: usize>(
    name: &str,
    secret: &ClientSecret,
    read: [Option<&ClientSecret>; N],
) -> Result<(), DestinationError> {
    if read.into_iter().flatten().any(|back| back == secret) {
        return Ok(());
    }
    Err(DestinationError::new(name, "the secret that was written did not come back when read"))
}
