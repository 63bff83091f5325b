//! The durable record of every rotation.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use cutover_core::{Attempt, ReplyKeeper, Target, TargetId};

use crate::{Event, OutOfOrder, State};

/// The durable record of every rotation: events, sealed replies, leases.
///
/// # What outlives what
///
/// [`append`](Self::append) and [`keep`](ReplyKeeper::keep) return only once their change, and every earlier one, would
/// outlive a power cut. Every other change is seen at once by whoever asks the journal and outlives this process; a
/// power cut may take it, but only together with everything that came after it. What is left is always a beginning of
/// what happened. An implementation makes such changes durable with the next one that has to be, and after a moment
/// when none follows.
///
/// So a lease may be lost, fence and all, where a power cut that takes it takes every worker that could hold it: in a
/// file on their own machine. Where workers outlive the journal's power, leases have to be as durable as events.
///
/// Which event has to be durable before what, and which need not be:
///
/// | event | durable before | since otherwise |
/// |---|---|---|
/// | `IssueStarted` | the vendor is asked | a secret that nobody knows of would be pending, or have replaced the old one |
/// | `ReplyKept` | the answer is read | the only copy would be in memory |
/// | `Promoted` | the old secret is retired or forgotten | a run that does not know that readers have the new one might give them back the old one, which is dead by then, and wipe the new one |
/// | `GoingBack` | readers are given the old secret again | a run that does not know it might take the new one for what they have, and retire the old one |
/// | `Redelivering` | a destination is given the new secret once more | a hook that ran before might not run again for the readers of that one |
/// | `IssueRefused`, `RolledBack`, `Superseded`, `Held` | somebody is told | what they say is not seen by looking again |
/// | `Staged`, `Verified` | nothing | destinations find a step done that is done again; the vendor is asked again before anything is promoted |
/// | `HookRan` | nothing | a hook is run again, which hooks bear |
/// | `Completed`, `OldChecked` | nothing | the witnesses are looked at before anything is completed, and say that it is |
/// | `Finished` | nothing | the answer is wiped in the same commit: both are there or neither, and then the last looks are taken again |
///
/// [`Event::is_found_again`] says the same. Between asking and the end a rotation waits for the disk three times.
///
/// # Replies
///
/// As a [`ReplyKeeper`] a journal seals each reply, and records [`Event::ReplyKept`] in the same commit as the reply. A
/// reply is kept whatever has become of the lease: its bytes are worth more than the order of workers. So one may come
/// late, from a worker that lost its lease while the vendor was answering:
///
/// - a reply to a request that is no longer the attempt's latest is kept and records no event, since the attempt has
///   moved on;
/// - a reply of an attempt that was never begun, or has ended, is not kept and the call fails: nothing would ever wipe
///   it;
/// - a reply that is kept already changes nothing and records nothing.
#[async_trait]
pub trait Journal: ReplyKeeper + fmt::Debug + 'static {
    /// Shows that the journal can be written to, and has room for a rotation.
    ///
    /// # Errors
    /// When it has not, with the reason. Called before a vendor hears of anything.
    async fn preflight(&self) -> Result<(), JournalError>;

    /// Takes the lease on `target` for `ttl` from `now`, with a higher fence than any before.
    ///
    /// # Errors
    /// [`JournalError::Busy`] while another worker that may be alive holds it.
    async fn lease(&self, target: &TargetId, now: Timestamp, ttl: Duration) -> Result<Lease, JournalError>;

    /// Keeps a lease for `ttl` more, from `now`.
    ///
    /// # Errors
    /// [`JournalError::Fenced`] when another worker has taken it.
    async fn renew(&self, lease: &Lease, now: Timestamp, ttl: Duration) -> Result<(), JournalError>;

    /// Gives a lease back. One that was lost already is not missed.
    ///
    /// # Errors
    /// When the journal cannot be written to.
    async fn release(&self, lease: &Lease) -> Result<(), JournalError>;

    /// Records an event of an attempt, durably.
    ///
    /// The first event of an attempt, [`Event::IssueStarted`], also records the target; each `IssueStarted` records the
    /// attempt's key, sealed. An event that [ends](Event::ends) the attempt wipes its sealed replies and keys in the
    /// same commit.
    ///
    /// # Errors
    /// [`JournalError::Fenced`] when another worker has taken the lease; then nothing is recorded.
    async fn append(
        &self,
        lease: &Lease,
        target: &Target,
        attempt: &Attempt,
        event: &Event,
        at: Timestamp,
    ) -> Result<(), JournalError>;

    /// Records an event of an attempt as [`append`](Self::append) does, to be durable with the next change that has to
    /// be.
    ///
    /// Unless an implementation says otherwise, this is `append`: a stronger promise, so that a journal around another
    /// which does not know this method is slow and not wrong.
    ///
    /// # Errors
    /// Those of `append`.
    async fn note(
        &self,
        lease: &Lease,
        target: &Target,
        attempt: &Attempt,
        event: &Event,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        self.append(lease, target, attempt, event, at).await
    }

    /// The attempts that have not ended, of one target or of all, oldest first.
    ///
    /// # Errors
    /// When the journal cannot be read.
    async fn unfinished(&self, target: Option<&TargetId>) -> Result<Vec<Recorded>, JournalError>;

    /// The latest `limit` attempts, ended or not, of one target or of all, oldest first.
    ///
    /// # Errors
    /// When the journal cannot be read.
    async fn history(&self, target: Option<&TargetId>, limit: u32) -> Result<Vec<Recorded>, JournalError>;
}

/// The right to work on one target, with the number that tells it from every earlier one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    target: TargetId,
    fence: u64,
}

impl Lease {
    /// A lease as a journal gives it out.
    pub fn new(target: TargetId, fence: u64) -> Self {
        Self { target, fence }
    }

    /// The target it is for.
    pub fn target(&self) -> &TargetId {
        &self.target
    }

    /// Higher for each new lease on the same target.
    pub fn fence(&self) -> u64 {
        self.fence
    }
}

/// An attempt as the journal holds it.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The target, as it was configured when the attempt began.
    pub target: Target,
    /// The attempt at its latest request for a secret. Once it has ended, its key is wiped and this one is a fresh key
    /// that was never sent.
    pub attempt: Attempt,
    /// What happened, in order.
    pub entries: Vec<Entry>,
}

impl Recorded {
    /// Whether nothing follows any more.
    pub fn has_ended(&self) -> bool {
        self.entries.last().is_some_and(|entry| entry.event.ends())
    }

    /// Where it stands.
    ///
    /// # Errors
    /// When the events do not follow from each other.
    pub fn state(&self) -> Result<State, OutOfOrder> {
        State::of(self.entries.iter().map(|entry| &entry.event))
    }
}

/// One event and when it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: Event,
}

/// Why the journal could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// Another worker holds the lease.
    #[error("another worker is rotating {target}{}", .until.map(|until| format!("; its lease ends at {until}")).unwrap_or_default())]
    Busy {
        /// The target.
        target: TargetId,
        /// When its lease ends, if it is not renewed.
        until: Option<Timestamp>,
    },
    /// Another worker took the lease over.
    #[error("another worker has taken {target} over; this one stops")]
    Fenced {
        /// The target.
        target: TargetId,
    },
    /// It cannot be reached, read or written to.
    #[error("the journal cannot be used: {reason}")]
    Unavailable {
        /// Why, without a secret.
        reason: String,
        /// What caused it.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync + 'static>>,
    },
    /// It holds something that this version cannot make sense of, or that was sealed under another key.
    #[error("the journal holds something unreadable: {reason}")]
    Unreadable {
        /// What, without a secret.
        reason: String,
    },
}
