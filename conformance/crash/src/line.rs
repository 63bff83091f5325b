//! The line to the vendor: an in-process transport past the points of a call and what goes wrong with it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use cutover_emulator::FaultKind;
use cutover_http::{Answer, End, Limits, Request, SendError, Transport};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::count::Count;
use crate::disk::Fate;
use crate::place::{Leg, Op, Place};
use crate::subject::{Class, ClientKind};
use crate::trace::{ProcessNo, SecretNo, Shows, What};
use crate::world::World;

/// After how many other requests a call arrives that was on its way when its process died.
const LATE: [u8; 4] = [1, 2, 4, 8];

/// The line, as one process has it.
pub(crate) struct Line {
    world: Arc<World>,
    by: ProcessNo,
}

impl Line {
    /// The line of a world, used by a process.
    pub(crate) fn of(world: &Arc<World>, by: ProcessNo) -> Self {
        Self { world: Arc::clone(world), by }
    }

    async fn pass(&self, op: Op, leg: Leg) {
        self.world.pass(self.by, Place::Call(op, leg)).await;
    }

    fn note(&self, what: What) {
        self.world.note(self.by, what);
    }

    /// The process dies while its request is under way.
    async fn leave(&self, op: Op, request: &http::Request<Bytes>) {
        self.pass(op, Leg::SentAndLost).await;
        for after in if op.changes() { &LATE[..] } else { &[] } {
            if self.world.dies(self.by, Place::Call(op, Leg::SentAndLate(*after)), Fate::Lost) {
                self.world.send_late(self.by, op, request.clone(), *after);
                self.world.rest(self.by).await;
            }
        }
    }

