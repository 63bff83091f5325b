//! The one pipeline that sends.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cutover_core::{Call, Clock, Effect, NoAnswer, NotSent, RotateError, SystemClock, TargetId, Vendor};
use http::{HeaderValue, Method};
use jiff::Timestamp;
use tracing::{Instrument, Span, field};

use crate::reading::{read, read_failure};
use crate::{
    BaseUrl, Dialect, End, Limits, Next, Outgoing, PlainDialect, Received, ReqwestTransport, RetryPolicy, Transport,
    TransportError, after_failure,
};

/// Sends calls to one vendor: builds the request, reads the status, sends again where that is safe, and tells a span.
///
/// Clones share everything, connections included.
#[derive(Clone)]
pub struct Pipeline {
    shared: Arc<Shared>,
    target: Option<TargetId>,
}

struct Shared {
    vendor: Vendor,
    base_url: BaseUrl,
    transport: Arc<dyn Transport>,
    limits: Limits,
    retry: RetryPolicy,
    clock: Arc<dyn Clock>,
    jitter: Mutex<fastrand::Rng>,
    user_agent: HeaderValue,
    dialect: Arc<dyn Dialect>,
    straggler: Option<Duration>,
}

impl Pipeline {
    /// A pipeline to `vendor`, reached at `base_url`, with defaults for everything else.
    pub fn builder(vendor: Vendor, base_url: BaseUrl) -> PipelineBuilder {
        PipelineBuilder {
            vendor,
            base_url,
            transport: None,
            limits: Limits::default(),
            retry: RetryPolicy::default(),
            clock: Arc::new(SystemClock),
            jitter_seed: None,
            user_agent: concat!("cutover/", env!("CARGO_PKG_VERSION")).to_owned(),
            dialect: Arc::new(PlainDialect),
            straggler: None,
        }
    }

    /// The vendor that it sends to.
    pub fn vendor(&self) -> &Vendor {
        &self.shared.vendor
    }

    /// Where it sends to.
    pub fn base_url(&self) -> &BaseUrl {
        &self.shared.base_url
    }

    /// The clock by which it waits.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    /// How long a request that was sent and never answered may still arrive, where somebody has said so.
    pub fn straggler(&self) -> Option<Duration> {
        self.shared.straggler
    }

    /// The same pipeline for calls about `target`: errors and spans name it.
    #[must_use]
    pub fn about(&self, target: &TargetId) -> Self {
        Self { shared: Arc::clone(&self.shared), target: Some(target.clone()) }
    }

    /// `operation` in the words of errors.
    pub fn call(&self, operation: impl Into<Cow<'static, str>>) -> Call {
        let call = Call::new(self.shared.vendor.clone(), operation);
        match &self.target {
            Some(target) => call.on(target),
            None => call,
        }
    }

    /// Sends a call and gives its answer, which has a 2xx status and may be cut short.
    ///
    /// Sends it again only where [`after_failure`] says so; a GET is also sent again when its answer was cut short.
    /// Dropping the future leaves the effect at the vendor unknown, like a lost answer.
    ///
    /// # Errors
    /// Every other status and every failure on the way, with its effect at the vendor.
    pub async fn send(&self, outgoing: Outgoing) -> Result<Received, RotateError> {
        let call = self.call(outgoing.operation());
        let span = self.span(&call, &outgoing);
        self.send_until_settled(&call, &outgoing, &span).instrument(span.clone()).await
    }

    /// The one loop that sleeps.
    async fn send_until_settled(&self, call: &Call, outgoing: &Outgoing, span: &Span) -> Result<Received, RotateError> {
        let begun = self.shared.clock.now();
        let mut tries = 0_u32;
        let mut unanswered = false;
        loop {
            tries = tries.saturating_add(1);
            let result = self.send_once(call, outgoing).await;
            record(span, &result, tries);
            let next = match &result {
                Err(error) => self.next(outgoing, error, tries, begun),
                // Nothing is lost with the bytes of a GET: the vendor shows them again.
                Ok(received) if received.end() == End::CutShort && outgoing.method() == Method::GET => {
                    let cut = NoAnswer::new(call.clone(), "the answer was cut short").with_status(received.status());
                    self.next(outgoing, &cut.into(), tries, begun)
                }
                Ok(_) => Next::Stop,
            };
            let Next::Wait(wait) = next else {
                let refused_later = |error: &RotateError| unanswered && error.effect() == Effect::NotApplied;
                return result.map_err(|error| if refused_later(&error) { still_unknown(call, &error) } else { error });
            };
            let lost = result.as_ref().is_err_and(|error| error.effect() == Effect::Unknown);
            unanswered |= lost && outgoing.is_keyed();
            tracing::debug!(tries, wait_ms = wait.as_millis(), "the call is sent again after a wait");
            self.shared.clock.sleep(wait).await;
        }
    }

    fn next(&self, outgoing: &Outgoing, error: &RotateError, tries: u32, begun: Timestamp) -> Next {
        let elapsed = Duration::try_from(self.shared.clock.now().duration_since(begun)).unwrap_or_default();
        let jitter = self.shared.jitter.lock().unwrap_or_else(PoisonError::into_inner).f64();
        after_failure(&self.shared.retry, outgoing.is_idempotent(), error, tries, elapsed, jitter)
    }

    async fn send_once(&self, call: &Call, outgoing: &Outgoing) -> Result<Received, RotateError> {
        let request = outgoing
            .request(&self.shared.base_url, &self.shared.user_agent)
            .map_err(|reason| NotSent::misuse(call.clone(), reason))?;
        let sent = self.shared.transport.send(request, &self.shared.limits).await;
        let answer = sent.map_err(|error| read_failure(call, error))?;
        let answer = read(call, answer, self.shared.dialect.as_ref(), self.shared.clock.now())?;
        Ok(Received::new(answer, call.clone(), self.shared.dialect.clone()))
    }

