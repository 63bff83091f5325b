//! An adapter with a deliberate fault around the real one.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use cutover_core::{
    Attempt, Call, ClientSecret, Effect, Issued, Kept, Observation, Pending, Refused, Reply, RotateError,
    RotationProfile, SecretRotator, Target, Unreadable, Verdict,
};

use crate::place::Op;
use crate::subject;
use crate::trace::{ProcessNo, SecretNo};
use crate::world::World;
use crate::wrong::Wrong;

/// The real adapter, wrong in one way.
pub(crate) struct WrongRotator {
    pub(crate) inner: Arc<dyn SecretRotator>,
    pub(crate) world: Arc<World>,
    pub(crate) by: ProcessNo,
}

impl WrongRotator {
    fn is(&self, wrong: Wrong) -> bool {
        self.world.is_wrong(wrong)
    }

    fn call(target: &Target) -> Call {
        Call::new(target.vendor().clone(), "issue").on(target.id())
    }
}

#[async_trait]
impl SecretRotator for WrongRotator {
    fn profile(&self) -> &RotationProfile {
        self.inner.profile()
    }

    async fn issue(&self, target: &Target, attempt: &Attempt) -> Result<Reply, RotateError> {
        if self.is(Wrong::LOGS_KEY) {
            tracing::debug!(key = attempt.key().as_header_value(), "asking");
        }
        if self.is(Wrong::KEY_REUSED) {
            let first = self.world.first_attempt(attempt);
            let reused = Attempt::recorded(
                attempt.id(),
                attempt.target().clone(),
                attempt.issue(),
                first.key().clone(),
                attempt.key_born(),
            );
            return self.inner.issue(target, &reused).await;
        }
        let asked = self.inner.issue(target, attempt).await;
        let unknown = asked.as_ref().is_err_and(|error| error.effect() == Effect::Unknown);
        match asked {
            Err(_) if unknown && self.is(Wrong::RESENDS) => self.inner.issue(target, attempt).await,
            Err(_) if unknown && self.is(Wrong::UNKNOWN_AS_REFUSED) => {
                Err(Refused::new(Self::call(target), 400).into())
            }
            Ok(reply) if self.is(Wrong::PARSES_FIRST) && has_more(&reply) => {
                Err(Unreadable::new(Self::call(target), reply.status(), "it has an unknown field").into())
            }
            Ok(reply) if self.is(Wrong::COMPLETES_AT_ONCE) => {
                let completion = subject::completion(&self.world.client);
                let _ = self.world.arrive(self.by, Op::Complete, &completion);
                Ok(reply)
            }
            other => other,
        }
    }

    fn read(&self, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        if self.is(Wrong::LOGS_SECRET) {
            tracing::debug!(answer = %String::from_utf8_lossy(kept.reply().expose_body()), "reading");
        }
        self.inner.read(target, kept)
    }

    async fn complete(&self, target: &Target, kept: &Kept) -> Result<(), RotateError> {
        if self.is(Wrong::COMPLETE_SKIPPED) {
            return Ok(());
        }
        let completed = self.inner.complete(target, kept).await;
        let unknown = completed.as_ref().is_err_and(|error| error.effect() == Effect::Unknown);
        if unknown && self.is(Wrong::RESENDS_COMPLETE) {
            return self.inner.complete(target, kept).await;
        }
        completed
    }

    async fn cancel(&self, target: &Target) -> Result<(), RotateError> {
        if self.is(Wrong::CANCEL_SKIPPED) { Ok(()) } else { self.inner.cancel(target).await }
    }

    async fn inspect(&self, target: &Target) -> Result<Observation, RotateError> {
        let mut shown = self.inner.inspect(target).await?;
        if self.is(Wrong::HIDES_PENDING) {
            shown.pending = Pending::No;
        }
        Ok(shown)
    }

    async fn verify(&self, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        if self.is(Wrong::BLIND_VERIFY) {
            return Ok(Verdict::Accepted);
        }
        if self.is(Wrong::COMPLETE_SKIPPED) && self.world.number(secret) == Some(SecretNo(0)) {
            return Ok(Verdict::Refused);
        }
        self.inner.verify(target, secret).await
    }
}

fn has_more(reply: &Reply) -> bool {
    subject::find(reply.expose_body(), b"added_without_notice")
}

impl fmt::Debug for WrongRotator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
