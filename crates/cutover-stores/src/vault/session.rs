//! The token in use: found out about, renewed, replaced.

use std::sync::Arc;
use std::time::Duration;

use cutover_core::{ClientSecret, Clock, RotateError};
use cutover_http::{Outgoing, Path, Pipeline, Received, rescue};
use http::HeaderName;
use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::Mutex;

use super::auth::Method;
use super::dialect::{INVALID_TOKEN, PERMISSION_DENIED};
use super::trouble::Trouble;

const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
const NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");
/// Vault Agent and Vault Proxy want to see it: nobody can be made to send it from a web page.
const REQUEST: HeaderName = HeaderName::from_static("x-vault-request");

/// One client's token, shared by all its calls.
#[derive(Debug)]
pub(super) struct Session {
    pipeline: Pipeline,
    namespace: Option<String>,
    method: Method,
    held: Mutex<Option<Held>>,
}

/// A token and how long it lives.
#[derive(Clone, Debug)]
struct Held {
    token: Option<Arc<ClientSecret>>,
    since: Timestamp,
    /// `None` for one that does not end.
    ttl: Option<Duration>,
    renewable: bool,
}

impl Held {
    /// The share of its time that has passed: 0 for one that does not end.
    fn age(&self, now: Timestamp) -> f64 {
        let Some(ttl) = self.ttl else { return 0.0 };
        let passed = Duration::try_from(now.duration_since(self.since)).unwrap_or_default();
        passed.as_secs_f64() / ttl.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    fn is(&self, other: &Self) -> bool {
        match (&self.token, &other.token) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }
}

impl Session {
    pub(super) fn new(pipeline: Pipeline, namespace: Option<String>, method: Method) -> Self {
        Self { pipeline, namespace, method, held: Mutex::new(None) }
    }

    pub(super) fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    pub(super) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        self.pipeline.clock()
    }

    /// Sends a call with the token, and once more with another one if Vault does not know this one any more.
    ///
    /// `doing` goes into the sentence, as in `read secret/data/billing/idp`.
    pub(super) async fn send(&self, call: impl Fn() -> Outgoing, doing: &str) -> Result<Received, Trouble> {
        let held = self.token().await?;
        let refused = match self.with(call(), held.token.as_deref()).await {
            Ok(received) => return Ok(received),
            Err(error) => error,
        };
        if !self.method.can_log_in() || !self.is_dead(&held, &refused).await {
            return Err(Trouble::of(refused, doing));
        }
        self.give_up(&held).await;
        let held = self.token().await?;
        self.with(call(), held.token.as_deref()).await.map_err(|error| Trouble::of(error, doing))
    }

    /// The token to use now.
    async fn token(&self) -> Result<Held, Trouble> {
        let mut held = self.held.lock().await;
        let now = self.clock().now();
        let usable = match held.take() {
            Some(usable) if usable.age(now) < 0.5 => usable,
            Some(aging) => self.renewed(aging, now).await?,
            None => self.begin().await?,
        };
        *held = Some(usable.clone());
        Ok(usable)
    }

    async fn begin(&self) -> Result<Held, Trouble> {
        match &self.method {
            Method::Agent => Ok(Held { token: None, since: self.clock().now(), ttl: None, renewable: false }),
            Method::Token(token) => self.looked_up(token).await,
            Method::AppRole { .. } | Method::Kubernetes { .. } => self.logged_in().await,
        }
    }

    /// What Vault says of a token that somebody else made.
    async fn looked_up(&self, token: &Arc<ClientSecret>) -> Result<Held, Trouble> {
        let since = self.clock().now();
        let held = |ttl, renewable| Held { token: Some(token.clone()), since, ttl, renewable };
        let answer = match self.with(lookup_self(), Some(token)).await {
            Ok(answer) => answer,
            // A token may be allowed nothing but its secret. Then it is used as it is.
            Err(error) if error.code() == Some(PERMISSION_DENIED) => return Ok(held(None, false)),
            Err(error) => return Err(Trouble::of(error, "use the token")),
        };
        let lookup: Lookup = answer.json().map_err(|error| Trouble::of(error, "look the token up"))?;
        Ok(held(seconds(lookup.data.ttl), lookup.data.renewable))
    }

    async fn logged_in(&self) -> Result<Held, Trouble> {
        let doing = self.method.place();
        let Some(call) = self.method.login().await? else {
            return Err(Trouble::lasting("there is nothing to log in with"));
        };
        let since = self.clock().now();
        let answer = self.with(call, None).await.map_err(|error| Trouble::of(error, &doing))?;
        let held = read_login(&answer, since).map_err(|error| Trouble::of(error, &doing))?;
        tracing::debug!(ttl_secs = held.ttl.map(|ttl| ttl.as_secs()), "logged in to Vault");
        Ok(held)
    }

