//! A journal in memory, and everything that can be wrong with one.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use cutover_core::{Attempt, KeepError, Reply, ReplyKeeper, ReplySlot, Target, TargetId};
use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::contract::journal::Fixture;
use crate::{Event, Journal, JournalError, Lease, MemoryJournal, Recorded};

/// What is wrong with a journal, if anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    Nothing,
    ForgetsWhen,
    CutsReplies,
    ReplacesReplies,
    KeepsAnything,
    KeepsEndedOnesOpen,
    MakesNewKeys,
    LeasesToAnybody,
    LetsTheOvertakenWrite,
    TellsTheOldest,
    KeepsAfterTheEnd,
    NotesLater,
    LeavesATrial,
    LosesCount,
    MixesTargets,
    IsNewEachTime,
    QuotesReplies,
}

/// A journal behind a memory that others share.
pub(super) struct Shared {
    wrong: Wrong,
    inner: Arc<MemoryJournal>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    noted: Vec<(Lease, Target, Attempt, Event, Timestamp)>,
    replies: Vec<(ReplySlot, Zeroizing<Vec<u8>>)>,
    leases: u64,
}

pub(super) struct Journals {
    wrong: Wrong,
    last: Mutex<Arc<MemoryJournal>>,
}

impl Journals {
    pub(super) fn new(wrong: Wrong) -> Self {
        Self { wrong, last: Mutex::default() }
    }

    fn open(&self, inner: Arc<MemoryJournal>) -> Arc<dyn Journal> {
        Arc::new(Shared { wrong: self.wrong, inner, state: Mutex::default() })
    }
}

#[async_trait]
impl Fixture for Journals {
    async fn fresh(&self) -> Arc<dyn Journal> {
        let made = Arc::new(MemoryJournal::default());
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&made);
        self.open(made)
    }

    async fn reopened(&self) -> Option<Arc<dyn Journal>> {
        let last = Arc::clone(&self.last.lock().unwrap_or_else(PoisonError::into_inner));
        Some(self.open(if self.wrong == Wrong::IsNewEachTime { Arc::default() } else { last }))
    }
}

impl Shared {
    fn is(&self, wrong: Wrong) -> bool {
        self.wrong == wrong
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reply(&self, slot: &ReplySlot) -> Option<Reply> {
        let state = self.state();
        state.replies.iter().rev().find(|(of, _)| of == slot).and_then(|(_, reply)| Reply::decode(reply).ok())
    }

    fn told(&self, error: KeepError, reply: &Reply) -> KeepError {
        if !self.is(Wrong::QuotesReplies) {
            return error;
        }
        KeepError::new(String::from_utf8_lossy(reply.expose_body()).into_owned())
    }

    fn changed(&self, mut found: Vec<Recorded>) -> Vec<Recorded> {
        for recorded in &mut found {
            if self.is(Wrong::ForgetsWhen) {
                recorded.entries.iter_mut().for_each(|entry| entry.at = Timestamp::UNIX_EPOCH);
            }
            if self.is(Wrong::MakesNewKeys) && recorded.attempt.issue() > 1 {
                recorded.attempt = recorded.attempt.asking_again(recorded.attempt.key_born());
            }
        }
        found
    }
}

#[async_trait]
impl ReplyKeeper for Shared {
    async fn keep(&self, slot: &ReplySlot, reply: &Reply) -> Result<(), KeepError> {
        let reply = if self.is(Wrong::CutsReplies) {
            let body = reply.expose_body();
            &Reply::new(reply.status(), true, Zeroizing::new(body[..body.len().min(1000)].to_vec()))
        } else {
            reply
        };
        match self.inner.keep(slot, reply).await {
            Err(_) if self.is(Wrong::ReplacesReplies) && self.inner.recall(slot).await?.is_some() => {}
            Err(_) if self.is(Wrong::KeepsAnything) || self.is(Wrong::KeepsAfterTheEnd) => {
                let begun = self.inner.history(None, 100).await.unwrap_or_default();
                let is_begun = begun.iter().any(|recorded| recorded.attempt.id() == slot.attempt());
                if is_begun != self.is(Wrong::KeepsAfterTheEnd) {
                    return Err(KeepError::new("never begun, or ended"));
                }
            }
            done => return done.map_err(|error| self.told(error, reply)),
        }
        self.state().replies.push((slot.clone(), reply.encode()));
        Ok(())
    }

