//! Why a call to a vendor failed, and what it may have done there.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::{TargetId, Vendor};

type Source = Box<dyn std::error::Error + Send + Sync + 'static>;

/// The longest code or request id that is taken over from a vendor's answer.
const VENDOR_WORD_CHARS_MAX: usize = 100;

/// What a failed call did at the vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Nothing changed.
    NotApplied,
    /// It took effect.
    Applied,
    /// It may or may not have taken effect; only a witness can tell.
    Unknown,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotApplied => "not applied",
            Self::Applied => "applied",
            Self::Unknown => "unknown",
        })
    }
}

/// Which call failed: vendor, operation and, where there is one, target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    vendor: Vendor,
    operation: Cow<'static, str>,
    target: Option<TargetId>,
}

impl Call {
    /// A call without a target.
    pub fn new(vendor: Vendor, operation: impl Into<Cow<'static, str>>) -> Self {
        Self { vendor, operation: operation.into(), target: None }
    }

    /// The same call, about `target`.
    #[must_use]
    pub fn on(mut self, target: &TargetId) -> Self {
        self.target = Some(target.clone());
        self
    }

    /// The vendor that was to be called.
    pub fn vendor(&self) -> &Vendor {
        &self.vendor
    }

    /// The operation, as in `m2m.rotate_start`.
    pub fn operation(&self) -> &str {
        &self.operation
    }

    /// The target, where the call was about one.
    pub fn target(&self) -> Option<&TargetId> {
        self.target.as_ref()
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.vendor, self.operation)?;
        self.target.iter().try_for_each(|target| write!(f, " for {target}"))
    }
}

/// Why a call to a vendor failed. The variants differ in what the vendor may have done.
///
/// Boxed, because failure is rare and `Result`s are moved often. `Display` says this layer's part only: whoever reports
/// walks [`source`](std::error::Error::source). No variant holds
/// a body, a header or a query.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RotateError {
    /// Never left this process.
    #[error(transparent)]
    NotSent(Box<NotSent>),
    /// Sent; the vendor said no.
    #[error(transparent)]
    Refused(Box<Refused>),
    /// Sent; no answer that can be relied on.
    #[error(transparent)]
    NoAnswer(Box<NoAnswer>),
    /// Sent and done; the answer cannot be read. Its bytes are where the caller keeps replies.
    #[error(transparent)]
    Unreadable(Box<Unreadable>),
}

impl RotateError {
    /// What the failed call did at the vendor.
    pub fn effect(&self) -> Effect {
        match self {
            Self::NotSent(_) | Self::Refused(_) => Effect::NotApplied,
            Self::NoAnswer(_) => Effect::Unknown,
            Self::Unreadable(_) => Effect::Applied,
        }
    }

    /// Whether the same call may succeed later without anybody changing anything.
    ///
    /// Says nothing about whether it is safe to send it again: that follows from [`effect`](Self::effect).
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NotSent(error) => error.transient,
            Self::Refused(error) => matches!(error.refusal, Refusal::RateLimited | Refusal::InProgress),
            Self::NoAnswer(_) => true,
            Self::Unreadable(_) => false,
        }
    }

    /// How long the vendor asked to wait, when it did.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(error) => error.retry_after,
            Self::NoAnswer(error) => error.retry_after,
            Self::NotSent(_) | Self::Unreadable(_) => None,
        }
    }

    /// Which call failed.
    pub fn call(&self) -> &Call {
        match self {
            Self::NotSent(error) => &error.call,
            Self::Refused(error) => &error.call,
            Self::NoAnswer(error) => &error.call,
            Self::Unreadable(error) => &error.call,
        }
    }

    /// The HTTP status of the answer, when there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::NotSent(_) => None,
            Self::Refused(error) => Some(error.status),
            Self::NoAnswer(error) => error.status,
            Self::Unreadable(error) => Some(error.status),
        }
    }

    /// The vendor's own error code, as in `m2m_client_not_found`.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(error) => error.code.as_deref(),
            Self::NoAnswer(error) => error.code.as_deref(),
            Self::NotSent(_) | Self::Unreadable(_) => None,
        }
    }

    /// The vendor's id of the request, for its support.
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::NotSent(_) => None,
            Self::Refused(error) => error.request_id.as_deref(),
            Self::NoAnswer(error) => error.request_id.as_deref(),
            Self::Unreadable(error) => error.request_id.as_deref(),
        }
    }

    /// What kind of refusal it was, when the vendor refused.
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refused(error) => Some(error.refusal),
            Self::NotSent(_) | Self::NoAnswer(_) | Self::Unreadable(_) => None,
        }
    }

    /// The same error, known to be about `target`.
    #[must_use]
    pub fn on(mut self, target: &TargetId) -> Self {
        let call = match &mut self {
            Self::NotSent(error) => &mut error.call,
            Self::Refused(error) => &mut error.call,
            Self::NoAnswer(error) => &mut error.call,
            Self::Unreadable(error) => &mut error.call,
        };
        call.target = Some(target.clone());
        self
    }
}

