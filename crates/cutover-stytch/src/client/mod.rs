//! One method per endpoint, and no rules of rotation.

mod connected_apps;
mod m2m;
mod oauth;

use std::sync::Arc;
use std::time::Duration;

use cutover_core::{ClientId, RotateError, TargetId};
use cutover_http::{Authorization, Outgoing, Received};
use serde::Serialize;

pub use connected_apps::ConnectedApps;
pub use m2m::M2m;
pub use oauth::OAuth;
pub(crate) use oauth::{INTROSPECT, TOKEN};

use crate::config::Parsed;
use crate::family::{Family, Step};
use crate::{Config, ConfigError};

/// A client of one Stytch project. Clones share everything.
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

    /// Machine-to-machine clients.
    pub fn m2m(&self) -> M2m<'_> {
        M2m::new(self)
    }

    /// Connected Apps.
    pub fn connected_apps(&self) -> ConnectedApps<'_> {
        ConnectedApps::new(self)
    }

    /// The OAuth endpoints, on which clients show their own secret.
    pub fn oauth(&self) -> OAuth<'_> {
        OAuth::new(self)
    }

    /// The project.
    pub fn project_id(&self) -> &str {
        &self.0.project_id
    }

    pub(crate) fn straggler(&self) -> Option<Duration> {
        self.0.straggler
    }

    /// Sends a call that the project itself makes.
    async fn send(&self, outgoing: Outgoing) -> Result<Received, RotateError> {
        let Parsed { pipeline, project_id, credential, .. } = self.0.as_ref();
        pipeline.send(outgoing.authorization(Authorization::Basic { user: project_id, secret: credential })).await
    }

    pub(crate) async fn fetch(
        &self,
        family: Family,
        id: &ClientId,
        target: Option<&TargetId>,
    ) -> Result<Received, RotateError> {
        let call = Outgoing::get(family.operations().get, family.path().id(id.as_str()));
        self.send(about(call, target)).await
    }

    /// One step of a rotation. Stytch has no idempotency key, so that none of them is sent again once it may have
    /// arrived.
    pub(crate) async fn step(
        &self,
        family: Family,
        step: Step,
        id: &ClientId,
        target: Option<&TargetId>,
    ) -> Result<Received, RotateError> {
        let path = family.path().id(id.as_str()).literal(step.literal());
        let call = Outgoing::post(family.step(step), path).json(&Empty {});
        self.send(about(call, target)).await
    }
}

/// `{}`: these calls take no parameters beside the path.
#[derive(Serialize)]
struct Empty {}

fn about(call: Outgoing, target: Option<&TargetId>) -> Outgoing {
    match target {
        Some(target) => call.target(target),
        None => call,
    }
}
