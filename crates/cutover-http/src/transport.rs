//! The one seam between the pipeline and whatever carries a request: a socket, or a vendor in the same process.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use http::HeaderMap;
use zeroize::Zeroizing;

use crate::SecretBytes;

/// A request as it is handed to a [`Transport`]: absolute URI, headers with credentials marked sensitive, whole body.
pub type Request = http::Request<SecretBytes>;

/// Carries one request to the vendor and brings back what came.
///
/// Sends the request at most once: no redirects, no retries. Dropping the future leaves it open whether the request
/// arrived.
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Sends `request` and gives the answer as far as it came.
    ///
    /// An answer whose head arrived is never an error, however its body ended: see [`End`].
    ///
    /// # Errors
    /// [`SendError::NotSent`] only when not one byte of the request can have reached the vendor; otherwise, when no
    /// head arrived, [`SendError::NoAnswer`].
    async fn send(&self, request: Request, limits: &Limits) -> Result<Answer, SendError>;
}

/// How long a call may take and how much of its answer is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Name lookup, TCP and TLS together, for a new connection. 10 s: three lost SYN packets (1 + 2 + 4 s) still pass.
    pub connect: Duration,
    /// The whole call from the first byte to the last, connecting included. 30 s: the usual patience of the proxies in
    /// front of vendors, so that their answer and not our timeout ends a slow call.
    pub call: Duration,
    /// How many bytes of an answer are kept. 1 MiB: a hundred times the largest answer of any supported endpoint.
    pub answer_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), call: Duration::from_secs(30), answer_bytes: 1024 * 1024 }
    }
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// As its sender meant it to.
    Whole,
    /// The line was cut or the time was up; the bytes are those that came before.
    CutShort,
    /// It was longer than the limit; the bytes are the first of it, as many as the limit allows.
    OverLimit,
}

/// What came back: status, headers, and as much of the body as arrived. As secret as what it holds.
///
/// `Debug` shows status, length and end; there is no `Clone`; the body is wiped on drop.
pub struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Zeroizing<Vec<u8>>,
    end: End,
}

impl Answer {
    /// A whole answer.
    pub fn new(status: u16, headers: HeaderMap, body: Zeroizing<Vec<u8>>) -> Self {
        Self { status, headers, body, end: End::Whole }
    }

    /// The same answer, ended in another way.
    #[must_use]
    pub fn ended(mut self, end: End) -> Self {
        self.end = end;
        self
    }

    /// The same answer with no more than `bytes` of its body.
    #[must_use]
    pub(crate) fn limited_to(mut self, bytes: usize) -> Self {
        if self.body.len() > bytes {
            self.body = Zeroizing::new(self.body[..bytes].to_vec());
            self.end = End::OverLimit;
        }
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// All headers, cookies included: not for logs.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The value of one header, where it is there and text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How it ended.
    pub fn end(&self) -> End {
        self.end
    }

    /// The bytes that came, for whoever reads or keeps them.
    pub fn expose_body(&self) -> &[u8] {
        &self.body
    }

    /// The bytes that came, given up without a copy.
    pub fn into_body(self) -> Zeroizing<Vec<u8>> {
        self.body
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

/// Why a request brought no answer. The variants differ in what may have reached the vendor.
///
/// A source must not quote a header, a body or a URL with a query.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// Nothing left this process: no connection came about.
    #[error("{reason}")]
    NotSent {
        /// What went wrong, without a value in it.
        reason: &'static str,
        /// What caused it.
        source: Option<Box<dyn Error + Send + Sync + 'static>>,
    },
    /// Some or all of the request may have arrived; no head of an answer came back.
    #[error("{reason}")]
    NoAnswer {
        /// What went wrong, without a value in it.
        reason: &'static str,
        /// What caused it.
        source: Option<Box<dyn Error + Send + Sync + 'static>>,
    },
}

impl SendError {
    /// Nothing left this process.
    pub fn not_sent(reason: &'static str) -> Self {
        Self::NotSent { reason, source: None }
    }

    /// The request may have arrived, and no answer came.
    pub fn no_answer(reason: &'static str) -> Self {
        Self::NoAnswer { reason, source: None }
    }

    /// The same error with what caused it.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn Error + Send + Sync + 'static>>) -> Self {
        let source = match &mut self {
            Self::NotSent { source, .. } | Self::NoAnswer { source, .. } => source,
        };
        *source = Some(cause.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_an_answer_shows_no_byte_of_its_body_and_no_header() {
        let mut headers = HeaderMap::new();
        headers.insert("set-cookie", "session=abc".parse().expect("a header value"));
        let answer = Answer::new(200, headers, Zeroizing::new(b"the-secret".to_vec())).ended(End::CutShort);
        assert_eq!(format!("{answer:?}"), "Answer { status: 200, bytes: 10, end: CutShort, .. }");
    }

    #[test]
    fn an_answer_of_exactly_the_limit_is_whole() {
        let answer = |bytes: usize| Answer::new(200, HeaderMap::new(), Zeroizing::new(vec![b'x'; bytes]));
        assert_eq!(answer(10).limited_to(10).end(), End::Whole);
        let longer = answer(11).limited_to(10);
        assert_eq!((longer.end(), longer.expose_body().len()), (End::OverLimit, 10));
    }
}
