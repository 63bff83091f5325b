//! Proof that an answer was kept before anybody read it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::{Attempt, AttemptId, Call, NotSent, Reply, RotateError, Target, TargetId};

/// Where one reply is kept: target, attempt and which request of the attempt it answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReplySlot {
    target: TargetId,
    attempt: AttemptId,
    issue: u32,
}

impl ReplySlot {
    /// The slot of the reply to `attempt`'s present request.
    pub fn of(attempt: &Attempt) -> Self {
        Self { target: attempt.target().clone(), attempt: attempt.id(), issue: attempt.issue() }
    }

    /// The target.
    pub fn target(&self) -> &TargetId {
        &self.target
    }

    /// The attempt.
    pub fn attempt(&self) -> AttemptId {
        self.attempt
    }

    /// Which request of the attempt, from 1.
    pub fn issue(&self) -> u32 {
        self.issue
    }
}

/// Something that keeps replies so that they outlive the process.
#[async_trait]
pub trait ReplyKeeper: Send + Sync {
    /// Keeps `reply`, and returns only once it would outlive a power cut.
    ///
    /// Keeping the same reply in the same slot again changes nothing.
    ///
    /// # Errors
    /// When it is not certain that the reply is kept. The caller still has it.
    async fn keep(&self, slot: &ReplySlot, reply: &Reply) -> Result<(), KeepError>;

    /// Gives back what was kept in `slot`, or `None`.
    ///
    /// # Errors
    /// When the store cannot be read, or what it holds cannot be opened.
    async fn recall(&self, slot: &ReplySlot) -> Result<Option<Reply>, KeepError>;
}

/// A reply that a [`ReplyKeeper`] holds and has given back unchanged.
///
/// The only way to one is through a keeper, and both reading an answer and completing a rotation need one: an answer
/// that was parsed before it was kept, or an old secret retired before the new one was durable, does not compile.
#[must_use = "a kept reply holds the only copy of a secret"]
pub struct Kept {
    slot: ReplySlot,
    reply: Reply,
}

impl Kept {
    /// Keeps `reply` with `keeper` and reads it back.
    ///
    /// # Errors
    /// When it could not be kept or came back changed. The reply is in the error: it is the only copy.
    pub async fn keep(keeper: &dyn ReplyKeeper, attempt: &Attempt, reply: Reply) -> Result<Self, NotKept> {
        let slot = ReplySlot::of(attempt);
        if let Err(source) = keeper.keep(&slot, &reply).await {
            return Err(NotKept { reply: Box::new(reply), source });
        }
        match keeper.recall(&slot).await {
            Ok(Some(back)) if back == reply => Ok(Self { slot, reply: back }),
            Ok(_) => Err(NotKept { reply: Box::new(reply), source: KeepError::new("it did not come back unchanged") }),
            Err(source) => Err(NotKept { reply: Box::new(reply), source }),
        }
    }

    /// The reply that `keeper` holds for `attempt`, if it holds one.
    ///
    /// # Errors
    /// When the store cannot be read, or what it holds cannot be opened.
    pub async fn recall(keeper: &dyn ReplyKeeper, attempt: &Attempt) -> Result<Option<Self>, KeepError> {
        let slot = ReplySlot::of(attempt);
        Ok(keeper.recall(&slot).await?.map(|reply| Self { slot, reply }))
    }

    /// Whether this is a reply about `target`.
    ///
    /// What an adapter asks before it reads a reply or takes it for a proof; `operation` is its method's name.
    ///
    /// # Errors
    /// [`NotSent`] that names the target whose reply it is.
    pub fn check(&self, operation: &'static str, target: &Target) -> Result<(), RotateError> {
        if self.slot.target() == target.id() {
            return Ok(());
        }
        let call = Call::new(target.vendor().clone(), operation).on(target.id());
        Err(NotSent::misuse(call, format!("the kept reply belongs to {}", self.slot.target())).into())
    }

    /// Where it is kept.
    pub fn slot(&self) -> &ReplySlot {
        &self.slot
    }

    /// The reply itself.
    pub fn reply(&self) -> &Reply {
        &self.reply
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("slot", &self.slot).field("reply", &self.reply).finish()
    }
}

/// A store that could not keep or give back a reply.
#[derive(Debug, thiserror::Error)]
#[error("the reply is not safely kept: {reason}")]
pub struct KeepError {
    reason: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync + 'static>>,
}

