//! What a user gives, parsed once.

use std::sync::Arc;
use std::time::Duration;

use cutover_http::{BaseUrl, BuildError, Credential, Pipeline, PipelineBuilder};

use crate::dialect::Zitadel;
use crate::{KeyFile, OrganisationId, VENDOR};

/// How long a new secret may stay unknown to the endpoints that verify it. They read a projection that usually follows
/// within milliseconds; when its signal is dropped, a run every 60 s repairs that.
const PROPAGATION: Duration = Duration::from_secs(60);

/// How a [`Client`](crate::Client) reaches one Zitadel instance, and as whom.
///
/// ```
/// use cutover_core::ClientSecret;
/// use cutover_http::BaseUrl;
/// use cutover_zitadel::{Caller, Client, Config};
///
/// let caller = Caller::Token(ClientSecret::new("personal-access-token").into());
/// let config = Config::new(BaseUrl::parse("https://acme.zitadel.cloud")?, caller).organisation("280000000000000001");
/// let client = Client::new(config)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Config {
    caller: Caller,
    organisation: Option<OrganisationId>,
    issuer: Option<String>,
    api: Api,
    pipeline: PipelineBuilder,
    propagation: Duration,
}

impl Config {
    /// An instance at `base_url`, as in `https://acme.zitadel.cloud`, or a gateway in front of one.
    pub fn new(base_url: BaseUrl, caller: Caller) -> Self {
        Self {
            caller,
            organisation: None,
            issuer: None,
            api: Api::default(),
            pipeline: Pipeline::builder(VENDOR, base_url).dialect(Arc::new(Zitadel)),
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

    /// Another address than the one that was given: a gateway, or an emulator.
    pub fn base_url(mut self, base_url: BaseUrl) -> Self {
        self.pipeline = self.pipeline.base_url(base_url);
        self
    }

    /// How long a request that was sent and never answered may still arrive. Goes into the rotators' profiles.
    pub fn straggler(mut self, straggler: Duration) -> Self {
        self.pipeline = self.pipeline.straggler(straggler);
        self
    }

    /// How long a change of secret may take until it shows everywhere at this instance; by default 60 s. Goes into the
    /// rotators' profiles.
    pub fn propagation(mut self, propagation: Duration) -> Self {
        self.propagation = propagation;
        self
    }

    cutover_http::pipeline_settings!();

    pub(crate) fn parse(self) -> Result<Parsed, ConfigError> {
        if matches!(&self.caller, Caller::ClientCredentials { client_id, .. } if client_id.is_empty()) {
            return Err(ConfigError::ClientId);
        }
        Ok(Parsed {
            pipeline: self.pipeline.build()?,
            caller: self.caller,
            organisation: self.organisation,
            issuer: self.issuer,
            api: self.api,
            propagation: self.propagation,
        })
    }
}

/// Who calls the management API.
#[derive(Clone, Debug)]
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
    /// so the organisation does not protect against a wrong id. They do not show what was changed: a rotator has no change
    /// marker by which it could tell early that a lost request arrived.
    V2,
}

/// A configuration that was checked.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) pipeline: Pipeline,
    pub(crate) caller: Caller,
    pub(crate) organisation: Option<OrganisationId>,
    pub(crate) issuer: Option<String>,
    pub(crate) api: Api,
    pub(crate) propagation: Duration,
}

/// A configuration with which no client can be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The client id of the caller is empty.
    #[error("the client id of the caller is empty")]
    ClientId,
    /// A key file that cannot be used. Nothing of it is quoted.
    #[error("the key file cannot be used: {reason}")]
    KeyFile {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The pipeline cannot be put together.
    #[error(transparent)]
    Pipeline(#[from] BuildError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use cutover_core::ClientSecret;

    fn config(caller: Caller) -> Config {
        Config::new(BaseUrl::from_static("https://idp.example"), caller)
    }

    fn by_secret(client_id: &str) -> Caller {
        Caller::ClientCredentials {
            client_id: client_id.to_owned(),
            secret: ClientSecret::new("hunter2-hunter2").into(),
        }
    }

    #[test]
    fn a_caller_without_a_client_id_is_refused() {
        assert!(matches!(config(by_secret("")).parse(), Err(ConfigError::ClientId)));
        assert!(config(by_secret("robot@acme")).parse().is_ok());
    }

    #[test]
    fn another_base_url_takes_the_place_of_the_first() {
        let parsed = config(by_secret("c")).base_url(BaseUrl::from_static("https://gw.example/z")).parse();
        assert_eq!(parsed.expect("valid").pipeline.base_url().to_string(), "https://gw.example/z");
    }

    #[test]
    fn debug_shows_no_credential() {
        assert!(!format!("{:?}", config(by_secret("c"))).contains("hunter2"));
    }
}
