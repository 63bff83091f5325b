//! What goes wrong where a secret is asked for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use zeroize::Zeroizing;

use cutover_core::{
    Attempt, ClientSecret, Effect, IdempotencyKey, Issued, Kept, NoAnswer, NotSent, Observation, Refusal, Refused,
    Reply, RotateError, Target, Unreadable, Verdict,
};

use crate::mutants::Mutant;
use crate::mutants::kinds::{HOPAE, STYTCH, ZITADEL};
use crate::mutants::wrong_adapter::{Right, Wrong, call, copy, forged, with_body, wrong};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        wrong::<RepeatsAnAnswer>("repeats an answer", "SO-1", STYTCH),
        wrong::<CompletesAtOnce>("completes with the request for a secret", "OLD-1", STYTCH),
        wrong::<RotatesEverything>("rotates another target too", "OLD-4", ZITADEL),
        wrong::<CancelsFirst>("cancels whatever is pending before it asks", "TP-2", STYTCH),
        wrong::<IgnoresTheKey>("ignores the key", "IDEM-1", HOPAE),
        wrong::<KeyPerTry>("makes a key for each try", "IDEM-2", HOPAE),
        wrong::<ForgetsEarlierKeys>("knows the latest key only", "IDEM-3", HOPAE),
        wrong::<SharesOneKey>("uses one key for all targets", "IDEM-5", HOPAE),
        wrong::<CutsKeys>("cuts keys to 36 characters", "FIT-4", HOPAE),
        wrong::<LowersKeys>("sends keys in lower case", "FIT-4", HOPAE),
        wrong::<PlainKeys>("leaves signs out of keys", "FIT-4", HOPAE),
        wrong::<ForgetsTheOrganisation>("names no organisation", "ORG-1", ZITADEL),
        wrong::<RefusalIsAnswer>("takes a refusal for an answer", "ERR-1", STYTCH),
        wrong::<LostIsNothing>("takes a lost answer for nothing having happened", "ERR-2", STYTCH),
        wrong::<CutIsWhole>("takes a cut answer for a whole one", "ERR-3", STYTCH),
        wrong::<DropsACutAnswer>("drops a cut answer", "ERR-3", ZITADEL),
        wrong::<FailureIsRefusal>("takes a server's failure for a refusal", "ERR-5", STYTCH),
        wrong::<FailureIsAnswer>("takes a server's failure for an answer", "ERR-5", ZITADEL),
        wrong::<LostIsDone>("takes a lost request for done", "ERR-6", STYTCH),
        wrong::<NeverAgain>("asks no more after a lost request", "ERR-6", ZITADEL),
        wrong::<PageIsRefusal>("takes a web page for a refusal", "ERR-7", STYTCH),
        wrong::<NamesNoTarget>("names no target in its errors", "ERR-10", STYTCH),
        wrong::<NamesAnotherVendor>("names another vendor in its errors", "ERR-10", ZITADEL),
        wrong::<RefusedIsLost>("takes a refused credential for a lost answer", "ERR-11", STYTCH),
        wrong::<RefusedIsGone>("takes a refused credential for a target that is gone", "ERR-11", ZITADEL),
        wrong::<SendsTwice>("sends a request again that got no answer", "RETRY-1", ZITADEL),
        wrong::<GivesUpAtOnce>("takes the first answer for too late", "RETRY-2", STYTCH),
        wrong::<DropsTheWait>("hands on no wait", "RETRY-3", STYTCH),
        wrong::<HalvesTheWait>("hands on half of the wait", "RETRY-3", ZITADEL),
        wrong::<ThrottledForGood>("takes throttling for final", "RETRY-4", STYTCH),
        wrong::<ThrottledMaybe>("leaves open what a throttled request did", "RETRY-4", HOPAE),
        wrong::<SendsRefusedAgain>("sends a refused request again", "RETRY-5", STYTCH),
        wrong::<MixesUpTargets>("mixes up targets under way", "CONC-1", ZITADEL),
        wrong::<OneAtATime>("refuses a second request under way", "CONC-1", HOPAE),
        wrong::<SharesAnAnswer>("gives one answer to two attempts", "CONC-2", ZITADEL),
        wrong::<StaysBusy>("stays busy when it is dropped", "CONC-3", STYTCH),
    ]
}

/// Another attempt on the same target, under a key of its own.
fn other_attempt(attempt: &Attempt) -> Attempt {
    Attempt::new(attempt.target().clone(), attempt.key_born())
}

/// The same attempt under another key.
fn under(attempt: &Attempt, key: &str) -> Attempt {
    let key = IdempotencyKey::new(key).unwrap_or_else(|_| attempt.key().clone());
    Attempt::recorded(attempt.id(), attempt.target().clone(), attempt.issue(), key, attempt.key_born())
}