impl KeepError {
    /// An error with its reason, which must not quote the reply.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), source: None }
    }

    /// The same error with what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync + 'static>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

/// A reply that could not be kept, with the reply: it is the only copy, so whoever gets this must go on trying.
#[derive(Debug, thiserror::Error)]
#[error("the only copy of a new secret is in memory")]
#[must_use = "this holds the only copy of a secret"]
pub struct NotKept {
    reply: Box<Reply>,
    #[source]
    source: KeepError,
}

impl NotKept {
    /// The reply and why it was not kept.
    pub fn into_parts(self) -> (Reply, KeepError) {
        (*self.reply, self.source)
    }
}

/// Keeps replies in memory until the process ends: for tests, and for callers who accept that a crash loses them.
#[derive(Default)]
pub struct MemoryKeeper {
    replies: Mutex<HashMap<ReplySlot, zeroize::Zeroizing<Vec<u8>>>>,
}

impl MemoryKeeper {
    /// Wipes every reply to `attempt`.
    pub fn forget(&self, attempt: AttemptId) {
        let mut replies = self.replies.lock().unwrap_or_else(PoisonError::into_inner);
        replies.retain(|slot, _| slot.attempt() != attempt);
    }
}

#[async_trait]
impl ReplyKeeper for MemoryKeeper {
    async fn keep(&self, slot: &ReplySlot, reply: &Reply) -> Result<(), KeepError> {
        let mut replies = self.replies.lock().unwrap_or_else(PoisonError::into_inner);
        replies.insert(slot.clone(), reply.encode());
        Ok(())
    }

    async fn recall(&self, slot: &ReplySlot) -> Result<Option<Reply>, KeepError> {
        let replies = self.replies.lock().unwrap_or_else(PoisonError::into_inner);
        let decode = |bytes: &zeroize::Zeroizing<Vec<u8>>| {
            Reply::decode(bytes).map_err(|error| KeepError::new("it cannot be decoded").caused_by(error))
        };
        replies.get(slot).map(decode).transpose()
    }
}

impl fmt::Debug for MemoryKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryKeeper").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    /// Loses every other byte.
    struct Careless;

    #[async_trait]
    impl ReplyKeeper for Careless {
        async fn keep(&self, _: &ReplySlot, _: &Reply) -> Result<(), KeepError> {
            Ok(())
        }

        async fn recall(&self, _: &ReplySlot) -> Result<Option<Reply>, KeepError> {
            Ok(Some(Reply::new(200, true, Zeroizing::new(b"tescrt".to_vec()))))
        }
    }

    fn attempt() -> Attempt {
        Attempt::new(TargetId::new("t").expect("valid"), jiff::Timestamp::UNIX_EPOCH)
    }

    fn reply() -> Reply {
        Reply::new(200, true, Zeroizing::new(b"the-secret".to_vec()))
    }

    #[tokio::test]
    async fn a_store_that_gives_back_something_else_proves_nothing_and_the_reply_survives() {
        let refused = Kept::keep(&Careless, &attempt(), reply()).await.expect_err("it came back changed");
        let (back, _) = refused.into_parts();
        assert_eq!(back.expose_body(), b"the-secret");
    }

    #[tokio::test]
    async fn a_kept_reply_is_recalled_under_its_own_attempt_only() {
        let keeper = MemoryKeeper::default();
        let attempt = attempt();
        let kept = Kept::keep(&keeper, &attempt, reply()).await.expect("memory keeps");
        let again = Kept::recall(&keeper, &attempt).await.expect("readable").expect("kept");
        assert_eq!(again.reply(), kept.reply());
        let other = attempt.asking_again(jiff::Timestamp::UNIX_EPOCH);
        assert!(Kept::recall(&keeper, &other).await.expect("readable").is_none());
    }

    #[tokio::test]
    async fn a_kept_reply_is_about_its_own_target_only() {
        let kept = Kept::keep(&MemoryKeeper::default(), &attempt(), reply()).await.expect("memory keeps");
        let target = |id: &str| {
            let id = TargetId::new(id).expect("valid");
            let kind = crate::Kind::from_static("key");
            Target::new(id, crate::Vendor::from_static("acme"), kind, "c-1".parse().expect("valid"))
        };
        assert!(kept.check("read", &target("t")).is_ok());
        let error = kept.check("read", &target("other")).expect_err("another target's");
        assert_eq!(error.to_string(), "acme read for other was not sent: the kept reply belongs to t");
    }
}
