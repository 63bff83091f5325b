//! Through a proxy that changes one thing the suite names the rule that is broken; through a faithful one all hold.
//!
//! The proxy shares nothing with the emulated vendors: it forwards bytes between sockets and knows paths only.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use cutover_conformance::report::Report;
use cutover_conformance::{Draw, Outcome, Rule, Suite, remote, rules};
use cutover_core::{Clock as _, SystemClock};
use cutover_emulator::server::LocalVendors;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};

/// One request as it is forwarded.
#[derive(Clone)]
struct Asked {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

/// One answer as it is handed back.
struct Answered {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
    /// How much there would have been, had the line held.
    announced: usize,
}

/// The upstream closed the connection without an answer.
#[derive(Debug)]
struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection ends here")
    }
}

impl std::error::Error for Closed {}

/// A body that ends as the upstream's did: whole, or cut.
struct Body {
    bytes: Option<Bytes>,
    announced: usize,
    flushed: bool,
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Closed;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Closed>>> {
        if let Some(bytes) = self.bytes.take().filter(|bytes| !bytes.is_empty()) {
            self.announced = self.announced.saturating_sub(bytes.len());
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        if self.announced == 0 {
            return Poll::Ready(None);
        }
        if !std::mem::replace(&mut self.flushed, true) {
            // What came goes out first.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(Closed)))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.announced as u64)
    }
}

/// What a proxy remembers.
#[derive(Default)]
struct Memory {
    /// The last secret by the path of the client.
    secrets: HashMap<String, String>,
    /// When a rotation was committed, by the same.
    committed: HashMap<String, Timestamp>,
}

/// The one thing that a proxy changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Changes {
    Nothing,
    /// Adds the secret to the answer of reading a client.
    SecretInGet,
    /// Lets the old secret in for 5 s after a rotation was committed.
    OldFor5s,
    DropsReplayHeader,
    IgnoresOrganisation,
    /// Answers a second start with a fresh secret.
    FreshSecondStart,
    /// Answers a second start with a secret of its own.
    MadeUpSecondStart,
    /// Takes every credential for the owner's.
    LetsForgersIn(&'static str),
    /// Repeats every answer of a rotation but the first.
    RepeatsRotations,
}

struct Proxy {
    upstream: String,
    changes: Changes,
    memory: Mutex<Memory>,
}

impl Proxy {
    /// Serves at an address of its own until the test ends.
    async fn start(upstream: &str, changes: Changes) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let upstream = upstream.trim_start_matches("http://").split('/').next().unwrap_or_default().to_owned();
        let proxy = Arc::new(Self { upstream, changes, memory: Mutex::default() });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let proxy = Arc::clone(&proxy);
                tokio::spawn(async move {
                    let service = service_fn(move |request| serve(Arc::clone(&proxy), request));
                    let _ended = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        address
    }

    async fn forward(&self, asked: &Asked) -> Result<Answered, Closed> {
        let stream = TcpStream::connect(&self.upstream).await.expect("the vendor listens");
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("the vendor speaks HTTP");
        tokio::spawn(connection);
        let mut request = Request::new(Full::new(asked.body.clone()));
        *request.method_mut() = asked.method.clone();
        *request.uri_mut() = asked.path.parse().expect("a path");
        *request.headers_mut() = asked.headers.clone();
        let response = sender.send_request(request).await.map_err(|_| Closed)?;
        let (head, mut upstream) = response.into_parts();
        let announced = upstream.size_hint().exact().map(|bytes| bytes as usize);
        let mut body = Vec::new();
        while let Some(Ok(frame)) = upstream.frame().await {
            body.extend_from_slice(frame.data_ref().map(Bytes::as_ref).unwrap_or_default());
        }
        let announced = announced.unwrap_or(body.len());
        Ok(Answered { status: head.status.as_u16(), headers: head.headers, body: Bytes::from(body), announced })
    }

    async fn answer(&self, mut asked: Asked) -> Result<Answered, Closed> {
        match self.changes {
            Changes::IgnoresOrganisation => {
                asked.headers.remove("x-zitadel-orgid");
            }
            Changes::LetsForgersIn(credential) if !asked.path.ends_with("/providers") => {
                asked.headers.insert("authorization", credential.parse().expect("a header"));
            }
            _ => {}
        }
        let mut answered = self.forward(&asked).await?;
        let client = asked.path.split("/secrets").next().unwrap_or_default().to_owned();
        let client = client.trim_end_matches("/rotate-client-secret").to_owned();
        match self.changes {
            Changes::SecretInGet => {
                if asked.method == Method::GET
                    && let Some(secret) = self.memory.lock().expect("not poisoned").secrets.get(&client)
                {
                    answered.change(|body| body["clientSecret"] = Value::from(secret.as_str()));
                }
            }
            Changes::OldFor5s => self.let_old_in(&asked, &client, &mut answered),
            Changes::DropsReplayHeader => {
                answered.headers.remove("idempotency-replayed");
            }
            Changes::FreshSecondStart if answered.text().contains("already_rotating") => {
                let cancel = Asked { path: asked.path.replace("/start", "/cancel"), ..asked.clone() };
                self.forward(&cancel).await?;
                answered = self.forward(&asked).await?;
            }
            Changes::MadeUpSecondStart if answered.text().contains("already_rotating") => {
                let mut read = Asked { path: client.clone(), method: Method::GET, body: Bytes::new(), ..asked.clone() };
                read.headers.remove("content-length");
                answered = self.forward(&read).await?;
                answered.change(|body| body["m2m_client"]["next_client_secret"] = Value::from("x".repeat(48)));
            }
            Changes::RepeatsRotations if asked.path.ends_with("_generate_client_secret") => {
                let mut memory = self.memory.lock().expect("not poisoned");
                match memory.secrets.get(&asked.path) {
                    Some(first) => answered.set(Bytes::from(first.clone())),
                    None => drop(memory.secrets.insert(asked.path.clone(), answered.text())),
                }
            }
            _ => {}
        }
        if let Some(secret) =
            answered.secret().filter(|_| asked.path.contains("rotate") || asked.method == Method::POST)
        {
            let mut memory = self.memory.lock().expect("not poisoned");
            memory.secrets.insert(client, secret);
        }
        Ok(answered)
    }

    /// Lets in whoever shows a secret that was replaced less than 5 s ago.
    fn let_old_in(&self, asked: &Asked, client: &str, answered: &mut Answered) {
        let mut memory = self.memory.lock().expect("not poisoned");
        if asked.path.ends_with("/secrets/rotate") && answered.status == 200 {
            memory.committed.insert(client.to_owned(), SystemClock.now());
        }
        let shown = String::from_utf8_lossy(&asked.body).into_owned();
        let recent = memory.committed.values().any(|at| SystemClock.now().duration_since(*at).as_secs() < 5);
        if asked.path.ends_with("/oauth2/token") && answered.status >= 400 && recent && shown.contains("client_secret")
        {
            answered.status = 200;
            answered.set(Bytes::from_static(
                br#"{"status_code":200,"request_id":"r","access_token":"a.b.c","token_type":"bearer","expires_in":3600}"#,
            ));
        }
    }
}

impl Answered {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn set(&mut self, body: Bytes) {
        self.announced = body.len();
        self.body = body;
    }

    fn change(&mut self, change: impl FnOnce(&mut Value)) {
        if let Ok(mut body) = serde_json::from_slice(&self.body) {
            change(&mut body);
            self.set(Bytes::from(body.to_string()));
        }
    }

    fn secret(&self) -> Option<String> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        body["clientSecret"].as_str().map(str::to_owned)
    }
}

async fn serve(proxy: Arc<Proxy>, request: Request<Incoming>) -> Result<Response<Body>, Closed> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let answered = proxy.answer(Asked { method: head.method, path, headers: head.headers, body }).await?;
    let body = Body { bytes: Some(answered.body), announced: answered.announced, flushed: false };
    let mut response = Response::new(body);
    *response.status_mut() = answered.status.try_into().expect("a status");
    for (name, value) in &answered.headers {
        if !["content-length", "transfer-encoding", "connection"].contains(&name.as_str()) {
            response.headers_mut().append(name, value.clone());
        }
    }
    Ok(response)
}

/// What the suite finds of `subject`, which it reaches through a proxy, when it checks `rules`.
async fn through(changes: Changes, subject: &str, rules: &[Rule]) -> Report {
    let vendors = LocalVendors::start().expect("ports");
    let changes = match changes {
        Changes::LetsForgersIn("owner") => {
            let owner = format!("Bearer {}", vendors.hopae().api_key.expose());
            Changes::LetsForgersIn(Box::leak(owner.into_boxed_str()))
        }
        changes => changes,
    };
    let mut described = serde_json::to_value(vendors.description()).expect("plain data");
    let vendor = subject.split(' ').next().unwrap_or_default();
    let upstream = described["vendors"][vendor]["base_url"].as_str().expect("a URL").to_owned();
    let proxy = Proxy::start(&upstream, changes).await;
    let prefix = if vendor == "hopae" { "/connect" } else { "" };
    described["vendors"][vendor]["base_url"] = Value::from(format!("http://{proxy}{prefix}"));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("subject.json");
    std::fs::write(&file, described.to_string()).expect("written");
    let mut fixtures = remote::fixtures(&file).expect("it describes subjects");
    fixtures.retain(|fixture| fixture.name() == subject);
    // Sequences are generated once only: each of their clients has to be made and removed over the wire.
    let draw = Draw { cases: 1, ..Draw::default() };
    Suite::new(rules, &fixtures).drawing(draw).run().await
}

async fn names(changes: Changes, subject: &str, id: &str) {
    let rules: Vec<Rule> = rules::all().into_iter().filter(|rule| rule.id == id).collect();
    let faithful = through(Changes::Nothing, subject, &rules).await;
    assert_eq!(faithful.cells[0].outcome, Outcome::Held, "{id} through a faithful proxy");
    let report = through(changes, subject, &rules).await;
    assert!(matches!(report.cells[0].outcome, Outcome::Broken(_)), "{id} is {:?}", report.cells[0]);
}

#[tokio::test]
async fn through_a_faithful_proxy_everything_holds() {
    for subject in ["stytch m2m", "hopae app", "zitadel api", "zitadel machine_user"] {
        let report = through(Changes::Nothing, subject, &rules::all()).await;
        let bad: Vec<_> = report
            .cells
            .iter()
            .filter(|cell| matches!(cell.outcome, Outcome::Broken(_) | Outcome::NotSetUp(_)))
            .map(|cell| (cell.rule.id, &cell.outcome, &cell.steps))
            .collect();
        assert!(bad.is_empty(), "{subject}: {bad:#?}");
    }
}

#[tokio::test]
async fn a_secret_in_get_is_named() {
    names(Changes::SecretInGet, "hopae app", "SO-5").await;
}

#[tokio::test]
async fn an_old_secret_that_lives_on_is_named() {
    names(Changes::OldFor5s, "stytch m2m", "OLD-2").await;
}

#[tokio::test]
async fn a_lost_replay_header_is_named() {
    names(Changes::DropsReplayHeader, "hopae app", "IDEM-7").await;
}

#[tokio::test]
async fn an_ignored_organisation_is_named() {
    names(Changes::IgnoresOrganisation, "zitadel api", "ORG-1").await;
    names(Changes::IgnoresOrganisation, "zitadel machine_user", "ORG-6").await;
}

#[tokio::test]
async fn a_second_start_with_a_fresh_secret_is_named() {
    names(Changes::FreshSecondStart, "stytch m2m", "TP-2").await;
    names(Changes::MadeUpSecondStart, "stytch m2m", "TP-7").await;
}

#[tokio::test]
async fn a_credential_that_does_not_count_is_named() {
    names(Changes::LetsForgersIn("owner"), "hopae app", "ORG-3").await;
}

#[tokio::test]
async fn a_rotation_that_is_repeated_is_named() {
    names(Changes::RepeatsRotations, "zitadel oidc", "SO-1").await;
}