    /// The token with more time, another one, or the same while it lasts.
    async fn renewed(&self, aging: Held, now: Timestamp) -> Result<Held, Trouble> {
        let alive = aging.age(now) < 1.0;
        if alive && aging.renewable {
            match self.renew(&aging, now).await {
                // Near the end of all renewals Vault gives less and less: then another one is better.
                Ok(renewed) if renewed.ttl >= aging.ttl || !self.method.can_log_in() => return Ok(renewed),
                Ok(_) => {}
                Err(error) if error.is_transient() => return Ok(aging),
                Err(_) => {}
            }
        }
        if self.method.can_log_in() {
            return match self.logged_in().await {
                Err(trouble) if alive && trouble.is_transient() => Ok(aging),
                done => done,
            };
        }
        // One that somebody else made and that cannot be renewed is used until Vault refuses it.
        Ok(Held { renewable: false, ..aging })
    }

    async fn renew(&self, aging: &Held, since: Timestamp) -> Result<Held, RotateError> {
        let path = Path::new().literal("v1/auth/token/renew-self");
        let call = Outgoing::post("auth.renew", path).json(&serde_json::Map::new()).idempotent();
        let answer = self.with(call, aging.token.as_deref()).await?;
        let renewed: Login = answer.json()?;
        let ttl = seconds(renewed.auth.lease_duration);
        Ok(Held { ttl, renewable: renewed.auth.renewable, since, token: aging.token.clone() })
    }

    /// Whether a refusal is about the token itself and not about what it may do.
    async fn is_dead(&self, held: &Held, refused: &RotateError) -> bool {
        match (refused.status(), refused.code()) {
            (Some(403), Some(INVALID_TOKEN)) => true,
            (Some(403), _) => {
                let looked = self.with(lookup_self(), held.token.as_deref()).await;
                looked.is_err_and(|error| error.status() == Some(403))
            }
            _ => false,
        }
    }

    /// Has the next call log in, unless another one did meanwhile.
    async fn give_up(&self, dead: &Held) {
        let mut held = self.held.lock().await;
        if held.as_ref().is_some_and(|held| held.is(dead)) {
            *held = None;
        }
    }

    async fn with(&self, call: Outgoing, token: Option<&ClientSecret>) -> Result<Received, RotateError> {
        let call = call.header(REQUEST, "true");
        let call = match &self.namespace {
            Some(namespace) => call.header(NAMESPACE, namespace),
            None => call,
        };
        let call = match token {
            Some(token) => call.secret_header(TOKEN, token.expose()),
            None => call,
        };
        self.pipeline.send(call).await
    }
}

fn lookup_self() -> Outgoing {
    Outgoing::get("auth.lookup", Path::new().literal("v1/auth/token/lookup-self"))
}

fn read_login(answer: &Received, since: Timestamp) -> Result<Held, RotateError> {
    let login: Login = answer.json()?;
    let token = rescue::secret(answer.expose_body(), &["auth", "client_token"]);
    let token = token.ok_or_else(|| answer.unreadable("it holds no token: a second factor may be asked for"))?;
    let ttl = seconds(login.auth.lease_duration);
    Ok(Held { token: Some(Arc::new(token)), since, ttl, renewable: login.auth.renewable })
}

/// Vault says 0 for a token that does not end.
fn seconds(seconds: u64) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

/// Answer to a login and to `POST /v1/auth/token/renew-self`, without the token.
///
/// Shape: `{"auth": {"client_token": string, "lease_duration": number, "renewable": bool}}`; other fields are ignored.
/// Units: `lease_duration` is in seconds; 0 means that it does not end. Errors: 400 not accepted, or not renewable; 403.
/// Source: <https://developer.hashicorp.com/vault/api-docs/auth/token#renew-a-token-self>.
#[derive(Deserialize)]
struct Login {
    auth: LoginAuth,
}

#[derive(Deserialize)]
struct LoginAuth {
    #[serde(default)]
    lease_duration: u64,
    #[serde(default)]
    renewable: bool,
}

/// Answer to `GET /v1/auth/token/lookup-self`, without the token.
///
/// Shape: `{"data": {"id": string, "ttl": number, "renewable": bool}}`; other fields are ignored.
/// Units: `ttl` is in seconds from now; 0 means that it does not end. Errors: 403 unknown or expired.
/// Source: <https://developer.hashicorp.com/vault/api-docs/auth/token#lookup-a-token-self>.
#[derive(Deserialize)]
struct Lookup {
    data: LookupData,
}

#[derive(Deserialize)]
struct LookupData {
    #[serde(default)]
    ttl: u64,
    #[serde(default)]
    renewable: bool,
}
