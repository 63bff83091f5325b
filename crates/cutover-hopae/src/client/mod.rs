//! One method per endpoint, and no rules of rotation.

mod apps;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use cutover_core::{ClientId, ClientSecret, IdempotencyKey, RotateError, TargetId};
use cutover_http::{Authorization, Credential, Outgoing, Path, Received};
use http::HeaderName;

pub use apps::Apps;
pub use webhooks::Webhooks;

use crate::config::Parsed;
use crate::{Config, ConfigError};

/// The header that marks an answer as a repeated one.
pub(crate) const REPLAYED: &str = "idempotency-replayed";
const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The names of the calls, as errors and spans show them.
pub(crate) mod operations {
    pub(crate) const CREATE: &str = "apps.create";
    pub(crate) const CREATE_BATCH: &str = "apps.create_batch";
    pub(crate) const LIST: &str = "apps.list";
    pub(crate) const GET: &str = "apps.get";
    pub(crate) const UPDATE: &str = "apps.update";
    pub(crate) const DELETE: &str = "apps.delete";
    pub(crate) const ROTATE: &str = "apps.rotate_client_secret";
    pub(crate) const COMPLETE: &str = "apps.complete";
    pub(crate) const CANCEL: &str = "apps.cancel";
    pub(crate) const VERIFY: &str = "apps.verify";
    pub(crate) const WEBHOOK_GET: &str = "webhooks.get";
    pub(crate) const WEBHOOK_UPDATE: &str = "webhooks.update";
    pub(crate) const WEBHOOK_ROTATE: &str = "webhooks.rotate_secret";
}

/// A client of one Hopae workspace. Clones share everything.
#[derive(Clone, Debug)]
pub struct Client(Arc<Parsed>);

impl Client {
    /// A client made from its configuration. Sends nothing yet.
    ///
    /// # Errors
    /// When the configuration contradicts itself or the network transport cannot be set up.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        Ok(Self(Arc::new(config.parse()?)))
    }

    /// The apps of the workspace.
    pub fn apps(&self) -> Apps<'_> {
        Apps::new(self)
    }

    /// The webhooks of its apps.
    pub fn webhooks(&self) -> Webhooks<'_> {
        Webhooks::new(self)
    }

    pub(crate) fn straggler(&self) -> Option<Duration> {
        self.0.straggler
    }

    /// Sends a call that the workspace makes.
    async fn send(&self, outgoing: Outgoing) -> Result<Received, RotateError> {
        self.0.pipeline.send(outgoing.authorization(Authorization::Bearer(&self.0.credential))).await
    }

    pub(crate) async fn fetch(&self, id: &ClientId, target: Option<&TargetId>) -> Result<Received, RotateError> {
        self.send(about(Outgoing::get(operations::GET, app(id)), target)).await
    }

    /// Replaces an app's secret. The body stays empty.
    pub(crate) async fn send_rotation(
        &self,
        id: &ClientId,
        key: Option<&IdempotencyKey>,
        target: Option<&TargetId>,
    ) -> Result<Received, RotateError> {
        let call = Outgoing::post(operations::ROTATE, app(id).literal("rotate-client-secret"));
        self.send(about(under(call, key), target)).await
    }

    /// Lists identity providers with an app's own credentials.
    pub(crate) async fn probe(
        &self,
        id: &ClientId,
        secret: &ClientSecret,
        target: &TargetId,
    ) -> Result<Received, RotateError> {
        let secret = Credential::from(secret.duplicate());
        let call = Outgoing::get(operations::VERIFY, Path::new().literal("v1/providers"))
            .authorization(Authorization::Basic { user: id.as_str(), secret: &secret })
            .target(target);
        self.0.pipeline.send(call).await
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

fn about(call: Outgoing, target: Option<&TargetId>) -> Outgoing {
    match target {
        Some(target) => call.target(target),
        None => call,
    }
}
