//! A webhook that is called, after the conventions of Standard Webhooks.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cutover_core::{ClientSecret, Clock, SystemClock};
use cutover_engine::{Hook, HookError, News};
use cutover_http::{BaseUrl, BaseUrlError, Limits, Request, ReqwestTransport, SecretBytes, Transport};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Uri};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::failed;

/// How long a call may take unless said otherwise: a webhook takes note and does its work later.
const TIME: Duration = Duration::from_secs(10);
/// Nothing of an answer but its status is of use.
const ANSWER_BYTES: usize = 1024;
/// What Standard Webhooks puts before a signing key in base64.
const KEY_PREFIX: &str = "whsec_";

/// Calls a webhook with the news and no secret.
///
/// `POST` with `{"type": "secret.promoted" or "secret.rolled_back", "timestamp", "data": {"target", "version",
/// "attempt", "change"}}`. The headers `webhook-id` and `idempotency-key` are the same whenever the same news is sent
/// again. Any 2xx is done; 408, 425, 429, 5xx and no answer may pass. Only `https`, or `http` to this machine; no
/// redirect is followed.
///
/// Its name and its errors name the host: the path of a webhook is often a secret.
#[derive(Clone)]
pub struct WebhookHook {
    name: String,
    uri: Uri,
    host: String,
    port: u16,
    token: Option<Arc<ClientSecret>>,
    key: Option<Arc<Zeroizing<Vec<u8>>>>,
    time: Duration,
    clock: Arc<dyn Clock>,
    /// The one of all webhooks unless another was given.
    transport: Option<Arc<dyn Transport>>,
}

impl WebhookHook {
    /// A hook that calls this URL.
    ///
    /// # Errors
    /// When it is no URL that may be called.
    pub fn new(url: &str) -> Result<Self, InvalidWebhook> {
        let (place, _) = url.split_once('?').unwrap_or((url, ""));
        let base = BaseUrl::parse(place)?;
        let uri: Uri = url.parse().map_err(|_| InvalidWebhook::Url(BaseUrlError::Malformed))?;
        // Two readings of one text: what was checked has to be what is called.
        let bare = |host: &str| host.trim_matches(['[', ']']).to_ascii_lowercase();
        if url.contains('#') || uri.host().map(bare) != Some(bare(base.host())) {
            return Err(InvalidWebhook::Url(BaseUrlError::Malformed));
        }
        Ok(Self {
            name: format!("webhook of {}", base.host()),
            host: bare(base.host()),
            port: base.port(),
            uri,
            token: None,
            key: None,
            time: TIME,
            clock: Arc::new(SystemClock),
            transport: None,
        })
    }

