//! The vendors that are emulated, by name.

use std::fmt;
use std::str::FromStr;

/// An emulated vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Vendor {
    /// Stytch: two-phase rotation.
    Stytch,
    /// Hopae Connect: immediate rotation with an idempotency key.
    Hopae,
    /// Zitadel: immediate rotation without one.
    Zitadel,
}

impl Vendor {
    /// Every emulated vendor.
    pub const ALL: [Self; 3] = [Self::Stytch, Self::Hopae, Self::Zitadel];

    /// The name, as in `stytch`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stytch => "stytch",
            Self::Hopae => "hopae",
            Self::Zitadel => "zitadel",
        }
    }
}

impl fmt::Display for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Vendor {
    type Err = UnknownVendor;

    fn from_str(name: &str) -> Result<Self, UnknownVendor> {
        Self::ALL
            .into_iter()
            .find(|vendor| vendor.name() == name)
            .ok_or_else(|| UnknownVendor { name: name.to_owned() })
    }
}

/// A name that no emulated vendor has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no emulated vendor is called {name:?}; there are stytch, hopae and zitadel")]
pub struct UnknownVendor {
    name: String,
}