/// A call that never left this process: bad input, no connection, a missing credential.
#[derive(Debug, thiserror::Error)]
#[error("{call} was not sent: {reason}")]
pub struct NotSent {
    call: Call,
    reason: Cow<'static, str>,
    transient: bool,
    #[source]
    source: Option<Source>,
}

impl NotSent {
    /// A call that would fail again in the same way.
    pub fn misuse(call: Call, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { call, reason: reason.into(), transient: false, source: None }
    }

    /// A call that may well go through later: the vendor could not be reached.
    pub fn unreachable(call: Call, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { call, reason: reason.into(), transient: true, source: None }
    }

    /// The same error with what caused it. The source must not quote a secret.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Why it was not sent.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl From<NotSent> for RotateError {
    fn from(error: NotSent) -> Self {
        Self::NotSent(Box::new(error))
    }
}

/// What a vendor's refusal comes down to, in the words that every vendor shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// The credential of the caller, or the client's own, is not accepted.
    Credentials,
    /// The caller is known and may not do this.
    Forbidden,
    /// There is no such target here; it may be in another scope.
    NotFound,
    /// A two-phase rotation of this target is in progress already.
    AlreadyPending,
    /// There is no rotation in progress that could be completed or cancelled.
    NothingPending,
    /// This kind of client has no secret.
    HasNoSecret,
    /// The idempotency key belongs to another request.
    KeyConflict,
    /// The first request under this key has not finished.
    InProgress,
    /// Too many requests.
    RateLimited,
    /// The request was malformed, or anything else.
    Invalid,
}

impl Refusal {
    /// The default reading of a status code. A vendor's adapter states only where it differs.
    pub fn from_status(status: u16) -> Self {
        match status {
            401 => Self::Credentials,
            403 => Self::Forbidden,
            404 | 410 => Self::NotFound,
            429 => Self::RateLimited,
            _ => Self::Invalid,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Credentials => "the credential is not accepted",
            Self::Forbidden => "this is not allowed",
            Self::NotFound => "there is no such client here",
            Self::AlreadyPending => "a rotation is in progress already",
            Self::NothingPending => "no rotation is in progress",
            Self::HasNoSecret => "this kind of client has no secret",
            Self::KeyConflict => "the idempotency key belongs to another request",
            Self::InProgress => "the first request under this key has not finished",
            Self::RateLimited => "too many requests",
            Self::Invalid => "the request was not accepted",
        })
    }
}

/// A call that the vendor refused: nothing changed there.
#[derive(Debug, thiserror::Error)]
#[error("{call} was refused: {refusal} (HTTP {status}{})", tail(.code.as_deref(), .request_id.as_deref()))]
pub struct Refused {
    call: Call,
    status: u16,
    refusal: Refusal,
    code: Option<String>,
    request_id: Option<String>,
    retry_after: Option<Duration>,
}

impl Refused {
    /// A refusal with the default reading of its status.
    pub fn new(call: Call, status: u16) -> Self {
        let refusal = Refusal::from_status(status);
        Self { call, status, refusal, code: None, request_id: None, retry_after: None }
    }

    /// The same refusal, read differently from its status.
    #[must_use]
    pub fn reading(mut self, refusal: Refusal) -> Self {
        self.refusal = refusal;
        self
    }

    /// The same refusal with the vendor's code; a text that does not look like a code is left out.
    #[must_use]
    pub fn with_code(mut self, code: Option<&str>) -> Self {
        self.code = code.and_then(vendor_word);
        self
    }

    /// The same refusal with the vendor's request id; a text that does not look like an id is left out.
    #[must_use]
    pub fn with_request_id(mut self, id: Option<&str>) -> Self {
        self.request_id = id.and_then(vendor_word);
        self
    }

    /// The same refusal with the wait that the vendor asked for.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }
}

impl From<Refused> for RotateError {
    fn from(error: Refused) -> Self {
        Self::Refused(Box::new(error))
    }
}

