//! Engines that ask the vendor wrongly.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use cutover_core::{
    Attempt, ClientSecret, Effect, Issued, Kept, NotSent, Observation, Pending, Reply, RotateError, RotationProfile,
    SecretRotator, Target, Verdict,
};

use super::{HOPAE, STYTCH, USER, ZITADEL, wrong};
use crate::mutants::{Mutant, adapters};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        wrong::<NeverCompletes>("never retires the old secret", "CRASH-1", STYTCH),
        wrong::<LostIsRefused>("takes a lost answer for a refusal", "CRASH-2", ZITADEL),
        wrong::<CutIsRefused>("throws a cut answer away", "CRASH-2", HOPAE),
        wrong::<CompletesEarly>("retires the old secret once the new one works", "CRASH-5", STYTCH),
        wrong::<ReadsFirst>("reads the answer before it is kept", "CRASH-6", ZITADEL),
        wrong::<LooksFirst>("looks at the vendor before it keeps the answer", "CRASH-6", STYTCH),
        wrong::<SendsAgain>("sends a lost request again", "CRASH-8", ZITADEL),
        wrong::<NewKeys>("makes a new key for each request", "CRASH-8", HOPAE),
        wrong::<DoesNotWait>("does not wait for a lost request", "CRASH-8", USER),
        wrong::<DoesNotLook>("does not look before it asks again", "CRASH-8", STYTCH),
        wrong::<NoVendorPreflight>("does not look at the vendor beforehand", "CRASH-9", ZITADEL),
        wrong::<LeavesItPending>("goes back and leaves the rotation pending", "CRASH-11", STYTCH),
    ]
}

/// What an engine asks its vendor wrongly; what is not said is asked rightly.
#[async_trait]
pub(super) trait Asking: Send + Sync + 'static {
    fn profile(&self, right: &RotationProfile) -> RotationProfile {
        right.clone()
    }

    async fn issue(&self, right: &dyn SecretRotator, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        right.issue(target, asked).await
    }

    fn read(&self, right: &dyn SecretRotator, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        right.read(target, kept)
    }

    async fn complete(&self, right: &dyn SecretRotator, target: &Target, kept: &Kept) -> Result<(), RotateError> {
        right.complete(target, kept).await
    }

    async fn cancel(&self, right: &dyn SecretRotator, target: &Target) -> Result<(), RotateError> {
        right.cancel(target).await
    }

    async fn inspect(&self, right: &dyn SecretRotator, target: &Target) -> Result<Observation, RotateError> {
        right.inspect(target).await
    }

    async fn verify(
        &self,
        right: &dyn SecretRotator,
        target: &Target,
        secret: &ClientSecret,
    ) -> Result<Verdict, RotateError> {
        right.verify(target, secret).await
    }
}

pub(super) struct Rotator<A> {
    right: Arc<dyn SecretRotator>,
    profile: RotationProfile,
    asking: A,
}

impl<A: Asking> Rotator<A> {
    pub(super) fn through(right: Arc<dyn SecretRotator>, asking: A) -> Arc<dyn SecretRotator> {
        Arc::new(Self { profile: asking.profile(right.profile()), right, asking })
    }
}

#[async_trait]
impl<A: Asking> SecretRotator for Rotator<A> {
    fn profile(&self) -> &RotationProfile {
        &self.profile
    }

    async fn issue(&self, target: &Target, attempt: &Attempt) -> Result<Reply, RotateError> {
        self.asking.issue(self.right.as_ref(), target, attempt).await
    }

    fn read(&self, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        self.asking.read(self.right.as_ref(), target, kept)
    }

    async fn complete(&self, target: &Target, kept: &Kept) -> Result<(), RotateError> {
        self.asking.complete(self.right.as_ref(), target, kept).await
    }

    async fn cancel(&self, target: &Target) -> Result<(), RotateError> {
        self.asking.cancel(self.right.as_ref(), target).await
    }

    async fn inspect(&self, target: &Target) -> Result<Observation, RotateError> {
        self.asking.inspect(self.right.as_ref(), target).await
    }

    async fn verify(&self, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        self.asking.verify(self.right.as_ref(), target, secret).await
    }
}

impl<A> fmt::Debug for Rotator<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rotator")
    }
}

/// Engines that are wrong in what they ask.
macro_rules! asks {
    ($($name:ident)+) => {
        $(impl $crate::mutants::engines::Parts for $name {
            fn rotator(&self, right: Arc<dyn SecretRotator>) -> Arc<dyn SecretRotator> {
                $crate::mutants::engines::asking::Rotator::through(right, Self::default())
            }
        })+
    };
}

pub(super) use asks;

asks!(NeverCompletes LostIsRefused CutIsRefused CompletesEarly ReadsFirst LooksFirst SendsAgain NewKeys);
asks!(DoesNotWait DoesNotLook NoVendorPreflight LeavesItPending);

