//! The typed client: one method per endpoint, no rotation rules.

mod apps;
mod probe;
mod webhooks;

use cutover_core::{ClientId, ClientSecret, IdempotencyKey, RotateError, TargetId};
use cutover_http::{Authorization, Credential, Outgoing, Path, Pipeline, Received};
use http::HeaderName;

pub use apps::Apps;
pub use webhooks::Webhooks;

use crate::{Config, ConfigError};

/// The header that marks an answer as a repeated one.
pub(crate) const REPLAYED: &str = "idempotency-replayed";
/// What is kept of an answer's headers: none of them holds a secret.
pub(crate) const KEPT_HEADERS: &[&str] = &[REPLAYED];
const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A client of one Hopae workspace.
///
/// Clones share everything, connections included. Dropping the future of a call leaves its effect unknown, like a lost
/// answer.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) pipeline: Pipeline,
    credential: Credential,
}

impl Client {
    /// A client by this configuration. Sends nothing yet.
    ///
    /// # Errors
    /// When a limit is zero, or the default transport cannot be made.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        Ok(Self { pipeline: config.pipeline.build()?, credential: config.credential })
    }

    /// The apps of the workspace.
    pub fn apps(&self) -> Apps<'_> {
        Apps::new(self)
    }

    /// The webhooks of its apps.
    pub fn webhooks(&self) -> Webhooks<'_> {
        Webhooks::new(self)
    }

    /// The same client, about `target`: errors and spans name it.
    pub(crate) fn about(&self, target: &TargetId) -> Self {
        Self { pipeline: self.pipeline.about(target), ..self.clone() }
    }

    pub(crate) async fn fetch(&self, id: &ClientId) -> Result<Received, RotateError> {
        self.as_caller(Outgoing::get("apps.get", app(id))).await
    }

    /// Replaces an app's secret. The body stays empty.
    pub(crate) async fn rotate(&self, id: &ClientId, key: Option<&IdempotencyKey>) -> Result<Received, RotateError> {
        let outgoing = Outgoing::post("apps.rotate_client_secret", app(id).literal("rotate-client-secret"));
        self.as_caller(under(outgoing, key)).await
    }

    /// Sends a call as the workspace.
    async fn as_caller(&self, outgoing: Outgoing) -> Result<Received, RotateError> {
        self.pipeline.send(outgoing.authorization(Authorization::Bearer(&self.credential))).await
    }

    /// Sends a call with an app's own credentials, not with the workspace's.
    async fn as_client(
        &self,
        outgoing: Outgoing,
        id: &ClientId,
        secret: &ClientSecret,
    ) -> Result<Received, RotateError> {
        let secret = Credential::from(secret.duplicate());
        let authorization = Authorization::Basic { user: id.as_str(), secret: &secret };
        self.pipeline.send(outgoing.authorization(authorization)).await
    }
}

/// The path of all apps.
fn apps() -> Path {
    Path::new().literal("v1/apps")
}

/// The path of one app.
fn app(id: &ClientId) -> Path {
    apps().id(id.as_str())
}

/// The call under an idempotency key, which makes it one that may be sent again. The key is as good as the secret
/// that it replays.
fn under(call: Outgoing, key: Option<&IdempotencyKey>) -> Outgoing {
    match key {
        Some(key) => call.secret_header(KEY, key.as_header_value()).keyed(),
        None => call,
    }
}
