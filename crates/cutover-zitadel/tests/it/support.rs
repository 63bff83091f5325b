//! A vendor in the same process that notes what it is sent, and a clock that is set by hand.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cutover_core::{ClientId, ClientSecret, Clock, Kind, Target, TargetId};
use cutover_http::{Answer, BaseUrl, End, FnTransport, Request, SendError, Transport};
use cutover_zitadel::{Caller, Client, Config, VENDOR};
use http::HeaderMap;
use jiff::Timestamp;
use serde_json::json;

pub(crate) const PAT: &str = "personal-access-token";
pub(crate) const SECRET: &str = "nEwSeCrEtnEwSeCrEtnEwSeCrEtnEwSeCrEtnEwSeCrEtnEwSeCrEtnEwSeCrEt0";
pub(crate) const BASE: &str = "https://idp.example";

/// A request as it came to the vendor.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// `METHOD /path?query`.
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }
}

/// What the vendor says to one request.
pub(crate) enum Say {
    Answer(u16, String),
    Cut(u16, String),
    Nothing,
}

pub(crate) fn ok(body: &serde_json::Value) -> Say {
    Say::Answer(200, body.to_string())
}

pub(crate) fn refuse(status: u16, id: &str) -> Say {
    Say::Answer(status, json!({"code": 5, "message": "x", "details": [{"@type": "t", "id": id}]}).to_string())
}

pub(crate) fn oauth_error(status: u16, error: &str, description: &str) -> Say {
    Say::Answer(status, json!({"error": error, "error_description": description}).to_string())
}

/// Discovery of an instance that is where the base URL points.
pub(crate) fn discovery() -> Say {
    ok(&json!({
        "issuer": BASE,
        "token_endpoint": format!("{BASE}/oauth/v2/token"),
        "introspection_endpoint": format!("{BASE}/oauth/v2/introspect"),
    }))
}

/// The vendor: answers by a function, and notes everything.
#[derive(Clone)]
pub(crate) struct Vendor {
    seen: Arc<Mutex<Vec<Seen>>>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) clock: Arc<HandClock>,
}

impl Vendor {
    pub(crate) fn new(answer: impl Fn(&Seen) -> Say + Send + Sync + 'static) -> Self {
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let notes = seen.clone();
        let answer = Arc::new(answer);
        let transport = FnTransport::new(move |request: Request| {
            let (notes, answer) = (notes.clone(), answer.clone());
            async move {
                let line = format!("{} {}", request.method(), request.uri().path_and_query().expect("a path"));
                let (parts, body) = request.into_parts();
                let body = String::from_utf8(body.expose().to_vec()).expect("text");
                let seen = Seen { line, headers: parts.headers, body };
                let said = answer(&seen);
                notes.lock().expect("not poisoned").push(seen);
                tokio::task::yield_now().await;
                let (status, body, end) = match said {
                    Say::Answer(status, body) => (status, body, End::Whole),
                    Say::Cut(status, body) => (status, body, End::CutShort),
                    Say::Nothing => return Err(SendError::no_answer("the line was cut")),
                };
                Ok(Answer::new(status, HeaderMap::new(), body.into_bytes().into()).ended(end))
            }
        });
        Self { seen, transport: Arc::new(transport), clock: Arc::default() }
    }

    /// A vendor that says one thing to everything.
    pub(crate) fn saying(status: u16, body: &serde_json::Value) -> Self {
        let body = body.to_string();
        Self::new(move |_| Say::Answer(status, body.clone()))
    }

    pub(crate) fn config(&self, caller: Caller) -> Config {
        Config::new(BaseUrl::parse(BASE).expect("a URL"), caller)
            .transport(self.transport.clone())
            .clock(self.clock.clone())
    }

    /// A client with a personal access token.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.config(pat())).expect("a usable configuration")
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("not poisoned").clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }

    /// The one request that was sent.
    pub(crate) fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{:?}", self.lines());
        seen.into_iter().next().expect("there is one")
    }
}

pub(crate) fn pat() -> Caller {
    Caller::Token(ClientSecret::new(PAT).into())
}

pub(crate) fn app_target(kind: Kind) -> Target {
    target(kind, "270000000000000001").with_scope("project_id", "p-1").with_scope("app_id", "a-1")
}

pub(crate) fn user_target() -> Target {
    target(cutover_zitadel::MACHINE_USER, "robot@acme").with_scope("user_id", "u-1")
}

pub(crate) fn target(kind: Kind, client_id: &str) -> Target {
    let id = TargetId::new("t-1").expect("a name");
    Target::new(id, VENDOR, kind, ClientId::new(client_id).expect("an id"))
}

/// A clock that stands still until it is moved, and for which waiting takes no time.
#[derive(Debug)]
pub(crate) struct HandClock(Mutex<Timestamp>);

impl Default for HandClock {
    fn default() -> Self {
        Self(Mutex::new("2026-03-01T12:00:00Z".parse().expect("a time")))
    }
}

impl HandClock {
    pub(crate) fn advance(&self, by: Duration) {
        let mut now = self.0.lock().expect("not poisoned");
        *now = now.checked_add(by).expect("in range");
    }
}

#[async_trait::async_trait]
impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("not poisoned")
    }

    async fn sleep(&self, duration: Duration) {
        self.advance(duration);
    }
}
