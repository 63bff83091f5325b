//! A journal and a destination in memory: for tests, and for showing the engine without durability.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use cutover_core::{
    Attempt, AttemptId, ClientSecret, IdempotencyKey, KeepError, MemoryKeeper, Reply, ReplyKeeper, ReplySlot, Target,
    TargetId,
};

use crate::{
    Destination, DestinationError, Entry, Event, Holding, Journal, JournalError, Label, Labels, Lease, Recorded,
    Version,
};

/// A journal in memory. It survives an engine that is dropped in the middle, and nothing worse but a
/// [power cut](Self::power_cut) for a test.
#[derive(Default)]
pub struct MemoryJournal {
    keeper: MemoryKeeper,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    attempts: BTreeMap<AttemptId, Recorded>,
    leases: BTreeMap<TargetId, Held>,
    /// What attempts were before each event that is not durable yet, in order.
    before: Vec<(AttemptId, Option<Recorded>)>,
    /// Attempts whose replies are wiped, and were not if the power is cut now.
    forgotten: BTreeSet<AttemptId>,
}

struct Held {
    fence: u64,
    until: Option<Timestamp>,
}

impl MemoryJournal {
    /// Takes back every event that was [noted](Journal::note) since the last change that is durable, as a power cut may.
    ///
    /// Leases stay, which a journal may do; a test lets their time pass.
    pub fn power_cut(&self) {
        let mut inner = self.inner();
        while let Some((attempt, before)) = inner.before.pop() {
            match before {
                Some(recorded) => inner.attempts.insert(attempt, recorded),
                None => inner.attempts.remove(&attempt),
            };
        }
        inner.forgotten.clear();
    }

    /// Makes durable what was noted.
    fn settle(&self, inner: &mut Inner) {
        inner.before.clear();
        for attempt in std::mem::take(&mut inner.forgotten) {
            self.keeper.forget(attempt);
        }
    }

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

    fn record(
        &mut self,
        lease: &Lease,
        target: &Target,
        attempt: &Attempt,
        event: &Event,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        self.check(lease)?;
        let recorded = self.attempts.entry(attempt.id()).or_insert_with(|| Recorded {
            target: target.clone(),
            attempt: attempt.clone(),
            entries: Vec::new(),
        });
        recorded.attempt = attempt.clone();
        recorded.entries.push(Entry { at, event: event.clone() });
        if event.ends() {
            self.forgotten.insert(attempt.id());
            let (issue, born) = (attempt.issue(), attempt.key_born());
            recorded.attempt =
                Attempt::recorded(attempt.id(), target.id().clone(), issue, IdempotencyKey::fresh(), born);
        }
        Ok(())
    }
}

#[async_trait]
impl ReplyKeeper for MemoryJournal {
    async fn keep(&self, slot: &ReplySlot, reply: &Reply) -> Result<(), KeepError> {
        match self.recall(slot).await? {
            Some(kept) if kept == *reply => return Ok(()),
            Some(_) => return Err(KeepError::new("another reply is kept in its place")),
            None => {}
        }
        match self.inner().attempts.get(&slot.attempt()) {
            None => return Err(KeepError::new("its attempt was never begun")),
            Some(recorded) if recorded.has_ended() => return Err(KeepError::new("its attempt has ended")),
            Some(_) => {}
        }
        self.keeper.keep(slot, reply).await?;
        let mut inner = self.inner();
        self.settle(&mut inner);
        if let Some(recorded) = inner.attempts.get_mut(&slot.attempt())
            && recorded.attempt.issue() == slot.issue()
        {
            let at = recorded.entries.last().map_or(Timestamp::UNIX_EPOCH, |entry| entry.at);
            recorded.entries.push(Entry { at, event: Event::ReplyKept });
        }
        Ok(())
    }

    async fn recall(&self, slot: &ReplySlot) -> Result<Option<Reply>, KeepError> {
        if self.inner().forgotten.contains(&slot.attempt()) {
            return Ok(None);
        }
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
        inner.leases.insert(target.clone(), Held { fence, until: Some(ends(now, ttl)) });
        Ok(Lease::new(target.clone(), fence))
    }

