//! Journal, adapter and destination as one process has them: each call goes past a watch.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use cutover_core::{
    Attempt, Call, ClientSecret, Clock, Issued, KeepError, Kept, NoAnswer, Observation, Reply, ReplyKeeper, ReplySlot,
    RotateError, RotationProfile, SecretRotator, Target, TargetId, Verdict,
};
use cutover_engine::{
    Destination, DestinationError, Event, Hook, HookError, Journal, JournalError, Label, Lease, MemoryDestination,
    MemoryJournal, News, Recorded, Version,
};

use super::watch::{Of, Seen, Shared};
use crate::listener::Listener;

/// The secrets that came by, so that each can be named by its number.
#[derive(Clone, Default)]
pub(super) struct Secrets(Arc<Mutex<Vec<ClientSecret>>>);

impl Secrets {
    pub(super) fn number(&self, secret: &ClientSecret) -> usize {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(nth) = known.iter().position(|known| known == secret) {
            return nth;
        }
        known.push(secret.duplicate());
        known.len() - 1
    }

    /// What the readers of each destination have.
    async fn of_readers(&self, destinations: &[MemoryDestination]) -> Vec<Option<usize>> {
        let mut readers = Vec::new();
        for destination in destinations {
            let current = destination.read(Label::Current).await.ok().flatten();
            readers.push(current.map(|secret| self.number(&secret)));
        }
        readers
    }

    pub(super) fn all(&self) -> Vec<ClientSecret> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().map(ClientSecret::duplicate).collect()
    }
}

/// A journal in memory that outlives the process.
pub(super) struct WatchedJournal {
    pub(super) inner: Arc<MemoryJournal>,
    pub(super) watch: Shared,
}

impl WatchedJournal {
    async fn begin(&self, operation: &'static str) -> Result<(), JournalError> {
        if self.watch.begin(Of::Journal, operation).await {
            let reason = "it is out of order".to_owned();
            return Err(JournalError::Unavailable { reason, source: None });
        }
        Ok(())
    }
}

#[async_trait]
impl ReplyKeeper for WatchedJournal {
    async fn keep(&self, slot: &ReplySlot, reply: &Reply) -> Result<(), KeepError> {
        self.begin("keep").await.map_err(|error| KeepError::new(error.to_string()))?;
        self.inner.keep(slot, reply).await?;
        self.watch.note(Seen::Recorded { event: "reply_kept", durably: true });
        Ok(())
    }

    async fn recall(&self, slot: &ReplySlot) -> Result<Option<Reply>, KeepError> {
        self.begin("recall").await.map_err(|error| KeepError::new(error.to_string()))?;
        self.inner.recall(slot).await
    }
}

#[async_trait]
impl Journal for WatchedJournal {
    async fn preflight(&self) -> Result<(), JournalError> {
        self.begin("preflight").await?;
        self.inner.preflight().await
    }

    async fn lease(&self, target: &TargetId, now: Timestamp, ttl: Duration) -> Result<Lease, JournalError> {
        self.begin("lease").await?;
        self.inner.lease(target, now, ttl).await
    }

    async fn renew(&self, lease: &Lease, now: Timestamp, ttl: Duration) -> Result<(), JournalError> {
        self.begin("renew").await?;
        self.inner.renew(lease, now, ttl).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), JournalError> {
        self.begin("release").await?;
        self.inner.release(lease).await
    }

    async fn append(
        &self,
        lease: &Lease,
        target: &Target,
        attempt: &Attempt,
        event: &Event,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        self.begin("append").await?;
        self.inner.append(lease, target, attempt, event, at).await?;
        self.watch.note(Seen::Recorded { event: event.name(), durably: true });
        Ok(())
    }

    async fn note(
        &self,
        lease: &Lease,
        target: &Target,
        attempt: &Attempt,
        event: &Event,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        self.begin("note").await?;
        self.inner.note(lease, target, attempt, event, at).await?;
        self.watch.note(Seen::Recorded { event: event.name(), durably: false });
        Ok(())
    }

    async fn unfinished(&self, target: Option<&TargetId>) -> Result<Vec<Recorded>, JournalError> {
        self.begin("unfinished").await?;
        self.inner.unfinished(target).await
    }

    async fn history(&self, target: Option<&TargetId>, limit: u32) -> Result<Vec<Recorded>, JournalError> {
        self.begin("history").await?;
        self.inner.history(target, limit).await
    }
}

/// The subject's adapter.
pub(super) struct WatchedRotator {
    pub(super) inner: Arc<dyn SecretRotator>,
    pub(super) watch: Shared,
    pub(super) secrets: Secrets,
    pub(super) journal: Arc<MemoryJournal>,
    pub(super) destinations: Vec<MemoryDestination>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) listener: Listener,
}

impl WatchedRotator {
    async fn begin(&self, operation: &'static str, target: &Target) -> Result<(), RotateError> {
        if self.watch.begin(Of::Adapter, operation).await {
            let call = Call::new(target.vendor().clone(), operation).on(target.id());
            return Err(NoAnswer::new(call, "the vendor is out of order").into());
        }
        Ok(())
    }

    /// The answer, unless it is to be lost.
    fn delivered<T>(
        &self,
        operation: &'static str,
        target: &Target,
        answer: Result<T, RotateError>,
    ) -> Result<T, RotateError> {
        if !self.watch.loses(operation) {
            return answer;
        }
        let call = Call::new(target.vendor().clone(), operation).on(target.id());
        Err(NoAnswer::new(call, "the answer was lost").into())
    }
}

