//! What a test needs to know of a freshly seeded workspace.

use serde::Serialize;

use crate::secret::SeededSecret;

/// The credentials of a seeded [`Hopae`](super::Hopae).
#[derive(Clone, Debug, Serialize)]
pub struct HopaeSeed {
    /// The workspace API key.
    pub api_key: SeededSecret,
    /// The key of the same workspace for the production host, which this is not: it is refused.
    pub production_api_key: SeededSecret,
    /// The apps, in the order in which they were made.
    pub targets: Vec<HopaeTarget>,
    /// A second workspace, for what one tenant must not see of another.
    pub other_workspace: OtherWorkspace,
}

impl HopaeSeed {
    /// The first app.
    pub fn app(&self) -> Option<&HopaeTarget> {
        self.targets.first()
    }
}

/// One app with its first secret.
#[derive(Clone, Debug, Serialize)]
pub struct HopaeTarget {
    /// Always `app`.
    pub kind: &'static str,
    /// The client id, which is also its name in every path.
    pub client_id: String,
    /// The secret it was made with.
    pub client_secret: SeededSecret,
}

/// A workspace that the first one's key does not open.
#[derive(Clone, Debug, Serialize)]
pub struct OtherWorkspace {
    /// Its API key.
    pub api_key: SeededSecret,
    /// Its one app.
    pub client_id: String,
    /// That app's secret.
    pub client_secret: SeededSecret,
}
