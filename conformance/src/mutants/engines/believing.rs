//! Engines that take a secret for one that works without asking, or for one that does not.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use cutover_core::{ClientSecret, Observation, RotateError, Target, Verdict};

use crate::mutants::Mutant;
use crate::mutants::kinds::{HOPAE, STYTCH, ZITADEL};
use crate::mutants::wrong_adapter::{Right, Wrong, stray};
use crate::mutants::wrong_engine::asking;

pub(super) fn all() -> Vec<Mutant> {
    vec![
        asking::<NeverVerifies>("takes every secret for one that works", "CRASH-5", STYTCH),
        asking::<SkipsVerify>("verifies a secret once readers have it", "CRASH-12", HOPAE),
        asking::<BelievesItsSecret>("asks for a verdict once and believes it", "CONC-7", ZITADEL),
        asking::<AsksUntilAccepted>("rotates again when somebody else has", "CONC-7", HOPAE),
        asking::<BelievesItsRotation>("believes that its rotation is completed", "CONC-8", STYTCH),
    ]
}

#[derive(Default)]
struct NeverVerifies;

#[async_trait]
impl Wrong for NeverVerifies {
    async fn verify(&self, _: Right<'_>, _: &Target, _: &ClientSecret) -> Result<Verdict, RotateError> {
        Ok(Verdict::Accepted)
    }
}

/// Asks the vendor only once readers have the secret, so not the first time.
#[derive(Default)]
struct SkipsVerify(Mutex<bool>);

#[async_trait]
impl Wrong for SkipsVerify {
    async fn verify(&self, right: Right<'_>, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        let asked_before = std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), true);
        if asked_before { right.verify(target, secret).await } else { Ok(Verdict::Accepted) }
    }
}

/// The secrets that were accepted once.
#[derive(Default)]
struct BelievesItsSecret(Mutex<Vec<ClientSecret>>);

#[async_trait]
impl Wrong for BelievesItsSecret {
    async fn verify(&self, right: Right<'_>, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        if self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(secret) {
            return Ok(Verdict::Accepted);
        }
        let verdict = right.verify(target, secret).await?;
        if verdict == Verdict::Accepted {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(secret.duplicate());
        }
        Ok(verdict)
    }
}

/// Rotates again where somebody else has rotated meanwhile, and so ends their secret.
#[derive(Default)]
struct AsksUntilAccepted(Mutex<bool>);

#[async_trait]
impl Wrong for AsksUntilAccepted {
    async fn verify(&self, right: Right<'_>, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        let verdict = right.verify(target, secret).await?;
        let first = !std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), true);
        if verdict == Verdict::Refused && first {
            let _ = right.issue(target, &stray(target)).await;
        }
        Ok(verdict)
    }
}

#[derive(Default)]
struct BelievesItsRotation;

#[async_trait]
impl Wrong for BelievesItsRotation {
    async fn inspect(&self, right: Right<'_>, target: &Target) -> Result<Observation, RotateError> {
        let mut shown = right.inspect(target).await?;
        shown.current_last_four = None;
        Ok(shown)
    }

    async fn verify(&self, _: Right<'_>, _: &Target, _: &ClientSecret) -> Result<Verdict, RotateError> {
        Ok(Verdict::Accepted)
    }
}