    async fn recall(&self, slot: &ReplySlot) -> Result<Option<Reply>, KeepError> {
        match self.reply(slot) {
            Some(reply) => Ok(Some(reply)),
            None => self.inner.recall(slot).await,
        }
    }
}

#[async_trait]
impl Journal for Shared {
    async fn preflight(&self) -> Result<(), JournalError> {
        if self.is(Wrong::LeavesATrial) {
            let target = Target::new(
                TargetId::new("trial").expect("valid"),
                cutover_core::Vendor::from_static("acme"),
                cutover_core::Kind::from_static("m2m"),
                cutover_core::ClientId::new("c").expect("valid"),
            );
            let at = Timestamp::UNIX_EPOCH;
            let lease = self.inner.lease(target.id(), at, Duration::from_secs(1)).await;
            let attempt = Attempt::new(target.id().clone(), at);
            if let Ok(lease) = lease {
                self.inner.append(&lease, &target, &attempt, &Event::RolledBack, at).await?;
            }
        }
        Ok(())
    }

    async fn lease(&self, target: &TargetId, now: Timestamp, ttl: Duration) -> Result<Lease, JournalError> {
        // Looks, waits, and takes: whoever comes between gets it too.
        tokio::task::yield_now().await;
        let leased = self.inner.lease(target, now, ttl).await;
        match leased {
            Err(JournalError::Busy { until, .. }) if self.is(Wrong::LeasesToAnybody) => {
                let after = until.unwrap_or(now);
                self.inner.lease(target, after, ttl).await
            }
            Err(JournalError::Busy { until, .. }) if self.is(Wrong::LosesCount) => {
                let mut asked = self.state();
                asked.leases += 1;
                // Loses count of who has it, now and then.
                if asked.leases.is_multiple_of(7) {
                    return Ok(Lease::new(target.clone(), asked.leases));
                }
                Err(JournalError::Busy { target: target.clone(), until })
            }
            leased => leased,
        }
    }

    async fn renew(&self, lease: &Lease, now: Timestamp, ttl: Duration) -> Result<(), JournalError> {
        self.inner.renew(lease, now, ttl).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), JournalError> {
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
        let noted = std::mem::take(&mut self.state().noted);
        for (lease, target, attempt, event, at) in noted {
            self.inner.append(&lease, &target, &attempt, &event, at).await?;
        }
        tokio::task::yield_now().await;
        match self.inner.append(lease, target, attempt, event, at).await {
            Err(JournalError::Fenced { .. }) if self.is(Wrong::LetsTheOvertakenWrite) => Ok(()),
            done => done,
        }
    }

    async fn note(
        &self,
        lease: &Lease,
        target: &Target,
        attempt: &Attempt,
        event: &Event,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        tokio::task::yield_now().await;
        if self.is(Wrong::NotesLater) {
            self.inner.renew(lease, at, Duration::from_secs(60)).await?;
            let noted = (lease.clone(), target.clone(), attempt.clone(), event.clone(), at);
            self.state().noted.push(noted);
            return Ok(());
        }
        self.inner.note(lease, target, attempt, event, at).await
    }

    async fn unfinished(&self, target: Option<&TargetId>) -> Result<Vec<Recorded>, JournalError> {
        if self.is(Wrong::KeepsEndedOnesOpen) {
            return self.inner.history(target, 100).await;
        }
        let target = if self.is(Wrong::MixesTargets) { None } else { target };
        Ok(self.changed(self.inner.unfinished(target).await?))
    }

    async fn history(&self, target: Option<&TargetId>, limit: u32) -> Result<Vec<Recorded>, JournalError> {
        let mut found = self.inner.history(target, limit).await?;
        if self.is(Wrong::TellsTheOldest) {
            found = self.inner.history(target, u32::MAX).await?;
            found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        }
        Ok(self.changed(found))
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
