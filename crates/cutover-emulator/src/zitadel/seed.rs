//! What a test needs to know of a freshly seeded instance.

use serde::Serialize;

use crate::secret::SeededSecret;

/// The credentials of a seeded [`Zitadel`](super::Zitadel).
#[derive(Clone, Debug, Serialize)]
pub struct ZitadelSeed {
    /// A personal access token of an owner of the organisation, who also owns the project of the targets.
    pub token: SeededSecret,
    /// The organisation.
    pub org_id: String,
    /// The credentials to rotate.
    pub targets: Vec<ZitadelTarget>,
    /// Client credentials of a machine user who owns the organisation.
    pub client_credentials: ClientCredentials,
    /// The key file of another such machine user, for the JWT profile.
    pub key_file: KeyFile,
    /// Callers and objects for what must be refused.
    pub others: Others,
}

impl ZitadelSeed {
    /// The first API app.
    pub fn api(&self) -> Option<&AppTarget> {
        self.targets.iter().find_map(|target| match target {
            ZitadelTarget::Api(app) => Some(app),
            ZitadelTarget::Oidc(_) | ZitadelTarget::MachineUser(_) => None,
        })
    }

    /// The first OIDC app.
    pub fn oidc(&self) -> Option<&AppTarget> {
        self.targets.iter().find_map(|target| match target {
            ZitadelTarget::Oidc(app) => Some(app),
            ZitadelTarget::Api(_) | ZitadelTarget::MachineUser(_) => None,
        })
    }

    /// The first machine user.
    pub fn machine_user(&self) -> Option<&MachineUserTarget> {
        self.targets.iter().find_map(|target| match target {
            ZitadelTarget::MachineUser(user) => Some(user),
            ZitadelTarget::Api(_) | ZitadelTarget::Oidc(_) => None,
        })
    }
}

/// One credential with its first secret.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ZitadelTarget {
    /// An API app.
    Api(AppTarget),
    /// An OIDC app.
    Oidc(AppTarget),
    /// A machine user.
    MachineUser(MachineUserTarget),
}

/// An app with its first secret.
#[derive(Clone, Debug, Serialize)]
pub struct AppTarget {
    /// The project the app belongs to.
    pub project_id: String,
    /// The app.
    pub app_id: String,
    /// Its client id.
    pub client_id: String,
    /// The secret it was made with.
    pub client_secret: SeededSecret,
}

/// A machine user with its first secret.
#[derive(Clone, Debug, Serialize)]
pub struct MachineUserTarget {
    /// The user.
    pub user_id: String,
    /// Its login name, which is its client id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SeededSecret,
}

/// What a machine user sends to the token endpoint.
#[derive(Clone, Debug, Serialize)]
pub struct ClientCredentials {
    /// The login name.
    pub client_id: String,
    /// The secret.
    pub client_secret: SeededSecret,
}

/// A key file as the vendor hands it out.
#[derive(Clone, Debug, Serialize)]
pub struct KeyFile {
    /// Always `serviceaccount`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The key's id.
    #[serde(rename = "keyId")]
    pub key_id: String,
    /// The private key, PEM PKCS#1.
    pub key: SeededSecret,
    /// When the key stops being accepted.
    #[serde(rename = "expirationDate")]
    pub expiration_date: String,
    /// The user whose key it is.
    #[serde(rename = "userId")]
    pub user_id: String,
}

/// Callers with less or more power than the owner, and objects out of the owner's reach.
#[derive(Clone, Debug, Serialize)]
pub struct Others {
    /// A token of the instance's owner, who may do everything in every organisation.
    pub instance_token: SeededSecret,
    /// A token of a user who may only read in the organisation.
    pub viewer_token: SeededSecret,
    /// A token of a user who owns a project other than the targets'.
    pub project_token: SeededSecret,
    /// That other project, in the same organisation.
    pub project_id: String,
    /// A user of the organisation who is human and has no secret.
    pub human_user_id: String,
    /// An organisation in which the owner has no role.
    pub foreign_org_id: String,
    /// An API app there.
    pub foreign_app: AppTarget,
    /// A machine user there.
    pub foreign_user_id: String,
}
