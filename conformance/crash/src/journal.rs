//! A journal on the simulated disk: a log of frames, made new without its secrets when an attempt ends.
//!
//! What it knows belongs to the world and not to one of its handles, like the file that two workers have open; after a
//! crash it is read again from what was durable.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cutover_core::{Attempt, KeepError, Reply, ReplyKeeper, ReplySlot, Target, TargetId};
use cutover_engine::{Change, Entry, Event, Journal, JournalError, Lease, Recorded};
use cutover_stores::{Purpose, SealContext};
use jiff::Timestamp;

use crate::disk::{Fate, FileName};
use crate::journal_file::{Begins, KEYS, Kept, Record, open, seal, written};
use crate::place::{Place, Step};
use crate::trace::{ProcessNo, What};
use crate::world::{Inner, World};
use crate::wrong::Wrong;

const FILE: FileName = FileName::Journal;

/// The journal, as one process has it open.
pub struct SimJournal {
    world: Arc<World>,
    by: ProcessNo,
}

/// From when on a write outlives a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lasts {
    /// As soon as it is acknowledged.
    Now,
    /// With the next one that does at once.
    WithNext,
}

/// What an operation writes, and what it promises by that.
struct Commit {
    record: Record,
    promise: Option<What>,
}

impl SimJournal {
    /// The journal of a world, opened by a process.
    pub fn open(world: &Arc<World>, by: ProcessNo) -> Self {
        Self { world: Arc::clone(world), by }
    }

    async fn pass(&self, op: &'static str, step: Step) {
        self.world.pass(self.by, Place::Journal(op, step)).await;
    }

    /// Reads; nothing is written, so only the process can be another one afterwards.
    async fn look<T>(&self, op: &'static str, read: impl FnOnce(&Inner) -> T) -> T {
        self.pass(op, Step::Before).await;
        let value = read(&self.world.lock());
        self.pass(op, Step::Acknowledged).await;
        value
    }

    /// Decides and writes in one step, as a transaction does.
    async fn change<T, E>(
        &self,
        op: &'static str,
        lasts: Lasts,
        decide: impl FnOnce(&Inner) -> Result<(Option<Commit>, T), E>,
    ) -> Result<T, E> {
        self.pass(op, Step::Before).await;
        let (commit, value) = decide(&self.world.lock())?;
        if let Some(Commit { record, promise }) = commit {
            self.write(op, lasts, record, &promise).await;
            if let Some(promise) = promise {
                self.world.note(self.by, promise);
            }
        }
        self.pass(op, Step::Acknowledged).await;
        Ok(value)
    }

    async fn write(&self, op: &'static str, lasts: Lasts, record: Record, promise: &Option<What>) {
        let world = &self.world;
        if world.is_wrong(Wrong::REPEAT_FORGOTTEN)
            && let Record::Event { begins: Some(begins), .. } = &record
            && 1 < begins.issue
        {
            return;
        }
        if world.is_wrong(Wrong::BACK_FORGOTTEN)
            && matches!(&record, Record::Event { event, .. } if is_on_the_way_back(event))
        {
            return;
        }
        if world.is_wrong(Wrong::KEEP_DEFERRED) && matches!(record, Record::Reply { .. }) {
            let mut inner = world.lock();
            inner.deferred.push(record.frame());
            inner.journal.apply(record);
            return;
        }
        {
            let mut inner = world.lock();
            if matches!(&record, Record::Event { event: Event::Promoted, .. }) {
                let deferred = std::mem::take(&mut inner.deferred);
                deferred.into_iter().for_each(|frame| inner.disk.append(FILE, frame));
            }
            let ends = matches!(&record, Record::Event { event, .. } if event.ends());
            if ends && !world.is_wrong(Wrong::NEVER_WIPES) {
                let bytes = inner.journal.rewritten(&record);
                inner.disk.replace(FILE, bytes);
            } else {
                if std::mem::take(&mut inner.journal.torn) {
                    // What is torn ends the file for whoever reads it, so nothing may follow it.
                    let whole = whole(&inner.disk.read(FILE));
                    inner.disk.replace(FILE, whole);
                }
                inner.disk.append(FILE, record.frame());
            }
        }
        self.world.pass_torn(self.by, Place::Journal(op, Step::Torn(1))).await;
        self.pass(op, Step::Written(1)).await;
        let mut inner = world.lock();
        let early = match promise {
            Some(What::Sealed { .. }) => {
                world.is_wrong(Wrong::KEEP_ACKED_EARLY) || world.is_wrong(Wrong::KEEP_FORGOTTEN)
            }
            Some(What::Intended { .. }) => world.is_wrong(Wrong::INTENT_ACKED_EARLY),
            _ => false,
        };
        inner.intent_unsynced |= matches!(promise, Some(What::Intended { .. }));
        if lasts == Lasts::Now && !early {
            inner.sync(FILE);
        }
        inner.journal.apply(record);
        if world.is_wrong(Wrong::KEEP_FORGOTTEN) && early {
            inner.disk.lose_power(Fate::Lost);
        }
    }