    async fn call(&self, op: Op, request: http::Request<Bytes>) -> Result<Answer, SendError> {
        self.pass(op, Leg::NotSent).await;
        let upset = self.world.upset(op);
        if upset == Some(FaultKind::RefuseConnection) {
            self.note(What::NoEffect { op });
            return Err(SendError::not_sent("the connection was refused"));
        }
        let secret = presented(&self.world, &request);
        let key = request.headers().get("idempotency-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
        if op == Op::Issue && self.world.lock().intent_unsynced {
            self.world.violate(Count::Double, "a secret was asked for and the intent was not durable");
        }
        self.note(What::Asked { op, key });
        self.leave(op, &request).await;
        let lost = || SendError::no_answer("the connection was closed");
        let response = match upset.clone() {
            Some(FaultKind::LoseRequest) => return Err(lost()),
            Some(FaultKind::DeliverLate { after }) => {
                self.world.send_late(self.by, op, request, u8::try_from(after).unwrap_or(u8::MAX));
                return Err(lost());
            }
            Some(kind @ (FaultKind::TooManyRequests { .. } | FaultKind::ErrorBeforeCommit)) => {
                let response = self.world.refusal(kind, &request);
                self.world.one_more_arrived();
                response
            }
            other => {
                let response = self.arrive(op, &request, other.as_ref());
                self.pass(op, Leg::Committed).await;
                match other {
                    Some(FaultKind::LoseAnswer) => return Err(lost()),
                    Some(FaultKind::Delay(by)) => self.world.advance(by),
                    _ => {}
                }
                response
            }
        };
        self.pass(op, Leg::HalfRead).await;
        let (response, end) = match upset {
            Some(FaultKind::CutBody { kept }) => {
                (response.map(|body| body.slice(..kept.min(body.len()))), End::CutShort)
            }
            _ => (response, End::Whole),
        };
        let shows = shows(&self.world, op, &response, secret);
        let status = response.status().as_u16();
        // A key whose first request still runs is the one refusal that says nothing of what that one does.
        let says_no = (400..500).contains(&status) && !(status == 409 && self.world.kind().class() == Class::Keyed);
        if says_no {
            self.note(What::NoEffect { op });
        }
        self.note(What::Answered { op, shows });
        self.pass(op, Leg::Read).await;
        let (head, body) = response.into_parts();
        Ok(Answer::new(status, head.headers, Zeroizing::new(body.to_vec())).ended(end))
    }

    /// The request arrives; what comes back is what the fault makes of the vendor's answer.
    fn arrive(&self, op: Op, request: &http::Request<Bytes>, upset: Option<&FaultKind>) -> http::Response<Bytes> {
        let response = self.world.arrive(self.by, op, request);
        self.world.one_more_arrived();
        match upset {
            Some(FaultKind::DuplicateLater { after }) => {
                let after = u8::try_from(*after).unwrap_or(u8::MAX);
                self.world.send_twice(self.by, op, request.clone(), after);
                response
            }
            Some(FaultKind::ErrorAfterCommit) => self.world.refusal(FaultKind::ErrorBeforeCommit, request),
            Some(kind) => changed(kind, response),
            None => response,
        }
    }
}

#[async_trait]
impl Transport for Line {
    async fn send(&self, request: Request, limits: &Limits) -> Result<Answer, SendError> {
        self.world.hear("a URL", &request.uri().to_string());
        let request = request.map(|body| Bytes::copy_from_slice(body.expose()));
        let op = self.world.kind().op(&request);
        let answer = self.call(op, request).await?;
        debug_assert!(answer.expose_body().len() <= limits.answer_bytes, "no answer is that long");
        Ok(answer)
    }
}

/// What somebody in between makes of an answer.
fn changed(kind: &FaultKind, response: http::Response<Bytes>) -> http::Response<Bytes> {
    match kind {
        FaultKind::Html { status } => {
            let status = status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(response.status());
            let mut page = http::Response::new(Bytes::from_static(b"<html><body>Something went wrong</body></html>"));
            *page.status_mut() = status;
            page.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
            page
        }
        FaultKind::WrongContentType => {
            let mut response = response;
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
            response
        }
        FaultKind::EmptyBody => response.map(|_| Bytes::new()),
        FaultKind::ExtraFields => edited(response, &|fields| {
            fields.insert("added_without_notice".to_owned(), Value::Bool(true));
        }),
        FaultKind::DropField(name) => edited(response, &|fields| {
            fields.remove(name);
        }),
        // The others do not change an answer that is given.
        _ => response,
    }
}

fn edited(
    response: http::Response<Bytes>,
    edit: &dyn Fn(&mut serde_json::Map<String, Value>),
) -> http::Response<Bytes> {
    response.map(|body| match serde_json::from_slice::<Value>(&body) {
        Ok(mut value) => {
            each(&mut value, edit);
            value.to_string().into()
        }
        Err(_) => body,
    })
}

fn each(value: &mut Value, edit: &dyn Fn(&mut serde_json::Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(|value| each(value, edit));
            edit(fields);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| each(item, edit)),
        _ => {}
    }
}

/// The secret that a request presents: in its form, or in a Basic header.
fn presented(world: &World, request: &http::Request<Bytes>) -> Option<SecretNo> {
    world.secret_in(request.body()).or_else(|| {
        let header = request.headers().get("authorization")?.to_str().ok()?;
        let decoded = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
        world.secret_in(&decoded)
    })
}

fn shows(world: &World, op: Op, response: &http::Response<Bytes>, asked: Option<SecretNo>) -> Shows {
    let kind: ClientKind = world.kind();
    let (body, ok) = (response.body(), response.status() == 200);
    match op {
        Op::Issue => world.secret_in(body).map_or(Shows::Nothing, Shows::Secret),
        Op::Inspect if ok => match (kind.pending(body), kind.mark(body)) {
            (Some(pending), _) => Shows::Pending(pending),
            (None, Some(mark)) => Shows::Mark(mark),
            (None, None) => Shows::Nothing,
        },
        Op::Verify => match (asked, response.status().as_u16()) {
            // The page of somebody in between says nothing of a secret.
            (Some(secret), 200) if !body.trim_ascii_start().starts_with(b"<") => Shows::Verdict(secret, true),
            (Some(secret), 400 | 401) => Shows::Verdict(secret, false),
            _ => Shows::Nothing,
        },
        Op::Complete | Op::Cancel | Op::Inspect => Shows::Nothing,
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").finish_non_exhaustive()
    }
}
