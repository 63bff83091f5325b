//! The caller's access token: fetched when needed, kept while it lasts, by one at a time.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cutover_core::{ClientSecret, NotSent, Refusal, Refused, RotateError};
use cutover_http::{Authorization, Credential, FormValue, Outgoing, Received, rescue};
use jiff::Timestamp;
use tokio::sync::Mutex;

use super::Client;
use crate::wire::TokenAnswer;
use crate::{Caller, KeyFile};

/// What an access token has to be good for. The second one puts the instance itself into its audience, without which
/// the API refuses it.
const SCOPE: &str = "openid urn:zitadel:iam:org:project:id:zitadel:aud";
/// How long before its end a token is replaced: longer than any rotation call with its retries takes.
const AHEAD: Duration = Duration::from_secs(5 * 60);
/// How long a token that is still good is used on after it could not be replaced. 30 s: ten tries before it ends.
const TRY_AGAIN: Duration = Duration::from_secs(30);

/// How the caller shows who it is.
#[derive(Debug)]
pub(super) enum CallerState {
    Fixed(Credential),
    Exchanged(Exchange),
}

/// Something that is exchanged for access tokens, and the token at hand.
pub(super) struct Exchange {
    grant: Grant,
    /// Held while a token is fetched, so that many calls at once fetch one.
    slot: Mutex<Slot>,
    /// How often none could be had. Read before waiting for the slot: a call that waited while it went up shares the
    /// failure, instead of each of them failing anew.
    failures: AtomicU64,
}

#[derive(Default)]
struct Slot {
    token: Option<Token>,
    /// Why none could be had the last time.
    failure: Option<RotateError>,
}

enum Grant {
    ClientCredentials { client_id: String, secret: Credential },
    KeyFile(KeyFile),
}

struct Token {
    value: Arc<ClientSecret>,
    replace_at: Timestamp,
    ends_at: Timestamp,
}

impl Token {
    /// Not fetched for this call, so that it may have been ended since.
    fn held(&self) -> Held {
        Held { credential: Credential::Secret(self.value.clone()), was_cached: true }
    }
}

/// A credential for one call.
pub(super) struct Held {
    pub(super) credential: Credential,
    /// It was not fetched for this call, so that it may have been ended since.
    pub(super) was_cached: bool,
}

impl CallerState {
    pub(super) fn new(caller: Caller) -> Self {
        let grant = match caller {
            Caller::Token(credential) => return Self::Fixed(credential),
            Caller::ClientCredentials { client_id, secret } => Grant::ClientCredentials { client_id, secret },
            Caller::KeyFile(key) => Grant::KeyFile(key),
        };
        Self::Exchanged(Exchange { grant, slot: Mutex::default(), failures: AtomicU64::new(0) })
    }

    /// Forgets the token at hand if it is still this one.
    pub(super) async fn forget(&self, refused: &Credential) {
        let (Self::Exchanged(exchange), Credential::Secret(refused)) = (self, refused) else { return };
        let mut slot = exchange.slot.lock().await;
        slot.token.take_if(|token| Arc::ptr_eq(&token.value, refused));
    }
}

/// Why a call was not sent for which no token could be had.
const NO_TOKEN: &str = "no access token could be had for the caller";

impl Client {
    /// What `operation` shows as the caller's credential.
    ///
    /// The errors of getting a token are told as what they are for `operation`: it was not sent.
    pub(super) async fn credential(&self, operation: &'static str) -> Result<Held, RotateError> {
        let exchange = match &self.shared.caller {
            CallerState::Fixed(credential) => return Ok(Held { credential: credential.clone(), was_cached: false }),
            CallerState::Exchanged(exchange) => exchange,
        };
        let failures = exchange.failures.load(Ordering::Acquire);
        let mut slot = exchange.slot.lock().await;
        let now = self.pipeline.clock().now();
        if let Some(token) = slot.token.as_ref().filter(|token| now < token.replace_at) {
            return Ok(token.held());
        }
        if let Some(failure) = slot.failure.as_ref().filter(|_| exchange.failures.load(Ordering::Acquire) != failures) {
            return Err(self.shared_failure(failure));
        }
        let error = match self.fetch_token(operation, &exchange.grant, now).await {
            Ok(token) => {
                let credential = Credential::Secret(token.value.clone());
                *slot = Slot { token: Some(token), failure: None };
                return Ok(Held { credential, was_cached: false });
            }
            Err(error) => error,
        };
        // It was to be replaced ahead of its end so that there is time for just this.
        if let Some(token) = slot.token.as_mut().filter(|token| now < token.ends_at) {
            token.replace_at = now.checked_add(TRY_AGAIN).map_or(token.ends_at, |next| next.min(token.ends_at));
            return Ok(token.held());
        }
        slot.failure = Some(self.shared_failure(&error));
        exchange.failures.fetch_add(1, Ordering::Release);
        Err(error)
    }

