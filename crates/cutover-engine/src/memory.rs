//! A journal and a destination in memory: for tests, and for showing the engine without durability.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use cutover_core::{
    Attempt, AttemptId, ClientSecret, KeepError, MemoryKeeper, Reply, ReplyKeeper, ReplySlot, Target, TargetId,
};

use crate::{Destination, DestinationError, Entry, Event, Journal, JournalError, Label, Lease, Recorded, Version};

/// A journal in memory. It survives an engine that is dropped in the middle, and nothing worse.
#[derive(Default)]
pub struct MemoryJournal {
    keeper: MemoryKeeper,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    attempts: BTreeMap<AttemptId, Recorded>,
    leases: BTreeMap<TargetId, Held>,
}

struct Held {
    fence: u64,
    until: Option<Timestamp>,
}

impl MemoryJournal {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn check(&self, lease: &Lease) -> Result<(), JournalError> {
        match self.leases.get(lease.target()) {
            Some(held) if held.fence == lease.fence() => Ok(()),
            Some(_) | None => Err(JournalError::Fenced { target: lease.target().clone() }),
        }
    }
}

#[async_trait]
impl ReplyKeeper for MemoryJournal {
    async fn keep(&self, slot: &ReplySlot, reply: &Reply) -> Result<(), KeepError> {
        match self.keeper.recall(slot).await? {
            Some(kept) if kept == *reply => return Ok(()),
            Some(_) => return Err(KeepError::new("another reply is kept in its place")),
            None => {}
        }
        if !self.inner().attempts.contains_key(&slot.attempt()) {
            return Err(KeepError::new("its attempt was never begun"));
        }
        self.keeper.keep(slot, reply).await?;
        if let Some(recorded) = self.inner().attempts.get_mut(&slot.attempt()) {
            let at = recorded.entries.last().map_or(Timestamp::UNIX_EPOCH, |entry| entry.at);
            recorded.entries.push(Entry { at, event: Event::ReplyKept });
        }
        Ok(())
    }

    async fn recall(&self, slot: &ReplySlot) -> Result<Option<Reply>, KeepError> {
        self.keeper.recall(slot).await
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn preflight(&self) -> Result<(), JournalError> {
        Ok(())
    }

    async fn lease(&self, target: &TargetId, now: Timestamp, ttl: Duration) -> Result<Lease, JournalError> {
        let mut inner = self.inner();
        let fence = match inner.leases.get(target) {
            Some(Held { until: Some(until), .. }) if now < *until => {
                return Err(JournalError::Busy { target: target.clone(), until: Some(*until) });
            }
            Some(held) => held.fence + 1,
            None => 1,
        };
        inner.leases.insert(target.clone(), Held { fence, until: Some(now + ttl) });
        Ok(Lease::new(target.clone(), fence))
    }

    async fn renew(&self, lease: &Lease, now: Timestamp, ttl: Duration) -> Result<(), JournalError> {
        let mut inner = self.inner();
        inner.check(lease)?;
        inner.leases.insert(lease.target().clone(), Held { fence: lease.fence(), until: Some(now + ttl) });
        Ok(())
    }

    async fn release(&self, lease: &Lease) -> Result<(), JournalError> {
        let mut inner = self.inner();
        if inner.check(lease).is_ok() {
            inner.leases.insert(lease.target().clone(), Held { fence: lease.fence(), until: None });
        }
        Ok(())
    }

    async fn append(
        &self,
        lease: &Lease,
        target: &Target,
        attempt: &Attempt,
        event: &Event,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        let mut inner = self.inner();
        inner.check(lease)?;
        let recorded = inner.attempts.entry(attempt.id()).or_insert_with(|| Recorded {
            target: target.clone(),
            attempt: attempt.clone(),
            entries: Vec::new(),
        });
        recorded.attempt = attempt.clone();
        recorded.entries.push(Entry { at, event: event.clone() });
        if event.ends() {
            self.keeper.forget(attempt.id());
        }
        Ok(())
    }

    async fn unfinished(&self, target: Option<&TargetId>) -> Result<Vec<Recorded>, JournalError> {
        let open = |recorded: &&Recorded| !recorded.entries.last().is_some_and(|entry| entry.event.ends());
        let of_target = |recorded: &&Recorded| target.is_none_or(|target| recorded.target.id() == target);
        Ok(self.inner().attempts.values().filter(open).filter(of_target).cloned().collect())
    }

    async fn history(&self, target: Option<&TargetId>, limit: u32) -> Result<Vec<Recorded>, JournalError> {
        let of_target = |recorded: &&Recorded| target.is_none_or(|target| recorded.target.id() == target);
        let mut all: Vec<Recorded> = self.inner().attempts.values().filter(of_target).cloned().collect();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(all.split_off(all.len().saturating_sub(limit)))
    }
}

impl fmt::Debug for MemoryJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryJournal").field("attempts", &self.inner().attempts.len()).finish_non_exhaustive()
    }
}

