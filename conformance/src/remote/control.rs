//! The control of an emulator in another process: its clock, its faults, and what it saw.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use cutover_core::{Clock, SystemClock};

use crate::Stop;

/// An answer of the control takes no longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A control, on this machine and without encryption.
///
/// Asked without a runtime: it is another process, answers at once, and is asked where nothing can be awaited.
pub(super) struct Control {
    /// Host and port.
    at: String,
    /// How far the emulated time is ahead of this machine's.
    ahead: Mutex<SignedDuration>,
    /// The switches that are not as they are by themselves, with their values.
    behaviours: Vec<(String, String)>,
}

impl Control {
    pub(super) fn new(url: &str) -> Result<Self, Stop> {
        let at = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
        let at = at.filter(|at| !at.contains('/')).ok_or_else(|| no("control_url is not the URL of a control"))?;
        let mut control = Self { at: at.to_owned(), ahead: Mutex::new(SignedDuration::ZERO), behaviours: Vec::new() };
        let page = control.ask("GET", "/", None)?;
        control.behaviours = changed(&page);
        let now: Timestamp =
            page["now"].as_str().and_then(|now| now.parse().ok()).ok_or_else(|| no("it tells no time"))?;
        *control.ahead.lock().unwrap_or_else(PoisonError::into_inner) = now.duration_since(SystemClock.now());
        Ok(control)
    }

    pub(super) fn fault(&self, fault: &str) -> Result<(), Stop> {
        self.ask("POST", "/faults", Some(&json!({ "fault": fault }))).map(drop)
    }

    pub(super) fn clear_faults(&self) -> Result<(), Stop> {
        self.ask("DELETE", "/faults", None).map(drop)
    }

    /// The switches that were not as they are by themselves when the run began.
    pub(super) fn behaviours(&self) -> &[(String, String)] {
        &self.behaviours
    }

    /// How many calls of an operation have reached the vendor.
    pub(super) fn handled(&self, vendor: &str, operation: &str) -> Result<u64, Stop> {
        let log = self.ask("GET", "/log", None)?;
        let is_one =
            |entry: &&Value| entry["vendor"] == vendor && entry["operation"] == operation && !entry["status"].is_null();
        let count = log["log"].as_array().into_iter().flatten().filter(is_one).count();
        Ok(u64::try_from(count).unwrap_or(u64::MAX))
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, Stop> {
        let failed = |error: std::io::Error| no(&error.to_string());
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut stream = TcpStream::connect(&self.at).map_err(failed)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            self.at,
            body.len()
        );
        stream.write_all(head.as_bytes()).map_err(failed)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).map_err(failed)?;
        let text = String::from_utf8_lossy(&answer);
        let (head, body) = text.split_once("\r\n\r\n").ok_or_else(|| no("it does not answer"))?;
        let is_good = head.split(' ').nth(1) == Some("200");
        let body = serde_json::from_str(body).map_err(|_| no("its answer is not JSON"))?;
        if is_good { Ok(body) } else { Err(no("it refused")) }
    }
}

fn changed(page: &Value) -> Vec<(String, String)> {
    let switch = |switch: &Value| {
        let (name, value) = (switch["name"].as_str()?, switch["value"].as_str()?);
        let by_itself = switch["values"][0].as_str()?;
        // Of a range, the first value is the one by itself.
        let same = by_itself == value || by_itself.split_once("..").is_some_and(|(first, _)| first == value);
        (!same).then(|| (name.to_owned(), value.to_owned()))
    };
    page["behaviours"].as_array().into_iter().flatten().filter_map(switch).collect()
}

fn no(what: &str) -> Stop {
    Stop::NotSetUp(format!("the control of the vendors: {what}"))
}

#[async_trait]
impl Clock for Control {
    fn now(&self) -> Timestamp {
        let ahead = *self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        SystemClock.now().checked_add(ahead).unwrap_or(Timestamp::MAX)
    }

    async fn sleep(&self, duration: Duration) {
        // A little more than asked for, so that nothing waits for the last instant again.
        let advance = duration + Duration::from_millis(1);
        if self.ask("POST", "/clock", Some(&json!({ "advance_s": advance.as_secs_f64() }))).is_ok() {
            let advance = SignedDuration::try_from(advance).unwrap_or(SignedDuration::MAX);
            let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
            *ahead = ahead.saturating_add(advance);
        } else {
            SystemClock.sleep(duration).await;
        }
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Control({})", self.at)
    }
}