/// A call without an answer that can be relied on: a timeout, a cut line, a 5xx. It may have taken effect.
#[derive(Debug, thiserror::Error)]
#[error("{call} got no answer that can be relied on: {reason}{}", told(*.status, .code.as_deref(), .request_id.as_deref()))]
pub struct NoAnswer {
    call: Call,
    reason: Cow<'static, str>,
    status: Option<u16>,
    code: Option<String>,
    request_id: Option<String>,
    retry_after: Option<Duration>,
    #[source]
    source: Option<Source>,
}

impl NoAnswer {
    /// A call whose answer was lost, late or useless.
    pub fn new(call: Call, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            call,
            reason: reason.into(),
            status: None,
            code: None,
            request_id: None,
            retry_after: None,
            source: None,
        }
    }

    /// The same error with the status of the answer.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// The same error with the vendor's code; a text that does not look like a code is left out.
    #[must_use]
    pub fn with_code(mut self, code: Option<&str>) -> Self {
        self.code = code.and_then(vendor_word);
        self
    }

    /// The same error with the vendor's request id; a text that does not look like an id is left out.
    #[must_use]
    pub fn with_request_id(mut self, id: Option<&str>) -> Self {
        self.request_id = id.and_then(vendor_word);
        self
    }

    /// The same error with the wait that the vendor asked for.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// The same error with what caused it. The source must not quote a secret.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl From<NoAnswer> for RotateError {
    fn from(error: NoAnswer) -> Self {
        Self::NoAnswer(Box::new(error))
    }
}

/// A call that took effect and whose answer cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{call} took effect, but its answer cannot be read: {reason} (HTTP {status}{})", tail(None, .request_id.as_deref()))]
pub struct Unreadable {
    call: Call,
    status: u16,
    reason: Cow<'static, str>,
    request_id: Option<String>,
}

impl Unreadable {
    /// An answer with a success status that does not hold what it should. `reason` must not quote the answer.
    pub fn new(call: Call, status: u16, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { call, status, reason: reason.into(), request_id: None }
    }

    /// The same error with the vendor's request id; a text that does not look like an id is left out.
    #[must_use]
    pub fn with_request_id(mut self, id: Option<&str>) -> Self {
        self.request_id = id.and_then(vendor_word);
        self
    }

    /// Why it cannot be read.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl From<Unreadable> for RotateError {
    fn from(error: Unreadable) -> Self {
        Self::Unreadable(Box::new(error))
    }
}

/// A code or id from a vendor's answer, if it looks like one: what goes into logs and terminals is never free text.
fn vendor_word(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/');
    let fits = !text.is_empty() && text.len() <= VENDOR_WORD_CHARS_MAX && text.chars().all(plain);
    fits.then(|| text.to_owned())
}

fn tail(code: Option<&str>, request_id: Option<&str>) -> String {
    let mut text = String::new();
    if let Some(code) = code {
        text.push_str(", ");
        text.push_str(code);
    }
    if let Some(id) = request_id {
        text.push_str(", request ");
        text.push_str(id);
    }
    text
}

fn told(status: Option<u16>, code: Option<&str>, request_id: Option<&str>) -> String {
    match status {
        Some(status) => format!(" (HTTP {status}{})", tail(code, request_id)),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> Call {
        Call::new(Vendor::from_static("acme"), "issue")
    }

    #[test]
    fn every_variant_says_what_it_did_at_the_vendor() {
        let errors: [(RotateError, Effect); 4] = [
            (NotSent::misuse(call(), "no").into(), Effect::NotApplied),
            (Refused::new(call(), 404).into(), Effect::NotApplied),
            (NoAnswer::new(call(), "timed out").into(), Effect::Unknown),
            (Unreadable::new(call(), 200, "not JSON").into(), Effect::Applied),
        ];
        for (error, effect) in errors {
            assert_eq!(error.effect(), effect, "{error}");
        }
    }

    #[test]
    fn free_text_from_a_vendor_does_not_get_into_an_error() {
        let error =
            Refused::new(call(), 400).with_code(Some("\u{1b}[2Jgotcha")).with_request_id(Some("the secret is abc"));
        assert_eq!(error.to_string(), "acme issue was refused: the request was not accepted (HTTP 400)");
    }

    #[test]
    fn a_refusal_shows_code_and_request_id() {
        let error = Refused::new(call(), 404).with_code(Some("m2m_client_not_found")).with_request_id(Some("r-1"));
        assert_eq!(
            error.to_string(),
            "acme issue was refused: there is no such client here (HTTP 404, m2m_client_not_found, request r-1)"
        );
    }
}
