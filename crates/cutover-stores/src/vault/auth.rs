//! How a client of Vault shows who it is.

use std::path::PathBuf;
use std::sync::Arc;

use cutover_core::ClientSecret;
use cutover_http::{ExposedInBody, Outgoing, Path};
use serde::Serialize;
use zeroize::Zeroizing;

use super::trouble::Trouble;

/// The longest JWT that is read from a file. 64 KiB: the usual limit of a header, in which it travels elsewhere.
const JWT_BYTES_MAX: u64 = 64 * 1024;

/// How a [`VaultClient`](super::VaultClient) shows who it is. `Debug` shows no secret.
#[derive(Clone, Debug)]
#[must_use]
pub struct VaultAuth(pub(super) Method);

#[derive(Clone, Debug)]
pub(super) enum Method {
    Token(Arc<ClientSecret>),
    Agent,
    AppRole { mount: String, role_id: String, secret_id: Option<Arc<ClientSecret>> },
    Kubernetes { mount: String, role: String, jwt: PathBuf },
}

impl VaultAuth {
    /// A token that somebody else made. It is renewed for as long as Vault allows.
    pub fn token(token: ClientSecret) -> Self {
        Self(Method::Token(Arc::new(token)))
    }

    /// No token: a Vault Agent or Vault Proxy in front of Vault adds its own.
    pub fn agent() -> Self {
        Self(Method::Agent)
    }

    /// A login with AppRole, mounted at `approle` unless [`mounted_at`](Self::mounted_at) says otherwise. A role that
    /// binds no secret id needs none.
    pub fn app_role(role_id: impl Into<String>, secret_id: Option<ClientSecret>) -> Self {
        let secret_id = secret_id.map(Arc::new);
        Self(Method::AppRole { mount: "approle".to_owned(), role_id: role_id.into(), secret_id })
    }

    /// A login with a Kubernetes service account, mounted at `kubernetes` unless [`mounted_at`](Self::mounted_at) says
    /// otherwise. The file is read again for every login, since Kubernetes replaces the JWT in it.
    pub fn kubernetes(role: impl Into<String>, jwt: impl Into<PathBuf>) -> Self {
        Self(Method::Kubernetes { mount: "kubernetes".to_owned(), role: role.into(), jwt: jwt.into() })
    }

    /// The same login at another mount below `auth/`.
    pub fn mounted_at(mut self, path: impl Into<String>) -> Self {
        if let Method::AppRole { mount, .. } | Method::Kubernetes { mount, .. } = &mut self.0 {
            *mount = path.into().trim_matches('/').to_owned();
        }
        self
    }
}

impl Method {
    /// Whether a lost token can be replaced by another one.
    pub(super) fn can_log_in(&self) -> bool {
        matches!(self, Self::AppRole { .. } | Self::Kubernetes { .. })
    }

    /// Where it logs in, for a sentence.
    pub(super) fn place(&self) -> String {
        match self {
            Self::AppRole { mount, .. } | Self::Kubernetes { mount, .. } => format!("log in at auth/{mount}"),
            Self::Token(_) | Self::Agent => "use the token".to_owned(),
        }
    }

    /// The call that logs in; `None` where there is nothing to log in with.
    pub(super) async fn login(&self) -> Result<Option<Outgoing>, Trouble> {
        match self {
            Self::Token(_) | Self::Agent => Ok(None),
            Self::AppRole { mount, role_id, secret_id } => {
                let secret_id = secret_id.as_deref().map(ExposedInBody);
                Ok(Some(post(mount, &AppRoleLogin { role_id, secret_id })))
            }
            Self::Kubernetes { mount, role, jwt } => {
                let jwt = service_account_token(jwt).await?;
                Ok(Some(post(mount, &KubernetesLogin { role, jwt: ExposedInBody(&jwt) })))
            }
        }
    }
}

/// A second login does no harm: the token of a first one whose answer was lost ends by itself.
fn post(mount: &str, body: &impl Serialize) -> Outgoing {
    let path = mount.split('/').fold(Path::new().literal("v1/auth"), Path::id).literal("login");
    Outgoing::post("auth.login", path).json(body).idempotent()
}

async fn service_account_token(file: &PathBuf) -> Result<ClientSecret, Trouble> {
    let trouble = |what: &str| Trouble::passing(format!("the service account token {} {what}", file.display()));
    let length = tokio::fs::metadata(file).await.map_err(|error| trouble(crate::disk::what(&error)))?.len();
    if length > JWT_BYTES_MAX {
        return Err(trouble("is far too long for one"));
    }
    let bytes = Zeroizing::new(tokio::fs::read(file).await.map_err(|error| trouble(crate::disk::what(&error)))?);
    match std::str::from_utf8(&bytes).map(str::trim) {
        Ok("") => Err(trouble("is empty")),
        Ok(jwt) => Ok(ClientSecret::new(jwt)),
        Err(_) => Err(trouble("is no text")),
    }
}

/// Body of `POST /v1/auth/{mount}/login` of AppRole.
///
/// Shape: `{"role_id": string, "secret_id": string}`. Units: none. Errors: 400 unknown role id or secret id.
/// Source: <https://developer.hashicorp.com/vault/api-docs/auth/approle#login-with-approle>.
#[derive(Serialize)]
struct AppRoleLogin<'a> {
    role_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_id: Option<ExposedInBody<'a>>,
}

/// Body of `POST /v1/auth/{mount}/login` of Kubernetes.
///
/// Shape: `{"role": string, "jwt": string}`. Units: none. Errors: 400 unknown role; 403 a JWT that is not accepted.
/// Source: <https://developer.hashicorp.com/vault/api-docs/auth/kubernetes#login>.
#[derive(Serialize)]
struct KubernetesLogin<'a> {
    role: &'a str,
    jwt: ExposedInBody<'a>,
}
