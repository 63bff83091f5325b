//! Engines that ask the vendor wrongly.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use cutover_core::{
    Attempt, ClientSecret, Effect, Issued, Kept, NotSent, Observation, Pending, Reply, RotateError, RotationProfile,
    Target, Verdict,
};

use crate::mutants::Mutant;
use crate::mutants::kinds::{HOPAE, MACHINE_USER, STYTCH, ZITADEL};
use crate::mutants::wrong_adapter::{Right, Wrong, call, copy, forged, stray};
use crate::mutants::wrong_engine::asking;

pub(super) fn all() -> Vec<Mutant> {
    vec![
        asking::<NeverCompletes>("never retires the old secret", "CRASH-1", STYTCH),
        asking::<LostIsRefused>("takes a lost answer for a refusal", "CRASH-2", ZITADEL),
        asking::<CutIsRefused>("throws a cut answer away", "CRASH-2", HOPAE),
        asking::<CompletesEarly>("retires the old secret once the new one works", "CRASH-5", STYTCH),
        asking::<ReadsFirst>("reads the answer before it is kept", "CRASH-6", ZITADEL),
        asking::<LooksFirst>("looks at the vendor before it keeps the answer", "CRASH-6", STYTCH),
        asking::<SendsAgain>("sends a lost request again", "CRASH-8", ZITADEL),
        asking::<NewKeys>("makes a new key for each request", "CRASH-8", HOPAE),
        asking::<DoesNotWait>("does not wait for a lost request", "CRASH-8", MACHINE_USER),
        asking::<DoesNotLook>("does not look before it asks again", "CRASH-8", STYTCH),
        asking::<NoVendorPreflight>("does not look at the vendor beforehand", "CRASH-9", ZITADEL),
        asking::<LeavesItPending>("goes back and leaves the rotation pending", "CRASH-11", STYTCH),
    ]
}

#[derive(Default)]
struct NeverCompletes;

#[async_trait]
impl Wrong for NeverCompletes {
    async fn complete(&self, _: Right<'_>, _: &Target, _: &Kept) -> Result<(), RotateError> {
        Ok(())
    }
}

fn not_sent(right: Right<'_>, target: &Target) -> RotateError {
    NotSent::misuse(call(right, "issue").on(target.id()), "there was no answer").into()
}

#[derive(Default)]
struct LostIsRefused;

#[async_trait]
impl Wrong for LostIsRefused {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let unknown = |error: &RotateError| error.effect() == Effect::Unknown;
        let asked = right.issue(target, asked).await;
        asked.map_err(|error| if unknown(&error) { not_sent(right, target) } else { error })
    }
}

#[derive(Default)]
struct CutIsRefused;

#[async_trait]
impl Wrong for CutIsRefused {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let reply = right.issue(target, asked).await?;
        if reply.is_whole() { Ok(reply) } else { Err(not_sent(right, target)) }
    }
}

/// Holds what it needs to complete.
#[derive(Default)]
struct CompletesEarly(Mutex<Option<Kept>>);

#[async_trait]
impl Wrong for CompletesEarly {
    fn read(&self, right: Right<'_>, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        let forged = forged(&stray(target), copy(kept.reply()));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(forged);
        right.read(target, kept)
    }

    async fn verify(&self, right: Right<'_>, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        let verdict = right.verify(target, secret).await?;
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Verdict::Accepted, Some(kept)) = (verdict, kept) {
            right.complete(target, &kept).await?;
        }
        Ok(verdict)
    }
}

#[derive(Default)]
struct ReadsFirst;

#[async_trait]
impl Wrong for ReadsFirst {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let reply = right.issue(target, asked).await?;
        right.read(target, &forged(&stray(target), copy(&reply))).map(drop)?;
        Ok(reply)
    }
}

#[derive(Default)]
struct LooksFirst;

#[async_trait]
impl Wrong for LooksFirst {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let reply = right.issue(target, asked).await?;
        let _ = right.inspect(target).await;
        Ok(reply)
    }
}

#[derive(Default)]
struct SendsAgain;

#[async_trait]
impl Wrong for SendsAgain {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        match right.issue(target, asked).await {
            Err(error) if error.effect() == Effect::Unknown => right.issue(target, asked).await,
            other => other,
        }
    }
}

#[derive(Default)]
struct NewKeys;

#[async_trait]
impl Wrong for NewKeys {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        right.issue(target, &Attempt::new(target.id().clone(), asked.key_born())).await
    }
}

#[derive(Default)]
struct DoesNotWait;

impl Wrong for DoesNotWait {
    fn profile(&self, right: &RotationProfile) -> RotationProfile {
        right.clone().with_straggler(Duration::ZERO)
    }
}

/// Asks again as if a look had shown nothing pending.
#[derive(Default)]
struct DoesNotLook(Mutex<bool>);

#[async_trait]
impl Wrong for DoesNotLook {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let reply = right.issue(target, asked).await;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = reply.is_err();
        reply
    }

    async fn inspect(&self, right: Right<'_>, target: &Target) -> Result<Observation, RotateError> {
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
impl Wrong for NoVendorPreflight {
    async fn inspect(&self, right: Right<'_>, target: &Target) -> Result<Observation, RotateError> {
        Ok(right.inspect(target).await.unwrap_or_default())
    }
}

#[derive(Default)]
struct LeavesItPending;

#[async_trait]
impl Wrong for LeavesItPending {
    async fn cancel(&self, _: Right<'_>, _: &Target) -> Result<(), RotateError> {
        Ok(())
    }
}