    async fn renew(&self, lease: &Lease, now: Timestamp, ttl: Duration) -> Result<(), JournalError> {
        let mut inner = self.inner();
        inner.check(lease)?;
        inner.leases.insert(lease.target().clone(), Held { fence: lease.fence(), until: Some(ends(now, ttl)) });
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
        inner.record(lease, target, attempt, event, at)?;
        self.settle(&mut inner);
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
        let mut inner = self.inner();
        let before = inner.attempts.get(&attempt.id()).cloned();
        inner.record(lease, target, attempt, event, at)?;
        inner.before.push((attempt.id(), before));
        Ok(())
    }

    async fn unfinished(&self, target: Option<&TargetId>) -> Result<Vec<Recorded>, JournalError> {
        let open = |recorded: &&Recorded| !recorded.has_ended();
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

/// When a lease of `ttl` from `now` ends.
fn ends(now: Timestamp, ttl: Duration) -> Timestamp {
    now.checked_add(ttl).unwrap_or(Timestamp::MAX)
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
    previous: Option<(Option<Version>, ClientSecret)>,
    /// Whose promotion can be taken back.
    open: Option<AttemptId>,
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
            Label::Previous => slots.previous.as_ref().map(|(_, secret)| secret.duplicate()),
        })
    }

    async fn labels(&self) -> Result<Labels, DestinationError> {
        let slots = self.slots();
        Ok(Labels {
            current: slots.current.as_ref().map(|(version, _)| Holding { version: *version }),
            pending: slots.pending.as_ref().map(|(version, _)| Holding { version: Some(*version) }),
            previous: slots.previous.as_ref().map(|(version, _)| Holding { version: *version }),
        })
    }

    async fn promote(&self, version: Version) -> Result<(), DestinationError> {
        let mut slots = self.slots();
        if slots.current.as_ref().is_some_and(|(current, _)| *current == Some(version)) {
            return Ok(());
        }
        let Some((_, secret)) = slots.pending.take_if(|(pending, _)| *pending == version) else {
            return Err(DestinationError::new(&self.name, "nothing is pending under this version"));
        };
        let replaced = slots.current.replace((Some(version), secret));
        // A second secret of one attempt replaces the first, which never was in use for long: what a roll back returns
        // to stays the one from before.
        if slots.open != Some(version.attempt()) {
            slots.previous = replaced;
        }
        slots.open = Some(version.attempt());
        Ok(())
    }

    async fn roll_back(&self, version: Version) -> Result<(), DestinationError> {
        let mut slots = self.slots();
        slots.pending.take_if(|(pending, _)| pending.attempt() == version.attempt());
        // Only what is open: a worker that comes late must not take a secret from its readers that is there to stay.
        if slots.open.take_if(|open| *open == version.attempt()).is_some() {
            slots.current = slots.previous.take();
        }
        Ok(())
    }

    async fn forget_previous(&self, version: Version) -> Result<(), DestinationError> {
        let mut slots = self.slots();
        // A worker that lost its lease long ago must not end the way back of a later attempt.
        if slots.open.take_if(|open| *open == version.attempt()).is_some() {
            slots.previous = None;
        }
        Ok(())
    }
}

