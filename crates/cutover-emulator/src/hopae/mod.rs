//! Hopae Connect: immediate replacement of the one client secret, with replay by idempotency key.
//!
//! Answers the Workspace API and the one route of the App API that takes client credentials, under `/connect/v1`.

mod apps;
mod idempotency;
mod model;
mod refusal;
mod route;
mod seed;
mod settings;
mod state;
mod wire;

use std::fmt;

use jiff::Timestamp;

use crate::answer;
use crate::json::Json;
use crate::model::{Request, Response};
use crate::secret::SeededSecret;

pub use seed::{HopaeSeed, HopaeTarget, OtherWorkspace};

use idempotency::Replays;
use refusal::Refusal;
use settings::{ErrorEnvelope, ReplayHeader, Settings, StoreErrors};
use state::{AppNames, WorkspaceId, Workspaces};

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

/// An answer of a workspace route, or a refusal.
type Outcome = Result<Response, Refusal>;

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

impl fmt::Debug for Hopae {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hopae")
            .field("workspaces", &self.workspaces)
            .field("replays", &self.replays.len())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