fn is_unanswered(error: &RotateError) -> bool {
    error.effect() == Effect::Unknown
}

fn is_throttled(error: &RotateError) -> bool {
    error.refusal() == Some(Refusal::RateLimited)
}

#[derive(Default)]
struct RepeatsAnAnswer(Mutex<Option<Reply>>);

#[async_trait]
impl Wrong for RepeatsAnAnswer {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let reply = right.issue(target, asked).await?;
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(copy(first.get_or_insert(reply)))
    }
}

#[derive(Default)]
struct CompletesAtOnce;

#[async_trait]
impl Wrong for CompletesAtOnce {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let reply = right.issue(target, asked).await?;
        right.complete(target, &forged(asked, copy(&reply))).await?;
        Ok(reply)
    }
}

/// Remembers the targets that it was asked to verify a secret of.
#[derive(Default)]
struct RotatesEverything(Mutex<Vec<Target>>);

#[async_trait]
impl Wrong for RotatesEverything {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let reply = right.issue(target, asked).await?;
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(other) = seen.iter().find(|seen| seen.id() != target.id()) {
            let _ = right.issue(other, &Attempt::new(other.id().clone(), asked.key_born())).await;
        }
        Ok(reply)
    }

    async fn verify(&self, right: Right<'_>, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(target.clone());
        right.verify(target, secret).await
    }
}

#[derive(Default)]
struct CancelsFirst;

#[async_trait]
impl Wrong for CancelsFirst {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let _ = right.cancel(target).await;
        right.issue(target, asked).await
    }
}

#[derive(Default)]
struct IgnoresTheKey;

#[async_trait]
impl Wrong for IgnoresTheKey {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        right.issue(target, &other_attempt(asked)).await
    }
}

/// Remembers the keys that it has used.
#[derive(Default)]
struct KeyPerTry(Mutex<Vec<IdempotencyKey>>);

#[async_trait]
impl Wrong for KeyPerTry {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let used = {
            let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let again = used.contains(asked.key());
            used.push(asked.key().clone());
            again
        };
        if used { right.issue(target, &other_attempt(asked)).await } else { right.issue(target, asked).await }
    }
}

/// Remembers the keys that it has used.
#[derive(Default)]
struct ForgetsEarlierKeys(Mutex<Vec<IdempotencyKey>>);

#[async_trait]
impl Wrong for ForgetsEarlierKeys {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let superseded = {
            let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let superseded = used.contains(asked.key()) && used.last() != Some(asked.key());
            used.push(asked.key().clone());
            superseded
        };
        if superseded { right.issue(target, &other_attempt(asked)).await } else { right.issue(target, asked).await }
    }
}

/// Remembers the first target and attempt, and takes a later request under its key for the same one.
#[derive(Default)]
struct SharesOneKey(Mutex<Option<(Target, Attempt)>>);

#[async_trait]
impl Wrong for SharesOneKey {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let (first, attempt) = {
            let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert_with(|| (target.clone(), asked.clone())).clone()
        };
        if attempt.key() == asked.key() {
            right.issue(&first, &attempt).await
        } else {
            right.issue(target, asked).await
        }
    }

    fn read(&self, right: Right<'_>, _: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        let first = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (target, attempt) = first.ok_or_else(|| NotSent::misuse(call(right, "read"), "nothing was asked for"))?;
        right.read(&target, &forged(&attempt, copy(kept.reply())))
    }
}

#[derive(Default)]
struct CutsKeys;

#[async_trait]
impl Wrong for CutsKeys {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let key: String = asked.key().as_header_value().chars().take(36).collect();
        right.issue(target, &under(asked, &key)).await
    }
}

#[derive(Default)]
struct LowersKeys;

#[async_trait]
impl Wrong for LowersKeys {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        right.issue(target, &under(asked, &asked.key().as_header_value().to_ascii_lowercase())).await
    }
}

#[derive(Default)]
struct PlainKeys;

#[async_trait]
impl Wrong for PlainKeys {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let key: String = asked.key().as_header_value().chars().filter(char::is_ascii_alphanumeric).collect();
        right.issue(target, &under(asked, &key)).await
    }
}

#[derive(Default)]
struct ForgetsTheOrganisation;

#[async_trait]
impl Wrong for ForgetsTheOrganisation {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let (id, vendor, kind) = (target.id().clone(), target.vendor().clone(), target.kind().clone());
        let plain = Target::new(id, vendor, kind, target.client_id().clone());
        let scope = ["project_id", "app_id", "user_id"].into_iter();
        let scope = scope.filter_map(|name| Some((name, target.scope(name)?)));
        right.issue(&scope.fold(plain, |plain, (name, value)| plain.with_scope(name, value)), asked).await
    }
}

