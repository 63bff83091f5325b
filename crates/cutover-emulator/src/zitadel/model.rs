//! Zitadel as it answers HTTP: routes to rules, refusals to answers.

use std::time::Duration;

use http::header::SET_COOKIE;
use jiff::Timestamp;

use super::refusal::{Code, OauthError, Refusal, Surface};
use super::route::{Found, OPERATIONS, Route};
use super::settings::{OverloadedBody, SWITCHES};
use super::{Call, Outcome, Zitadel, access, wire};
use crate::answer;
use crate::model::{Model, Request, Response, Switch, UnknownBehaviour};

impl Model for Zitadel {
    fn vendor(&self) -> &'static str {
        "zitadel"
    }

    fn operation(&self, request: &Request) -> Option<&'static str> {
        match Route::of(request, &self.settings) {
            Found::Route(route) => Some(route.operation()),
            Found::WrongMethod | Found::Nothing => None,
        }
    }

    fn operations(&self) -> &'static [&'static str] {
        OPERATIONS
    }

    fn handle(&mut self, now: Timestamp, request: &Request) -> Response {
        let nothing = |code, text| Refusal::plain(code, text).into_response(Surface::Gateway, &self.settings);
        let route = match Route::of(request, &self.settings) {
            Found::Route(route) => route,
            Found::WrongMethod => return nothing(Code::Unimplemented, "Method Not Allowed"),
            Found::Nothing => return nothing(Code::NotFound, "Not Found"),
        };
        if let Route::Oauth(call) = route {
            return self.oauth_call(now, request, call);
        }
        if route.surface() == Surface::Connect && !answer::has_content_type(request, "application/json") {
            return answer::empty(415);
        }
        match self.api_call(now, &route, request) {
            Ok(body) => self.answer(body),
            Err(refusal) => refusal.into_response(route.surface(), &self.settings),
        }
    }

    fn overloaded(&self, _now: Timestamp, request: &Request, retry_after: Option<Duration>) -> Response {
        let blocked = || answer::raw(429, "text/plain; charset=utf-8", "Your ZITADEL instance is blocked.");
        let response = match (self.surface(request), self.settings.overloaded_body) {
            (None, _) => answer::with_header(blocked(), SET_COOKIE, "zitadel.quota.exhausted=true"),
            (Some(_), OverloadedBody::Text) => blocked(),
            (Some(surface), OverloadedBody::Json) => {
                let used_up = Refusal::new(Code::ResourceExhausted, "QUOTA-vjAy8", "Quota.Access.Exhausted");
                used_up.into_response(surface, &self.settings)
            }
        };
        answer::with_retry_after(response, retry_after)
    }

    fn broken(&self, _now: Timestamp, request: &Request) -> Response {
        match self.surface(request) {
            None => OauthError::server_error().into_response(&self.settings),
            Some(surface) => {
                Refusal::plain(Code::Internal, "An internal error occurred").into_response(surface, &self.settings)
            }
        }
    }

    fn switches(&self) -> &'static [Switch] {
        SWITCHES
    }

    fn behaviour(&self, name: &str) -> Option<String> {
        self.settings.value(name)
    }

    fn set_behaviour(&mut self, name: &str, value: &str) -> Result<(), UnknownBehaviour> {
        self.settings.set(name, value)?;
        self.world.set_lag(self.settings.projection_lag.time());
        Ok(())
    }
}

impl Zitadel {
    /// The order of these steps is the vendor's: body, token, organisation, then what the call itself checks.
    fn api_call(&mut self, now: Timestamp, route: &Route, request: &Request) -> Outcome {
        let body = wire::object(request)?;
        let (user, org) = access::caller(&self.world, now, request)?;
        let call = Call { now, request, body, user, org };
        match route {
            Route::App(project, route) => self.app_call(&call, project, route),
            Route::User(route) => self.user_call(&call, route),
            Route::Application(generation, route) => self.application_call(&call, *generation, *route),
            Route::UserSecret(_, id, route) => self.secret_call(&call, id.as_deref(), *route),
            Route::Oauth(_) => Err(Refusal::plain(Code::NotFound, "Not Found")),
        }
    }

    /// The API that `request` comes through; `None` for the OAuth endpoints, which are none.
    fn surface(&self, request: &Request) -> Option<Surface> {
        match Route::of(request, &self.settings) {
            Found::Route(Route::Oauth(_)) => None,
            Found::Route(route) => Some(route.surface()),
            Found::WrongMethod | Found::Nothing => Some(Surface::Gateway),
        }
    }
}
