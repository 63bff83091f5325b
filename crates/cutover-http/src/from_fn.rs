//! A transport made of a function: where a vendor in the same process sits.

use std::any::type_name;
use std::fmt;
use std::future::Future;

use async_trait::async_trait;

use crate::{Answer, Limits, Request, SendError, Transport};

/// A transport made of an asynchronous function from request to answer.
///
/// The size limit of the call holds here too. Its time limit does not: such a function has its own idea of time, and
/// says [`SendError::NoAnswer`] when an answer is to be lost.
///
/// ```
/// use cutover_http::{Answer, FnTransport, Request};
/// use http::HeaderMap;
///
/// let vendor = FnTransport::new(|request: Request| async move {
///     let status = if request.uri().path() == "/v1/ping" { 200 } else { 404 };
///     Ok(Answer::new(status, HeaderMap::new(), b"{}".to_vec().into()))
/// });
/// ```
pub struct FnTransport<F>(F);

impl<F, Fut> FnTransport<F>
where
    F: Fn(Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Answer, SendError>> + Send + 'static,
{
    /// A transport that calls `answer` for every request.
    pub fn new(answer: F) -> Self {
        Self(answer)
    }
}

#[async_trait]
impl<F, Fut> Transport for FnTransport<F>
where
    F: Fn(Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Answer, SendError>> + Send + 'static,
{
    async fn send(&self, request: Request, limits: &Limits) -> Result<Answer, SendError> {
        let answer = (self.0)(request).await?;
        Ok(answer.limited_to(limits.answer_bytes))
    }
}

impl<F> fmt::Debug for FnTransport<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FnTransport({})", type_name::<F>())
    }
}