#[derive(Default)]
struct RefusalIsAnswer;

#[async_trait]
impl Wrong for RefusalIsAnswer {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        right.issue(target, asked).await.or_else(|error| match error {
            RotateError::Refused(_) => Ok(Reply::new(200, true, Zeroizing::new(Vec::new()))),
            other => Err(other),
        })
    }
}

#[derive(Default)]
struct LostIsNothing;

#[async_trait]
impl Wrong for LostIsNothing {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        right.issue(target, asked).await.map_err(|error| match is_unanswered(&error) {
            true => NotSent::unreachable(call(right, "issue").on(target.id()), "there was no answer").into(),
            false => error,
        })
    }
}

#[derive(Default)]
struct CutIsWhole;

#[async_trait]
impl Wrong for CutIsWhole {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let reply = right.issue(target, asked).await?;
        Ok(with_body(&reply, true, reply.expose_body()))
    }
}

#[derive(Default)]
struct DropsACutAnswer;

#[async_trait]
impl Wrong for DropsACutAnswer {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let reply = right.issue(target, asked).await?;
        let call = call(right, "issue").on(target.id());
        if reply.is_whole() { Ok(reply) } else { Err(NoAnswer::new(call, "the answer was cut").into()) }
    }
}

#[derive(Default)]
struct FailureIsRefusal;

#[async_trait]
impl Wrong for FailureIsRefusal {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        right.issue(target, asked).await.map_err(|error| match error.status() {
            Some(status @ 500..) => Refused::new(call(right, "issue").on(target.id()), status).into(),
            _ => error,
        })
    }
}

#[derive(Default)]
struct RefusedIsLost;

#[async_trait]
impl Wrong for RefusedIsLost {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        right.issue(target, asked).await.map_err(|error| match error.refusal() {
            Some(Refusal::Credentials) => NoAnswer::new(call(right, "issue").on(target.id()), "no secret came").into(),
            _ => error,
        })
    }
}

#[derive(Default)]
struct RefusedIsGone;

#[async_trait]
impl Wrong for RefusedIsGone {
    async fn inspect(&self, right: Right<'_>, target: &Target) -> Result<Observation, RotateError> {
        right.inspect(target).await.map_err(|error| match error.refusal() {
            Some(Refusal::Credentials) => Refused::new(call(right, "inspect").on(target.id()), 404).into(),
            _ => error,
        })
    }
}

#[derive(Default)]
struct FailureIsAnswer;

#[async_trait]
impl Wrong for FailureIsAnswer {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        right.issue(target, asked).await.or_else(|error| match error.status() {
            Some(status @ 500..) => Ok(Reply::new(status, true, Zeroizing::new(Vec::new()))),
            _ => Err(error),
        })
    }
}

#[derive(Default)]
struct LostIsDone;

#[async_trait]
impl Wrong for LostIsDone {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        right.issue(target, asked).await.map_err(|error| match error.status() {
            None if is_unanswered(&error) => {
                Unreadable::new(call(right, "issue").on(target.id()), 200, "the answer did not come").into()
            }
            _ => error,
        })
    }
}

#[derive(Default)]
struct NeverAgain(AtomicBool);

#[async_trait]
impl Wrong for NeverAgain {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        if self.0.load(Ordering::Relaxed) {
            return Err(NotSent::misuse(call(right, "issue").on(target.id()), "an earlier request is open").into());
        }
        let asked = right.issue(target, asked).await;
        self.0.store(asked.as_ref().is_err_and(is_unanswered), Ordering::Relaxed);
        asked
    }
}

#[derive(Default)]
struct PageIsRefusal;

#[async_trait]
impl Wrong for PageIsRefusal {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let reply = right.issue(target, asked).await?;
        let page = reply.expose_body().trim_ascii_start().starts_with(b"<");
        if page { Err(Refused::new(call(right, "issue").on(target.id()), 502).into()) } else { Ok(reply) }
    }
}

#[derive(Default)]
struct NamesNoTarget;

#[async_trait]
impl Wrong for NamesNoTarget {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        right.issue(target, asked).await.map_err(|error| match (error.refusal(), error.status()) {
            (Some(refusal), Some(status)) => {
                Refused::new(call(right, "issue"), status).reading(refusal).with_code(error.code()).into()
            }
            _ => error,
        })
    }
}

#[derive(Default)]
struct NamesAnotherVendor;

