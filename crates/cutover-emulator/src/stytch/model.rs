//! Stytch as it answers HTTP: routes to rules, outcomes to answers.

use std::time::Duration;

use http::header;
use jiff::Timestamp;

use super::problem::{Dialect, Problem};
use super::route::{OPERATIONS, Route};
use super::settings::{RetryAfter, SWITCHES, UnknownFields, Whitespace};
use super::{Outcome, Stytch};
use crate::answer;
use crate::json::{Json, json};
use crate::model::{Model, Request, Response, Switch, UnknownBehaviour};
use crate::secret;

/// What `Retry-After` says where the vendor sends one by itself.
const RETRY_AFTER: Duration = Duration::from_secs(1);

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
                body.add("status_code", json!(status));
                body.add("request_id", Json::from(request_id(&mut rng)));
                if self.settings.unknown_fields == UnknownFields::Present {
                    body.add("served_by", json!({ "region": null }));
                }
                self.write(status, body, &mut rng)
            }
        }
    }

    fn overloaded(&self, _now: Timestamp, request: &Request, retry_after: Option<Duration>) -> Response {
        let message = "Too many requests have been made.";
        let problem = Problem::new(Route::dialect(request), 429, "too_many_requests", message);
        let response = self.refuse(&problem, &mut self.aside());
        let by_itself = (self.settings.retry_after == RetryAfter::Present).then_some(RETRY_AFTER);
        answer::with_retry_after(response, retry_after.or(by_itself))
    }

    fn broken(&self, _now: Timestamp, request: &Request) -> Response {
        let message = "Something went wrong on our side.";
        let problem = Problem::new(Route::dialect(request), 500, "internal_server_error", message);
        self.refuse(&problem, &mut self.aside())
    }

    fn switches(&self) -> &'static [Switch] {
        SWITCHES
    }

    fn behaviour(&self, name: &str) -> Option<String> {
        self.settings.value(name)
    }

    fn set_behaviour(&mut self, name: &str, value: &str) -> Result<(), UnknownBehaviour> {
        self.settings.set(name, value)
    }
}

impl Stytch {
    fn answer(&mut self, now: Timestamp, request: &Request) -> Outcome {
        match Route::of(request)? {
            Route::Client(family, verb) => self.manage(request, family, &verb),
            Route::Token(project) => self.token(now, request, project.as_deref()),
            Route::Introspect(project) => self.introspect(request, project.as_deref()),
            Route::Jwks(project) => self.jwks(&project),
        }
    }

    /// Writes an answer with the whitespace that is chosen.
    fn write(&self, status: u16, body: Json, rng: &mut fastrand::Rng) -> Response {
        match self.settings.whitespace {
            Whitespace::Odd => answer::spaced(status, body, rng),
            Whitespace::Compact => answer::compact(status, &body),
        }
    }

    fn refuse(&self, problem: &Problem, rng: &mut fastrand::Rng) -> Response {
        let mut body = problem.body(&request_id(rng));
        if problem.dialect == Dialect::Api && self.settings.unknown_fields == UnknownFields::Present {
            body.add("error_details", json!({}));
        }
        let response = self.write(problem.status, body, rng);
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

fn request_id(rng: &mut fastrand::Rng) -> String {
    format!("request-id-test-{}", secret::uuid(rng))
}
