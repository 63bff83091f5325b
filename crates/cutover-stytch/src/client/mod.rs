//! The typed client: one method per endpoint, no rotation rules.

mod connected_apps;
mod m2m;
mod oauth;
mod probe;

use std::sync::Arc;
use std::time::Duration;

use cutover_core::{Call, ClientId, ClientSecret, RotateError, TargetId};
use cutover_http::{Authorization, FormValue, Outgoing, Path, Received};
use serde::Serialize;

pub use connected_apps::ConnectedApps;
pub use m2m::M2m;
pub use oauth::OAuth;

use crate::config::Parsed;
use crate::family::{Family, Step};
use crate::{Config, ConfigError, VENDOR};

/// A client of one Stytch project.
///
/// Clones share everything, connections included. Dropping the future of a call leaves its effect unknown, like a lost
/// answer.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Parsed>,
    target: Option<TargetId>,
}

impl Client {
    /// A client by this configuration. Sends nothing yet.
    ///
    /// # Errors
    /// When the project id is none, a limit is zero, or the default transport cannot be made.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        Ok(Self { shared: Arc::new(config.parse()?), target: None })
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
        &self.shared.project_id
    }

    /// The same client, about `target`: errors and spans name it.
    pub(crate) fn about(&self, target: &TargetId) -> Self {
        Self { target: Some(target.clone()), ..self.clone() }
    }

    pub(crate) fn straggler(&self) -> Option<Duration> {
        self.shared.straggler
    }

    /// The words of errors for `operation`.
    pub(crate) fn call(&self, operation: &'static str) -> Call {
        let call = Call::new(VENDOR, operation);
        match &self.target {
            Some(target) => call.on(target),
            None => call,
        }
    }

    pub(crate) async fn fetch(&self, family: Family, id: &ClientId) -> Result<Received, RotateError> {
        self.as_caller(Outgoing::get(family.operations().get, family.path().id(id.as_str()))).await
    }

    /// One step of a rotation. Stytch has no idempotency key, so that none of them is sent again once it may have
    /// arrived.
    pub(crate) async fn step(&self, family: Family, step: Step, id: &ClientId) -> Result<Received, RotateError> {
        let path = family.path().id(id.as_str()).literal(step.literal());
        self.as_caller(Outgoing::post(family.step(step), path).json(&Empty {})).await
    }

    /// Sends a call as the project.
    async fn as_caller(&self, outgoing: Outgoing) -> Result<Received, RotateError> {
        let Parsed { project_id, credential, .. } = self.shared.as_ref();
        self.send(outgoing, Authorization::Basic { user: project_id, secret: credential }).await
    }

    /// Sends a call with the credentials of a client, which stand in the form and nowhere else, not with the project's.
    ///
    /// May be sent again: a second token does no harm, and introspection changes nothing.
    async fn as_client(
        &self,
        operation: &'static str,
        endpoint: &'static str,
        id: &ClientId,
        secret: &ClientSecret,
        mut fields: Vec<(&str, FormValue<'_>)>,
    ) -> Result<Received, RotateError> {
        fields.push(("client_id", FormValue::Text(id.as_str())));
        fields.push(("client_secret", FormValue::Secret(secret)));
        let path = Path::new().literal("v1/public").id(self.project_id()).literal(endpoint);
        self.send(Outgoing::post(operation, path).form(&fields).idempotent(), Authorization::None).await
    }

    async fn send(&self, outgoing: Outgoing, authorization: Authorization<'_>) -> Result<Received, RotateError> {
        let outgoing = outgoing.authorization(authorization);
        let outgoing = match &self.target {
            Some(target) => outgoing.target(target),
            None => outgoing,
        };
        self.shared.pipeline.send(outgoing).await
    }
}

/// `{}`: these calls take no parameters beside the path.
#[derive(Serialize)]
struct Empty {}
