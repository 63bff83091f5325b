//! Asking the vendor for a secret, keeping the answer, and settling what was not answered.

use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument;

use cutover_core::{Attempt, Clock, Effect, Kept, Observation, Pending, Recovery, Refusal, Reply, RotateError, chain};

use super::{AttemptRun, Turn};
use crate::guard::GuardedKeeper;
use crate::scrub::scrub;
use crate::shift::TURN_MAX;
use crate::{Before, Ending, EngineError, Event, Failure, Journal, JournalError, Lease, Settlement, Unsettled, settle};

/// The first pause before an answer that the journal did not take is offered again; it doubles, up to a minute or to a
/// third of the lease, which is renewed after each.
const KEEP_AGAIN: Duration = Duration::from_millis(200);
const KEEP_AGAIN_MAX: Duration = Duration::from_secs(60);
/// The first pause before a request that the vendor put off is sent again, where it names none; it doubles each time.
const SEND_AGAIN: Duration = Duration::from_secs(2);

impl AttemptRun<'_> {
    /// Records that the vendor is about to be asked again, then asks. `shown` is what it showed just now.
    pub(super) async fn ask(&mut self, repeats: bool, shown: Option<Observation>) -> Result<Turn, EngineError> {
        if self.asked >= self.engine.options.issues_max {
            return self.asked_enough().await;
        }
        if let Err(error) = self.shift.turn("issue", Some(self.state.phase())).await? {
            return self.cannot_look(&error).await;
        }
        if self.arrived && !repeats {
            self.accounted += 1;
        }
        let sent = self.engine.clock.now();
        self.attempt = if repeats { self.attempt.repeating() } else { self.attempt.asking_again(sent) };
        let Before { marker, current_last_four } = self.state.before().clone();
        let before = Before { marker: shown.and_then(|shown| shown.marker).or(marker), current_last_four };
        (self.kept, self.replayed, self.marker, self.given) = (None, false, None, false);
        (self.arrived, self.waited_out, self.put_off) = (false, Duration::ZERO, Duration::ZERO);
        self.record(Event::IssueStarted { issue: self.attempt.issue(), repeats, before, sent }).await?;
        self.send().await
    }

    async fn asked_enough(&mut self) -> Result<Turn, EngineError> {
        let sentence = format!(
            "this run asked the vendor {} times, and no secret came back that can be read and used; what it answered \
             is sealed in the journal. {}. Look at the vendor's status, then resume to ask again",
            self.asked,
            self.old_one_stands()
        );
        self.hold(true, sentence).await
    }

    /// What is to be said of the old secret while no new one is in use.
    fn old_one_stands(&self) -> &'static str {
        if self.two_phase() { "The old secret is in use as before" } else { "The old secret may be dead" }
    }

    /// Asks the vendor for a secret and keeps the answer: the one stretch that must not be cut.
    pub(super) async fn send(&mut self) -> Result<Turn, EngineError> {
        // Enough of it has to be left for the call: nobody else must settle this request while it is on its way.
        self.shift.keep_lease().await?;
        self.doing("asking the vendor for a new secret");
        (self.unsent, self.asked) = (false, self.asked + 1);
        let (rotator, target) = (Arc::clone(self.job.rotator()), self.job.target().clone());
        let (engine, lease, attempt) = (self.engine.clone(), self.shift.lease().clone(), self.attempt.clone());
        // A task of its own, so that whoever drops the engine's future does not drop a secret.
        let asked = tokio::spawn(
            async move {
                let reply = rotator.issue(&target, &attempt).await.map_err(Unanswered::Vendor)?;
                let (journal, clock) = (engine.journal.as_ref(), engine.clock.as_ref());
                let (ttl, patience) = (engine.options.lease_ttl, engine.options.keep_patience);
                keep(journal, clock, &lease, ttl, &attempt, reply, patience).await
            }
            .in_current_span(),
        );
        match asked.await {
            Ok(Ok(kept)) => {
                self.state = self.next(&Event::ReplyKept)?;
                self.kept = Some(kept);
                Ok(Turn::On)
            }
            Ok(Err(Unanswered::NotKept(reason))) => {
                Err(EngineError::NotKept { target: self.job.target().id().clone(), reason })
            }
            Ok(Err(Unanswered::Ended)) => Err(JournalError::Fenced { target: self.job.target().id().clone() }.into()),
            Ok(Err(Unanswered::Vendor(error))) => {
                self.shift.too_busy(&error, self.asked);
                // Whoever sends may have waited and tried again before it gave up.
                self.state.left_by(self.engine.clock.now());
                self.unanswered(error).await
            }
            Err(died) => {
                // The runtime is shutting down: what was done at the vendor is unknown, as if the process had died.
                tracing::error!(target = %self.job.target().id(), panicked = died.is_panic(), "issue broke off");
                Ok(Turn::On)
            }
        }
    }

    async fn unanswered(&mut self, error: RotateError) -> Result<Turn, EngineError> {
        tracing::warn!(
            target = %self.job.target().id(), effect = %error.effect(), error = self.say(&error), "no secret came back"
        );
        match (error.effect(), error.refusal()) {
            (Effect::Unknown | Effect::Applied, _) => Ok(Turn::On),
            (Effect::NotApplied, Some(Refusal::RateLimited)) if self.can_put_off(&error) => self.put_off(&error).await,
            (Effect::NotApplied, _) if self.attempt.issue() == 1 => self.refused_at_once(error).await,
            // A request of this attempt arrived after all, or somebody else's: look again.
            (Effect::NotApplied, Some(Refusal::AlreadyPending)) => Ok(Turn::On),
            (Effect::NotApplied, _) if error.is_transient() => self.put_off(&error).await,
            (Effect::NotApplied, _) => {
                let sentence = format!(
                    "an earlier request for a secret brought none that can be used, and asking again was refused: {}. \
                     {}; resume once the vendor accepts the request",
                    self.say(&error),
                    self.old_one_stands()
                );
                self.hold(true, sentence).await
            }
        }
    }

    /// The only request of the attempt had no effect, so nothing changed.
    async fn refused_at_once(&mut self, error: RotateError) -> Result<Turn, EngineError> {
        self.record(Event::IssueRefused { reason: self.say(&error) }).await?;
        // Somebody began a rotation after the look before ours, and theirs stays untouched.
        let theirs = error.refusal() == Some(Refusal::AlreadyPending) && !self.engine.options.take_over;
        Ok(Turn::Over(Ending::NothingChanged(if theirs {
            Failure::ForeignPending { target: self.job.target().id().clone(), last_four: None }
        } else {
            Failure::Vendor(error)
        })))
    }

    /// Whether there is time to send a request again that had no effect.
    fn can_put_off(&self, error: &RotateError) -> bool {
        // It leaves within the life of a lease after its intent was recorded: whoever finds that relies on it.
        let latest = TURN_MAX.min(self.engine.options.lease_ttl);
        self.asked < self.engine.options.issues_max && self.put_off + self.pause(error) <= latest
    }

    /// How long a request that the vendor put off waits.
    fn pause(&self, error: &RotateError) -> Duration {
        let doubled = SEND_AGAIN.saturating_mul(1 << self.asked.saturating_sub(1).min(10));
        error.retry_after().unwrap_or(doubled).max(SEND_AGAIN)
    }

    /// Waits as long as the vendor asks, then sends the same request again: it had no effect, so this is not blind.
    async fn put_off(&mut self, error: &RotateError) -> Result<Turn, EngineError> {
        if !self.can_put_off(error) {
            let sentence = format!(
                "an earlier request for a secret brought none that can be used, and the vendor puts off the next: {}. \
                 {}; resume later",
                self.say(error),
                self.old_one_stands()
            );
            return self.hold(false, sentence).await;
        }
        let pause = self.pause(error);
        self.doing(&format!("waiting {} s, since the vendor is busy", pause.as_secs().max(1)));
        self.shift.wait(pause).await?;
        // It leaves without a record of its own, whose fence would stop a worker that was overtaken meanwhile.
        self.shift.still_ours().await?;
        self.put_off += pause;
        self.unsent = true;
        Ok(Turn::On)
    }

    /// Settles a request without a usable answer by what the vendor shows.
    pub(super) async fn settle(&mut self, answered: bool) -> Result<Turn, EngineError> {
        if self.rounds_are_over() {
            return self.hold(false, "the vendor's answers go on contradicting each other; resume later").await;
        }
        self.doing("finding out what the vendor did");
        let profile = self.job.rotator().profile().clone();
        let shown = if matches!(profile.recovery(), Recovery::Replay { .. }) {
            None
        } else {
            match self.inspect().await? {
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
                straggler: profile.straggler().saturating_sub(self.waited_out),
                now: self.engine.clock.now(),
            },
        );
        match settlement {
            Settlement::Repeat => self.ask(true, shown).await,
            Settlement::AskAgain => self.ask(false, shown).await,
            Settlement::Wait(left) => {
                self.doing(&format!("waiting {} s, in which the lost request may still arrive", left.as_secs().max(1)));
                self.shift.wait(left).await?;
                if !self.stopping() {
                    self.waited_out += left;
                }
                Ok(Turn::On)
            }
            Settlement::CancelThenLook => {
                self.arrived |= !answered;
                self.cancel().await
            }
            Settlement::Superseded(reason) => self.superseded(reason).await,
            Settlement::CannotTell(reason) => self.hold(true, reason).await,
        }
    }

    /// Drops what is pending at the vendor, which is ours, so that the next look can tell.
    pub(super) async fn cancel(&mut self) -> Result<Turn, EngineError> {
        match self.shift.cancel().await? {
            Ok(()) => Ok(Turn::On),
            Err(error) if error.refusal() == Some(Refusal::NothingPending) => Ok(Turn::On),
            // After a wait for its turn it has to be looked again.
            Err(error) if error.refusal() == Some(Refusal::RateLimited) && self.shift.turn_is_near() => Ok(Turn::On),
            // A cancellation that is still on its way would drop the next secret too.
            Err(error) if error.effect() == Effect::Unknown => {
                let left = self.job.rotator().profile().straggler();
                self.doing(&format!(
                    "waiting {} s, in which a lost cancellation may still arrive",
                    left.as_secs().max(1)
                ));
                self.shift.wait(left).await?;
                Ok(Turn::On)
            }
            Err(error) if error.effect() == Effect::Applied => Ok(Turn::On),
            Err(error) => self.cannot_look(&error).await,
        }
    }

    /// Whether `shown` has a rotation pending that is not ours; unknown counts as ours, since our intent is recorded.
    pub(super) fn pending_is_theirs(shown: &Observation, ours: Option<&cutover_core::LastFour>) -> bool {
        matches!((&shown.pending, ours), (Pending::Yes(Some(theirs)), Some(ours)) if theirs != ours)
    }

    pub(super) async fn cannot_look(&mut self, error: &RotateError) -> Result<Turn, EngineError> {
        if self.stopping() {
            return Ok(Turn::On);
        }
        let sentence = format!("the vendor could not be asked how things stand: {}; resume later", self.say(error));
        self.hold(!error.is_transient(), sentence).await
    }
}

