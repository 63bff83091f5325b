//! Engines that record wrongly.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use zeroize::Zeroizing;

use cutover_core::{Attempt, KeepError, Reply, ReplyKeeper, ReplySlot, Target, TargetId};
use cutover_engine::{Event, Journal, JournalError, Lease, Recorded};

use crate::mutants::Mutant;
use crate::mutants::kinds::{HOPAE, STYTCH, ZITADEL};
use crate::mutants::wrong_engine::{Parts, wrong};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        wrong::<KeepsInMemory>("keeps the answer in memory", "CRASH-6", HOPAE),
        wrong::<IntentLater>("records the intent a little later", "CRASH-7", ZITADEL),
        wrong::<NoIntent>("records no intent", "CRASH-7", STYTCH),
        wrong::<NeverFinishes>("never records that it has finished", "CRASH-1", STYTCH),
        wrong::<ForgetsUnfinished>("forgets what is unfinished", "CRASH-3", ZITADEL),
        wrong::<NoPreflight>("does not ask whether the journal can be written to", "CRASH-9", ZITADEL),
        wrong::<NoHookRan>("does not record that a hook ran", "HOOK-5", HOPAE),
        wrong::<NoLease>("knows no lease", "CONC-4", ZITADEL),
    ]
}

/// One way to record wrongly.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    KeepsInMemory,
    IntentLater,
    NoIntent,
    NeverFinishes,
    ForgetsUnfinished,
    NoPreflight,
    NoHookRan,
    NoLease,
}

macro_rules! parts {
    ($($name:ident)+) => {
        $(
            #[derive(Default)]
            struct $name;

            impl Parts for $name {
                fn journal(&self, right: Arc<dyn Journal>) -> Arc<dyn Journal> {
                    Arc::new(WrongJournal { right, way: Way::$name, memory: Mutex::default() })
                }
            }
        )+
    };
}

parts!(KeepsInMemory IntentLater NoIntent NeverFinishes ForgetsUnfinished NoPreflight NoHookRan NoLease);

struct WrongJournal {
    right: Arc<dyn Journal>,
    way: Way,
    memory: Mutex<HashMap<ReplySlot, Zeroizing<Vec<u8>>>>,
}

impl WrongJournal {
    /// A lease that holds, whoever has taken the target meanwhile.
    async fn held(&self, lease: &Lease, at: Timestamp) -> Result<Lease, JournalError> {
        if self.way != Way::NoLease {
            return Ok(lease.clone());
        }
        // Whatever lease there is has run out by then.
        let later = at.checked_add(Duration::from_secs(1_000_000)).unwrap_or(at);
        self.right.lease(lease.target(), later, Duration::ZERO).await
    }
}

#[async_trait]
impl ReplyKeeper for WrongJournal {
    async fn keep(&self, slot: &ReplySlot, reply: &Reply) -> Result<(), KeepError> {
        if self.way == Way::KeepsInMemory {
            self.memory.lock().unwrap_or_else(PoisonError::into_inner).insert(slot.clone(), reply.encode());
            return Ok(());
        }
        self.right.keep(slot, reply).await
    }

    async fn recall(&self, slot: &ReplySlot) -> Result<Option<Reply>, KeepError> {
        if self.way == Way::KeepsInMemory {
            let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            return Ok(memory.get(slot).and_then(|bytes| Reply::decode(bytes).ok()));
        }
        self.right.recall(slot).await
    }
}

#[async_trait]
impl Journal for WrongJournal {
    async fn preflight(&self) -> Result<(), JournalError> {
        if self.way == Way::NoPreflight { Ok(()) } else { self.right.preflight().await }
    }

    async fn lease(&self, target: &TargetId, now: Timestamp, ttl: Duration) -> Result<Lease, JournalError> {
        let lease = Lease::new(target.clone(), 0);
        if self.way == Way::NoLease { self.held(&lease, now).await } else { self.right.lease(target, now, ttl).await }
    }

    async fn renew(&self, lease: &Lease, now: Timestamp, ttl: Duration) -> Result<(), JournalError> {
        if self.way == Way::NoLease { Ok(()) } else { self.right.renew(lease, now, ttl).await }
    }

    async fn release(&self, lease: &Lease) -> Result<(), JournalError> {
        self.right.release(lease).await
    }

    async fn append(
        &self,
        lease: &Lease,
        target: &Target,
        attempt: &Attempt,
        event: &Event,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        let lease = self.held(lease, at).await?;
        match (self.way, event) {
            (Way::NoIntent, Event::IssueStarted { .. }) => Ok(()),
            (Way::IntentLater, Event::IssueStarted { .. }) => self.right.note(&lease, target, attempt, event, at).await,
            _ => self.right.append(&lease, target, attempt, event, at).await,
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
        let lease = self.held(lease, at).await?;
        match (self.way, event) {
            (Way::NeverFinishes, Event::Finished) | (Way::NoHookRan, Event::HookRan { .. }) => Ok(()),
            _ => self.right.note(&lease, target, attempt, event, at).await,
        }
    }

    async fn unfinished(&self, target: Option<&TargetId>) -> Result<Vec<Recorded>, JournalError> {
        if matches!(self.way, Way::ForgetsUnfinished) { Ok(Vec::new()) } else { self.right.unfinished(target).await }
    }

    async fn history(&self, target: Option<&TargetId>, limit: u32) -> Result<Vec<Recorded>, JournalError> {
        self.right.history(target, limit).await
    }
}

impl fmt::Debug for WrongJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WrongJournal")
    }
}
