//! What goes wrong where a two-phase rotation is completed or cancelled.

use async_trait::async_trait;
use zeroize::Zeroizing;

use cutover_core::{Effect, Kept, NotSent, Reply, RotateError, Target};

use crate::mutants::Mutant;
use crate::mutants::kinds::{HOPAE, STYTCH, ZITADEL};
use crate::mutants::wrong_adapter::{Right, Wrong, call, copy, forged, stray, wrong};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        wrong::<NeverCompletes>("says completed and does nothing", "OLD-2", STYTCH),
        wrong::<NeverCancels>("says cancelled and does nothing", "TP-1", STYTCH),
        wrong::<CompletesInstead>("completes where it should cancel", "TP-1", STYTCH),
        wrong::<CancelsNothing>("says cancelled where nothing was pending", "TP-4", STYTCH),
        wrong::<CompletesNothing>("says completed where nothing was pending", "TP-4", STYTCH),
        wrong::<AnyProof>("completes with any proof", "TP-5", STYTCH),
        wrong::<CompletesInOnePhase>("says completed where there is nothing to complete", "TP-6", ZITADEL),
        wrong::<CancelsInOnePhase>("says cancelled where there is nothing to cancel", "TP-6", HOPAE),
        wrong::<LostIsCompleted>("takes a lost completion for done", "ERR-8", STYTCH),
        wrong::<LostIsNotCompleted>("takes a lost completion for nothing having happened", "ERR-8", STYTCH),
        wrong::<LostIsCancelled>("takes a lost cancellation for done", "ERR-9", STYTCH),
        wrong::<LostIsNotCancelled>("takes a lost cancellation for nothing having happened", "ERR-9", STYTCH),
    ]
}

fn done_if_unknown(result: Result<(), RotateError>) -> Result<(), RotateError> {
    result.or_else(|error| if error.effect() == Effect::Unknown { Ok(()) } else { Err(error) })
}

fn nothing_if_unknown(
    right: Right<'_>,
    operation: &'static str,
    target: &Target,
    result: Result<(), RotateError>,
) -> Result<(), RotateError> {
    result.map_err(|error| match error.effect() {
        Effect::Unknown => NotSent::unreachable(call(right, operation).on(target.id()), "there was no answer").into(),
        _ => error,
    })
}

#[derive(Default)]
struct NeverCompletes;

#[async_trait]
impl Wrong for NeverCompletes {
    async fn complete(&self, _: Right<'_>, _: &Target, _: &Kept) -> Result<(), RotateError> {
        Ok(())
    }
}

#[derive(Default)]
struct NeverCancels;

#[async_trait]
impl Wrong for NeverCancels {
    async fn cancel(&self, _: Right<'_>, _: &Target) -> Result<(), RotateError> {
        Ok(())
    }
}

#[derive(Default)]
struct CompletesInstead;

#[async_trait]
impl Wrong for CompletesInstead {
    async fn cancel(&self, right: Right<'_>, target: &Target) -> Result<(), RotateError> {
        right.complete(target, &forged(&stray(target), Reply::new(200, true, Zeroizing::new(Vec::new())))).await
    }
}

#[derive(Default)]
struct CancelsNothing;

#[async_trait]
impl Wrong for CancelsNothing {
    async fn cancel(&self, right: Right<'_>, target: &Target) -> Result<(), RotateError> {
        right.cancel(target).await.or_else(|error| match error {
            RotateError::Refused(_) => Ok(()),
            other => Err(other),
        })
    }
}

#[derive(Default)]
struct CompletesNothing;

#[async_trait]
impl Wrong for CompletesNothing {
    async fn complete(&self, right: Right<'_>, target: &Target, kept: &Kept) -> Result<(), RotateError> {
        right.complete(target, kept).await.or_else(|error| match error {
            RotateError::Refused(_) => Ok(()),
            other => Err(other),
        })
    }
}

#[derive(Default)]
struct AnyProof;

#[async_trait]
impl Wrong for AnyProof {
    async fn complete(&self, right: Right<'_>, target: &Target, kept: &Kept) -> Result<(), RotateError> {
        right.complete(target, &forged(&stray(target), copy(kept.reply()))).await
    }
}

#[derive(Default)]
struct CompletesInOnePhase;

#[async_trait]
impl Wrong for CompletesInOnePhase {
    async fn complete(&self, right: Right<'_>, target: &Target, _: &Kept) -> Result<(), RotateError> {
        right.profile().check("complete", target)
    }
}

#[derive(Default)]
struct CancelsInOnePhase;

#[async_trait]
impl Wrong for CancelsInOnePhase {
    async fn cancel(&self, right: Right<'_>, target: &Target) -> Result<(), RotateError> {
        right.profile().check("cancel", target)
    }
}

#[derive(Default)]
struct LostIsCompleted;

#[async_trait]
impl Wrong for LostIsCompleted {
    async fn complete(&self, right: Right<'_>, target: &Target, kept: &Kept) -> Result<(), RotateError> {
        done_if_unknown(right.complete(target, kept).await)
    }
}

#[derive(Default)]
struct LostIsNotCompleted;

#[async_trait]
impl Wrong for LostIsNotCompleted {
    async fn complete(&self, right: Right<'_>, target: &Target, kept: &Kept) -> Result<(), RotateError> {
        nothing_if_unknown(right, "complete", target, right.complete(target, kept).await)
    }
}

#[derive(Default)]
struct LostIsCancelled;

#[async_trait]
impl Wrong for LostIsCancelled {
    async fn cancel(&self, right: Right<'_>, target: &Target) -> Result<(), RotateError> {
        done_if_unknown(right.cancel(target).await)
    }
}

#[derive(Default)]
struct LostIsNotCancelled;

#[async_trait]
impl Wrong for LostIsNotCancelled {
    async fn cancel(&self, right: Right<'_>, target: &Target) -> Result<(), RotateError> {
        nothing_if_unknown(right, "cancel", target, right.cancel(target).await)
    }
}
