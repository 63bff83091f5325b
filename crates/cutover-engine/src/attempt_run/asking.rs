//! Asking the vendor for a secret, keeping the answer, and settling what was not answered.

use std::sync::Arc;
use std::time::Duration;

use cutover_core::{Attempt, Clock, Effect, Kept, Recovery, Refusal, RotateError};

use super::{AttemptRun, ROUNDS_MAX, Turn};
use crate::outcome::chain;
use crate::runner::now;
use crate::{Ending, EngineError, Event, Failure, Journal, Settlement, Unsettled, settle};

/// The first pause before an answer that the journal did not take is offered again; it doubles up to a minute.
const KEEP_AGAIN: Duration = Duration::from_millis(200);

impl AttemptRun<'_> {
    /// Records that the vendor is about to be asked again, then asks.
    pub(super) async fn ask(&mut self, repeats: bool) -> Result<Turn, EngineError> {
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
    pub(super) async fn send(&mut self) -> Result<Turn, EngineError> {
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

    pub(super) async fn unanswered(&mut self, error: RotateError) -> Result<Turn, EngineError> {
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
    pub(super) async fn settle(&mut self, answered: bool) -> Result<Turn, EngineError> {
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

    pub(super) async fn cannot_look(&mut self, error: &RotateError) -> Result<Turn, EngineError> {
        let sentence = format!("the vendor could not be asked how things stand: {}; resume later", chain(error));
        self.hold(!error.is_transient(), sentence).await
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
