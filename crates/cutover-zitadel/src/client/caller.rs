//! The caller's access token: fetched when needed, kept while it lasts, by one at a time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cutover_core::{ClientSecret, NotSent, Refusal, RotateError};
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
    token: Mutex<Option<Token>>,
}

enum Grant {
    ClientCredentials { client_id: String, secret: Credential },
    KeyFile(KeyFile),
}

struct Token {
    value: Arc<ClientSecret>,
    replace_at: Timestamp,
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
        Self::Exchanged(Exchange { grant, token: Mutex::new(None) })
    }

    /// Forgets the token at hand if it is still this one.
    pub(super) async fn forget(&self, refused: &Credential) {
        let (Self::Exchanged(exchange), Credential::Secret(refused)) = (self, refused) else { return };
        let mut token = exchange.token.lock().await;
        if token.as_ref().is_some_and(|token| Arc::ptr_eq(&token.value, refused)) {
            *token = None;
        }
    }
}

impl Client {
    /// What `operation` shows as the caller's credential.
    ///
    /// The errors of getting a token are told as what they are for `operation`: it was not sent.
    pub(super) async fn credential(&self, operation: &'static str) -> Result<Held, RotateError> {
        let exchange = match &self.shared.caller {
            CallerState::Fixed(credential) => return Ok(Held { credential: credential.clone(), was_cached: false }),
            CallerState::Exchanged(exchange) => exchange,
        };
        let mut slot = exchange.token.lock().await;
        let now = self.shared.pipeline.clock().now();
        if let Some(token) = slot.as_ref().filter(|token| now < token.replace_at) {
            return Ok(Held { credential: Credential::Secret(token.value.clone()), was_cached: true });
        }
        let fetched = self.fetch(operation, &exchange.grant, now).await;
        let received = fetched.map_err(|error| self.before_sending(operation, error))?;
        let secret = rescue::secret(received.expose_body(), &["access_token"]);
        let value =
            Arc::new(secret.ok_or_else(|| {
                self.before_sending(operation, received.unreadable("no whole access token is in it"))
            })?);
        let lifetime = received.json::<TokenAnswer>().ok().and_then(|answer| answer.expires_in);
        let lifetime = Duration::from_secs(lifetime.unwrap_or_default());
        // A token without a lifetime is used this once. A short one is kept for three quarters of its life.
        let kept_for = lifetime.saturating_sub(AHEAD.min(lifetime / 4));
        *slot = now.checked_add(kept_for).ok().map(|replace_at| Token { value: value.clone(), replace_at });
        Ok(Held { credential: Credential::Secret(value), was_cached: false })
    }

    async fn fetch(&self, operation: &'static str, grant: &Grant, now: Timestamp) -> Result<Received, RotateError> {
        let endpoints = self.endpoints().await?;
        let path = endpoints.token().map_err(|reason| NotSent::misuse(self.call(operation), reason))?;
        // A second token does no harm, so this may be sent again.
        let outgoing = Outgoing::post("oauth.token", path).idempotent();
        match grant {
            Grant::ClientCredentials { client_id, secret } => {
                let form = [("grant_type", FormValue::Text("client_credentials")), ("scope", FormValue::Text(SCOPE))];
                let authorization = Authorization::BasicFormEncoded { user: client_id, secret };
                self.send(outgoing.form(&form), authorization).await
            }
            Grant::KeyFile(key) => {
                let misuse = |reason| NotSent::misuse(self.call(operation), reason);
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
                self.send(outgoing.form(&form), Authorization::None).await
            }
        }
    }

    /// What a failure on the way to the caller's token means for `operation`: it was not sent.
    fn before_sending(&self, operation: &'static str, error: RotateError) -> RotateError {
        const REASON: &str = "no access token could be had for the caller";
        let call = self.call(operation);
        match error {
            // Effect and code are right as they are; that it was refused matters more than where.
            RotateError::Refused(_) | RotateError::NotSent(_) => error,
            RotateError::Unreadable(_) => NotSent::misuse(call, REASON).caused_by(error).into(),
            other => NotSent::unreachable(call, REASON).caused_by(other).into(),
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
