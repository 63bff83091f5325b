//! Requests as they are, over whatever carries them.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use zeroize::Zeroizing;

use cutover_core::ClientSecret;
use cutover_http::{BaseUrl, Credential, End, Limits, Request, SecretBytes, Transport};

use super::{Ask, Exchange, Lost};

/// What stays as it is in a path segment.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What stays as it is in a form.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*');

/// Where a vendor listens.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    transport: Arc<dyn Transport>,
    base_url: BaseUrl,
}

/// A request before it is sent.
pub(super) struct Draft {
    method: Method,
    path: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Vec<u8>,
}

impl Line {
    pub(crate) fn new(transport: Arc<dyn Transport>, base_url: BaseUrl) -> Self {
        Self { transport, base_url }
    }

    /// Sends a request once, if there is one; with the caller's credential, unless it is about the client's own.
    pub(super) async fn ask(
        &self,
        ask: Ask<'_>,
        draft: Option<Draft>,
        as_caller: impl FnOnce(Draft) -> Draft + Send,
    ) -> Result<Option<Exchange>, Lost> {
        let Some(draft) = draft else { return Ok(None) };
        let draft = if let Ask::Authenticate { .. } = ask { draft } else { as_caller(draft) };
        self.send(draft).await.map(Some)
    }

    async fn send(&self, draft: Draft) -> Result<Exchange, Lost> {
        let mut request = http::Request::builder().method(draft.method).uri(format!("{}{}", self.base_url, draft.path));
        for (name, value) in draft.headers {
            request = request.header(name, value);
        }
        let body = SecretBytes::new(Zeroizing::new(draft.body));
        let request: Request = request.body(body).map_err(|error| Lost(format!("it cannot be sent: {error}")))?;
        let answer = self.transport.send(request, &Limits::default()).await;
        let answer = answer.map_err(|error| Lost(error.to_string()))?;
        if answer.end() != End::Whole {
            return Err(Lost("it was cut".to_owned()));
        }
        Ok(Exchange { status: answer.status(), headers: answer.headers().clone(), body: answer.into_body() })
    }
}

impl Draft {
    pub(super) fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), headers: Vec::new(), body: Vec::new() }
    }

    pub(super) fn json(mut self, body: &Value) -> Self {
        self.body = body.to_string().into_bytes();
        self.header(CONTENT_TYPE, b"application/json")
    }

    pub(super) fn form(mut self, fields: &[(&str, &str)]) -> Self {
        let pairs = fields.iter().map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, FORM)));
        self.body = pairs.collect::<Vec<_>>().join("&").into_bytes();
        self.header(CONTENT_TYPE, b"application/x-www-form-urlencoded")
    }

    /// Another header of this name, unless its value cannot be in one.
    pub(super) fn header(mut self, name: HeaderName, value: &[u8]) -> Self {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            self.headers.push((name, value));
        }
        self
    }

    pub(super) fn bearer(self, token: Option<&Credential>) -> Self {
        match token {
            Some(Credential::Secret(token)) => self.authorization(&format!("Bearer {}", token.expose())),
            // A gateway adds it, or nobody does.
            Some(Credential::Injected) | None => self,
        }
    }

    pub(super) fn basic(self, user: &str, password: &ClientSecret) -> Self {
        let pair = Zeroizing::new(format!("{user}:{}", password.expose()));
        self.authorization(&format!("Basic {}", STANDARD.encode(pair.as_bytes())))
    }

    fn authorization(self, value: &str) -> Self {
        self.header(AUTHORIZATION, value.as_bytes())
    }
}

/// An id as one segment of a path.
pub(super) fn segment(id: &str) -> String {
    utf8_percent_encode(id, SEGMENT).to_string()
}
