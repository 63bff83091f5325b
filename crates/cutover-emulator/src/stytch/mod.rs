//! Stytch as a state machine: Connected Apps and M2M clients, their two-phase secret rotation, tokens, introspection.

mod body;
mod book;
mod client;
mod keys;
mod manage;
mod model;
mod oauth;
mod problem;
mod route;
mod search;
mod seed;
mod settings;

use std::fmt;

pub use self::seed::{StytchKind, StytchSeed, StytchTarget};

use self::book::Book;
use self::problem::Problem;
use self::settings::Settings;
use crate::json::Json;
use crate::secret::{self, Hash, SeededSecret};

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

/// Status and fields of a success without the envelope's, or a refusal.
type Outcome = Result<(u16, Json), Problem>;

impl Stytch {
    /// A project with `targets` clients, M2M and Connected App by turns; with 0, one of each.
    pub fn seeded(seed: u64, targets: usize) -> (Self, StytchSeed) {
        let (stytch, secret) = Self::with_secret(seed, targets);
        let targets = stytch.clients.seeded_targets().collect();
        let seed = StytchSeed { project_id: stytch.project_id.clone(), secret: SeededSecret::new(secret), targets };
        (stytch, seed)
    }

    /// The same without what a caller has to know of it.
    pub(crate) fn new(seed: u64, targets: usize) -> Self {
        Self::with_secret(seed, targets).0
    }

    fn with_secret(seed: u64, targets: usize) -> (Self, String) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let project_id = format!("project-test-{}", secret::uuid(&mut rng));
        let secret = format!("secret-test-{}", secret::base64url(&mut rng, 36));
        let count = if targets == 0 { 2 } else { targets };
        let clients = Book::new(seed, count);
        let project_secret = Hash::of(&secret);
        (Self { project_id, project_secret, clients, rng, settings: Settings::default() }, secret)
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
