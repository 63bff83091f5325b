//! What a test needs to know of a freshly seeded workspace.

use std::fmt;

use serde::Serialize;

/// The credentials of a seeded [`Hopae`](super::Hopae). `Debug` shows none of them.
#[derive(Clone, Serialize)]
pub struct HopaeSeed {
    /// The workspace API key.
    pub api_key: String,
    /// The apps, in the order in which they were made.
    pub targets: Vec<HopaeTarget>,
    /// A second workspace, for what one tenant must not see of another.
    pub other_workspace: OtherWorkspace,
}

/// One app with its first secret.
#[derive(Clone, Serialize)]
pub struct HopaeTarget {
    /// Always `app`.
    pub kind: &'static str,
    /// The client id, which is also its name in every path.
    pub client_id: String,
    /// The secret it was made with.
    pub client_secret: String,
}

/// A workspace that the first one's key does not open.
#[derive(Clone, Serialize)]
pub struct OtherWorkspace {
    /// Its API key.
    pub api_key: String,
    /// Its one app.
    pub client_id: String,
    /// That app's secret.
    pub client_secret: String,
}

impl fmt::Debug for HopaeSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HopaeSeed").field("targets", &self.targets).finish_non_exhaustive()
    }
}

impl fmt::Debug for HopaeTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HopaeTarget").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

impl fmt::Debug for OtherWorkspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtherWorkspace").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}
