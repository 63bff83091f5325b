//! Hopae as it answers HTTP: routes to rules, refusals to answers.

use std::time::Duration;

use jiff::Timestamp;

use super::refusal::Refusal;
use super::route::{OPERATIONS, Route};
use super::settings::{RetryAfter, SWITCHES};
use super::{Call, Hopae, Outcome, wire};
use crate::answer;
use crate::model::{Model, Request, Response, Switch, UnknownBehaviour};
use crate::secret;

/// The App API's one route, as its errors name it.
const PROVIDERS: &str = "/providers";

/// What `Retry-After` says where nothing else is wanted.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl Model for Hopae {
    fn vendor(&self) -> &'static str {
        "hopae"
    }

    fn operation(&self, request: &Request) -> Option<&'static str> {
        Route::of(request).map(|route| route.operation())
    }

    fn operations(&self) -> &'static [&'static str] {
        OPERATIONS
    }

    fn handle(&mut self, now: Timestamp, request: &Request) -> Response {
        match Route::of(request) {
            None => {
                let request_id = secret::uuid(&mut self.rng);
                self.refused(now, request, &request_id, Refusal::not_found())
            }
            Some(Route::Providers) => self.app_route(now, request),
            Some(route) => self.workspace_route(now, &route, request),
        }
    }

    fn overloaded(&self, now: Timestamp, request: &Request, retry_after: Option<Duration>) -> Response {
        let by_itself = (self.settings.retry_after == RetryAfter::Present).then_some(RETRY_AFTER);
        answer::with_retry_after(self.trouble(now, request, Refusal::overloaded()), retry_after.or(by_itself))
    }

    fn broken(&self, now: Timestamp, request: &Request) -> Response {
        self.trouble(now, request, Refusal::broken())
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

impl Hopae {
    fn workspace_route(&mut self, now: Timestamp, route: &Route, request: &Request) -> Response {
        let request_id = secret::uuid(&mut self.rng);
        let Some(workspace) = answer::bearer(request).and_then(|key| self.workspaces.of_key(key)) else {
            return self.refused(now, request, &request_id, Refusal::unauthenticated());
        };
        let call = Call { now, workspace, request, request_id };
        match self.dispatch(&call, route) {
            Ok(response) => response,
            Err(refusal) => self.refused(now, request, &call.request_id, refusal),
        }
    }

    fn dispatch(&mut self, call: &Call<'_>, route: &Route) -> Outcome {
        match route {
            Route::Create => self.once(call, Self::create),
            Route::BatchCreate => self.batch_create(call),
            Route::List => self.list(call),
            Route::Get(id) => self.get(call, id),
            Route::Update(id) => self.update(call, id),
            Route::Delete(id) => self.delete(call, id),
            Route::Rotate(id) => self.once(call, |hopae, call| hopae.rotate(call, id)),
            Route::RedirectUris(id) => self.redirect_uris(call, id),
            Route::SetRedirectUris(id) => self.set_redirect_uris(call, id),
            Route::Webhook(id) => self.webhook(call, id),
            Route::SetWebhook(id) => self.set_webhook(call, id),
            Route::RotateWebhook(id) => self.once(call, |hopae, call| hopae.rotate_webhook(call, id)),
            Route::Providers => Err(Refusal::not_found()),
        }
    }

    fn app_route(&mut self, now: Timestamp, request: &Request) -> Response {
        let known = answer::basic(request).is_some_and(|(id, secret)| self.workspaces.accepts(&id, &secret));
        if known {
            self.answer(200, wire::providers())
        } else {
            Refusal::client_unauthenticated().into_problem(now, PROVIDERS)
        }
    }

    /// A refusal that has nothing to do with the request, in the envelope of its route.
    fn trouble(&self, now: Timestamp, request: &Request, refusal: Refusal) -> Response {
        match Route::of(request) {
            Some(Route::Providers) => refusal.into_problem(now, PROVIDERS),
            // The id that the next request would get; an answer given in its place changes nothing.
            _ => self.refused(now, request, &secret::uuid(&mut self.rng.clone()), refusal),
        }
    }
}
