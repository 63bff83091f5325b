//! The transport over real sockets.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderValue, Method};
use reqwest::{Client, ClientBuilder, redirect, retry};

use crate::base_url::is_this_machine_by_name;
use crate::secret_bytes::SecretBuf;
use crate::{Answer, End, Limits, Request, SendError, Transport};

/// How long an unused connection is kept. 4 s: below the 5 s after which the most impatient of the common servers
/// (Node.js) closes it, because a request that meets a closing connection has an unknown effect.
const IDLE: Duration = Duration::from_secs(4);

/// How much is set aside for an answer that does not say how long it is: a page, above every answer with a secret.
const BODY_BYTES_EXPECTED: usize = 4096;

/// The transport over real sockets: HTTP/1.1 with rustls, no redirects, nothing sent twice.
///
/// Requests to this machine never go through a proxy, and `localhost` is never looked up; all others go over TLS, and
/// through the proxy of the environment where one is set.
#[derive(Clone)]
pub struct ReqwestTransport {
    outside: Client,
    this_machine: Client,
    connect: Duration,
}

impl ReqwestTransport {
    /// A transport with its own pool of connections.
    ///
    /// The time to connect belongs to the pool and is taken from `limits` here; the other limits count per call.
    ///
    /// # Errors
    /// When the certificates of the system cannot be read.
    pub fn new(limits: &Limits) -> Result<Self, TransportError> {
        let connect = limits.connect.min(limits.call);
        let localhost = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))];
        let outside = builder(connect).https_only(true);
        let this_machine = builder(connect).no_proxy().resolve_to_addrs("localhost", &localhost);
        Ok(Self { outside: outside.build()?, this_machine: this_machine.build()?, connect })
    }
}

#[async_trait]
impl Transport for ReqwestTransport {
    async fn send(&self, request: Request, limits: &Limits) -> Result<Answer, SendError> {
        let (parts, body) = request.into_parts();
        let local = parts.uri.host().is_some_and(is_this_machine_by_name);
        let client = if local { &self.this_machine } else { &self.outside };
        let bodiless = body.is_empty() && ![Method::GET, Method::HEAD].contains(&parts.method);
        let mut request = reqwest::Request::try_from(http::Request::from_parts(parts, body.into_bytes()))
            .map_err(|error| SendError::not_sent("the request is not valid").caused_by(error.without_url()))?;
        if bodiless {
            // The library leaves the length out then, and some servers answer 411.
            request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }

        // Outside of the future that the timeout drops, so that what came in time is still there.
        let mut head: Option<(u16, HeaderMap)> = None;
        let mut kept = SecretBuf::default();
        let exchange = async {
            let mut response = client.execute(request).await.map_err(send_error)?;
            let expected = response.content_length().and_then(|bytes| usize::try_from(bytes).ok());
            kept = SecretBuf::with_capacity(expected.unwrap_or(BODY_BYTES_EXPECTED).min(limits.answer_bytes));
            head = Some((response.status().as_u16(), std::mem::take(response.headers_mut())));
            Ok(read_body(&mut response, limits.answer_bytes, &mut kept).await)
        };
        let end = match tokio::time::timeout(limits.call, exchange).await {
            Ok(end) => end?,
            Err(_) => End::CutShort,
        };
        let (status, headers) = head.ok_or_else(|| SendError::no_answer("no answer came in time"))?;
        Ok(Answer::new(status, headers, kept.into_bytes()).ended(end))
    }
}

impl fmt::Debug for ReqwestTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReqwestTransport").field("connect", &self.connect).finish_non_exhaustive()
    }
}

/// A transport that could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client could not be made")]
pub struct TransportError(#[from] reqwest::Error);

fn builder(connect: Duration) -> ClientBuilder {
    Client::builder()
        .http1_only()
        // A redirect would carry credentials to wherever it points.
        .redirect(redirect::Policy::none())
        .referer(false)
        // By default the library sends again what it takes for refused by the protocol, POSTs among it.
        .retry(retry::never())
        .connect_timeout(connect)
        .pool_idle_timeout(IDLE)
        .tls_version_min(reqwest::tls::Version::TLS_1_2)
}

/// Whether anything can have left: only a failure to connect rules it out.
fn send_error(error: reqwest::Error) -> SendError {
    let error = error.without_url();
    if error.is_connect() {
        SendError::not_sent("no connection could be made").caused_by(error)
    } else if error.is_builder() {
        SendError::not_sent("the request is not valid").caused_by(error)
    } else {
        SendError::no_answer("the line was cut before an answer came").caused_by(error)
    }
}

/// Reads until the end, the limit or a fault, and keeps what came.
async fn read_body(chunks: &mut impl Chunks, limit: usize, kept: &mut SecretBuf) -> End {
    loop {
        match chunks.next().await {
            Ok(Some(chunk)) if chunk.len() > limit - kept.len() => {
                kept.push(&chunk[..limit - kept.len()]);
                return End::OverLimit;
            }
            Ok(Some(chunk)) => kept.push(&chunk),
            Ok(None) => return End::Whole,
            Err(Broken) => return End::CutShort,
        }
    }
}

/// A body that comes in pieces.
trait Chunks: Send {
    fn next(&mut self) -> impl Future<Output = Result<Option<Bytes>, Broken>> + Send;
}

/// The line was cut. Why does not matter: the bytes that came are kept either way.
struct Broken;

impl Chunks for reqwest::Response {
    async fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        self.chunk().await.map_err(|_| Broken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Endless or of a given length; counts what was pulled out of it.
    struct Counted {
        chunk: Bytes,
        left: usize,
        pulled: usize,
        cut: bool,
    }

    impl Chunks for Counted {
        async fn next(&mut self) -> Result<Option<Bytes>, Broken> {
            if self.left == 0 {
                return if self.cut { Err(Broken) } else { Ok(None) };
            }
            self.left -= 1;
            self.pulled += self.chunk.len();
            Ok(Some(self.chunk.clone()))
        }
    }

    fn chunks(size: usize, count: usize, cut: bool) -> Counted {
        Counted { chunk: Bytes::from(vec![b'x'; size]), left: count, pulled: 0, cut }
    }

    #[tokio::test]
    async fn an_endless_answer_is_pulled_no_further_than_one_chunk_beyond_the_limit() {
        let mut body = chunks(1000, usize::MAX, false);
        let mut kept = SecretBuf::default();
        assert_eq!(read_body(&mut body, 2500, &mut kept).await, End::OverLimit);
        assert_eq!((kept.len(), body.pulled), (2500, 3000));
    }

    #[tokio::test]
    async fn an_answer_of_exactly_the_limit_is_whole() {
        for (limit, end, length) in [(3001, End::Whole, 3000), (3000, End::Whole, 3000), (2999, End::OverLimit, 2999)] {
            let mut kept = SecretBuf::default();
            assert_eq!(read_body(&mut chunks(1000, 3, false), limit, &mut kept).await, end);
            assert_eq!(kept.len(), length);
        }
    }

    #[tokio::test]
    async fn a_cut_answer_keeps_what_came() {
        let mut kept = SecretBuf::default();
        assert_eq!(read_body(&mut chunks(10, 2, true), 100, &mut kept).await, End::CutShort);
        assert_eq!(kept.len(), 20);
    }
}