enum Unanswered {
    Vendor(RotateError),
    NotKept(String),
    /// Another worker took the lease and ended the attempt without this answer, so nothing needs it any more.
    Ended,
}

/// Keeps an answer, however long the journal takes to take it: it is the only copy.
async fn keep(
    journal: &dyn Journal,
    clock: &dyn Clock,
    lease: &Lease,
    ttl: Duration,
    attempt: &Attempt,
    mut reply: Reply,
    patience: Duration,
) -> Result<Kept, Unanswered> {
    let (mut pause, mut waited) = (KEEP_AGAIN, Duration::ZERO);
    loop {
        let error = match Kept::keep(&GuardedKeeper(journal), attempt, reply).await {
            Ok(kept) => return Ok(kept),
            Err(not_kept) => {
                let (back, error) = not_kept.into_parts();
                reply = back;
                scrub(&chain(&error), None, Some(&reply))
            }
        };
        if has_ended(journal, attempt).await {
            return Err(Unanswered::Ended);
        }
        if waited >= patience {
            return Err(Unanswered::NotKept(error));
        }
        tracing::error!(
            target = %attempt.target(), attempt = %attempt.id(), error,
            "the only copy of a new secret is in memory; trying again to keep it"
        );
        clock.sleep(pause).await;
        waited += pause;
        pause = (pause * 2).min(KEEP_AGAIN_MAX).min((ttl / 3).max(KEEP_AGAIN));
        // Nobody else should ask the vendor again while this answer waits. If somebody has the lease already, keeping
        // the answer still comes first.
        if let Err(error) = journal.renew(lease, clock.now(), ttl).await {
            tracing::warn!(target = %attempt.target(), error = chain(&error), "lease not renewed");
        }
    }
}

/// Whether the journal says for sure that the attempt has ended.
async fn has_ended(journal: &dyn Journal, attempt: &Attempt) -> bool {
    let open = journal.unfinished(Some(attempt.target())).await;
    open.is_ok_and(|open| open.iter().all(|recorded| recorded.attempt.id() != attempt.id()))
}