    async fn fetch_token(&self, operation: &'static str, grant: &Grant, now: Timestamp) -> Result<Token, RotateError> {
        let received =
            self.fetch(operation, grant, now).await.map_err(|error| self.before_sending(operation, error))?;
        let secret = rescue::secret(received.expose_body(), &["access_token"])
            .ok_or_else(|| self.before_sending(operation, received.unreadable("no whole access token is in it")))?;
        let lifetime = received.json::<TokenAnswer>().ok().and_then(|answer| answer.expires_in);
        // A token without a lifetime, or with one beyond all time, is used this once.
        let lifetime = Duration::from_secs(lifetime.unwrap_or_default());
        let after = |passed: Duration| now.checked_add(passed).unwrap_or(now);
        // A short one is kept for three quarters of its life.
        let replace_at = after(lifetime.saturating_sub(AHEAD.min(lifetime / 4)));
        Ok(Token { value: Arc::new(secret), replace_at, ends_at: after(lifetime) })
    }

    /// The failure of another call's fetch, told to a call that waited for it.
    fn shared_failure(&self, failure: &RotateError) -> RotateError {
        let call = self.pipeline.call(failure.call().operation().to_owned());
        match (failure, failure.status(), failure.refusal()) {
            (RotateError::Refused(_), Some(status), Some(refusal)) => Refused::new(call, status)
                .reading(refusal)
                .with_code(failure.code())
                .with_request_id(failure.request_id())
                .with_retry_after(failure.retry_after())
                .into(),
            _ if failure.is_transient() => NotSent::unreachable(call, NO_TOKEN).into(),
            _ => NotSent::misuse(call, NO_TOKEN).into(),
        }
    }

    async fn fetch(&self, operation: &'static str, grant: &Grant, now: Timestamp) -> Result<Received, RotateError> {
        let endpoints = self.endpoints().await?;
        let path = endpoints.token().map_err(|reason| NotSent::misuse(self.pipeline.call(operation), reason))?;
        // A second token does no harm, so this may be sent again.
        let outgoing = Outgoing::post("oauth.token", path).idempotent();
        match grant {
            Grant::ClientCredentials { client_id, secret } => {
                let form = [("grant_type", FormValue::Text("client_credentials")), ("scope", FormValue::Text(SCOPE))];
                let authorization = Authorization::BasicFormEncoded { user: client_id, secret };
                self.pipeline.send(outgoing.form(&form).authorization(authorization)).await
            }
            Grant::KeyFile(key) => {
                let misuse = |reason| NotSent::misuse(self.pipeline.call(operation), reason);
                if key.expires().is_some_and(|expires| expires <= now) {
                    return Err(misuse("the caller's key file has expired").into());
                }
                let issuer = endpoints.issuer().ok_or_else(|| {
                    misuse("discovery names no issuer, which an assertion is made for; set it in the configuration")
                })?;
                let assertion = key.assertion(issuer, now).ok_or_else(|| misuse("the assertion cannot be signed"))?;
                let form = [
                    ("grant_type", FormValue::Text("urn:ietf:params:oauth:grant-type:jwt-bearer")),
                    ("assertion", FormValue::Secret(&assertion)),
                    ("scope", FormValue::Text(SCOPE)),
                ];
                self.pipeline.send(outgoing.form(&form)).await
            }
        }
    }

    /// What a failure on the way to the caller's token means for `operation`: it was not sent.
    fn before_sending(&self, operation: &'static str, error: RotateError) -> RotateError {
        let call = self.pipeline.call(operation);
        match error {
            // Effect and code are right as they are; that it was refused matters more than where.
            RotateError::Refused(_) | RotateError::NotSent(_) => error,
            RotateError::Unreadable(_) => NotSent::misuse(call, NO_TOKEN).caused_by(error).into(),
            other => NotSent::unreachable(call, NO_TOKEN).caused_by(other).into(),
        }
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.grant {
            Grant::ClientCredentials { client_id, secret } => {
                f.debug_struct("ClientCredentials").field("client_id", client_id).field("secret", secret).finish()
            }
            Grant::KeyFile(key) => key.fmt(f),
        }
    }
}

/// Whether an error says that a path is not served, rather than that something went wrong.
pub(super) fn is_not_served(error: &RotateError) -> bool {
    matches!(error, RotateError::Refused(_)) && error.refusal() != Some(Refusal::RateLimited)
}
