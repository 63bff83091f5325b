//! What the user gives, parsed once.

use std::sync::Arc;
use std::time::Duration;

use cutover_http::{BaseUrl, BuildError, Credential, Pipeline, PipelineBuilder};

use crate::VENDOR;
use crate::dialect::Stytch;

const LIVE: &str = "https://api.stytch.com";
const TEST: &str = "https://test.stytch.com";
/// How the id of a live project begins; every other one belongs to the test host, as in the vendor's own libraries.
const LIVE_PREFIX: &str = "project-live-";
/// Far above the ids that exist, which have some fifty characters.
const PROJECT_ID_BYTES_MAX: usize = 200;

/// How a [`Client`](crate::Client) reaches one Stytch project.
///
/// ```
/// use cutover_core::ClientSecret;
/// use cutover_http::BaseUrl;
/// use cutover_stytch::{Client, Config};
///
/// let secret = ClientSecret::new("secret-test-…");
/// let config = Config::new("project-test-11111111-1111-4111-8111-111111111111", secret.into())
///     .base_url(BaseUrl::parse("https://gateway.example/stytch")?); // leave it out to go to Stytch itself
/// let client = Client::new(config)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Config {
    project_id: String,
    credential: Credential,
    pipeline: PipelineBuilder,
}

impl Config {
    /// A project with its secret, on the host that its id belongs to: `project-live-…` is live, all others are test.
    pub fn new(project_id: impl Into<String>, credential: Credential) -> Self {
        let project_id = project_id.into();
        let host = if project_id.starts_with(LIVE_PREFIX) { LIVE } else { TEST };
        let pipeline = Pipeline::builder(VENDOR, BaseUrl::from_static(host)).dialect(Arc::new(Stytch));
        Self { project_id, credential, pipeline }
    }

    /// Another host than the project's own: a gateway, or an emulator.
    ///
    /// A project's custom domain does not belong here: its OAuth paths differ.
    pub fn base_url(mut self, base_url: BaseUrl) -> Self {
        self.pipeline = self.pipeline.base_url(base_url);
        self
    }

    /// How long a request that was sent and never answered may still arrive. Goes into the rotators' profiles.
    pub fn straggler(mut self, straggler: Duration) -> Self {
        self.pipeline = self.pipeline.straggler(straggler);
        self
    }

    cutover_http::pipeline_settings!();

    pub(crate) fn parse(self) -> Result<(Pipeline, Project), ConfigError> {
        let plain = |byte: u8| byte.is_ascii_graphic() && byte != b':';
        let id = &self.project_id;
        if id.is_empty() || id.len() > PROJECT_ID_BYTES_MAX || !id.bytes().all(plain) {
            return Err(ConfigError::ProjectId);
        }
        let project = Project { id: self.project_id.into(), credential: self.credential };
        Ok((self.pipeline.build()?, project))
    }
}

/// A project and its secret.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    pub(crate) id: Arc<str>,
    pub(crate) credential: Credential,
}

/// A configuration with which no client can be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The project id is none.
    #[error("the project id has to be 1 to 200 visible ASCII characters without a colon, as in project-test-…")]
    ProjectId,
    /// The pipeline cannot be put together.
    #[error(transparent)]
    Pipeline(#[from] BuildError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use cutover_core::ClientSecret;

    fn base_url(project_id: &str) -> Result<String, ConfigError> {
        Ok(Config::new(project_id, Credential::Injected).parse()?.0.base_url().to_string())
    }

    #[test]
    fn the_project_id_chooses_the_host() {
        for (id, host) in [
            ("project-live-1", LIVE),
            ("project-test-1", TEST),
            ("Project-Live-1", TEST),
            ("project-live", TEST),
            ("anything", TEST),
        ] {
            assert_eq!(base_url(id).expect("valid"), host, "{id}");
        }
    }

    #[test]
    fn what_is_no_project_id_is_refused() {
        for id in ["", "a:b", "a b", "a\n", "prüfung", &"x".repeat(201)] {
            assert!(matches!(base_url(id), Err(ConfigError::ProjectId)), "{id:?}");
        }
    }

    #[test]
    fn debug_shows_no_credential() {
        let config = Config::new("project-test-1", ClientSecret::new("hunter2-hunter2").into());
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
