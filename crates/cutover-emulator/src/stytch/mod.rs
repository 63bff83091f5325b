//! Stytch as a state machine: Connected Apps and M2M clients, their two-phase secret rotation, tokens, introspection.

mod book;
mod client;
mod keys;
mod manage;
mod oauth;
mod problem;
mod route;
mod search;
mod settings;

use std::fmt;
use std::time::Duration;

use http::header;
use jiff::Timestamp;
use serde_json::{Value, json};

use self::book::Book;
use self::client::{AppFields, AppInput, Fields, M2mFields, M2mInput};
use self::problem::{Dialect, Problem};
use self::route::{Family, OPERATIONS, Route};
use self::settings::{RetryAfter, Settings, UnknownFields, Whitespace};
use crate::answer;
use crate::model::{Model, Request, Response, Switch, UnknownBehaviour};
use crate::secret::{self, Hash};
use crate::seeds::SeededSecret;

/// What `Retry-After` says where the vendor sends one by itself.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// One Stytch test project and its clients.
///
/// Keeps hashes and last characters of secrets, never a secret.
pub struct Stytch {
    project_id: String,
    project_secret: Hash,
    clients: Book,
    rng: fastrand::Rng,
    settings: Settings,
}

/// What a caller has to know of a seeded project.
#[derive(Clone, Debug, serde::Serialize)]
pub struct StytchSeed {
    /// The project's id.
    pub project_id: String,
    /// The project's secret.
    pub secret: SeededSecret,
    /// The project's clients, in the order of their creation.
    pub targets: Vec<StytchTarget>,
}

impl StytchSeed {
    /// The first M2M client.
    pub fn m2m(&self) -> Option<&StytchTarget> {
        self.targets.iter().find(|target| target.kind == StytchKind::M2m)
    }

    /// The first confidential Connected App.
    pub fn connected_app(&self) -> Option<&StytchTarget> {
        self.targets.iter().find(|target| target.kind == StytchKind::ConnectedApp)
    }
}

/// A seeded client.
#[derive(Clone, Debug, serde::Serialize)]
pub struct StytchTarget {
    /// Which family it belongs to.
    pub kind: StytchKind,
    /// Its id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SeededSecret,
}

/// A family of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StytchKind {
    /// Machine to machine.
    M2m,
    /// A confidential Connected App.
    ConnectedApp,
}

impl Stytch {
    /// A project with `targets` clients, M2M and Connected App by turns; with 0, one of each.
    pub fn seeded(seed: u64, targets: usize) -> (Self, StytchSeed) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let project_id = format!("project-test-{}", secret::uuid(&mut rng));
        let secret = format!("secret-test-{}", secret::base64url(&mut rng, 36));
        let mut stytch = Self {
            project_id: project_id.clone(),
            project_secret: Hash::of(&secret),
            clients: Book::default(),
            rng,
            settings: Settings::default(),
        };
        let count = if targets == 0 { 2 } else { targets };
        let targets = (0..count).filter_map(|nth| stytch.seed_target(nth)).collect();
        (stytch, StytchSeed { project_id, secret: SeededSecret::new(secret), targets })
    }

    fn seed_target(&mut self, nth: usize) -> Option<StytchTarget> {
        let name = format!("Target {}", nth + 1);
        let (kind, family, fields) = if nth.is_multiple_of(2) {
            let fields = M2mFields::create(M2mInput::named(name)).ok()?;
            (StytchKind::M2m, Family::M2m, Fields::M2m(fields))
        } else {
            let fields = AppFields::create(AppInput::confidential(name), "").ok()?;
            (StytchKind::ConnectedApp, Family::ConnectedApp, Fields::ConnectedApp(fields))
        };
        let client_id = self.new_id(family);
        let client_secret = self.new_secret();
        self.insert(client_id.clone(), fields, Some(&client_secret));
        Some(StytchTarget { kind, client_id, client_secret: SeededSecret::new(client_secret) })
    }

    fn answer(&mut self, now: Timestamp, request: &Request) -> Result<(u16, Value), Problem> {
        match Route::of(request)? {
            Route::Client(family, verb) => self.manage(request, family, &verb),
            Route::Token(project) => self.token(now, request, project.as_deref()),
            Route::Introspect(project) => self.introspect(request, project.as_deref()),
            Route::Jwks(project) => self.jwks(&project),
        }
    }

    /// Writes an answer with the whitespace that is chosen.
    fn write(&self, status: u16, body: &Value, rng: &mut fastrand::Rng) -> Response {
        match self.settings.whitespace {
            Whitespace::Odd => answer::json_spaced(status, body, rng),
            Whitespace::Compact => answer::json(status, body),
        }
    }

    fn refuse(&self, problem: &Problem, rng: &mut fastrand::Rng) -> Response {
        let mut body = problem.body(&request_id(rng));
        if problem.dialect == Dialect::Api && self.settings.unknown_fields == UnknownFields::Present {
            body["error_details"] = json!({});
        }
        let response = self.write(problem.status, &body, rng);
        if problem.challenge {
            answer::with_header(response, header::WWW_AUTHENTICATE, "Basic realm=\"stytch\"")
        } else {
            response
        }
    }

    /// A source for an answer outside the state machine.
    fn aside(&self) -> fastrand::Rng {
        let mut rng = self.rng.clone();
        rng.fork()
    }
}

impl Model for Stytch {
    fn vendor(&self) -> &'static str {
        "stytch"
    }

    fn operation(&self, request: &Request) -> Option<&'static str> {
        Route::of(request).ok().map(|route| route.operation())
    }

    fn operations(&self) -> &'static [&'static str] {
        OPERATIONS
    }

    fn handle(&mut self, now: Timestamp, request: &Request) -> Response {
        let answered = self.answer(now, request);
        let mut rng = self.rng.fork();
        match answered {
            Err(problem) => self.refuse(&problem, &mut rng),
            Ok((status, mut body)) => {
                body["status_code"] = status.into();
                body["request_id"] = request_id(&mut rng).into();
                if self.settings.unknown_fields == UnknownFields::Present {
                    body["served_by"] = json!({ "region": null });
                }
                self.write(status, &body, &mut rng)
            }
        }
    }

    fn overloaded(&self, _now: Timestamp, request: &Request, retry_after: Option<Duration>) -> Response {
        let message = "Too many requests have been made.";
        let problem = Problem::new(Dialect::of(request), 429, "too_many_requests", message);
        let response = self.refuse(&problem, &mut self.aside());
        let by_itself = (self.settings.retry_after == RetryAfter::Present).then_some(RETRY_AFTER);
        answer::with_retry_after(response, retry_after.or(by_itself))
    }

    fn broken(&self, _now: Timestamp, request: &Request) -> Response {
        let message = "Something went wrong on our side.";
        let problem = Problem::new(Dialect::of(request), 500, "internal_server_error", message);
        self.refuse(&problem, &mut self.aside())
    }

    fn switches(&self) -> &'static [Switch] {
        settings::SWITCHES
    }

    fn behaviour(&self, name: &str) -> Option<String> {
        self.settings.value(name)
    }

    fn set_behaviour(&mut self, name: &str, value: &str) -> Result<(), UnknownBehaviour> {
        self.settings.set(name, value)
    }
}

impl fmt::Debug for Stytch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stytch")
            .field("project_id", &self.project_id)
            .field("clients", &self.clients.len())
            .finish_non_exhaustive()
    }
}

fn request_id(rng: &mut fastrand::Rng) -> String {
    format!("request-id-test-{}", secret::uuid(rng))
}