    fn is_fenced(&self, inner: &Inner, lease: &Lease) -> bool {
        lease.fence() != inner.journal.lease(lease.target()).fence && !self.world.is_wrong(Wrong::NO_FENCE)
    }

    fn lease_commit(&self, lease: &Lease, until: Option<Timestamp>) -> Commit {
        let (target, fence) = (lease.target().clone(), lease.fence());
        Commit { record: Record::Lease { target, fence, until, worker: self.by.0 }, promise: None }
    }

    fn append_commit(
        &self,
        inner: &Inner,
        lease: &Lease,
        target: &Target,
        attempt: &Attempt,
        event: &Event,
        at: Timestamp,
    ) -> Result<Commit, JournalError> {
        if self.is_fenced(inner, lease) {
            return Err(JournalError::Fenced { target: target.id().clone() });
        }
        let begins = matches!(event, Event::IssueStarted { .. });
        if !begins && inner.journal.attempt(attempt.id()).is_none() {
            return Err(unavailable("an event of an attempt that was never begun"));
        }
        let slot = ReplySlot::of(attempt);
        let context = SealContext::of(Purpose::IdempotencyKey, &slot);
        let seal_key = || written(&KEYS.seal(&context, key(attempt).as_bytes()));
        let begins = begins.then(|| {
            let key = (!self.world.is_wrong(Wrong::KEY_LOST)).then(seal_key);
            let (target, issue, key_born) = (target.clone(), attempt.issue(), attempt.key_born());
            Box::new(Begins { target, issue, key, key_born })
        });
        let promise = match event {
            Event::IssueStarted { .. } => What::Intended { key: key(attempt).to_owned() },
            other => {
                let leased = lease.fence() == inner.journal.lease(lease.target()).fence;
                What::Recorded { event: other.name(), leased }
            }
        };
        let early = self.world.is_wrong(Wrong::WIPED_EARLY) && *event == Event::Promoted;
        let wipes = (event.ends() || early) && !self.world.is_wrong(Wrong::NEVER_WIPES);
        let (attempt, event) = (attempt.id().to_string(), event.clone());
        Ok(Commit { record: Record::Event { attempt, at, event, begins, wipes }, promise: Some(promise) })
    }

    fn keep_commit(&self, inner: &Inner, slot: &ReplySlot, reply: &Reply) -> Result<Option<Commit>, KeepError> {
        let kept = inner.journal.attempt(slot.attempt());
        let kept = kept.ok_or_else(|| KeepError::new("its attempt was never begun"))?;
        if let Some(sealed) = kept.reply(slot.issue()) {
            let same = open(slot.target(), slot.attempt(), slot.issue(), sealed)
                .and_then(|bytes| Reply::decode(&bytes).ok())
                .is_some_and(|there| there == *reply);
            return if same { Ok(None) } else { Err(KeepError::new("another reply is kept in its place")) };
        }
        if kept.ended {
            return Err(KeepError::new("its attempt has ended"));
        }
        let plain = self.world.is_wrong(Wrong::STORED_PLAIN);
        let sealed = if plain { written(&reply.encode()) } else { written(&seal(slot, reply)) };
        let moves = kept.issue == slot.issue();
        let secret = inner.secret_of(reply);
        let (attempt, issue, at) = (slot.attempt().to_string(), slot.issue(), self.world.now());
        let record = Record::Reply { attempt, issue, sealed, at, moves };
        Ok(Some(Commit { record, promise: Some(What::Sealed { secret }) }))
    }
}

#[async_trait]
impl ReplyKeeper for SimJournal {
    async fn keep(&self, slot: &ReplySlot, reply: &Reply) -> Result<(), KeepError> {
        self.change("keep", Lasts::Now, |inner| Ok((self.keep_commit(inner, slot, reply)?, ()))).await
    }

    async fn recall(&self, slot: &ReplySlot) -> Result<Option<Reply>, KeepError> {
        let recalled = self.look("recall", |inner| {
            let sealed = inner.journal.attempt(slot.attempt())?.reply(slot.issue())?;
            open(slot.target(), slot.attempt(), slot.issue(), sealed)
        });
        let decode = |bytes: &[u8]| Reply::decode(bytes).map_err(|_| KeepError::new("it cannot be decoded"));
        recalled.await.map(|bytes| decode(&bytes)).transpose()
    }
}

