//! What goes wrong where an adapter looks at a target or at a secret.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use cutover_core::{
    Attempt, ChangeMarker, ClientSecret, LastFour, NoAnswer, Observation, Pending, Reply, RotateError, Target, Verdict,
};

use crate::mutants::Mutant;
use crate::mutants::kinds::{HOPAE, STYTCH, ZITADEL};
use crate::mutants::wrong_adapter::{Right, Wrong, call, copy, forged, stray, wrong};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        wrong::<AcceptsEverything>("accepts every secret", "OLD-3", ZITADEL),
        wrong::<AlwaysPending>("shows a rotation as pending at all times", "TP-3", STYTCH),
        wrong::<ShowsMissingTargets>("shows targets that do not exist", "ERR-4", ZITADEL),
        wrong::<CleansUp>("cancels what is pending when it looks", "LOOK-1", STYTCH),
        wrong::<AsksToLook>("asks for a secret when it looks", "LOOK-1", ZITADEL),
        wrong::<MarksWithTheSecret>("takes the secret for a change marker", "LOOK-2", HOPAE),
        wrong::<MarkPerLook>("moves the change marker with each look", "LOOK-3", ZITADEL),
        wrong::<MarkForAll>("moves the change marker with any target", "LOOK-3", ZITADEL),
        wrong::<MarkStandsStill>("remembers the first change marker", "LOOK-3", ZITADEL),
        wrong::<TrustsABeginning>("accepts what begins like the right secret", "LOOK-4", ZITADEL),
        wrong::<TrustsNothing>("accepts an empty secret", "LOOK-4", HOPAE),
        wrong::<TrustsAnyTarget>("accepts the secret of any target", "LOOK-4", STYTCH),
        wrong::<UnsureIsAccepted>("accepts while the vendor fails", "LOOK-5", STYTCH),
        wrong::<UnsureIsRefused>("refuses while the vendor fails", "LOOK-5", HOPAE),
        wrong::<UnsureIsAnError>("fails while the vendor fails", "LOOK-5", ZITADEL),
        wrong::<AsksToVerify>("asks for a secret to verify one", "LOOK-6", ZITADEL),
        wrong::<ShowsOtherFour>("shows four characters of its own", "LOOK-7", STYTCH),
        wrong::<FailureIsQuiet>("takes a vendor that fails for a quiet one", "LOOK-8", STYTCH),
        wrong::<EmptyIfUnknown>("shows nothing where the vendor fails", "LOOK-8", HOPAE),
    ]
}

#[derive(Default)]
struct AcceptsEverything;

#[async_trait]
impl Wrong for AcceptsEverything {
    async fn verify(&self, right: Right<'_>, target: &Target, _: &ClientSecret) -> Result<Verdict, RotateError> {
        right.profile().check("verify", target).map(|()| Verdict::Accepted)
    }
}

#[derive(Default)]
struct AlwaysPending;

#[async_trait]
impl Wrong for AlwaysPending {
    async fn inspect(&self, right: Right<'_>, target: &Target) -> Result<Observation, RotateError> {
        let mut shown = right.inspect(target).await?;
        shown.pending = Pending::Yes(LastFour::from_vendor("xxxx"));
        Ok(shown)
    }
}

#[derive(Default)]
struct ShowsMissingTargets;

#[async_trait]
impl Wrong for ShowsMissingTargets {
    async fn inspect(&self, right: Right<'_>, target: &Target) -> Result<Observation, RotateError> {
        right.inspect(target).await.or_else(|error| match error {
            RotateError::Refused(_) => Ok(Observation::default()),
            other => Err(other),
        })
    }
}

#[derive(Default)]
struct CleansUp;

#[async_trait]
impl Wrong for CleansUp {
    async fn inspect(&self, right: Right<'_>, target: &Target) -> Result<Observation, RotateError> {
        let _ = right.cancel(target).await;
        right.inspect(target).await
    }
}

#[derive(Default)]
struct AsksToLook;

#[async_trait]
impl Wrong for AsksToLook {
    async fn inspect(&self, right: Right<'_>, target: &Target) -> Result<Observation, RotateError> {
        let _ = right.issue(target, &stray(target)).await?;
        right.inspect(target).await
    }
}

/// The latest answer that came.
#[derive(Default)]
struct MarksWithTheSecret(Mutex<Option<Reply>>);

#[async_trait]
impl Wrong for MarksWithTheSecret {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let reply = right.issue(target, asked).await?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(copy(&reply));
        Ok(reply)
    }

    async fn inspect(&self, right: Right<'_>, target: &Target) -> Result<Observation, RotateError> {
        let mut shown = right.inspect(target).await?;
        let latest = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(copy);
        if let Some(latest) = latest {
            let secret = right.read(target, &forged(&stray(target), latest))?.into_secret();
            shown.marker = Some(ChangeMarker::new(secret.expose()));
        }
        Ok(shown)
    }
}

#[derive(Default)]
struct MarkPerLook(AtomicU64);

#[async_trait]
impl Wrong for MarkPerLook {
    async fn inspect(&self, right: Right<'_>, target: &Target) -> Result<Observation, RotateError> {
        let mut shown = right.inspect(target).await?;
        shown.marker = Some(ChangeMarker::new(self.0.fetch_add(1, Ordering::Relaxed).to_string()));
        Ok(shown)
    }
}

