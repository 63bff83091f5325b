//! The vendor seen through the trait: requests are noted, answers made and spoilt.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use cutover_core::{
    Attempt, Call, ChangeMarker, ClientSecret, Issued, Kept, NotSent, Observation, Reply, RotateError, RotationProfile,
    SecretRotator, Target, Unreadable, Verdict, Witness,
};
use zeroize::Zeroizing;

use super::{Answer, FakeVendor, Fault, Flavour, Op, Request, STRAGGLER};
use crate::log::Deed;

#[async_trait]
impl SecretRotator for FakeVendor {
    fn profile(&self) -> &RotationProfile {
        &self.profile
    }

    async fn issue(&self, _: &Target, attempt: &Attempt) -> Result<Reply, RotateError> {
        self.log.push(Deed::Asked { issue: attempt.issue() });
        self.note_request();
        let garbled = self.garbled();
        match self.handle(Op::Issue, Request::Issue(attempt.key().clone())).await? {
            Answer::Secret { number, replayed, mark } => {
                let secret = self.log.secret(number);
                let text = format!(r#"{{"kind":"client","secret":"{}","mark":"{mark}"}}"#, secret.expose());
                let behind = text.find(secret.expose()).expect("it is in there") + secret.expose().len();
                let mut body = Zeroizing::new(text.into_bytes());
                match garbled {
                    Some(Fault::Cut) => body.truncate(behind - 5),
                    Some(Fault::CutLate) => body.truncate(behind + 1),
                    Some(Fault::Garbage) => body = Zeroizing::new(b"<html>maintenance</html>".to_vec()),
                    _ => {}
                }
                if !matches!(garbled, Some(Fault::Cut | Fault::Garbage)) {
                    self.log.push(Deed::Answered(number));
                }
                let whole = !matches!(garbled, Some(Fault::Cut | Fault::CutLate));
                let reply = Reply::new(200, whole, body);
                Ok(if replayed { reply.with_header("x-replayed", "true") } else { reply })
            }
            Answer::Done | Answer::Shown(_) | Answer::Said(_) => unreachable!("a request for a secret is answered so"),
        }
    }

    fn read(&self, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        let call = Call::new(self.profile.vendor().clone(), "read").on(target.id());
        if self.state().misconfigured {
            return Err(NotSent::misuse(call, "its settings are another vendor's").into());
        }
        let body = std::str::from_utf8(kept.reply().expose_body()).expect("the vendor answers in text");
        let reason = if self.state().quotes { format!("odd: {body}") } else { "no whole secret is in it".to_owned() };
        let unreadable = || RotateError::from(Unreadable::new(call.clone(), 200, reason.clone()));
        let field = |name: &str| body.split_once(&format!(r#""{name}":""#)).and_then(|(_, rest)| rest.split_once('"'));
        let (secret, _) = field("secret").ok_or_else(unreadable)?;
        let mark = field("mark").map(|(mark, _)| ChangeMarker::new(mark));
        let issued = Issued::new(ClientSecret::new(secret)).replayed(kept.reply().header("x-replayed").is_some());
        Ok(issued.with_marker(mark.filter(|_| self.profile.has(Witness::ChangeMarker))))
    }

    async fn complete(&self, target: &Target, kept: &Kept) -> Result<(), RotateError> {
        let ours = self.read(target, kept)?.into_secret();
        self.log.push(Deed::Completing(self.log.number(&ours)));
        self.handle(Op::Complete, Request::Complete).await.map(|_| ())
    }

    async fn cancel(&self, _: &Target) -> Result<(), RotateError> {
        self.handle(Op::Cancel, Request::Cancel).await.map(|_| ())
    }

    async fn inspect(&self, _: &Target) -> Result<Observation, RotateError> {
        match self.handle(Op::Inspect, Request::Inspect).await? {
            Answer::Shown(shown) => {
                if self.flavour == Flavour::Restart {
                    self.state().unknown = None;
                }
                Ok(shown)
            }
            Answer::Done | Answer::Secret { .. } | Answer::Said(_) => unreachable!("a look is answered so"),
        }
    }

    async fn verify(&self, _: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        match self.handle(Op::Verify, Request::Verify(secret.duplicate())).await? {
            Answer::Said(verdict) => {
                if let Some(number) = self.log.number(secret) {
                    self.log.push(Deed::Verified(number, verdict));
                }
                Ok(verdict)
            }
            Answer::Done | Answer::Secret { .. } | Answer::Shown(_) => unreachable!("a probe is answered so"),
        }
    }
}

impl FakeVendor {
    /// Notes a request for a secret, and whether it is sent blind.
    fn note_request(&self) {
        let now = self.clock.truth();
        self.arrivals(now);
        let mut state = self.state();
        if let Some((sent, mark)) = state.unknown {
            let waited = Duration::try_from(now.duration_since(sent)).unwrap_or_default();
            let moved = self.profile.has(Witness::ChangeMarker) && state.mark != mark;
            let blind = match self.flavour {
                Flavour::Restart => true,
                Flavour::Replay => false,
                Flavour::Marked | Flavour::Plain => waited < STRAGGLER && !moved,
            };
            if blind {
                state.violations.push(format!("asked again blind, {} s after an unknown effect", waited.as_secs()));
            }
        }
        state.unknown = Some((now, state.mark));
    }

    /// How the answer to the request that is about to arrive will be spoilt, if at all.
    fn garbled(&self) -> Option<Fault> {
        let state = self.state();
        let next = state.calls_of.get(&Op::Issue).copied().unwrap_or(0) + 1;
        let spoils = |fault: &&Fault| matches!(fault, Fault::Cut | Fault::CutLate | Fault::Garbage);
        let scripted = state.by_op.get(&(Op::Issue, next)).into_iter().flatten();
        let by_ordinal = state.by_ordinal.get(&(state.calls + 1)).into_iter().flatten();
        scripted.chain(by_ordinal).chain(state.always.get(&Op::Issue)).find(spoils).copied()
    }
}

impl fmt::Debug for FakeVendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeVendor").field("flavour", &self.flavour).finish_non_exhaustive()
    }
}
