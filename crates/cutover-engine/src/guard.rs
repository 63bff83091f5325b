//! Other people's code, called so that a panic in it is an error here.
//!
//! A panic that ran through the engine would take down every rotation of a fleet, and leave one of them between two
//! steps. What the panic says is dropped: it may quote anything.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt;

use cutover_core::{
    Attempt, Call, ClientSecret, Issued, KeepError, Kept, NoAnswer, Observation, Reply, ReplyKeeper, ReplySlot,
    RotateError, RotationProfile, SecretRotator, Target, Unreadable, Verdict,
};

use crate::{Destination, DestinationError, Journal, Label, Labels, Patience, Version};

/// A rotator whose panics are errors of unknown effect.
pub(crate) struct GuardedRotator(pub(crate) Arc<dyn SecretRotator>);

/// A destination whose panics are errors.
pub(crate) struct GuardedDestination(pub(crate) Arc<dyn Destination>);

/// A journal that is asked to keep a reply, and whose panics are errors: the caller still has the reply.
pub(crate) struct GuardedKeeper<'a>(pub(crate) &'a dyn Journal);

impl GuardedRotator {
    async fn call<T>(
        &self,
        operation: &'static str,
        target: &Target,
        call: impl Future<Output = Result<T, RotateError>>,
    ) -> Result<T, RotateError> {
        match caught(call).await {
            Ok(result) => result,
            Err(Panicked) => {
                let call = Call::new(target.vendor().clone(), operation).on(target.id());
                Err(NoAnswer::new(call, "the adapter panicked").into())
            }
        }
    }
}

#[async_trait]
impl SecretRotator for GuardedRotator {
    fn profile(&self) -> &RotationProfile {
        self.0.profile()
    }

    async fn issue(&self, target: &Target, attempt: &Attempt) -> Result<Reply, RotateError> {
        self.call("issue", target, async { self.0.issue(target, attempt).await }).await
    }

    fn read(&self, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        catch_unwind(AssertUnwindSafe(|| self.0.read(target, kept))).unwrap_or_else(|payload| {
            discard(payload);
            let call = Call::new(target.vendor().clone(), "read").on(target.id());
            Err(Unreadable::new(call, kept.reply().status(), "the adapter panicked").into())
        })
    }

    async fn complete(&self, target: &Target, kept: &Kept) -> Result<(), RotateError> {
        self.call("complete", target, async { self.0.complete(target, kept).await }).await
    }

    async fn cancel(&self, target: &Target) -> Result<(), RotateError> {
        self.call("cancel", target, async { self.0.cancel(target).await }).await
    }

    async fn inspect(&self, target: &Target) -> Result<Observation, RotateError> {
        self.call("inspect", target, async { self.0.inspect(target).await }).await
    }

    async fn verify(&self, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        self.call("verify", target, async { self.0.verify(target, secret).await }).await
    }
}

impl fmt::Debug for GuardedRotator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl GuardedDestination {
    async fn call<T>(&self, call: impl Future<Output = Result<T, DestinationError>>) -> Result<T, DestinationError> {
        caught(call).await.unwrap_or_else(|Panicked| Err(DestinationError::new(self.0.name(), "it panicked")))
    }
}

#[async_trait]
impl Destination for GuardedDestination {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn patience(&self) -> Patience {
        self.0.patience()
    }

    async fn preflight(&self) -> Result<(), DestinationError> {
        self.call(async { self.0.preflight().await }).await
    }

    async fn stage(&self, version: Version, secret: &ClientSecret) -> Result<(), DestinationError> {
        self.call(async { self.0.stage(version, secret).await }).await
    }

    async fn read(&self, label: Label) -> Result<Option<ClientSecret>, DestinationError> {
        self.call(async { self.0.read(label).await }).await
    }

    async fn labels(&self) -> Result<Labels, DestinationError> {
        self.call(async { self.0.labels().await }).await
    }

    async fn promote(&self, version: Version) -> Result<(), DestinationError> {
        self.call(async { self.0.promote(version).await }).await
    }

    async fn roll_back(&self, version: Version) -> Result<(), DestinationError> {
        self.call(async { self.0.roll_back(version).await }).await
    }

    async fn forget_previous(&self, version: Version) -> Result<(), DestinationError> {
        self.call(async { self.0.forget_previous(version).await }).await
    }
}

impl fmt::Debug for GuardedDestination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[async_trait]
impl ReplyKeeper for GuardedKeeper<'_> {
    async fn keep(&self, slot: &ReplySlot, reply: &Reply) -> Result<(), KeepError> {
        let kept = caught(async { self.0.keep(slot, reply).await }).await;
        kept.unwrap_or_else(|Panicked| Err(KeepError::new("the journal panicked")))
    }

    async fn recall(&self, slot: &ReplySlot) -> Result<Option<Reply>, KeepError> {
        let recalled = caught(async { self.0.recall(slot).await }).await;
        recalled.unwrap_or_else(|Panicked| Err(KeepError::new("the journal panicked")))
    }
}

/// A call that panicked.
pub(crate) struct Panicked;

/// Makes a call whose panic is an error.
pub(crate) async fn caught<T>(call: impl Future<Output = T>) -> Result<T, Panicked> {
    AssertUnwindSafe(call).catch_unwind().await.map_err(|payload| {
        discard(payload);
        Panicked
    })
}

/// Drops what a panic says; a payload that panics when it is dropped must not get through either.
fn discard(payload: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(again);
    }
}
