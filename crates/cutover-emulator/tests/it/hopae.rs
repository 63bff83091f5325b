//! Hopae as a pure state machine, asked directly.

mod idempotency;
mod refusals;
mod rotation;
mod sequences;
mod switches;

use cutover_emulator::hopae::{Hopae, HopaeSeed};
use cutover_emulator::{Model, Request, Response};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::support::{basic, body, request, secret, status};

/// A Hopae with one workspace of two apps, and a clock that only a test moves.
struct Workspace {
    hopae: Hopae,
    seed: HopaeSeed,
    now: Timestamp,
}

impl Workspace {
    fn new() -> Self {
        let (hopae, seed) = Hopae::seeded(7, 2);
        Self { hopae, seed, now: Timestamp::from_second(1_780_000_000).expect("in range") }
    }

    fn with(switch: &str, value: &str) -> Self {
        let mut workspace = Self::new();
        workspace.hopae.set_behaviour(switch, value).expect("a switch");
        workspace
    }

    fn wait(&mut self, time: SignedDuration) {
        self.now = self.now.checked_add(time).expect("in range");
    }

    fn key(&self) -> String {
        format!("Bearer {}", self.seed.api_key.expose())
    }

    fn send(&mut self, request: &Request) -> Response {
        self.hopae.handle(self.now, request)
    }

    fn call(&mut self, method: &str, path: &str, body: &str) -> Response {
        let key = self.key();
        self.send(&request(method, path, &[("authorization", &key)], body))
    }

    fn keyed(&mut self, path: &str, key: &str, body: &str) -> Response {
        let bearer = self.key();
        self.send(&request("POST", path, &[("authorization", &bearer), ("idempotency-key", key)], body))
    }

    /// The client id of the app at this place.
    fn app(&self, at: usize) -> String {
        self.seed.targets[at].client_id.clone()
    }

    /// The secret the app at this place was seeded with.
    fn first_secret(&self, at: usize) -> String {
        self.seed.targets[at].client_secret.expose().to_owned()
    }

    fn path(&self, at: usize, rest: &str) -> String {
        format!("/connect/v1/apps/{}{rest}", self.app(at))
    }

    fn rotate(&mut self, at: usize, key: &str) -> Response {
        let path = self.path(at, "/rotate-client-secret");
        self.keyed(&path, key, "")
    }

    fn rotate_unkeyed(&mut self, at: usize) -> Response {
        let path = self.path(at, "/rotate-client-secret");
        self.call("POST", &path, "")
    }

    fn present(&mut self, client_id: &str, secret: &str) -> Response {
        let credentials = basic(client_id, secret);
        self.send(&request("GET", "/connect/v1/providers", &[("authorization", &credentials)], ""))
    }

    fn accepts(&mut self, at: usize, secret: &str) -> bool {
        let client_id = self.app(at);
        let answer = self.present(&client_id, secret);
        assert!(matches!(status(&answer), 200 | 401), "{}", status(&answer));
        status(&answer) == 200
    }

    /// When the app was last changed, as the vendor says.
    fn updated(&mut self, at: usize) -> Value {
        let path = self.path(at, "");
        body(&self.call("GET", &path, ""))["updatedAt"].clone()
    }
}

fn code(response: &Response) -> String {
    body(response)["error"]["code"].as_str().unwrap_or_default().to_owned()
}

fn replayed(response: &Response) -> bool {
    response.headers().get("idempotency-replayed").is_some_and(|value| value == "true")
}
