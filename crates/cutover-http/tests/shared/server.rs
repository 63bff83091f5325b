//! A server that answers what each test says, and a clock that nobody waits for.
//!
//! The tests of those vendor crates include this file that speak with a server of their own.

use std::sync::Mutex;
use std::time::Duration;

use cutover_core::Clock;
use jiff::Timestamp;
use serde_json::Value;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

/// A request as it arrived.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) authorization: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }
}

pub(crate) async fn seen(server: &MockServer) -> Vec<Seen> {
    let requests = server.received_requests().await.expect("recorded");
    let header = |request: &wiremock::Request, name: &str| {
        request.headers.get(name).map(|value| value.to_str().expect("text").to_owned())
    };
    requests
        .iter()
        .map(|request| Seen {
            line: format!("{} {}", request.method, &request.url[url::Position::BeforePath..]),
            authorization: header(request, "authorization"),
            key: header(request, "idempotency-key"),
            content_type: header(request, "content-type"),
            body: String::from_utf8(request.body.clone()).expect("text"),
        })
        .collect()
}

/// The one request that was sent.
pub(crate) async fn only(server: &MockServer) -> Seen {
    let mut seen = seen(server).await;
    assert_eq!(seen.len(), 1);
    seen.remove(0)
}

/// A server that answers everything in one way.
pub(crate) async fn answering(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

/// A clock on which every wait is over at once.
#[derive(Debug, Default)]
pub(crate) struct Instantly(Mutex<Vec<Duration>>);

impl Instantly {
    pub(crate) fn waits(&self) -> Vec<Duration> {
        self.0.lock().expect("no panic while held").clone()
    }
}

#[async_trait::async_trait]
impl Clock for Instantly {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    async fn sleep(&self, duration: Duration) {
        self.0.lock().expect("no panic while held").push(duration);
    }
}
