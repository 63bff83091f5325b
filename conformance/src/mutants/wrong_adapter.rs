//! An adapter that does one thing otherwise than the right one.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use futures_util::FutureExt;
use zeroize::Zeroizing;

use cutover_core::{
    Attempt, Call, ClientSecret, Issued, Kept, MemoryKeeper, Observation, Reply, RotateError, RotationProfile,
    SecretRotator, Target, Verdict,
};

use super::Mutant;
use super::behind::Behind;
use super::kinds::{Kinds, emulated};
use crate::kills::Layer;

/// The right adapter, as a wrong one has it.
pub(super) type Right<'a> = &'a dyn SecretRotator;

/// One thing that an adapter does wrong. What is not said here is done right.
#[async_trait]
pub(super) trait Wrong: Send + Sync + 'static {
    fn profile(&self, right: &RotationProfile) -> RotationProfile {
        right.clone()
    }

    /// The profile once a secret was asked for, if it is another one then.
    fn later_profile(&self, right: &RotationProfile) -> RotationProfile {
        self.profile(right)
    }

    async fn issue(&self, right: Right<'_>, target: &Target, attempt: &Attempt) -> Result<Reply, RotateError> {
        right.issue(target, attempt).await
    }

    fn read(&self, right: Right<'_>, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        right.read(target, kept)
    }

    async fn complete(&self, right: Right<'_>, target: &Target, kept: &Kept) -> Result<(), RotateError> {
        right.complete(target, kept).await
    }

    async fn cancel(&self, right: Right<'_>, target: &Target) -> Result<(), RotateError> {
        right.cancel(target).await
    }

    async fn inspect(&self, right: Right<'_>, target: &Target) -> Result<Observation, RotateError> {
        right.inspect(target).await
    }

    async fn verify(&self, right: Right<'_>, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        right.verify(target, secret).await
    }

    /// What debug output shows.
    fn shown(&self) -> String {
        String::new()
    }
}

/// The right adapter behind a wrong one.
pub(super) struct Adapter<W> {
    right: Arc<dyn SecretRotator>,
    wrong: W,
    profile: RotationProfile,
    later: RotationProfile,
    asked: AtomicBool,
}

/// A mutant that is wrong in the way of `W`.
pub(super) fn wrong<W: Wrong + Default>(name: &'static str, named: &'static str, kinds: Kinds) -> Mutant {
    Mutant::new(name, Layer::Adapter, named, move || {
        let behind = |kind| Behind::adapter(Box::new(kind), |right| Adapter::around(right, W::default()));
        emulated(kinds).into_iter().map(behind).collect()
    })
}

impl<W: Wrong> Adapter<W> {
    pub(super) fn around(right: Arc<dyn SecretRotator>, wrong: W) -> Arc<dyn SecretRotator> {
        let (profile, later) = (wrong.profile(right.profile()), wrong.later_profile(right.profile()));
        Arc::new(Self { right, wrong, profile, later, asked: AtomicBool::new(false) })
    }
}

#[async_trait]
impl<W: Wrong> SecretRotator for Adapter<W> {
    fn profile(&self) -> &RotationProfile {
        if self.asked.load(Ordering::Relaxed) { &self.later } else { &self.profile }
    }

    async fn issue(&self, target: &Target, attempt: &Attempt) -> Result<Reply, RotateError> {
        self.asked.store(true, Ordering::Relaxed);
        self.wrong.issue(self.right.as_ref(), target, attempt).await
    }

    fn read(&self, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        self.wrong.read(self.right.as_ref(), target, kept)
    }

    async fn complete(&self, target: &Target, kept: &Kept) -> Result<(), RotateError> {
        self.wrong.complete(self.right.as_ref(), target, kept).await
    }

    async fn cancel(&self, target: &Target) -> Result<(), RotateError> {
        self.wrong.cancel(self.right.as_ref(), target).await
    }

    async fn inspect(&self, target: &Target) -> Result<Observation, RotateError> {
        self.wrong.inspect(self.right.as_ref(), target).await
    }

    async fn verify(&self, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        self.wrong.verify(self.right.as_ref(), target, secret).await
    }
}

impl<W: Wrong> fmt::Debug for Adapter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Adapter({:?}{})", self.right, self.wrong.shown())
    }
}

/// Another reply of the same bytes. Of its headers, those that the adapters read.
pub(super) fn copy(reply: &Reply) -> Reply {
    with_body(reply, reply.is_whole(), reply.expose_body())
}

/// A reply like another one, with these bytes, whole or not.
pub(super) fn with_body(reply: &Reply, whole: bool, body: &[u8]) -> Reply {
    let copy = Reply::new(reply.status(), whole, Zeroizing::new(body.to_vec()));
    ["idempotency-replayed", "content-type"].iter().fold(copy, |copy, name| match reply.header(name) {
        Some(value) => copy.with_header(name, value),
        None => copy,
    })
}

/// An attempt on `target` that nobody has recorded.
pub(super) fn stray(target: &Target) -> Attempt {
    Attempt::new(target.id().clone(), jiff::Timestamp::UNIX_EPOCH)
}

/// A proof that `reply` is kept as the answer to `attempt`, for those who should have none.
pub(super) fn forged(attempt: &Attempt, reply: Reply) -> Kept {
    let kept = Kept::keep(&MemoryKeeper::default(), attempt, reply).now_or_never();
    kept.and_then(Result::ok).expect("memory keeps everything, at once")
}

/// What an error of the adapter is about.
pub(super) fn call(right: Right<'_>, operation: &'static str) -> Call {
    Call::new(right.profile().vendor().clone(), operation)
}
