//! What a caller has to know of the vendors as they are at first.

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

impl Seeds {
    /// Of vendors with this seed and so many targets each.
    pub(crate) fn of(seed: u64, targets: usize) -> Self {
        Self {
            stytch: Stytch::seeded(seed, targets).1,
            hopae: Hopae::seeded(seed, targets).1,
            zitadel: Zitadel::seeded(seed, targets).1,
        }
    }
}
