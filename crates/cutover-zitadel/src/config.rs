//! What a user gives, parsed once.

use std::sync::Arc;
use std::time::Duration;

use cutover_core::Clock;
use cutover_http::{BaseUrl, BuildError, Credential, Limits, RetryPolicy, Transport};

use crate::{KeyFile, OrganisationId};

/// Who calls the management API.
#[derive(Debug)]
#[non_exhaustive]
pub enum Caller {
    /// A personal access token, or an access token that somebody else keeps fresh.
    Token(Credential),
    /// A machine user with a client secret, exchanged for access tokens.
    ClientCredentials {
        /// The machine user's client id, which is its login name.
        client_id: String,
        /// Its client secret.
        secret: Credential,
    },
    /// A machine user with a private key, whose signed assertions are exchanged for access tokens.
    KeyFile(KeyFile),
}

/// Which of Zitadel's interfaces the rotators use to make a secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Api {
    /// Management v1: in every version up to the present one, marked deprecated since 4.0.
    #[default]
    V1,
    /// The v2 services: users since 4.0, applications since 4.5. They find an application or a user wherever it lives,
    /// so the organisation does not protect against a wrong id.
    V2,
}

/// How to reach a Zitadel instance, and as whom.
#[derive(Debug)]
#[must_use]
pub struct Config {
    pub(crate) base_url: BaseUrl,
    pub(crate) caller: Caller,
    pub(crate) organisation: Option<OrganisationId>,
    pub(crate) issuer: Option<String>,
    pub(crate) api: Api,
    pub(crate) transport: Option<Arc<dyn Transport>>,
    pub(crate) clock: Option<Arc<dyn Clock>>,
    pub(crate) limits: Limits,
    pub(crate) retry: RetryPolicy,
    pub(crate) straggler: Option<Duration>,
    pub(crate) propagation: Duration,
}

/// How long a new secret may stay unknown to the endpoints that verify it. They read a projection that usually follows
/// within milliseconds; when its signal is dropped, a run every 60 s repairs that.
const PROPAGATION: Duration = Duration::from_secs(60);

impl Config {
    /// An instance at `base_url`, as in `https://acme.zitadel.cloud`, or a gateway in front of one.
    pub fn new(base_url: BaseUrl, caller: Caller) -> Self {
        Self {
            base_url,
            caller,
            organisation: None,
            issuer: None,
            api: Api::default(),
            transport: None,
            clock: None,
            limits: Limits::default(),
            retry: RetryPolicy::default(),
            straggler: None,
            propagation: PROPAGATION,
        }
    }

    /// Calls management v1 within this organisation. Without it the instance uses the one that the caller belongs to,
    /// and everything that lives elsewhere looks as if it did not exist.
    pub fn organisation(mut self, id: impl Into<OrganisationId>) -> Self {
        self.organisation = Some(id.into());
        self
    }

    /// Accepts only an instance that calls itself `issuer`, as in `https://acme.zitadel.cloud`.
    ///
    /// Worth setting with a key file and a gateway: an assertion is made for the issuer that discovery names, and
    /// whoever answers at the base URL could name another instance and use the assertion there.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Through which interface the rotators make a secret; by default [`Api::V1`].
    pub fn api(mut self, api: Api) -> Self {
        self.api = api;
        self
    }

    /// Reaches the instance over this transport.
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Reads the time and waits by this clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// How long a call may take and how long its answer may be.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How often a call is sent again where that is safe.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// How long an unanswered request may still arrive on this path. Goes into the rotators' profiles.
    pub fn straggler(mut self, straggler: Duration) -> Self {
        self.straggler = Some(straggler);
        self
    }

    /// How long a change of secret may take until it shows everywhere at this instance; by default 60 s. Goes into the
    /// rotators' profiles.
    pub fn propagation(mut self, propagation: Duration) -> Self {
        self.propagation = propagation;
        self
    }
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A limit, or the default transport.
    #[error(transparent)]
    Pipeline(#[from] BuildError),
    /// A key file that cannot be used. Nothing of it is quoted.
    #[error("the key file cannot be used: {reason}")]
    KeyFile {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The client id of the caller is empty.
    #[error("the client id of the caller is empty")]
    ClientId,
}
