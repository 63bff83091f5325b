//! Hopae Connect: immediate replacement of the one client secret, with replay by idempotency key.
//!
//! Answers the Workspace API and the one route of the App API that takes client credentials, under `/connect/v1`.

mod apps;
mod idempotency;
mod refusal;
mod route;
mod seed;
mod settings;
mod state;
mod wire;

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::answer;
use crate::json::Json;
use crate::model::{Model, Request, Response, Switch, UnknownBehaviour};
use crate::secret::{self, SeededSecret};

pub use seed::{HopaeSeed, HopaeTarget, OtherWorkspace};

use apps::Outcome;
use idempotency::Replays;
use refusal::Refusal;
use route::Route;
use settings::{ErrorEnvelope, ReplayHeader, RetryAfter, Settings, StoreErrors};
use state::{AppNames, WorkspaceId, Workspaces};

/// The App API's one route, as its errors name it.
const PROVIDERS: &str = "/providers";

/// What `Retry-After` says where nothing else is wanted.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Hopae as a state machine.
pub struct Hopae {
    settings: Settings,
    workspaces: Workspaces,
    replays: Replays,
    rng: fastrand::Rng,
}

/// One request on a workspace route, past authentication.
struct Call<'a> {
    now: Timestamp,
    workspace: WorkspaceId,
    request: &'a Request,
    request_id: String,
}

impl Hopae {
    /// A vendor with one workspace of `targets` apps (0 for the default set of one) and a second, foreign workspace.
    pub fn seeded(seed: u64, targets: usize) -> (Self, HopaeSeed) {
        let (hopae, [(ours, api_key), (theirs, their_key)]) = Self::with_keys(seed, targets);
        let targets = hopae.workspaces.seeded(ours).map(|(client_id, client_secret)| HopaeTarget {
            kind: "app",
            client_id,
            client_secret: SeededSecret::new(client_secret),
        });
        let targets = targets.collect();
        let (client_id, client_secret) = hopae.workspaces.seeded(theirs).next().unwrap_or_default();
        let other_workspace = OtherWorkspace {
            api_key: SeededSecret::new(their_key),
            client_id,
            client_secret: SeededSecret::new(client_secret),
        };
        let production_api_key = SeededSecret::new(hopae.workspaces.production_key(ours));
        (hopae, HopaeSeed { api_key: SeededSecret::new(api_key), production_api_key, targets, other_workspace })
    }

    /// The same without what a caller has to know of it.
    pub(crate) fn new(seed: u64, targets: usize) -> Self {
        Self::with_keys(seed, targets).0
    }

    fn with_keys(seed: u64, targets: usize) -> (Self, [(WorkspaceId, String); 2]) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut workspaces = Workspaces::new(rng.u64(..));
        let ours = workspaces.open(targets.max(1), AppNames::Numbered, &mut rng);
        let theirs = workspaces.open(1, AppNames::Foreign, &mut rng);
        (Self { settings: Settings::default(), workspaces, replays: Replays::default(), rng }, [ours, theirs])
    }

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

    /// A refusal on a workspace route, in the envelope that is chosen.
    fn refused(&self, now: Timestamp, request: &Request, request_id: &str, refusal: Refusal) -> Response {
        match self.settings.error_envelope {
            ErrorEnvelope::Workspace => refusal.into_response(request_id),
            ErrorEnvelope::Problem => refusal.into_problem(now, request.uri().path()),
        }
    }

    /// A success, spaced and ordered as JSON allows: nothing may depend on that.
    fn answer(&mut self, status: u16, body: Json) -> Response {
        answer::spaced(status, body, &mut self.rng)
    }

    fn replayed(&self, response: Response) -> Response {
        match self.settings.replay_header {
            ReplayHeader::On => idempotency::marked(response),
            ReplayHeader::Off => response,
        }
    }

    fn stores_errors(&self) -> bool {
        self.settings.store_errors == StoreErrors::Yes
    }
}

impl Model for Hopae {
    fn vendor(&self) -> &'static str {
        "hopae"
    }

    fn operation(&self, request: &Request) -> Option<&'static str> {
        Route::of(request).map(|route| route.operation())
    }

    fn operations(&self) -> &'static [&'static str] {
        route::OPERATIONS
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
        settings::SWITCHES
    }

    fn behaviour(&self, name: &str) -> Option<String> {
        self.settings.value(name)
    }

    fn set_behaviour(&mut self, name: &str, value: &str) -> Result<(), UnknownBehaviour> {
        self.settings.set(name, value)
    }
}

impl Hopae {
    /// A refusal that has nothing to do with the request, in the envelope of its route.
    fn trouble(&self, now: Timestamp, request: &Request, refusal: Refusal) -> Response {
        match Route::of(request) {
            Some(Route::Providers) => refusal.into_problem(now, PROVIDERS),
            // The id that the next request would get; an answer given in its place changes nothing.
            _ => self.refused(now, request, &secret::uuid(&mut self.rng.clone()), refusal),
        }
    }
}

impl fmt::Debug for Hopae {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hopae")
            .field("workspaces", &self.workspaces)
            .field("replays", &self.replays.len())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// A time as Hopae writes it.
fn millis(time: Timestamp) -> String {
    format!("{time:.3}")
}
