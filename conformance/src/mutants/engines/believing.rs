//! Engines that take a secret for one that works without asking, or for one that does not.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use cutover_core::{Attempt, ClientSecret, Observation, RotateError, SecretRotator, Target, Verdict};

use super::asking::{Asking, Rotator, asks};
use super::{HOPAE, Parts, STYTCH, ZITADEL, wrong};
use crate::mutants::Mutant;

pub(super) fn all() -> Vec<Mutant> {
    vec![
        wrong::<NeverVerifies>("takes every secret for one that works", "CRASH-5", STYTCH),
        wrong::<SkipsVerify>("verifies a secret once readers have it", "CRASH-12", HOPAE),
        wrong::<BelievesItsSecret>("asks for a verdict once and believes it", "CONC-7", ZITADEL),
        wrong::<AsksOnceMore>("rotates again when somebody else has", "CONC-7", HOPAE),
        wrong::<BelievesItsRotation>("believes that its rotation is completed", "CONC-8", STYTCH),
    ]
}

asks!(NeverVerifies SkipsVerify BelievesItsSecret BelievesItsRotation);

#[derive(Default)]
struct NeverVerifies;

#[async_trait]
impl Asking for NeverVerifies {
    async fn verify(&self, _: &dyn SecretRotator, _: &Target, _: &ClientSecret) -> Result<Verdict, RotateError> {
        Ok(Verdict::Accepted)
    }
}

/// Asks the vendor only once readers have the secret, so not the first time.
#[derive(Default)]
struct SkipsVerify(Mutex<bool>);

#[async_trait]
impl Asking for SkipsVerify {
    async fn verify(
        &self,
        right: &dyn SecretRotator,
        target: &Target,
        secret: &ClientSecret,
    ) -> Result<Verdict, RotateError> {
        let asked_before = std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), true);
        if asked_before { right.verify(target, secret).await } else { Ok(Verdict::Accepted) }
    }
}

/// The secrets that were accepted once.
#[derive(Default)]
struct BelievesItsSecret(Mutex<Vec<ClientSecret>>);

#[async_trait]
impl Asking for BelievesItsSecret {
    async fn verify(
        &self,
        right: &dyn SecretRotator,
        target: &Target,
        secret: &ClientSecret,
    ) -> Result<Verdict, RotateError> {
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

/// Rotates again where somebody else has rotated meanwhile.
#[derive(Default)]
struct AsksOnceMore;

#[async_trait]
impl Parts for AsksOnceMore {
    fn rotator(&self, right: Arc<dyn SecretRotator>) -> Arc<dyn SecretRotator> {
        Rotator::through(right, AsksUntilAccepted::default())
    }
}

/// Ends somebody else's secret when its own is refused.
#[derive(Default)]
struct AsksUntilAccepted(Mutex<bool>);

#[async_trait]
impl Asking for AsksUntilAccepted {
    async fn verify(
        &self,
        right: &dyn SecretRotator,
        target: &Target,
        secret: &ClientSecret,
    ) -> Result<Verdict, RotateError> {
        let verdict = right.verify(target, secret).await?;
        let first = !std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), true);
        if verdict == Verdict::Refused && first {
            let attempt = Attempt::new(target.id().clone(), jiff::Timestamp::UNIX_EPOCH);
            let _ = right.issue(target, &attempt).await;
        }
        Ok(verdict)
    }
}

#[derive(Default)]
struct BelievesItsRotation;

#[async_trait]
impl Asking for BelievesItsRotation {
    async fn inspect(&self, right: &dyn SecretRotator, target: &Target) -> Result<Observation, RotateError> {
        let mut shown = right.inspect(target).await?;
        shown.current_last_four = None;
        Ok(shown)
    }

    async fn verify(&self, _: &dyn SecretRotator, _: &Target, _: &ClientSecret) -> Result<Verdict, RotateError> {
        Ok(Verdict::Accepted)
    }
}
