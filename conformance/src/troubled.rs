//! What can go wrong between an adapter and its vendor, for a vendor that is reached by HTTP.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue};
use zeroize::Zeroizing;

use cutover_http::{Answer, End, Limits, Request, SendError, Transport};

use crate::overheard::Ear;
use crate::{Disturbance, Overheard};

/// How much of a cut answer comes.
const CUT: usize = 12;
/// What somebody in between answers.
const PAGE: &[u8] = b"<!doctype html><html><body>Please sign in to the network</body></html>";

/// A transport on which requests go wrong as a rule says. Clones share what goes wrong.
#[derive(Clone)]
pub struct Troubled {
    inner: Arc<dyn Transport>,
    issues: Arc<dyn Fn(&Request) -> bool + Send + Sync>,
    state: Arc<Mutex<State>>,
    ear: Ear,
}

#[derive(Default)]
struct State {
    next: Option<Disturbance>,
    all: Option<Disturbance>,
    seen: u64,
}

impl Troubled {
    /// What `inner` carries; `issues` tells the requests for a secret from all others.
    pub fn new(inner: impl Transport, issues: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Self {
        let ear = Ear::default();
        Self { inner: ear.transport(Arc::new(inner)), issues: Arc::new(issues), state: Arc::default(), ear }
    }

    /// Disturbs the next request for a secret.
    pub fn disturb(&self, disturbance: Disturbance) {
        self.state().next = Some(disturbance);
    }

    /// Disturbs every request from now on, until told `None`.
    pub fn disturb_all(&self, disturbance: Option<Disturbance>) {
        self.state().all = disturbance;
    }

    /// How many requests for a secret have reached the vendor.
    pub fn issues_seen(&self) -> u64 {
        self.state().seen
    }

    /// Hears what the vendor answers from now on.
    pub fn listen(&self) {
        self.ear.listen();
    }

    /// What was heard since, and no more from now on.
    pub fn overheard(&self) -> Vec<Overheard> {
        self.ear.overheard()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happens to this request.
    fn trouble(&self, request: &Request) -> Option<Disturbance> {
        let mut state = self.state();
        let next = if (self.issues)(request) { state.next.take() } else { None };
        next.or(state.all)
    }

    async fn carry(&self, request: Request, limits: &Limits) -> Result<Answer, SendError> {
        if (self.issues)(&request) {
            self.state().seen += 1;
        }
        self.inner.send(request, limits).await
    }
}

#[async_trait]
impl Transport for Troubled {
    async fn send(&self, request: Request, limits: &Limits) -> Result<Answer, SendError> {
        // Requests that are under way at the same time meet, as they do on a wire.
        tokio::task::yield_now().await;
        let trouble = self.trouble(&request);
        match trouble {
            Some(Disturbance::LoseRequest) => return Err(SendError::no_answer("the request was lost")),
            Some(Disturbance::TooMany) => return Ok(plain(429, HeaderMap::new(), b"{}")),
            Some(Disturbance::TooManyFor(wait)) => {
                let headers = [(RETRY_AFTER, HeaderValue::from(wait.as_secs()))].into_iter().collect();
                return Ok(plain(429, headers, b"{}"));
            }
            Some(Disturbance::FailBefore) => return Ok(plain(500, HeaderMap::new(), b"{}")),
            _ => {}
        }
        let again = (trouble == Some(Disturbance::Duplicate)).then(|| copy(&request));
        let answer = self.carry(request, limits).await?;
        if let Some(again) = again {
            // Its answer goes nowhere.
            let _ = self.carry(again, limits).await;
        }
        Ok(match trouble {
            Some(Disturbance::LoseAnswer) => return Err(SendError::no_answer("the answer was lost")),
            Some(Disturbance::CutAnswer) => {
                let kept = CUT.min(answer.expose_body().len().saturating_sub(1));
                plain(answer.status(), answer.headers().clone(), &answer.expose_body()[..kept]).ended(End::CutShort)
            }
            Some(Disturbance::FailAfter) => plain(500, HeaderMap::new(), b"{}"),
            Some(Disturbance::WebPage) => plain(answer.status(), HeaderMap::new(), PAGE),
            Some(Disturbance::ExtraFields) => match answer.expose_body().trim_ascii_start().strip_prefix(b"{") {
                Some(fields) if !fields.trim_ascii_start().starts_with(b"}") => {
                    let more = [&br#"{"a_new_field":{"list":[1,null]},"#[..], fields].concat();
                    plain(answer.status(), answer.headers().clone(), &more)
                }
                _ => answer,
            },
            _ => answer,
        })
    }
}

fn plain(status: u16, headers: HeaderMap, body: &[u8]) -> Answer {
    Answer::new(status, headers, Zeroizing::new(body.to_vec()))
}

fn copy(request: &Request) -> Request {
    let mut copy = Request::new(request.body().clone());
    copy.method_mut().clone_from(request.method());
    copy.uri_mut().clone_from(request.uri());
    copy.headers_mut().clone_from(request.headers());
    copy
}

impl fmt::Debug for Troubled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Troubled").field("inner", &self.inner).finish_non_exhaustive()
    }
}