/// A destination in memory. Clones share what it holds.
#[derive(Clone, Default)]
pub struct MemoryDestination {
    name: String,
    slots: Arc<Mutex<Slots>>,
}

#[derive(Default)]
struct Slots {
    current: Option<(Option<Version>, ClientSecret)>,
    pending: Option<(Version, ClientSecret)>,
    previous: Option<ClientSecret>,
}

impl MemoryDestination {
    /// A destination that holds `current`, if given, as the secret in use.
    pub fn new(name: &str, current: Option<ClientSecret>) -> Self {
        let slots = Slots { current: current.map(|secret| (None, secret)), ..Slots::default() };
        Self { name: name.to_owned(), slots: Arc::new(Mutex::new(slots)) }
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Destination for MemoryDestination {
    fn name(&self) -> &str {
        &self.name
    }

    async fn preflight(&self) -> Result<(), DestinationError> {
        Ok(())
    }

    async fn stage(&self, version: Version, secret: &ClientSecret) -> Result<(), DestinationError> {
        let mut slots = self.slots();
        if slots.current.as_ref().is_none_or(|(current, _)| *current != Some(version)) {
            slots.pending = Some((version, secret.duplicate()));
        }
        Ok(())
    }

    async fn read(&self, label: Label) -> Result<Option<ClientSecret>, DestinationError> {
        let slots = self.slots();
        Ok(match label {
            Label::Current => slots.current.as_ref().map(|(_, secret)| secret.duplicate()),
            Label::Pending => slots.pending.as_ref().map(|(_, secret)| secret.duplicate()),
            Label::Previous => slots.previous.as_ref().map(ClientSecret::duplicate),
        })
    }

    async fn promote(&self, version: Version) -> Result<(), DestinationError> {
        let mut slots = self.slots();
        if slots.current.as_ref().is_some_and(|(current, _)| *current == Some(version)) {
            return Ok(());
        }
        match slots.pending.take() {
            Some((pending, secret)) if pending == version => {
                let replaced = slots.current.replace((Some(version), secret));
                // A second secret of one attempt replaces the first, which never was in use for long: what a roll back
                // returns to stays the one from before.
                let same_attempt = replaced.as_ref().and_then(|(old, _)| *old).map(Version::attempt);
                if same_attempt != Some(version.attempt()) || slots.previous.is_none() {
                    slots.previous = replaced.map(|(_, secret)| secret);
                }
                Ok(())
            }
            other => {
                slots.pending = other;
                Err(DestinationError::new(&self.name, "nothing is pending under this version"))
            }
        }
    }

    async fn roll_back(&self, version: Version) -> Result<(), DestinationError> {
        let mut slots = self.slots();
        if slots.pending.as_ref().is_some_and(|(pending, _)| pending.attempt() == version.attempt()) {
            slots.pending = None;
        }
        let ours = slots.current.as_ref().and_then(|(current, _)| *current).map(Version::attempt);
        if ours == Some(version.attempt()) {
            slots.current = slots.previous.take().map(|secret| (None, secret));
        }
        Ok(())
    }

    async fn forget_previous(&self, _: Version) -> Result<(), DestinationError> {
        self.slots().previous = None;
        Ok(())
    }
}

impl fmt::Debug for MemoryDestination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryDestination").field("name", &self.name).finish_non_exhaustive()
    }
}