#[async_trait]
impl SecretRotator for WatchedRotator {
    fn profile(&self) -> &RotationProfile {
        self.inner.profile()
    }

    async fn issue(&self, target: &Target, attempt: &Attempt) -> Result<Reply, RotateError> {
        self.begin("issue", target).await?;
        self.watch.note(Seen::Asked { key: attempt.key().clone(), at: self.clock.now() });
        // The engine asks in a task of its own, which the rule's listener does not hear.
        let answer = self.listener.hear(self.inner.issue(target, attempt)).await;
        let answer = self.delivered("issue", target, answer);
        self.watch.note(Seen::Answered(answer.as_ref().err().map(RotateError::effect)));
        answer
    }

    fn read(&self, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        // Memory answers at once.
        let held = futures_util::FutureExt::now_or_never(self.journal.recall(kept.slot()));
        let held = matches!(held, Some(Ok(Some(reply))) if reply == *kept.reply());
        self.watch.note(Seen::Read { kept: held });
        self.inner.read(target, kept)
    }

    async fn complete(&self, target: &Target, kept: &Kept) -> Result<(), RotateError> {
        self.begin("complete", target).await?;
        self.watch.note(Seen::Completing { readers: self.secrets.of_readers(&self.destinations).await });
        self.delivered("complete", target, self.inner.complete(target, kept).await)
    }

    async fn cancel(&self, target: &Target) -> Result<(), RotateError> {
        self.begin("cancel", target).await?;
        self.delivered("cancel", target, self.inner.cancel(target).await)
    }

    async fn inspect(&self, target: &Target) -> Result<Observation, RotateError> {
        self.begin("inspect", target).await?;
        self.delivered("inspect", target, self.inner.inspect(target).await)
    }

    async fn verify(&self, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        self.begin("verify", target).await?;
        let verdict = match self.delivered("verify", target, self.inner.verify(target, secret).await) {
            Err(RotateError::NoAnswer(_)) => Ok(Verdict::NotKnown),
            verdict => verdict,
        };
        if let Ok(verdict) = &verdict {
            self.watch.note(Seen::Verified { secret: self.secrets.number(secret), verdict: *verdict });
        }
        verdict
    }
}

/// One of the places where applications read the secret; it outlives the process.
pub(super) struct WatchedDestination {
    pub(super) inner: MemoryDestination,
    pub(super) nth: usize,
    pub(super) watch: Shared,
    pub(super) secrets: Secrets,
}

impl WatchedDestination {
    /// Does `work`, past the watch.
    async fn pass<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, DestinationError>> + Send,
    ) -> Result<T, DestinationError> {
        let refused = self.watch.begin(Of::Destination(self.nth), operation).await;
        let (nth, fails) = self.watch.destination_call();
        if refused || fails {
            return Err(DestinationError::new(self.inner.name(), "it is out of order"));
        }
        let done = work.await?;
        if self.watch.fails_after(nth) {
            return Err(DestinationError::new(self.inner.name(), "its answer was lost"));
        }
        Ok(done)
    }
}

#[async_trait]
impl Destination for WatchedDestination {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn preflight(&self) -> Result<(), DestinationError> {
        self.pass("preflight", self.inner.preflight()).await
    }

    async fn stage(&self, version: Version, secret: &ClientSecret) -> Result<(), DestinationError> {
        self.pass("stage", self.inner.stage(version, secret)).await
    }

    async fn read(&self, label: Label) -> Result<Option<ClientSecret>, DestinationError> {
        self.pass("read", self.inner.read(label)).await
    }

    async fn promote(&self, version: Version) -> Result<(), DestinationError> {
        let work = async {
            self.inner.promote(version).await?;
            let current = self.inner.read(Label::Current).await?;
            let secret = current.map(|secret| self.secrets.number(&secret));
            self.watch.note(Seen::Promoted { destination: self.nth, secret });
            Ok(())
        };
        self.pass("promote", work).await
    }

    async fn roll_back(&self, version: Version) -> Result<(), DestinationError> {
        self.pass("roll_back", self.inner.roll_back(version)).await
    }

    async fn forget_previous(&self, version: Version) -> Result<(), DestinationError> {
        self.pass("forget_previous", self.inner.forget_previous(version)).await
    }
}

/// Somebody who is told that readers have another secret.
pub(super) struct WatchedHook {
    pub(super) name: String,
    pub(super) nth: usize,
    pub(super) watch: Shared,
    pub(super) secrets: Secrets,
    pub(super) destinations: Vec<MemoryDestination>,
}

impl WatchedHook {
    async fn begin(&self, operation: &'static str) -> Result<(), HookError> {
        let refused = self.watch.begin(Of::Hook(self.nth), operation).await;
        if refused { Err(HookError::new(&self.name, "it is out of order")) } else { Ok(()) }
    }
}

#[async_trait]
impl Hook for WatchedHook {
    fn name(&self) -> &str {
        &self.name
    }

    async fn preflight(&self) -> Result<(), HookError> {
        self.begin("preflight").await
    }

    async fn run(&self, news: &News) -> Result<(), HookError> {
        self.begin("run").await?;
        if self.watch.is_busy() {
            return Err(HookError::new(&self.name, "it is busy").transient());
        }
        let readers = self.secrets.of_readers(&self.destinations).await;
        self.watch.note(Seen::Ran { hook: self.nth, news: news.clone(), readers });
        Ok(())
    }
}

macro_rules! plain_debug {
    ($($name:ident)+) => {
        $(impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        })+
    };
}

plain_debug!(WatchedJournal WatchedRotator WatchedDestination WatchedHook);
