//! A server in front of moto, or of the model, that refuses requests, loses answers, and gives answers of before.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_secretsmanager::config::Credentials;
use cutover_engine::contract::destination::{How, Trouble};
use cutover_stores::AwsStore;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

use super::model::Model;
use crate::with_aws::moto::{Moto, REGION};

/// What happens to requests.
#[derive(Clone, Debug)]
pub(crate) enum Meddling {
    Trouble(Trouble),
    /// This value is put into use just before the first request that moves `AWSCURRENT`.
    EditBeforePromotion(String),
    /// Every request gets this status and error code.
    Answer(u16, &'static str),
}

/// Who answers in the end.
#[derive(Clone)]
pub(crate) enum Backend {
    Moto(Moto),
    Model(Arc<std::sync::Mutex<Model>>),
}

impl Backend {
    pub(crate) fn model() -> Self {
        Self::Model(Arc::default())
    }

    pub(crate) async fn call(&self, operation: &str, body: &Value) -> (u16, Value) {
        match self {
            Self::Moto(moto) => moto.call(operation, body.clone()).await,
            Self::Model(model) => {
                let done = model.lock().expect("no panic under this lock").call(operation, body);
                done.map_or_else(|(status, code)| (status, words(code)), |answer| (200, answer))
            }
        }
    }
}

/// Listens on a port of its own. Requests pass one at a time, so that what AWS does in one go is not interleaved.
#[derive(Clone)]
pub(crate) struct Proxy {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    reached: Arc<AtomicBool>,
}

struct State {
    backend: Backend,
    meddling: Option<Meddling>,
    counted: u32,
    /// What the secret looked like before the latest change.
    before: Option<Value>,
}

impl Proxy {
    pub(crate) async fn start(backend: Backend) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let state = State { backend, meddling: None, counted: 0, before: None };
        let proxy = Self {
            address: listener.local_addr().expect("it listens"),
            state: Arc::new(Mutex::new(state)),
            reached: Arc::default(),
        };
        let serving = proxy.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let proxy = serving.clone();
                tokio::spawn(async move { proxy.serve(stream).await });
            }
        });
        proxy
    }

    /// The store behind it. Each fault is met by the destination itself: the SDK sends nothing again.
    pub(crate) async fn store(&self) -> AwsStore {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(self.url())
            .credentials_provider(Credentials::new("AKIDEXAMPLE", "canary-aws-key", None, None, "test"))
            .retry_config(RetryConfig::disabled());
        AwsStore::with_config(&config.load().await).expect("a store")
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on. Waits for a request that is on its way.
    pub(crate) fn meddle(&self, meddling: Option<Meddling>) {
        tokio::task::block_in_place(|| {
            let mut state = self.state.blocking_lock();
            (state.meddling, state.counted) = (meddling, 0);
            self.reached.store(false, Ordering::SeqCst);
        });
    }

    pub(crate) fn reached(&self) -> bool {
        self.reached.load(Ordering::SeqCst)
    }

    async fn serve(&self, mut stream: TcpStream) -> Option<()> {
        loop {
            let request = Request::read(&mut stream).await?;
            let answer = self.state.lock().await.answer(&request, &self.reached).await;
            stream.write_all(&answer?).await.ok()?;
        }
    }
}

impl State {
    /// The answer, or `None` when it is lost.
    async fn answer(&mut self, request: &Request, reached: &AtomicBool) -> Option<Vec<u8>> {
        let is_read =
            matches!(request.operation.as_str(), "DescribeSecret" | "GetSecretValue" | "ListSecretVersionIds");
        let mut is_lost = false;
        match self.meddling.clone() {
            None => {}
            Some(Meddling::Answer(status, code)) => return Some(answer(status, &words(code))),
            Some(Meddling::EditBeforePromotion(value)) => {
                if request.body["VersionStage"] == "AWSCURRENT"
                    && let Backend::Moto(moto) = &self.backend
                {
                    self.meddling = None;
                    reached.store(true, Ordering::SeqCst);
                    moto.edit(request.body["SecretId"].as_str().expect("a name"), &value).await;
                }
            }
            Some(Meddling::Trouble(Trouble { at, how })) => {
                // Only what reads can get something stale.
                let can_be = is_read || how != How::StaleRead;
                self.counted += u32::from(can_be);
                if can_be && (self.counted == at || (how == How::PermissionLost && at < self.counted)) {
                    reached.store(true, Ordering::SeqCst);
                    match how {
                        How::Refused if at % 2 == 0 => return Some(answer(400, &words("ThrottlingException"))),
                        How::Refused | How::PermissionLost => {
                            return Some(answer(400, &words("AccessDeniedException")));
                        }
                        How::AppliedThenLost => is_lost = true,
                        How::StaleRead => return Some(self.stale(request).await),
                        other => panic!("a kind of trouble that is new: {other:?}"),
                    }
                }
            }
        }
        if !is_read {
            let body = json!({"SecretId": request.body["SecretId"]});
            let (status, before) = self.backend.call("DescribeSecret", &body).await;
            self.before = (status == 200).then_some(before);
        }
        let (status, body) = self.backend.call(&request.operation, &request.body).await;
        (!is_lost).then(|| answer(status, &body))
    }

    async fn stale(&self, request: &Request) -> Vec<u8> {
        let missing = || answer(400, &words("ResourceNotFoundException"));
        // The latest change of a secret that is not remembered is that it was made.
        let before = self.before.as_ref().filter(|before| before["Name"] == request.body["SecretId"]);
        let Some(before) = before else { return missing() };
        let label = match (request.operation.as_str(), request.body["VersionStage"].as_str()) {
            ("DescribeSecret", _) => return answer(200, before),
            (_, Some(label)) => label,
            (operation, None) => {
                // The value of a version never changes.
                let (status, body) = self.backend.call(operation, &request.body).await;
                return answer(status, &body);
            }
        };
        let mut versions = before["VersionIdsToStages"].as_object().into_iter().flatten();
        let holder = versions.find(|(_, labels)| labels.as_array().is_some_and(|all| all.contains(&json!(label))));
        let Some((id, labels)) = holder else { return missing() };
        let body = json!({"SecretId": request.body["SecretId"], "VersionId": id});
        let (_, mut value) = self.backend.call("GetSecretValue", &body).await;
        value["VersionStages"] = labels.clone();
        answer(200, &value)
    }
}

/// An error in AWS's form, with more words than anybody should repeat.
fn words(code: &str) -> Value {
    json!({"__type": code, "message": "canary: words of AWS, which may quote the request"})
}

fn answer(status: u16, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status} x\r\nContent-Type: application/x-amz-json-1.1\r\nx-amzn-RequestId: 11111111-2222\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head, body].concat().into_bytes()
}

struct Request {
    operation: String,
    body: Value,
}

impl Request {
    async fn read(stream: &mut TcpStream) -> Option<Self> {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
        };
        let head = String::from_utf8(bytes[..end].to_vec()).expect("a head of text");
        let field = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(':'));
            lines.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
        };
        let length: usize = field("content-length").and_then(|length| length.parse().ok()).expect("a length");
        while bytes.len() < end + length {
            if stream.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
        }
        let target = field("x-amz-target").expect("a target");
        Some(Self {
            operation: target.rsplit('.').next().expect("an operation").to_owned(),
            body: serde_json::from_slice(&bytes[end..]).expect("JSON"),
        })
    }
}