#[async_trait]
impl Wrong for NamesAnotherVendor {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        right.issue(target, asked).await.map_err(|error| match (error.refusal(), error.status()) {
            (Some(refusal), Some(status)) => {
                let call = cutover_core::Call::new(cutover_core::Vendor::from_static("http"), "post").on(target.id());
                Refused::new(call, status).reading(refusal).with_code(error.code()).into()
            }
            _ => error,
        })
    }
}

#[derive(Default)]
struct SendsTwice;

#[async_trait]
impl Wrong for SendsTwice {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let first = right.issue(target, asked).await;
        if first.as_ref().is_err_and(is_unanswered) {
            let _ = right.issue(target, asked).await;
        }
        first
    }
}

#[derive(Default)]
struct GivesUpAtOnce(AtomicBool);

#[async_trait]
impl Wrong for GivesUpAtOnce {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let reply = right.issue(target, asked).await?;
        let first = !self.0.swap(true, Ordering::Relaxed);
        let call = call(right, "issue").on(target.id());
        if first { Err(NotSent::misuse(call, "it took too long").into()) } else { Ok(reply) }
    }
}

fn throttled(right: Right<'_>, target: &Target, wait: Option<Duration>) -> RotateError {
    Refused::new(call(right, "issue").on(target.id()), 429).with_retry_after(wait).into()
}

#[derive(Default)]
struct DropsTheWait;

#[async_trait]
impl Wrong for DropsTheWait {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let asked = right.issue(target, asked).await;
        asked.map_err(|error| if is_throttled(&error) { throttled(right, target, None) } else { error })
    }
}

#[derive(Default)]
struct HalvesTheWait;

#[async_trait]
impl Wrong for HalvesTheWait {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        right.issue(target, asked).await.map_err(|error| match error.retry_after() {
            Some(wait) if is_throttled(&error) => throttled(right, target, Some(wait / 2)),
            _ => error,
        })
    }
}

#[derive(Default)]
struct ThrottledForGood;

#[async_trait]
impl Wrong for ThrottledForGood {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        right.issue(target, asked).await.map_err(|error| match is_throttled(&error) {
            true => Refused::new(call(right, "issue").on(target.id()), 429).reading(Refusal::Forbidden).into(),
            false => error,
        })
    }
}

#[derive(Default)]
struct ThrottledMaybe;

#[async_trait]
impl Wrong for ThrottledMaybe {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        right.issue(target, asked).await.map_err(|error| match is_throttled(&error) {
            true => NoAnswer::new(call(right, "issue").on(target.id()), "the vendor is busy").with_status(429).into(),
            false => error,
        })
    }
}

#[derive(Default)]
struct SendsRefusedAgain;

#[async_trait]
impl Wrong for SendsRefusedAgain {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        match right.issue(target, asked).await {
            Err(RotateError::Refused(_)) => right.issue(target, asked).await,
            other => other,
        }
    }
}

/// The target of the latest request, for all of them.
#[derive(Default)]
struct MixesUpTargets(Mutex<Option<Target>>);

#[async_trait]
impl Wrong for MixesUpTargets {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(target.clone());
        tokio::task::yield_now().await;
        let latest = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        right.issue(latest.as_ref().unwrap_or(target), asked).await
    }
}

#[derive(Default)]
struct OneAtATime(AtomicBool);

#[async_trait]
impl Wrong for OneAtATime {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        if self.0.swap(true, Ordering::Relaxed) {
            return Err(NotSent::unreachable(call(right, "issue").on(target.id()), "the client is in use").into());
        }
        // Given back even if this request is dropped.
        let _back = Given(&self.0);
        right.issue(target, asked).await
    }
}

struct Given<'a>(&'a AtomicBool);

impl Drop for Given<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// The targets that are asked about now, and the latest answer of each.
#[derive(Default)]
struct SharesAnAnswer(tokio::sync::Mutex<()>, Mutex<Option<(Target, Reply)>>);

#[async_trait]
impl Wrong for SharesAnAnswer {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let waits = self.0.try_lock().is_err();
        let _turn = self.0.lock().await;
        if waits {
            let latest = self.1.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, reply)) = latest.as_ref().filter(|(of, _)| of == target) {
                return Ok(copy(reply));
            }
        }
        let reply = right.issue(target, asked).await?;
        *self.1.lock().unwrap_or_else(PoisonError::into_inner) = Some((target.clone(), copy(&reply)));
        Ok(reply)
    }
}

#[derive(Default)]
struct StaysBusy(AtomicBool);

#[async_trait]
impl Wrong for StaysBusy {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        if self.0.swap(true, Ordering::Relaxed) {
            return Err(NotSent::unreachable(call(right, "issue").on(target.id()), "a request is under way").into());
        }
        let asked = right.issue(target, asked).await;
        self.0.store(false, Ordering::Relaxed);
        asked
    }
}
