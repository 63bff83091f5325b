//! The emulators and their control, and one JSON line per operation.
//!
//! Nothing secret is ever printed: a failure shows the driver's own words, never an error's text.

use std::time::Duration;

use serde_json::{Value, json};

/// How long a client that may never return is watched.
pub const PATIENCE: Duration = Duration::from_secs(4);

/// The first characters of every secret that the emulators make here.
pub const MARK: &str = "Cnry";

/// How an operation ended without being done.
pub enum Ended {
    /// The client did something else than the operation promises.
    Wrong(String),
    /// The client has no way to do this.
    Cannot(&'static str),
}

pub type Done = Result<Option<&'static str>, Ended>;

pub fn expect(holds: bool, otherwise: &str) -> Result<(), Ended> {
    if holds { Ok(()) } else { Err(Ended::Wrong(otherwise.to_owned())) }
}

/// Only the kind of the error: its text may hold what was sent.
impl From<stytch::Error> for Ended {
    fn from(error: stytch::Error) -> Self {
        Self::Wrong(format!("failed with {}", kind(&error)))
    }
}

pub fn kind(error: &stytch::Error) -> &'static str {
    match error {
        stytch::Error::Response(_) => "Error::Response",
        stytch::Error::Other(_) => "Error::Other",
        _ => "another stytch::Error",
    }
}

pub fn about(client: &str, source: &str, lock: &str) {
    let version = |name: &str| {
        let entry = lock.split(&format!("name = \"{name}\"\nversion = \"")).nth(1).unwrap_or_default();
        entry.split('"').next().unwrap_or_default().to_owned()
    };
    let over: Vec<String> = ["reqwest", "hyper"].map(|name| format!("{name} {}", version(name))).into();
    let version = version("stytch");
    println!("{}", json!({ "client": client, "source": source, "version": version, "over": over }));
}

pub fn operation(subject: &str, name: &str, done: Done) {
    let mut line = json!({ "subject": subject, "operation": name, "result": "ok" });
    match done {
        Ok(None) => {}
        Ok(Some(note)) => line["note"] = note.into(),
        Err(Ended::Wrong(why)) => (line["result"], line["why"]) = ("failed".into(), why.into()),
        Err(Ended::Cannot(why)) => (line["result"], line["why"]) = ("cannot".into(), why.into()),
    }
    println!("{line}");
}

pub fn score(subject: &str, name: &str, verdict: &str, observed: &str) {
    println!("{}", json!({ "subject": subject, "score": name, "verdict": verdict, "observed": observed }));
}

pub fn yes(holds: bool) -> &'static str {
    if holds { "yes" } else { "no" }
}

pub fn times(count: usize) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

/// The emulators that the command started, as told in one JSON line on stdin.
pub struct Emulator {
    pub all: Value,
    http: reqwest::Client,
}

impl Emulator {
    pub async fn connect() -> Self {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).expect("a line on stdin");
        let all = serde_json::from_str(&line).expect("JSON on stdin");
        let emulator = Self { all, http: reqwest::Client::new() };
        emulator.control("POST", "reset", Value::Null).await;
        emulator
    }

    pub fn stytch(&self, field: &str) -> &str {
        self.all["vendors"]["stytch"][field].as_str().expect("a text")
    }

    pub async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let url = format!("{}{path}", self.all["control_url"].as_str().expect("a URL"));
        let mut call = self.http.request(method.parse().expect("a method"), url);
        if !body.is_null() {
            call = call.json(&body);
        }
        let answer = call.send().await.expect("the control answers");
        assert!(answer.status().is_success(), "the control refuses {path}");
        answer.json().await.expect("JSON")
    }

    pub async fn behave(&self, name: &str, value: &str) {
        self.control("POST", "behaviours", json!({ "name": name, "value": value })).await;
    }

    /// How many requests for this operation arrived, whatever became of them.
    pub async fn seen(&self, operation: &str) -> usize {
        let log = self.control("GET", "log", Value::Null).await;
        log["log"].as_array().expect("a list").iter().filter(|entry| entry["operation"] == operation).count()
    }

    /// Runs a call while a fault is set.
    pub async fn during<T>(&self, fault: &str, call: impl Future<Output = T>) -> T {
        self.control("POST", "faults", json!({ "fault": fault })).await;
        let ended = call.await;
        self.control("DELETE", "faults", Value::Null).await;
        self.control("POST", "release", Value::Null).await;
        ended
    }

    /// Whether introspection accepts a secret, asked by plain HTTP. The ids and secrets need no escaping.
    pub async fn introspects(&self, client_id: &str, secret: &str) -> bool {
        let (base, project) = (self.stytch("base_url"), self.stytch("project_id"));
        let body = format!("token=made-up&client_id={client_id}&client_secret={secret}");
        let call = self.http.post(format!("{base}/v1/public/{project}/oauth2/introspect"));
        let call = call.header("content-type", "application/x-www-form-urlencoded").body(body);
        call.send().await.expect("an answer").status().is_success()
    }
}
