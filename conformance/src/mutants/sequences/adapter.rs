//! The adapter of the invented vendor.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use zeroize::Zeroizing;

use cutover_core::{
    Attempt, ChangeMarker, ClientSecret, Issued, Kept, NoAnswer, NotSent, Observation, Pending, Refusal, Refused,
    Reply, RotateError, RotationProfile, SecretRotator, Target, Unreadable, Verdict,
};

use super::vendor::{Answer, Bug, Call, Kind, Service};

/// Rotates the clients of an invented vendor. Sends every request once.
#[derive(Debug)]
pub(super) struct Rotator {
    service: Arc<Service>,
    profile: RotationProfile,
    losses: AtomicU32,
}

impl Rotator {
    pub(super) fn new(service: Arc<Service>) -> Self {
        let profile = service.kind.profile();
        Self { service, profile, losses: AtomicU32::default() }
    }

    async fn ask(&self, operation: &'static str, target: &Target, call: Call) -> Result<(Answer, bool), RotateError> {
        let about = || cutover_core::Call::new(target.vendor().clone(), operation).on(target.id());
        let Some((answer, whole)) = self.service.send(call).await else {
            let nth = self.losses.fetch_add(1, Ordering::Relaxed);
            if self.service.bug == Some(Bug::SecondLossIsNothing) && nth > 0 {
                return Err(NotSent::unreachable(about(), "the connection was closed").into());
            }
            return Err(NoAnswer::new(about(), "the connection was closed").into());
        };
        let code = serde_json::from_str::<serde_json::Value>(&answer.body).ok();
        let code = code.as_ref().and_then(|body| body["code"].as_str());
        let refusal = match code {
            _ if answer.status < 300 => {
                if !whole && self.service.bug == Some(Bug::CutAfterCancel) && self.service.cancels() > 0 {
                    return Err(Refused::new(about(), 409).into());
                }
                return Ok((answer, whole));
            }
            Some("pending") => Refusal::AlreadyPending,
            Some("nothing_pending") => Refusal::NothingPending,
            Some("key_conflict") => Refusal::KeyConflict,
            Some("too_many") => Refusal::RateLimited,
            _ => Refusal::NotFound,
        };
        Err(Refused::new(about(), answer.status).reading(refusal).with_code(code).into())
    }

    fn only_two_phase(&self, operation: &'static str, target: &Target) -> Result<(), RotateError> {
        self.profile.check(operation, target)?;
        if self.service.kind == Kind::TwoPhase {
            return Ok(());
        }
        let call = cutover_core::Call::new(target.vendor().clone(), operation).on(target.id());
        Err(NotSent::misuse(call, "the old secret is retired already").into())
    }
}

/// The client's number, which is its id.
pub(super) fn number(target: &Target) -> usize {
    target.client_id().as_str().parse().unwrap_or(usize::MAX)
}

pub(super) fn is_here(target: &Target) -> bool {
    target.scope("org") != Some("elsewhere")
}

#[async_trait]
impl SecretRotator for Rotator {
    fn profile(&self) -> &RotationProfile {
        &self.profile
    }

    async fn issue(&self, target: &Target, attempt: &Attempt) -> Result<Reply, RotateError> {
        self.profile.check("issue", target)?;
        if attempt.target() != target.id() {
            let call = cutover_core::Call::new(target.vendor().clone(), "issue").on(target.id());
            return Err(NotSent::misuse(call, "the attempt belongs to another target").into());
        }
        let key = attempt.key().as_header_value().to_owned();
        let call = Call::Issue { client: number(target), key, here: is_here(target) };
        let (answer, whole) = self.ask("issue", target, call).await?;
        let kept = if whole { answer.body.len() } else { answer.body.len().min(12) };
        let reply = Reply::new(answer.status, whole, Zeroizing::new(answer.body.as_bytes()[..kept].to_vec()));
        Ok(if answer.replayed { reply.with_header("replayed", "true") } else { reply })
    }

    fn read(&self, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        self.profile.check("read", target)?;
        kept.check("read", target)?;
        let body = serde_json::from_slice::<serde_json::Value>(kept.reply().expose_body()).unwrap_or_default();
        let Some(secret) = body["secret"].as_str() else {
            let call = cutover_core::Call::new(target.vendor().clone(), "read").on(target.id());
            return Err(Unreadable::new(call, kept.reply().status(), "there is no secret in it").into());
        };
        Ok(Issued::new(ClientSecret::new(secret)).replayed(kept.reply().header("replayed").is_some()))
    }

    async fn complete(&self, target: &Target, kept: &Kept) -> Result<(), RotateError> {
        self.only_two_phase("complete", target)?;
        kept.check("complete", target)?;
        self.ask("complete", target, Call::Complete(number(target))).await.map(drop)
    }

    async fn cancel(&self, target: &Target) -> Result<(), RotateError> {
        self.only_two_phase("cancel", target)?;
        self.ask("cancel", target, Call::Cancel(number(target))).await.map(drop)
    }

    async fn inspect(&self, target: &Target) -> Result<Observation, RotateError> {
        self.profile.check("inspect", target)?;
        let (current, pending, given) = self.service.look(number(target)).await;
        let four = |secret: &str| ClientSecret::new(secret).last_four();
        let mut seen = Observation::default();
        match self.service.kind {
            Kind::TwoPhase => {
                seen.current_last_four = four(&current);
                seen.pending = pending.map_or(Pending::No, |secret| Pending::Yes(four(&secret)));
            }
            Kind::Plain => seen.marker = Some(ChangeMarker::new(given.to_string())),
            Kind::Keyed => {}
        }
        Ok(seen)
    }

    async fn verify(&self, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        self.profile.check("verify", target)?;
        let accepted = self.service.accepts(number(target), secret.expose()).await;
        Ok(if accepted { Verdict::Accepted } else { Verdict::Refused })
    }
}