#[derive(Default)]
struct NeverCompletes;

#[async_trait]
impl Asking for NeverCompletes {
    async fn complete(&self, _: &dyn SecretRotator, _: &Target, _: &Kept) -> Result<(), RotateError> {
        Ok(())
    }
}

fn not_sent(right: &dyn SecretRotator, target: &Target) -> RotateError {
    let call = cutover_core::Call::new(right.profile().vendor().clone(), "issue").on(target.id());
    NotSent::misuse(call, "there was no answer").into()
}

#[derive(Default)]
struct LostIsRefused;

#[async_trait]
impl Asking for LostIsRefused {
    async fn issue(&self, right: &dyn SecretRotator, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let unknown = |error: &RotateError| error.effect() == Effect::Unknown;
        let asked = right.issue(target, asked).await;
        asked.map_err(|error| if unknown(&error) { not_sent(right, target) } else { error })
    }
}

#[derive(Default)]
struct CutIsRefused;

#[async_trait]
impl Asking for CutIsRefused {
    async fn issue(&self, right: &dyn SecretRotator, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let reply = right.issue(target, asked).await?;
        if reply.is_whole() { Ok(reply) } else { Err(not_sent(right, target)) }
    }
}

/// Holds what it needs to complete.
#[derive(Default)]
struct CompletesEarly(Mutex<Option<Kept>>);

#[async_trait]
impl Asking for CompletesEarly {
    fn read(&self, right: &dyn SecretRotator, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        let forged = forged(kept.slot().target(), kept.reply());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(forged);
        right.read(target, kept)
    }

    async fn verify(
        &self,
        right: &dyn SecretRotator,
        target: &Target,
        secret: &ClientSecret,
    ) -> Result<Verdict, RotateError> {
        let verdict = right.verify(target, secret).await?;
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Verdict::Accepted, Some(kept)) = (verdict, kept) {
            right.complete(target, &kept).await?;
        }
        Ok(verdict)
    }
}

/// A proof that nobody gave.
fn forged(target: &cutover_core::TargetId, reply: &Reply) -> Kept {
    adapters::forged(&Attempt::new(target.clone(), jiff::Timestamp::UNIX_EPOCH), adapters::copy(reply))
}

#[derive(Default)]
struct ReadsFirst;

#[async_trait]
impl Asking for ReadsFirst {
    async fn issue(&self, right: &dyn SecretRotator, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let reply = right.issue(target, asked).await?;
        right.read(target, &forged(target.id(), &reply)).map(drop)?;
        Ok(reply)
    }
}

#[derive(Default)]
struct LooksFirst;

#[async_trait]
impl Asking for LooksFirst {
    async fn issue(&self, right: &dyn SecretRotator, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let reply = right.issue(target, asked).await?;
        let _ = right.inspect(target).await;
        Ok(reply)
    }
}

#[derive(Default)]
struct SendsAgain;

#[async_trait]
impl Asking for SendsAgain {
    async fn issue(&self, right: &dyn SecretRotator, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        match right.issue(target, asked).await {
            Err(error) if error.effect() == Effect::Unknown => right.issue(target, asked).await,
            other => other,
        }
    }
}

#[derive(Default)]
struct NewKeys;

#[async_trait]
impl Asking for NewKeys {
    async fn issue(&self, right: &dyn SecretRotator, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        right.issue(target, &Attempt::new(target.id().clone(), asked.key_born())).await
    }
}

#[derive(Default)]
struct DoesNotWait;

impl Asking for DoesNotWait {
    fn profile(&self, right: &RotationProfile) -> RotationProfile {
        right.clone().with_straggler(Duration::ZERO)
    }
}

/// Asks again as if a look had shown nothing pending.
#[derive(Default)]
struct DoesNotLook(Mutex<bool>);

#[async_trait]
impl Asking for DoesNotLook {
    async fn issue(&self, right: &dyn SecretRotator, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let reply = right.issue(target, asked).await;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = reply.is_err();
        reply
    }

    async fn inspect(&self, right: &dyn SecretRotator, target: &Target) -> Result<Observation, RotateError> {
        if !std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)) {
            return right.inspect(target).await;
        }
        let mut quiet = Observation::default();
        quiet.pending = Pending::No;
        Ok(quiet)
    }
}

#[derive(Default)]
struct NoVendorPreflight;

#[async_trait]
impl Asking for NoVendorPreflight {
    async fn inspect(&self, right: &dyn SecretRotator, target: &Target) -> Result<Observation, RotateError> {
        Ok(right.inspect(target).await.unwrap_or_default())
    }
}

#[derive(Default)]
struct LeavesItPending;

#[async_trait]
impl Asking for LeavesItPending {
    async fn cancel(&self, _: &dyn SecretRotator, _: &Target) -> Result<(), RotateError> {
        Ok(())
    }
}
