//! How one vendor words its errors.

use std::fmt;

use cutover_core::Refusal;
use http::HeaderMap;

/// How one vendor words its errors and names its requests. Holds only what differs from the default reading of a status.
///
/// The answer may be cut short, malformed or somebody else's, a proxy's for instance: what is not found is not there.
pub trait Dialect: fmt::Debug + Send + Sync + 'static {
    /// Reads an answer whose status is not a success.
    fn read_error(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> ErrorReading;

    /// The vendor's id of the request, in a success or an error.
    fn request_id(&self, headers: &HeaderMap, body: &[u8]) -> Option<String>;
}

/// What an error answer says beyond its status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorReading {
    code: Option<String>,
    refusal: Option<Refusal>,
}

impl ErrorReading {
    /// Nothing beyond the status.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with the vendor's error code. Free text does not belong here, and is dropped where it is shown.
    #[must_use]
    pub fn with_code(mut self, code: Option<String>) -> Self {
        self.code = code;
        self
    }

    /// The same, read differently from its status, or by it for `None`. Counts for statuses that are refusals: it makes
    /// no refusal of a 5xx.
    #[must_use]
    pub fn reading(mut self, refusal: impl Into<Option<Refusal>>) -> Self {
        self.refusal = refusal.into();
        self
    }

    /// The vendor's error code.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// What the refusal comes down to, where the status does not say it.
    pub fn refusal(&self) -> Option<Refusal> {
        self.refusal
    }
}

/// No dialect at all: statuses by their default reading, the request id from `X-Request-Id`.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainDialect;

impl Dialect for PlainDialect {
    fn read_error(&self, _status: u16, _headers: &HeaderMap, _body: &[u8]) -> ErrorReading {
        ErrorReading::new()
    }

    fn request_id(&self, headers: &HeaderMap, _body: &[u8]) -> Option<String> {
        Some(headers.get("x-request-id")?.to_str().ok()?.to_owned())
    }
}
