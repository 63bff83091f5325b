//! What shows, quotes or logs what is secret.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use cutover_core::{
    Attempt, ClientSecret, Issued, Kept, NoAnswer, NotSent, Reply, RotateError, Target, Unreadable, Verdict,
};

use crate::mutants::Mutant;
use crate::mutants::kinds::{HOPAE, STYTCH, ZITADEL};
use crate::mutants::wrong_adapter::{Right, Wrong, call, wrong};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        wrong::<ShowsTheAnswer>("shows the latest answer in its debug output", "RED-1", STYTCH),
        wrong::<QuotesTheAnswer>("quotes an answer that it cannot read", "RED-2", ZITADEL),
        wrong::<QuotesInTheCause>("quotes a secret in the cause of an error", "RED-2", STYTCH),
        wrong::<LogsTheAnswer>("logs the answer", "RED-3", ZITADEL),
        wrong::<LogsWhatItVerifies>("logs the secret that it verifies", "RED-3", HOPAE),
        wrong::<NamesTheSpan>("puts the secret in a span", "RED-3", STYTCH),
        wrong::<LogsTheKey>("logs the key", "RED-4", HOPAE),
        wrong::<QuotesTheKey>("quotes the key in an error", "RED-4", HOPAE),
        wrong::<QuotesTypos>("quotes a mistyped secret", "RED-5", ZITADEL),
    ]
}

#[derive(Default)]
struct ShowsTheAnswer(Mutex<String>);

#[async_trait]
impl Wrong for ShowsTheAnswer {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let reply = right.issue(target, asked).await?;
        let shown = String::from_utf8_lossy(reply.expose_body()).into_owned();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = shown;
        Ok(reply)
    }

    fn shown(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[derive(Default)]
struct QuotesTheAnswer;

impl Wrong for QuotesTheAnswer {
    fn read(&self, right: Right<'_>, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        right.read(target, kept).map_err(|error| match error {
            RotateError::Unreadable(_) => {
                let body = String::from_utf8_lossy(kept.reply().expose_body()).into_owned();
                Unreadable::new(call(right, "read").on(target.id()), kept.reply().status(), body).into()
            }
            other => other,
        })
    }
}

/// A cause that says too much.
#[derive(Debug)]
struct Cause(String);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Cause {}

#[derive(Default)]
struct QuotesInTheCause;

#[async_trait]
impl Wrong for QuotesInTheCause {
    async fn verify(&self, right: Right<'_>, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        match right.verify(target, secret).await? {
            Verdict::NotKnown => {
                let cause = Cause(format!("client_secret={}", secret.expose()));
                Err(NoAnswer::new(call(right, "verify").on(target.id()), "no answer").caused_by(cause).into())
            }
            verdict => Ok(verdict),
        }
    }
}

#[derive(Default)]
struct LogsTheAnswer;

#[async_trait]
impl Wrong for LogsTheAnswer {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let reply = right.issue(target, asked).await?;
        tracing::trace!(body = %String::from_utf8_lossy(reply.expose_body()), "answered");
        Ok(reply)
    }
}

#[derive(Default)]
struct LogsWhatItVerifies;

#[async_trait]
impl Wrong for LogsWhatItVerifies {
    async fn verify(&self, right: Right<'_>, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        tracing::debug!("trying {} with {}", target.id(), secret.expose());
        right.verify(target, secret).await
    }
}

#[derive(Default)]
struct NamesTheSpan;

#[async_trait]
impl Wrong for NamesTheSpan {
    async fn verify(&self, right: Right<'_>, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        let _span = tracing::info_span!("verify", secret = secret.expose());
        right.verify(target, secret).await
    }
}

#[derive(Default)]
struct LogsTheKey;

#[async_trait]
impl Wrong for LogsTheKey {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        tracing::info!(key = asked.key().as_header_value(), "asking");
        right.issue(target, asked).await
    }
}

#[derive(Default)]
struct QuotesTheKey;

#[async_trait]
impl Wrong for QuotesTheKey {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        right.issue(target, asked).await.map_err(|_| {
            let reason = format!("the request under {} failed", asked.key().as_header_value());
            NoAnswer::new(call(right, "issue").on(target.id()), reason).into()
        })
    }
}

#[derive(Default)]
struct QuotesTypos;

#[async_trait]
impl Wrong for QuotesTypos {
    async fn verify(&self, right: Right<'_>, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        if secret.expose().chars().any(char::is_control) {
            let reason = format!("{:?} is not a secret", secret.expose());
            return Err(NotSent::misuse(call(right, "verify").on(target.id()), reason).into());
        }
        right.verify(target, secret).await
    }
}
