//! What opens an account at a vendor, for the owner of its clients and for those who have to be refused.

use cutover_core::ClientSecret;
use cutover_http::Credential;

/// A Stytch project.
#[derive(Clone, Debug)]
pub(crate) struct StytchAccount {
    pub(crate) project: String,
    pub(crate) secret: Credential,
    /// Another project with its secret.
    pub(crate) other: Option<(String, Credential)>,
}

/// A Hopae workspace.
#[derive(Clone, Debug)]
pub(crate) struct HopaeAccount {
    pub(crate) key: Credential,
    /// The key of another workspace.
    pub(crate) other: Option<Credential>,
}

/// A Zitadel organisation, and a project of it for its apps.
#[derive(Clone, Debug)]
pub(crate) struct ZitadelAccount {
    pub(crate) token: Credential,
    pub(crate) org: Option<String>,
    pub(crate) project: Option<String>,
    /// Of somebody with power over another project only.
    pub(crate) stranger: Option<Credential>,
    /// Of somebody who may only look.
    pub(crate) reader: Option<Credential>,
    /// Of somebody who may do everything in every organisation.
    pub(crate) everywhere: Option<Credential>,
}

/// A credential of the right form that nobody issued.
pub(crate) fn forged(prefix: &str) -> ClientSecret {
    ClientSecret::from_boxed(format!("{prefix}made-up-by-the-conformance-suite").into())
}
