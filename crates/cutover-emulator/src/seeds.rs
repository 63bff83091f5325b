//! The vendors as they are at first, and what a caller has to know of them.

use std::fmt;

use jiff::Timestamp;

use crate::hopae::{Hopae, HopaeSeed};
use crate::stytch::{Stytch, StytchSeed};
use crate::zitadel::{Zitadel, ZitadelSeed};

/// The credentials and targets that the vendors were seeded with.
#[derive(Clone, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct Seeds {
    /// Stytch's.
    pub stytch: StytchSeed,
    /// Hopae's.
    pub hopae: HopaeSeed,
    /// Zitadel's.
    pub zitadel: ZitadelSeed,
}

/// When the seeded objects were made, where a vendor says so: 2026-01-01T00:00:00Z.
pub(crate) const SEEDED_AT: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// A secret that a caller is told. `Debug` shows nothing of it; `Serialize` shows it.
#[derive(Clone, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct SeededSecret(String);

impl SeededSecret {
    /// Takes a secret that an emulator made.
    pub const fn new(secret: String) -> Self {
        Self(secret)
    }

    /// The secret.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SeededSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SeededSecret(..)")
    }
}

/// What a caller has to know of them.
pub(crate) fn seeds(seed: u64, targets: usize) -> Seeds {
    Seeds {
        stytch: Stytch::seeded(seed, targets).1,
        hopae: Hopae::seeded(seed, targets).1,
        zitadel: Zitadel::seeded(seed, targets).1,
    }
}