impl fmt::Debug for MemoryDestination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryDestination").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Before, Phase};
    use cutover_core::{ClientId, Kind, Vendor};
    use zeroize::Zeroizing;

    const FIRST: AttemptId = AttemptId::from_bits(1);
    const SECOND: AttemptId = AttemptId::from_bits(2);

    fn target() -> Target {
        let id = TargetId::new("t").expect("valid");
        let client = ClientId::new("c").expect("valid");
        Target::new(id, Vendor::from_static("acme"), Kind::from_static("m2m"), client)
    }

    fn reply(text: &str) -> Reply {
        Reply::new(200, true, Zeroizing::new(text.as_bytes().to_vec()))
    }

    async fn begun(journal: &MemoryJournal, lease: &Lease, attempt: &Attempt) {
        let (issue, sent) = (attempt.issue(), Timestamp::UNIX_EPOCH);
        let event = Event::IssueStarted { issue, repeats: false, before: Before::default(), sent };
        journal.append(lease, &target(), attempt, &event, sent).await.expect("the lease is ours");
    }

    async fn leased(journal: &MemoryJournal) -> Lease {
        journal.lease(target().id(), Timestamp::UNIX_EPOCH, Duration::from_secs(60)).await.expect("free")
    }

    #[tokio::test]
    async fn a_power_cut_takes_what_was_noted_since_the_last_durable_change_and_gives_back_what_that_wiped() {
        let journal = MemoryJournal::default();
        let (lease, attempt) = (leased(&journal).await, Attempt::new(target().id().clone(), Timestamp::UNIX_EPOCH));
        begun(&journal, &lease, &attempt).await;
        let slot = ReplySlot::of(&attempt);
        journal.keep(&slot, &reply("the secret")).await.expect("kept");
        let (target, at) = (target(), Timestamp::UNIX_EPOCH);
        for event in [Event::Staged, Event::Verified] {
            journal.note(&lease, &target, &attempt, &event, at).await.expect("the lease is ours");
        }
        journal.append(&lease, &target, &attempt, &Event::Promoted, at).await.expect("the lease is ours");
        for event in [Event::Completed, Event::Finished] {
            journal.note(&lease, &target, &attempt, &event, at).await.expect("the lease is ours");
        }
        assert!(journal.unfinished(None).await.expect("readable").is_empty(), "it is seen at once");
        assert!(journal.recall(&slot).await.expect("readable").is_none(), "wiped");
        journal.power_cut();
        let recorded = journal.unfinished(None).await.expect("readable").remove(0);
        assert_eq!(recorded.state().expect("in order").phase(), Phase::Promoted);
        assert_eq!(recorded.attempt.key(), attempt.key());
        assert_eq!(journal.recall(&slot).await.expect("readable"), Some(reply("the secret")));
    }

    #[tokio::test]
    async fn an_answer_that_comes_after_a_later_request_is_kept_and_moves_nothing() {
        let journal = MemoryJournal::default();
        let lease = leased(&journal).await;
        let first = Attempt::new(target().id().clone(), Timestamp::UNIX_EPOCH);
        begun(&journal, &lease, &first).await;
        let second = first.asking_again(Timestamp::UNIX_EPOCH);
        begun(&journal, &lease, &second).await;
        journal.keep(&ReplySlot::of(&first), &reply("late")).await.expect("kept");
        let open = journal.unfinished(None).await.expect("readable").remove(0);
        assert_eq!(open.state().expect("in order").phase().name(), "issuing");
        let late = journal.recall(&ReplySlot::of(&first)).await.expect("readable");
        assert!(late == Some(reply("late")));
    }

    #[tokio::test]
    async fn nothing_is_kept_for_an_attempt_that_has_ended() {
        let journal = MemoryJournal::default();
        let lease = leased(&journal).await;
        let attempt = Attempt::new(target().id().clone(), Timestamp::UNIX_EPOCH);
        begun(&journal, &lease, &attempt).await;
        let end = Event::IssueRefused { reason: String::new() };
        journal.append(&lease, &target(), &attempt, &end, Timestamp::UNIX_EPOCH).await.expect("the lease is ours");
        let slot = ReplySlot::of(&attempt);
        assert!(journal.keep(&slot, &reply("late")).await.is_err());
        assert!(journal.recall(&slot).await.expect("readable").is_none());
        let ended = journal.history(None, 1).await.expect("readable").remove(0);
        assert_ne!(ended.attempt.key(), attempt.key(), "the key was not wiped");
    }

    #[tokio::test]
    async fn a_second_secret_of_one_attempt_never_becomes_what_is_gone_back_to() {
        let destination = MemoryDestination::new("d", None);
        for issue in [1, 2] {
            let version = Version::new(FIRST, issue);
            destination.stage(version, &ClientSecret::new("new")).await.expect("memory");
            destination.promote(version).await.expect("staged");
        }
        assert!(destination.read(Label::Previous).await.expect("memory").is_none());
    }

    #[tokio::test]
    async fn a_stale_worker_does_not_forget_the_previous_secret_of_a_later_attempt() {
        let destination = MemoryDestination::new("d", Some(ClientSecret::new("old")));
        let version = Version::new(SECOND, 1);
        destination.stage(version, &ClientSecret::new("new")).await.expect("memory");
        destination.promote(version).await.expect("staged");
        destination.forget_previous(Version::new(FIRST, 1)).await.expect("nothing to do");
        assert!(destination.read(Label::Previous).await.expect("memory").is_some());
        destination.forget_previous(version).await.expect("memory");
        assert!(destination.read(Label::Previous).await.expect("memory").is_none());
    }
}
