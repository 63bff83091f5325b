//! The typed client: one method per endpoint, no rotation rules.

mod apps;
mod caller;
mod endpoints;
mod machine_users;
mod probe;
mod v2;

use std::sync::Arc;
use std::time::Duration;

use cutover_core::{ClientSecret, RotateError, TargetId};
use cutover_http::{Authorization, Credential, Outgoing, Pipeline, Received};
use http::HeaderName;

pub use apps::Apps;
pub use machine_users::MachineUsers;
pub use v2::{Applications, Users};

use crate::config::Parsed;
use crate::{Api, Config, ConfigError, OrganisationId};
use caller::CallerState;
use endpoints::EndpointCache;

/// What is kept of an answer's headers: none of them holds a secret.
const KEPT_HEADERS: &[&str] = &["x-request-id"];
/// Chooses the organisation of a v1 call.
const ORGANISATION: HeaderName = HeaderName::from_static("x-zitadel-orgid");

/// A client of one Zitadel instance.
///
/// Clones share everything, connections, the caller's access token and what discovery said included. Dropping the future
/// of a call leaves its effect unknown, like a lost answer.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) pipeline: Pipeline,
    shared: Arc<Shared>,
    organisation: Option<OrganisationId>,
}

#[derive(Debug)]
struct Shared {
    caller: CallerState,
    endpoints: EndpointCache,
    api: Api,
    propagation: Duration,
}

impl Client {
    /// A client by this configuration. Sends nothing yet.
    ///
    /// # Errors
    /// When the caller has no client id, a limit is zero, or the default transport cannot be made.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        let Parsed { pipeline, caller, organisation, issuer, api, propagation } = config.parse()?;
        let (caller, endpoints) = (CallerState::new(caller), EndpointCache::new(issuer));
        let shared = Shared { caller, endpoints, api, propagation };
        Ok(Self { pipeline, shared: Arc::new(shared), organisation })
    }

    /// The same client within another organisation.
    #[must_use]
    pub fn in_organisation(&self, id: impl Into<OrganisationId>) -> Self {
        Self { organisation: Some(id.into()), ..self.clone() }
    }

    /// Applications, through management v1.
    pub fn apps(&self) -> Apps<'_> {
        Apps::new(self)
    }

    /// Machine users, through management v1.
    pub fn machine_users(&self) -> MachineUsers<'_> {
        MachineUsers::new(self)
    }

    /// Applications, through `zitadel.application.v2.ApplicationService`.
    pub fn applications_v2(&self) -> Applications<'_> {
        Applications::new(self)
    }

    /// Users, through `zitadel.user.v2.UserService`.
    pub fn users_v2(&self) -> Users<'_> {
        Users::new(self)
    }

    /// The same client, about `target`: errors and spans name it.
    pub(crate) fn about(&self, target: &TargetId) -> Self {
        Self { pipeline: self.pipeline.about(target), ..self.clone() }
    }

    pub(crate) fn api(&self) -> Api {
        self.shared.api
    }

    pub(crate) fn propagation(&self) -> Duration {
        self.shared.propagation
    }

    /// Sends a v1 call, as the caller and within the organisation.
    async fn v1(&self, outgoing: Outgoing) -> Result<Received, RotateError> {
        self.as_caller(match &self.organisation {
            Some(id) => outgoing.header(ORGANISATION, id.as_str()),
            None => outgoing,
        })
        .await
    }

    /// Sends a call as the caller.
    ///
    /// An access token that was in the cache and is refused, because somebody ended it early, is replaced once. That
    /// is safe for every call: one that is refused for its credential did nothing.
    async fn as_caller(&self, outgoing: Outgoing) -> Result<Received, RotateError> {
        let held = self.credential(outgoing.operation()).await?;
        let again = outgoing.clone();
        let first = self.pipeline.send(outgoing.authorization(Authorization::Bearer(&held.credential))).await;
        let refused = matches!(&first, Err(RotateError::Refused(_)) if status(&first) == Some(401));
        if !refused || !held.was_cached {
            return first;
        }
        self.shared.caller.forget(&held.credential).await;
        let fresh = self.credential(again.operation()).await?;
        self.pipeline.send(again.authorization(Authorization::Bearer(&fresh.credential))).await
    }

    /// Sends a call with the credentials of a client whose secret is looked at, not with the caller's.
    async fn as_client(
        &self,
        outgoing: Outgoing,
        client_id: &str,
        secret: &ClientSecret,
    ) -> Result<Received, RotateError> {
        let secret = Credential::from(secret.duplicate());
        let authorization = Authorization::BasicFormEncoded { user: client_id, secret: &secret };
        self.pipeline.send(outgoing.authorization(authorization)).await
    }
}

fn status<T>(result: &Result<T, RotateError>) -> Option<u16> {
    result.as_ref().err().and_then(RotateError::status)
}
