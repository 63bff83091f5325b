//! The emulators and their control, one JSON line per operation, and the scores, which are the same for every vendor.

use std::fmt::Debug;
use std::io;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cutover::http::{BaseUrl, FromReply, Limits, Listing, ShowOnce};
use cutover::{
    Call, ClientSecret, Clock as _, Effect, Refusal, RotateError, SecretRotator, SystemClock, Target, Vendor, Verdict,
};
use serde_json::{Value, json};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

/// How long a client that is told to give up is told to wait.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The first characters of every secret that the emulators make here.
const MARK: &str = "Cnry";

/// What an operation ends in: an addition to the table's ok, or why it is none.
pub(crate) type Done = Result<Option<&'static str>, Ended>;

/// How an operation ended without being done.
#[derive(Debug)]
pub(crate) enum Ended {
    Wrong(String),
    Cannot(&'static str),
}

impl From<RotateError> for Ended {
    fn from(error: RotateError) -> Self {
        Self::Wrong(error.to_string())
    }
}

pub(crate) fn expect(holds: bool, otherwise: &str) -> Result<(), Ended> {
    if holds { Ok(()) } else { Err(Ended::Wrong(otherwise.to_owned())) }
}

/// An operation whose call has to be refused in this way.
pub(crate) fn refused<T>(ended: Result<T, RotateError>, status: u16, refusal: Refusal, code: &str) -> Done {
    let Err(error) = ended else { return Err(Ended::Wrong("nothing was refused".to_owned())) };
    expect(error.effect() == Effect::NotApplied, "a refusal counts as something else")?;
    expect(error.status() == Some(status), "the status is another one")?;
    expect(error.refusal() == Some(refusal) && error.code() == Some(code), "it was refused for another reason")?;
    Ok(None)
}

#[allow(clippy::print_stdout, reason = "the lines are what this program is for")]
fn print(line: &Value) {
    println!("{line}");
}

pub(crate) fn about(client: &str) {
    let version = env!("CARGO_PKG_VERSION");
    print(&json!({ "client": client, "source": "this workspace", "version": version, "over": ["cutover-http"] }));
}

pub(crate) fn operation(subject: &str, name: &str, done: Done) {
    let mut line = json!({ "subject": subject, "operation": name, "result": "ok" });
    match done {
        Ok(None) => {}
        Ok(Some(note)) => line["note"] = note.into(),
        Err(Ended::Wrong(why)) => (line["result"], line["why"]) = ("failed".into(), why.into()),
        Err(Ended::Cannot(why)) => (line["result"], line["why"]) = ("cannot".into(), why.into()),
    }
    print(&line);
}

#[allow(clippy::print_stderr, reason = "why the program stops")]
pub(crate) fn stop(why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::FAILURE
}

/// Everything on every page.
pub(crate) async fn all<T: Send + 'static>(mut listing: Listing<T>) -> Result<Vec<T>, RotateError> {
    let mut items = Vec::new();
    while let Some(item) = listing.next().await {
        items.push(item?);
    }
    Ok(items)
}

/// Whether the vendor accepts a secret, by the rotator's own means.
pub(crate) async fn accepted(
    rotator: &dyn SecretRotator,
    target: &Target,
    secret: &ClientSecret,
    wanted: bool,
    which: &str,
) -> Result<(), Ended> {
    let how = match rotator.verify(target, secret).await? {
        Verdict::Accepted => "accepted",
        Verdict::Refused => "refused",
        Verdict::NotKnown => "not known to be good or bad",
    };
    expect(how == if wanted { "accepted" } else { "refused" }, &format!("the {which} secret is {how}"))
}

/// The limits of a client that is told to give up soon.
pub(crate) fn hurried() -> Limits {
    Limits { call: TIMEOUT, ..Limits::default() }
}

/// The emulators that the command started.
pub(crate) struct Emulator {
    pub(crate) all: Value,
    http: reqwest::Client,
}

impl Emulator {
    pub(crate) async fn connect() -> Result<Self, String> {
        let mut line = String::new();
        io::stdin().read_line(&mut line).map_err(|error| error.to_string())?;
        let all = serde_json::from_str(&line).map_err(|_| "stdin has no JSON line".to_owned())?;
        let emulator = Self { all, http: reqwest::Client::new() };
        emulator.control("POST", "reset", &Value::Null).await;
        Ok(emulator)
    }

    /// A text of a vendor's seed, by its JSON pointer.
    pub(crate) fn text(&self, pointer: &str) -> &str {
        self.all.pointer(&format!("/vendors{pointer}")).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn secret(&self, pointer: &str) -> ClientSecret {
        ClientSecret::new(self.text(pointer))
    }

    pub(crate) fn base_url(&self, vendor: &str) -> BaseUrl {
        BaseUrl::parse(self.text(&format!("/{vendor}/base_url"))).expect("the emulators' own URL")
    }

    async fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.all["control_url"].as_str().unwrap_or_default());
        let call = self.http.request(method.parse().expect("a method"), url).body(body.to_string());
        let answer = call.send().await.expect("the control answers");
        assert!(answer.status().is_success(), "the control refuses {path}");
        serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON")
    }

    async fn behave(&self, name: &str, value: &str) {
        self.control("POST", "behaviours", &json!({ "name": name, "value": value })).await;
    }

    async fn seen(&self, operation: &str) -> usize {
        let log = self.control("GET", "log", &Value::Null).await;
        log["log"].as_array().map_or(0, |log| log.iter().filter(|entry| entry["operation"] == operation).count())
    }

    async fn during<T>(&self, fault: &str, call: impl Future<Output = T>) -> T {
        self.control("POST", "faults", &json!({ "fault": fault })).await;
        let ended = call.await;
        self.control("DELETE", "faults", &Value::Null).await;
        self.control("POST", "release", &Value::Null).await;
        ended
    }
}

