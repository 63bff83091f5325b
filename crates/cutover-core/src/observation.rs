//! What can be learnt of a target without a secret.

use serde::{Deserialize, Serialize};

use crate::LastFour;

/// What a vendor says of a target now, with no secret in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Observation {
    /// Whether a two-phase rotation is in progress.
    pub pending: Pending,
    /// The last four characters of the secret in use, where the vendor shows them.
    pub current_last_four: Option<LastFour>,
    /// A mark that changes whenever a new secret is made, where the vendor has one.
    pub marker: Option<ChangeMarker>,
}

/// Whether a two-phase rotation is in progress.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Pending {
    /// The vendor has no two-phase rotation, or does not say.
    #[default]
    NotShown,
    /// None is in progress.
    No,
    /// One is, and its secret ends in these characters where the vendor shows them.
    Yes(Option<LastFour>),
}

/// A mark that changes whenever a new secret is made, compared for equality and for nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ChangeMarker(String);

impl ChangeMarker {
    /// A mark in whatever form the vendor gives.
    pub fn new(mark: impl Into<String>) -> Self {
        Self(mark.into())
    }

    /// The mark.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a vendor accepts a secret now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It authenticates.
    Accepted,
    /// The vendor says that it does not.
    Refused,
    /// Neither was shown: throttled, a fault, an answer that can mean both. Never to be taken for accepted.
    NotKnown,
}
