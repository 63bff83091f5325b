//! A line to Vault on which requests fail, get lost and come back stale, by their number.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use cutover_engine::contract::destination::{How, Trouble};
use cutover_http::{Answer, Limits, Request, ReqwestTransport, SendError, Transport};
use http::{HeaderMap, Method};
use zeroize::Zeroizing;

/// A transport that hands requests on, all but the one that is to go wrong.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    through: Arc<ReqwestTransport>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    trouble: Option<Trouble>,
    passed: u32,
    reached: bool,
    /// Method and path of every request.
    log: Vec<String>,
    /// What each path answered last, and what it answered before it was last written.
    seen: HashMap<String, (Whole, Option<Whole>)>,
}

type Whole = (u16, Vec<u8>);

impl Line {
    pub(crate) fn new(through: Arc<ReqwestTransport>) -> Self {
        Self { through, state: Arc::default() }
    }

    pub(crate) fn fail(&self, trouble: Trouble) {
        let mut state = self.state();
        (state.trouble, state.passed, state.reached) = (Some(trouble), 0, false);
    }

    pub(crate) fn reached(&self) -> bool {
        self.state().reached
    }

    pub(crate) fn mend(&self) {
        self.state().trouble = None;
    }

    /// Method and path of every request since the last time it was asked.
    pub(crate) fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.state().log)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happens to this request.
    fn happens(&self) -> Option<How> {
        let mut state = self.state();
        state.passed += 1;
        let trouble = state.trouble?;
        let lasts = trouble.how == How::PermissionLost && state.passed > trouble.at;
        let hit = state.passed == trouble.at || lasts;
        state.reached |= hit;
        hit.then_some(trouble.how)
    }

    fn remember(&self, method: &Method, path: &str, answer: &Answer) {
        let mut state = self.state();
        if !path.contains("/data/") {
            return;
        }
        if method == Method::GET {
            let whole = (answer.status(), answer.expose_body().to_vec());
            let before = state.seen.remove(path).and_then(|(_, before)| before);
            state.seen.insert(path.to_owned(), (whole, before));
        } else if answer.status() == 200
            && let Some((last, before)) = state.seen.get_mut(path)
        {
            *before = Some(last.clone());
        }
    }
}

#[async_trait]
impl Transport for Line {
    async fn send(&self, request: Request, limits: &Limits) -> Result<Answer, SendError> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        self.state().log.push(format!("{method} {path}"));
        let how = self.happens();
        match how {
            Some(How::Refused) => return Ok(answer(503, br#"{"errors":["Vault is sealed"]}"#)),
            Some(How::PermissionLost) => return Ok(answer(403, br#"{"errors":["permission denied"]}"#)),
            Some(How::StaleRead) if method == Method::GET => {
                let stale = self.state().seen.get(&path).and_then(|(_, before)| before.clone());
                if let Some((status, body)) = stale {
                    return Ok(answer(status, &body));
                }
            }
            _ => {}
        }
        let came = self.through.send(request, limits).await?;
        self.remember(&method, &path, &came);
        if how == Some(How::AppliedThenLost) {
            return Err(SendError::no_answer("the line was cut before an answer came"));
        }
        Ok(came)
    }
}

fn answer(status: u16, body: &[u8]) -> Answer {
    Answer::new(status, HeaderMap::new(), Zeroizing::new(body.to_vec()))
}