#[async_trait]
impl Journal for SimJournal {
    async fn preflight(&self) -> Result<(), JournalError> {
        let probe = || Commit { record: Record::Probe, promise: None };
        self.change("preflight", Lasts::WithNext, |_| Ok((Some(probe()), ()))).await
    }

    async fn lease(&self, target: &TargetId, now: Timestamp, ttl: Duration) -> Result<Lease, JournalError> {
        self.change("lease", Lasts::WithNext, |inner| {
            let held = inner.journal.lease(target);
            // A worker's death is seen, as by a lock of the operating system, and not waited for.
            if let Some(until) = held.until.filter(|until| now < *until && !World::is_dead(inner, held.worker)) {
                return Err(JournalError::Busy { target: target.clone(), until: Some(until) });
            }
            let lease = Lease::new(target.clone(), held.fence + 1);
            Ok((Some(self.lease_commit(&lease, Some(ends(now, ttl)))), lease))
        })
        .await
    }

    async fn renew(&self, lease: &Lease, now: Timestamp, ttl: Duration) -> Result<(), JournalError> {
        self.change("renew", Lasts::WithNext, |inner| {
            if self.is_fenced(inner, lease) {
                return Err(JournalError::Fenced { target: lease.target().clone() });
            }
            Ok((Some(self.lease_commit(lease, Some(ends(now, ttl)))), ()))
        })
        .await
    }

    async fn release(&self, lease: &Lease) -> Result<(), JournalError> {
        self.change("release", Lasts::WithNext, |inner| {
            let ours = lease.fence() == inner.journal.lease(lease.target()).fence;
            Ok((ours.then(|| self.lease_commit(lease, None)), ()))
        })
        .await
    }

    async fn append(
        &self,
        lease: &Lease,
        target: &Target,
        attempt: &Attempt,
        event: &Event,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        let commit = |inner: &Inner| self.append_commit(inner, lease, target, attempt, event, at);
        self.change("append", Lasts::Now, |inner| Ok((Some(commit(inner)?), ()))).await
    }

    async fn note(
        &self,
        lease: &Lease,
        target: &Target,
        attempt: &Attempt,
        event: &Event,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        let commit = |inner: &Inner| self.append_commit(inner, lease, target, attempt, event, at);
        self.change("note", Lasts::WithNext, |inner| Ok((Some(commit(inner)?), ()))).await
    }

    async fn unfinished(&self, target: Option<&TargetId>) -> Result<Vec<Recorded>, JournalError> {
        let hidden = self.world.is_wrong(Wrong::UNFINISHED_HIDDEN) && 1 < self.by.0;
        let of_target = |kept: &Kept| target.is_none_or(|target| target == kept.target.id());
        let wanted = |kept: &Kept| !kept.ended && !hidden && of_target(kept);
        let mut open = self.look("unfinished", |inner| inner.journal.recorded(wanted)).await?;
        if self.world.is_wrong(Wrong::HOOK_RECORDED_EARLY) {
            open.iter_mut().for_each(call_hooks_done);
        }
        Ok(open)
    }

    async fn history(&self, target: Option<&TargetId>, limit: u32) -> Result<Vec<Recorded>, JournalError> {
        let of_target = |kept: &Kept| target.is_none_or(|target| target == kept.target.id());
        let mut all = self.look("history", |inner| inner.journal.recorded(of_target)).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(all.split_off(all.len().saturating_sub(limit)))
    }
}

fn is_on_the_way_back(event: &Event) -> bool {
    matches!(event, Event::GoingBack | Event::HookRan { change: Change::RolledBack, .. })
}

/// Adds to what was recorded that the first hook ran, wherever readers were given a new secret.
fn call_hooks_done(recorded: &mut Recorded) {
    let mut entries = Vec::new();
    for entry in std::mem::take(&mut recorded.entries) {
        let promoted = entry.event == Event::Promoted;
        let ran = Event::HookRan { hook: "reload".to_owned(), change: Change::Promoted };
        let ran = promoted.then_some(Entry { at: entry.at, event: ran });
        entries.extend([Some(entry), ran].into_iter().flatten());
    }
    recorded.entries = entries;
}

fn key(attempt: &Attempt) -> &str {
    attempt.key().as_header_value()
}

fn unavailable(reason: &str) -> JournalError {
    JournalError::Unavailable { reason: reason.to_owned(), source: None }
}

/// When a lease of `ttl` from `now` ends.
fn ends(now: Timestamp, ttl: Duration) -> Timestamp {
    now.checked_add(ttl).unwrap_or(Timestamp::MAX)
}

fn whole(bytes: &[u8]) -> Vec<u8> {
    bytes[..Record::all(bytes).1].to_vec()
}

impl fmt::Debug for SimJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimJournal").field("by", &self.by).finish_non_exhaustive()
    }
}