    /// The span of one call. What stands here and in [`record`] is all that is ever logged.
    fn span(&self, call: &Call, outgoing: &Outgoing) -> Span {
        let span = tracing::info_span!(
            "http.client",
            "otel.kind" = "client",
            "http.request.method" = outgoing.method().as_str(),
            "server.address" = self.shared.base_url.host(),
            "server.port" = self.shared.base_url.port(),
            "url.template" = outgoing.template(),
            "http.response.status_code" = field::Empty,
            "http.request.resend_count" = field::Empty,
            "error.type" = field::Empty,
            "cutover.vendor" = call.vendor().as_str(),
            "cutover.operation" = call.operation(),
            "cutover.target" = field::Empty,
        );
        if let Some(target) = call.target() {
            span.record("cutover.target", target.as_str());
        }
        span
    }
}

/// A refusal of a later try says nothing of an earlier one that was never answered.
fn still_unknown(call: &Call, refused: &RotateError) -> RotateError {
    let reason = "an earlier try was never answered, and a later one was refused";
    let error = NoAnswer::new(call.clone(), reason)
        .with_code(refused.code())
        .with_request_id(refused.request_id())
        .with_retry_after(refused.retry_after());
    match refused.status() {
        Some(status) => error.with_status(status).into(),
        None => error.into(),
    }
}

/// Tells the span how one try ended.
///
/// The span is an argument: where it is switched off, the current one is somebody else's.
fn record(span: &Span, result: &Result<Received, RotateError>, tries: u32) {
    if tries > 1 {
        span.record("http.request.resend_count", tries - 1);
    }
    let error = result.as_ref().err();
    let status = result.as_ref().map_or_else(RotateError::status, |received| Some(received.status()));
    if let Some(status) = status {
        span.record("http.response.status_code", status);
    }
    let Some(error) = error else { return };
    match status {
        Some(status) => span.record("error.type", field::display(status)),
        None if error.effect() == Effect::NotApplied => span.record("error.type", "not_sent"),
        None => span.record("error.type", "no_answer"),
    };
    tracing::debug!(%error, effect = %error.effect(), tries, "the call failed");
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline")
            .field("vendor", &self.shared.vendor)
            .field("base_url", &self.shared.base_url)
            .field("transport", &self.shared.transport)
            .field("limits", &self.shared.limits)
            .field("retry", &self.shared.retry)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

/// A pipeline being put together. A vendor's configuration holds one, and hands its settings on to it.
#[derive(Clone, Debug)]
#[must_use]
pub struct PipelineBuilder {
    vendor: Vendor,
    base_url: BaseUrl,
    transport: Option<Arc<dyn Transport>>,
    limits: Limits,
    retry: RetryPolicy,
    clock: Arc<dyn Clock>,
    jitter_seed: Option<u64>,
    user_agent: String,
    dialect: Arc<dyn Dialect>,
    straggler: Option<Duration>,
}

impl PipelineBuilder {
    /// Another address in place of the first one: a gateway, or an emulator.
    pub fn base_url(mut self, base_url: BaseUrl) -> Self {
        self.base_url = base_url;
        self
    }

    /// What carries the requests; by default a [`ReqwestTransport`] of its own.
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// How long a call may take and how much of its answer is kept.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How often and how patiently a call is sent again.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// The clock by which it waits and reads dates; by default the machine's own.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Makes the jitter of waits repeatable.
    pub fn jitter_seed(mut self, seed: u64) -> Self {
        self.jitter_seed = Some(seed);
        self
    }

    /// The `User-Agent` of every request.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = user_agent.into();
        self
    }

    /// How the vendor words its errors; by default [`PlainDialect`].
    pub fn dialect(mut self, dialect: Arc<dyn Dialect>) -> Self {
        self.dialect = dialect;
        self
    }

    /// How long a request that was sent and never answered may still arrive on this way to the vendor.
    pub fn straggler(mut self, straggler: Duration) -> Self {
        self.straggler = Some(straggler);
        self
    }

    /// The pipeline.
    ///
    /// # Errors
    /// When a limit is zero, the user agent cannot be in a header, or the default transport cannot be made.
    pub fn build(self) -> Result<Pipeline, BuildError> {
        if self.limits.connect.is_zero() || self.limits.call.is_zero() || self.limits.answer_bytes == 0 {
            return Err(BuildError::Limits);
        }
        let user_agent = HeaderValue::from_str(&self.user_agent).map_err(|_| BuildError::UserAgent)?;
        let transport = match self.transport {
            Some(transport) => transport,
            None => Arc::new(ReqwestTransport::new(&self.limits)?),
        };
        let jitter = self.jitter_seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        let shared = Shared {
            vendor: self.vendor,
            base_url: self.base_url,
            transport,
            limits: self.limits,
            retry: self.retry,
            clock: self.clock,
            jitter: Mutex::new(jitter),
            user_agent,
            dialect: self.dialect,
            straggler: self.straggler,
        };
        Ok(Pipeline { shared: Arc::new(shared), target: None })
    }
}

/// A pipeline that could not be put together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A limit is zero, so that no call could succeed.
    #[error("every limit has to be above zero")]
    Limits,
    /// The user agent holds a character that cannot be in a header.
    #[error("the user agent holds a character that cannot be in a header")]
    UserAgent,
    /// The default transport could not be made.
    #[error(transparent)]
    Transport(#[from] TransportError),
}