/// Everything that is logged at any level, kept in memory.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn start() -> Self {
        let log = Self::default();
        tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(log.clone()).init();
        log
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// A way to ask for a new secret, and to make that possible again.
pub(crate) trait Issue {
    type Secret: FromReply + Debug;

    /// In the drivers' lines, and in the emulators' log.
    const SUBJECT: &str;
    const VENDOR: &str;
    const OPERATION: &str;

    /// The same over a client that waits no longer than [`hurried`].
    fn hurried(&self) -> Self;
    async fn issue(&self) -> Result<ShowOnce<Self::Secret>, RotateError>;
    fn secret(made: &Self::Secret) -> &ClientSecret;
    /// Undoes `issue`, where the vendor wants that before another one.
    async fn undo(&self) {}
}

/// What becomes of a secret when the wire is unkind.
pub(crate) async fn scores<I: Issue + Debug>(emulator: &Emulator, log: &Log, way: &I) {
    let (subject, vendor) = (I::SUBJECT, I::VENDOR);
    let fault = |kind: &str| format!("{vendor}.{}#1={kind}", I::OPERATION);
    let answer = &emulator.all["answers"][subject];
    let report = |score: &str, good: bool, observed: &str| {
        let verdict = if good { "yes" } else { "no" };
        print(&json!({ "subject": subject, "score": score, "verdict": verdict, "observed": observed }));
    };

    let calm = [("whitespace", "compact", "odd"), ("unknown_fields", "absent", "present")];
    let switches = &calm[..if vendor == "stytch" { 2 } else { 1 }];
    for (name, value, _) in switches {
        emulator.behave(&format!("{vendor}.{name}"), value).await;
    }
    let cut = emulator.during(&fault(&format!("cut_body:{}", answer["cut"])), way.issue()).await;
    let (kept, observed) = match cut {
        Ok(answer) => {
            let reply = answer.into_reply();
            let bytes = u64::try_from(reply.expose_body().len()).unwrap_or_default();
            let call = Call::new(Vendor::new(vendor), "issue");
            let read = I::Secret::from_reply(&call, &reply).is_ok_and(|made| is_marked(I::secret(&made)));
            let kept = answer_is(bytes, emulator, subject) && !reply.is_whole() && read;
            (kept, format!("returned ShowOnce; all {bytes} bytes are in its Reply, the secret is read from them"))
        }
        Err(error) => (false, ended_in(&error)),
    };
    report("cut_body", kept, &observed);
    way.undo().await;
    for (name, _, value) in switches {
        emulator.behave(&format!("{vendor}.{name}"), value).await;
    }

    let fields: Vec<&str> = answer["fields"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut reached = 0;
    for field in &fields {
        let ended = emulator.during(&fault(&format!("drop_field:{field}")), way.issue()).await;
        let read = ended.and_then(ShowOnce::read);
        reached += usize::from(read.is_ok_and(|made| is_marked(I::secret(&made))));
        way.undo().await;
    }
    let observed = format!("in the answer for {reached} of {} fields", fields.len());
    report("drop_field", reached == fields.len() && reached > 0, &observed);

    let hurried = way.hurried();
    let began = SystemClock.now();
    let held = emulator.during(&fault("hold_answer"), hurried.issue()).await;
    let took = SystemClock.now().duration_since(began).as_secs_f64();
    let unknown = held.as_ref().is_err_and(|error| error.effect() == Effect::Unknown);
    let observed = match &held {
        Ok(_) => "returned".to_owned(),
        Err(error) => format!("Limits::call of {} s; {} after {took:.1} s", TIMEOUT.as_secs(), ended_in(error)),
    };
    report("hold_answer", unknown && took < 3.0, &observed);
    way.undo().await;

    let shown = match way.issue().await {
        Ok(answer) => {
            let unread = format!("{answer:?}");
            answer.read().map(|made| unread + &format!("{made:?}")).unwrap_or_default()
        }
        Err(_) => String::new(),
    };
    let client = format!("{way:?}");
    let good = !shown.is_empty() && !shown.contains(MARK) && !client.contains(MARK);
    report("repr", good, "{:?} of the answer, of what is read from it and of the client does not show it");
    way.undo().await;

    let before = emulator.seen(I::OPERATION).await;
    let lost = emulator.during(&fault("lose_answer"), way.issue()).await;
    let sent = emulator.seen(I::OPERATION).await - before;
    let unknown = lost.as_ref().is_err_and(|error| error.effect() == Effect::Unknown);
    let times = if sent == 1 { "once".to_owned() } else { format!("{sent} times") };
    let observed = match &lost {
        Ok(_) => format!("returned; sent {times}"),
        Err(error) => format!("{}; sent {times}", ended_in(error)),
    };
    report("lose_answer", sent == 1 && unknown, &observed);
    way.undo().await;

    // Last, so that the log holds all of the above.
    let text = log.text();
    let clean = ![MARK, "Basic ", "Bearer "].into_iter().any(|part| text.contains(part));
    report("log", !text.is_empty() && clean, "not in the log at TRACE");
}

fn answer_is(bytes: u64, emulator: &Emulator, subject: &str) -> bool {
    emulator.all["answers"][subject]["cut"] == bytes
}

fn is_marked(secret: &ClientSecret) -> bool {
    secret.expose().starts_with(MARK)
}

fn ended_in(error: &RotateError) -> String {
    let variant = match error {
        RotateError::NotSent(_) => "NotSent",
        RotateError::Refused(_) => "Refused",
        RotateError::NoAnswer(_) => "NoAnswer",
        RotateError::Unreadable(_) => "Unreadable",
        _ => "another error",
    };
    format!("failed with {variant}, effect {:?}", error.effect())
}