    /// The same hook under another name, to tell it from others of the same host.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The same hook, which shows this token.
    ///
    /// # Errors
    /// When it cannot stand in a header.
    pub fn with_token(mut self, token: ClientSecret) -> Result<Self, InvalidWebhook> {
        if token.expose().is_empty() || !token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidWebhook::Token);
        }
        self.token = Some(Arc::new(token));
        Ok(self)
    }

    /// The same hook, which signs what it sends: after Standard Webhooks, version 1, HMAC with SHA-256.
    ///
    /// A key that begins with `whsec_` goes on in base64; any other is taken as it is.
    ///
    /// # Errors
    /// When it is no such key, or shorter than 16 bytes.
    pub fn with_signing_key(mut self, key: &ClientSecret) -> Result<Self, InvalidWebhook> {
        let bytes = match key.expose().strip_prefix(KEY_PREFIX) {
            Some(encoded) => STANDARD.decode(encoded).map_err(|_| InvalidWebhook::Key)?,
            None => key.expose().as_bytes().to_vec(),
        };
        let bytes = Zeroizing::new(bytes);
        if bytes.len() < 16 {
            return Err(InvalidWebhook::Key);
        }
        self.key = Some(Arc::new(bytes));
        Ok(self)
    }

    /// The same hook with another time than 10 s.
    #[must_use]
    pub fn within(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// The same hook by another clock.
    #[must_use]
    pub fn by(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The same hook over another transport.
    #[must_use]
    pub fn over(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// What is sent, but for the parts that do not depend on the news.
    fn request(&self, news: &News) -> Result<Request, HookError> {
        let now = self.clock.now();
        let id = format!("{}-{}", news.version, news.change.name());
        let body = serde_json::json!({
            "type": format!("secret.{}", news.change.name()),
            "timestamp": now.to_string(),
            "data": {
                "target": news.target.as_str(),
                "version": news.version.to_string(),
                "attempt": news.version.attempt().to_string(),
                "change": news.change.name(),
            },
        })
        .to_string();
        let seconds = now.as_second().to_string();
        let mut request = http::Request::builder()
            .method(Method::POST)
            .uri(self.uri.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("cutover/", env!("CARGO_PKG_VERSION")))
            .header("idempotency-key", &id)
            .header("webhook-id", &id)
            .header("webhook-timestamp", &seconds);
        if let Some(key) = &self.key {
            request = request.header("webhook-signature", signature(key, &format!("{id}.{seconds}.{body}")));
        }
        if let Some(token) = &self.token {
            let text = Zeroizing::new(format!("Bearer {}", token.expose()));
            let mut value = HeaderValue::from_str(&text).map_err(|_| failed(&self.name, "its token is none", false))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let request = request.body(SecretBytes::new(Zeroizing::new(body.into_bytes())));
        request.map_err(|_| failed(&self.name, "the request is not valid", false))
    }

    /// Whether names are looked up here at all: behind a proxy it is the proxy that does.
    fn looks_up(&self) -> bool {
        let local = self.uri.scheme_str() == Some("http");
        let proxies = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
        local || !proxies.iter().any(|name| std::env::var_os(name).is_some_and(|proxy| !proxy.is_empty()))
    }
}

#[async_trait]
impl Hook for WebhookHook {
    fn name(&self) -> &str {
        &self.name
    }

    /// Looks the host up. The webhook itself is not called: what it would do about it, only its owner knows.
    /// That of the call, and as much again for looking up the host.
    fn time_limit(&self) -> Duration {
        self.time.saturating_mul(2)
    }

    async fn preflight(&self) -> Result<(), HookError> {
        if !self.looks_up() {
            return Ok(());
        }
        let look_up = async {
            let mut addresses = tokio::net::lookup_host((self.host.as_str(), self.port)).await?;
            Ok::<_, std::io::Error>(addresses.next())
        };
        let found = tokio::time::timeout(self.time, look_up).await;
        match found {
            Ok(Ok(Some(_))) => Ok(()),
            Ok(Ok(None)) => Err(failed(&self.name, format!("{} has no address", self.host), false)),
            Ok(Err(error)) => Err(failed(&self.name, format!("{} cannot be found", self.host), false).caused_by(error)),
            Err(_) => Err(failed(&self.name, format!("{} cannot be found in time", self.host), true)),
        }
    }

    async fn run(&self, news: &News) -> Result<(), HookError> {
        let request = self.request(news)?;
        let limits = Limits { connect: self.time, call: self.time, answer_bytes: ANSWER_BYTES };
        let transport = self.transport.clone().or_else(shared).ok_or_else(|| {
            failed(&self.name, "no HTTP client could be made: are the certificates of the system there?", false)
        })?;
        let answer = match transport.send(request, &limits).await {
            Ok(answer) => answer,
            Err(error) => return Err(failed(&self.name, "it gave no answer", true).caused_by(error)),
        };
        // Whatever else it says may be anything, so only its status is told.
        let status = answer.status();
        match status {
            200..300 => Ok(()),
            300..400 => Err(failed(&self.name, format!("it answered {status}, and redirects are not followed"), false)),
            408 | 425 | 429 | 500..600 => Err(failed(&self.name, format!("it answered {status}"), true)),
            _ => Err(failed(&self.name, format!("it answered {status}"), false)),
        }
    }
}

impl fmt::Debug for WebhookHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookHook")
            .field("host", &self.host)
            .field("token", &self.token)
            .field("signs", &self.key.is_some())
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}

/// One for all webhooks, made when the first is called: each would read all certificates of the system.
fn shared() -> Option<Arc<dyn Transport>> {
    static SHARED: OnceLock<Option<Arc<dyn Transport>>> = OnceLock::new();
    let limits = Limits { connect: TIME, call: TIME, answer_bytes: ANSWER_BYTES };
    let make = || ReqwestTransport::new(&limits).ok().map(|made| Arc::new(made) as Arc<dyn Transport>);
    SHARED.get_or_init(make).clone()
}

fn signature(key: &[u8], content: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length will do");
    mac.update(content.as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// A webhook that cannot be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidWebhook {
    /// No URL that may be called. Not quoted: it may hold a secret.
    #[error("it is no URL to call ({0})")]
    Url(#[from] BaseUrlError),
    /// A token that cannot stand in a header.
    #[error("the token is empty, or holds white space or a character outside ASCII")]
    Token,
    /// A key that cannot sign.
    #[error("the signing key has to be whsec_ and base64, or a text, of at least 16 bytes")]
    Key,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification.
    #[test]
    fn the_signature_is_the_one_of_the_specification() {
        let key = STANDARD.decode("C2FVsBQIhrscChlQIMV+b5sSYspob7oD").expect("base64");
        let content =
            "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk.1649367553.{\"email\":\"test@example.com\",\"username\":\"test_user\"}";
        assert_eq!(signature(&key, content), "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
    }
}
