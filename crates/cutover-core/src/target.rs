//! One credential at a vendor.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ClientId, Kind, TargetId, Vendor};

/// One credential at a vendor: vendor, kind of client, client id, and the scope in which the vendor knows it.
///
/// Holds no secret. The scope is a small map because vendors differ in what they need beside the client id: an
/// organisation, a project, an app. A vendor crate documents the names it reads.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Target {
    id: TargetId,
    vendor: Vendor,
    kind: Kind,
    client_id: ClientId,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    scope: BTreeMap<String, String>,
}

impl Target {
    /// A target with an empty scope.
    pub fn new(id: TargetId, vendor: Vendor, kind: Kind, client_id: ClientId) -> Self {
        Self { id, vendor, kind, client_id, scope: BTreeMap::new() }
    }

    /// The same target with one more entry in its scope.
    #[must_use]
    pub fn with_scope(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.scope.insert(name.into(), value.into());
        self
    }

    /// The user's name for it.
    pub fn id(&self) -> &TargetId {
        &self.id
    }

    /// Who issues its secret.
    pub fn vendor(&self) -> &Vendor {
        &self.vendor
    }

    /// What kind of client it is there.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The client id that goes with the secret.
    pub fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// One entry of the scope, as in `project_id`.
    pub fn scope(&self, name: &str) -> Option<&str> {
        self.scope.get(name).map(String::as_str)
    }
}
