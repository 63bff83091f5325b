//! Zitadel: immediate replacement of the one secret of an app or a machine user, without replay.
//!
//! Answers Management v1 (REST), the v2 application and user services and the v2beta app service (Connect JSON), and the
//! OAuth endpoints by which a secret is verified. The former read the event log; the latter read projections, which may be behind.

mod access;
mod assertion;
mod lists;
mod machine;
mod management;
mod model;
mod oauth;
mod objects;
mod projected;
mod refusal;
mod roles;
mod route;
mod seed;
mod seeding;
mod service_names;
mod services;
mod settings;
mod state;
mod targets;
mod wire;

use std::fmt;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::answer;
use crate::json::Json;
use crate::model::{Request, Response};

pub use seed::{AppTarget, ClientCredentials, KeyFile, MachineUserTarget, Others, ZitadelSeed, ZitadelTarget};

use refusal::Refusal;
use settings::{Settings, Whitespace};
use state::World;

/// Zitadel as a state machine.
pub struct Zitadel {
    settings: Settings,
    world: World,
    rng: fastrand::Rng,
}

/// One API request, past authentication.
struct Call<'a> {
    now: Timestamp,
    request: &'a Request,
    body: Map<String, Value>,
    user: String,
    org: String,
}

/// An answer's message, or a refusal.
type Outcome = Result<Json, Refusal>;

impl Zitadel {
    /// An instance with two organisations and `targets` credentials in the first: API apps, OIDC apps and machine users
    /// in turn, 0 for one of each.
    pub fn seeded(seed: u64, targets: usize) -> (Self, ZitadelSeed) {
        let (zitadel, mut seed) = Self::without_targets(seed, targets);
        seed.targets = zitadel.world.seeded_targets().collect();
        (zitadel, seed)
    }

    /// The same without what a caller has to know of it.
    pub(crate) fn new(seed: u64, targets: usize) -> Self {
        Self::without_targets(seed, targets).0
    }

    fn without_targets(seed: u64, targets: usize) -> (Self, ZitadelSeed) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (world, of_caller) = seeding::world(seed, targets, &mut rng);
        (Self { settings: Settings::default(), world, rng }, of_caller)
    }

    fn answer(&mut self, body: Json) -> Response {
        match self.settings.whitespace {
            Whitespace::Odd => answer::spaced(200, body, &mut self.rng),
            Whitespace::Compact => answer::compact(200, &body),
        }
    }
}

impl fmt::Debug for Zitadel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zitadel").field("world", &self.world).field("settings", &self.settings).finish_non_exhaustive()
    }
}
