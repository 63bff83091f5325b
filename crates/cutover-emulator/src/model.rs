//! What every emulated vendor is: a pure state machine over HTTP messages.
//!
//! A model does no I/O, reads no clock and draws no chance of its own: the time of a request is an argument, and what
//! looks random comes from the seed it was built with. The same model therefore serves a real socket, a `wiremock`
//! responder and a function call under simulated time.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

/// A request as it reaches the vendor: the path still percent-encoded, the body whole.
pub type Request = http::Request<Bytes>;

/// A vendor's answer, before any fault has touched it.
pub type Response = http::Response<Bytes>;

/// One vendor as a state machine: `(state, now, request) → response`.
pub trait Model: fmt::Debug + Send + 'static {
    /// The vendor's name, as in `stytch`.
    fn vendor(&self) -> &'static str;

    /// The operation that `request` asks for, whether or not it will be accepted: the name by which faults count it.
    ///
    /// `None` for a route the vendor does not have.
    fn operation(&self, request: &Request) -> Option<&'static str>;

    /// Every operation this model knows, in the order of its documentation.
    fn operations(&self) -> &'static [&'static str];

    /// Answers one request. The only place where the state changes.
    fn handle(&mut self, now: Timestamp, request: &Request) -> Response;

    /// The vendor's own 429 in the dialect of the route that is asked for.
    ///
    /// `Retry-After` says `retry_after`, or what the vendor says by itself when that is `None`.
    fn overloaded(&self, now: Timestamp, request: &Request, retry_after: Option<Duration>) -> Response;

    /// The vendor's own 500 in the dialect of the route that is asked for.
    fn broken(&self, now: Timestamp, request: &Request) -> Response;

    /// What the vendor's documents leave open, as switches with citations.
    fn switches(&self) -> &'static [Switch];

    /// The present value of a switch; `None` when there is no switch of that name.
    fn behaviour(&self, name: &str) -> Option<String>;

    /// Sets a switch.
    ///
    /// # Errors
    /// When the vendor has no switch of that name, or the switch no such value.
    fn set_behaviour(&mut self, name: &str, value: &str) -> Result<(), UnknownBehaviour>;
}

/// A behaviour that the vendor's documents leave open or contradict.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Switch {
    /// The name without the vendor, as in `start_while_pending`.
    pub name: &'static str,
    /// What the switch decides, in a sentence.
    pub about: &'static str,
    /// The values it takes, the default first. A value such as `0s..60s` stands for a range that begins with the default.
    pub values: &'static [&'static str],
    /// What the vendor says, or that it says nothing, and where.
    pub citation: &'static str,
}

impl Switch {
    /// The value that the switch has at first.
    pub fn default_value(&self) -> &'static str {
        let first = self.values.first().copied().unwrap_or_default();
        first.split_once("..").map_or(first, |(start, _)| start)
    }
}

/// A switch or a value that a vendor does not have.
#[derive(Debug, thiserror::Error)]
#[error("{vendor} has no behaviour {name}={value}; there is {known}")]
pub struct UnknownBehaviour {
    /// The vendor that was asked.
    pub vendor: &'static str,
    /// The switch that was named.
    pub name: String,
    /// The value that was wanted.
    pub value: String,
    /// What there is instead: the values of the switch that was named, or all switches with theirs.
    pub known: String,
}

impl UnknownBehaviour {
    /// The error for `name=value` where only `switches` exist.
    pub fn new(vendor: &'static str, name: &str, value: &str, switches: &[Switch]) -> Self {
        let named = switches.iter().position(|switch| switch.name == name);
        let switches = named.map_or(switches, |at| &switches[at..=at]);
        let known = switches
            .iter()
            .map(|switch| format!("{}={}", switch.name, switch.values.join("|")))
            .collect::<Vec<_>>()
            .join(", ");
        Self { vendor, name: name.to_owned(), value: value.to_owned(), known }
    }
}
