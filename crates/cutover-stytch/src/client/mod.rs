//! The typed client: one method per endpoint, no rotation rules.

mod connected_apps;
mod m2m;
mod oauth;
mod probe;

use cutover_core::{ClientId, ClientSecret, RotateError, TargetId};
use cutover_http::{Authorization, FormValue, Outgoing, Path, Pipeline, Received};
use serde::Serialize;

pub use connected_apps::ConnectedApps;
pub use m2m::M2m;
pub use oauth::OAuth;

use crate::config::Project;
use crate::family::{Family, Step};
use crate::{Config, ConfigError};

/// A client of one Stytch project.
///
/// Clones share everything, connections included. Dropping the future of a call leaves its effect unknown, like a lost
/// answer.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) pipeline: Pipeline,
    project: Project,
}

impl Client {
    /// A client by this configuration. Sends nothing yet.
    ///
    /// # Errors
    /// When the project id is none, a limit is zero, or the default transport cannot be made.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        let (pipeline, project) = config.parse()?;
        Ok(Self { pipeline, project })
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
        &self.project.id
    }

    /// The same client, about `target`: errors and spans name it.
    pub(crate) fn about(&self, target: &TargetId) -> Self {
        Self { pipeline: self.pipeline.about(target), ..self.clone() }
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
        let Project { id, credential } = &self.project;
        self.pipeline.send(outgoing.authorization(Authorization::Basic { user: id, secret: credential })).await
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
        self.pipeline.send(Outgoing::post(operation, path).form(&fields).idempotent()).await
    }
}

/// `{}`: these calls take no parameters beside the path.
#[derive(Serialize)]
struct Empty {}