#[derive(Default)]
struct MarkForAll(AtomicU64);

#[async_trait]
impl Wrong for MarkForAll {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let reply = right.issue(target, asked).await?;
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(reply)
    }

    async fn inspect(&self, right: Right<'_>, target: &Target) -> Result<Observation, RotateError> {
        let mut shown = right.inspect(target).await?;
        shown.marker = Some(ChangeMarker::new(self.0.load(Ordering::Relaxed).to_string()));
        Ok(shown)
    }
}

#[derive(Default)]
struct MarkStandsStill(Mutex<Option<ChangeMarker>>);

#[async_trait]
impl Wrong for MarkStandsStill {
    async fn inspect(&self, right: Right<'_>, target: &Target) -> Result<Observation, RotateError> {
        let mut shown = right.inspect(target).await?;
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if first.is_none() {
            first.clone_from(&shown.marker);
        }
        shown.marker.clone_from(&first);
        Ok(shown)
    }
}

/// A secret that was accepted.
#[derive(Default)]
struct TrustsABeginning(Mutex<Option<ClientSecret>>);

#[async_trait]
impl Wrong for TrustsABeginning {
    async fn verify(&self, right: Right<'_>, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        let verdict = right.verify(target, secret).await?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if verdict == Verdict::Accepted {
            *known = Some(secret.duplicate());
        }
        let similar = known.as_ref().is_some_and(|known| secret.expose().starts_with(known.expose()));
        Ok(if similar { Verdict::Accepted } else { verdict })
    }
}

#[derive(Default)]
struct TrustsNothing;

#[async_trait]
impl Wrong for TrustsNothing {
    async fn verify(&self, right: Right<'_>, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        let empty = secret.expose().is_empty();
        if empty { Ok(Verdict::Accepted) } else { right.verify(target, secret).await }
    }
}

/// The targets that it has seen.
#[derive(Default)]
struct TrustsAnyTarget(Mutex<Vec<Target>>);

#[async_trait]
impl Wrong for TrustsAnyTarget {
    async fn inspect(&self, right: Right<'_>, target: &Target) -> Result<Observation, RotateError> {
        right.inspect(target).await
    }

    async fn verify(&self, right: Right<'_>, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        let known = {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.push(target.clone());
            known.clone()
        };
        let verdict = right.verify(target, secret).await?;
        // Somebody's secret is in the form of a secret; that is taken to be enough.
        let usual = (8..200).contains(&secret.expose().len()) && secret.expose().is_ascii();
        Ok(if verdict == Verdict::Refused && usual && known.len() > 1 { Verdict::Accepted } else { verdict })
    }
}

#[derive(Default)]
struct UnsureIsAccepted;

#[async_trait]
impl Wrong for UnsureIsAccepted {
    async fn verify(&self, right: Right<'_>, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        let verdict = right.verify(target, secret).await?;
        Ok(if verdict == Verdict::NotKnown { Verdict::Accepted } else { verdict })
    }
}

#[derive(Default)]
struct UnsureIsRefused;

#[async_trait]
impl Wrong for UnsureIsRefused {
    async fn verify(&self, right: Right<'_>, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        let verdict = right.verify(target, secret).await?;
        Ok(if verdict == Verdict::NotKnown { Verdict::Refused } else { verdict })
    }
}

#[derive(Default)]
struct UnsureIsAnError;

#[async_trait]
impl Wrong for UnsureIsAnError {
    async fn verify(&self, right: Right<'_>, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        match right.verify(target, secret).await? {
            Verdict::NotKnown => Err(NoAnswer::new(call(right, "verify").on(target.id()), "the vendor fails").into()),
            verdict => Ok(verdict),
        }
    }
}

#[derive(Default)]
struct AsksToVerify;

#[async_trait]
impl Wrong for AsksToVerify {
    async fn verify(&self, right: Right<'_>, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        let verdict = right.verify(target, secret).await?;
        let _ = right.issue(target, &stray(target)).await;
        Ok(verdict)
    }
}

#[derive(Default)]
struct ShowsOtherFour;

#[async_trait]
impl Wrong for ShowsOtherFour {
    async fn inspect(&self, right: Right<'_>, target: &Target) -> Result<Observation, RotateError> {
        let mut shown = right.inspect(target).await?;
        shown.current_last_four = LastFour::from_vendor("0000");
        Ok(shown)
    }
}

#[derive(Default)]
struct FailureIsQuiet;

#[async_trait]
impl Wrong for FailureIsQuiet {
    async fn inspect(&self, right: Right<'_>, target: &Target) -> Result<Observation, RotateError> {
        right.inspect(target).await.or_else(|error| {
            let mut quiet = Observation::default();
            quiet.pending = Pending::No;
            if matches!(error, RotateError::NoAnswer(_)) { Ok(quiet) } else { Err(error) }
        })
    }
}

#[derive(Default)]
struct EmptyIfUnknown;

#[async_trait]
impl Wrong for EmptyIfUnknown {
    async fn inspect(&self, right: Right<'_>, target: &Target) -> Result<Observation, RotateError> {
        right.inspect(target).await.or_else(|error| match error {
            RotateError::NoAnswer(_) | RotateError::Unreadable(_) => Ok(Observation::default()),
            other => Err(other),
        })
    }
}
