//! What a caller has to know of served vendors.

use std::ops::Deref;

use crate::hopae::HopaeSeed;
use crate::stytch::StytchSeed;
use crate::zitadel::ZitadelSeed;

/// Everything a caller has to know: the control URL, and of each vendor base URL and seeded credentials.
///
/// `Serialize` writes the secrets; `Debug` shows none.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Description {
    /// The URL of the control, with a slash at its end.
    pub control_url: String,
    /// The vendors.
    pub vendors: DescribedVendors,
}

impl Description {
    /// The one line of JSON that a script reads, secrets included.
    pub fn to_json(&self) -> String {
        // Nothing but texts and lists, which JSON can hold.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Every vendor, by name.
#[derive(Clone, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct DescribedVendors {
    /// Stytch.
    pub stytch: Served<StytchSeed>,
    /// Hopae Connect.
    pub hopae: Served<HopaeSeed>,
    /// Zitadel.
    pub zitadel: Served<ZitadelSeed>,
}

/// A vendor as its client meets it: where it listens, and the credentials it was seeded with as fields.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Served<S> {
    /// What the vendor's client takes as its base URL: without a slash at its end.
    pub base_url: String,
    #[serde(flatten)]
    pub(super) seed: S,
}

impl<S> Deref for Served<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.seed
    }
}
