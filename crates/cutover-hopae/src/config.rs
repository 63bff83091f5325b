//! What the user gives, parsed once.

use std::sync::Arc;
use std::time::Duration;

use cutover_http::{BaseUrl, BuildError, Credential, Pipeline, PipelineBuilder};

use crate::VENDOR;
use crate::dialect::Hopae;

const SANDBOX: &str = "https://sandbox.api.hopae.com/connect";
const PRODUCTION: &str = "https://api.hopae.com/connect";

/// How a [`Client`](crate::Client) reaches one Hopae workspace.
///
/// ```
/// use cutover_core::ClientSecret;
/// use cutover_hopae::{Client, Config};
///
/// let key = ClientSecret::new("sk_workspace_test_…");
/// let client = Client::new(Config::sandbox(key.into()))?;
/// # Ok::<(), cutover_hopae::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Config {
    pub(crate) credential: Credential,
    pub(crate) pipeline: PipelineBuilder,
}

impl Config {
    /// The sandbox, with a key that begins with `sk_workspace_test_`.
    pub fn sandbox(credential: Credential) -> Self {
        Self::new(SANDBOX, credential)
    }

    /// The real thing, with a key that begins with `sk_workspace_prod_`.
    pub fn production(credential: Credential) -> Self {
        Self::new(PRODUCTION, credential)
    }

    fn new(host: &'static str, credential: Credential) -> Self {
        let pipeline = Pipeline::builder(VENDOR, BaseUrl::from_static(host)).dialect(Arc::new(Hopae));
        Self { credential, pipeline }
    }

    /// Another address than Hopae's own, up to where the version (`v1`) begins: a gateway, or an emulator.
    pub fn base_url(mut self, base_url: BaseUrl) -> Self {
        self.pipeline = self.pipeline.base_url(base_url);
        self
    }

    /// How long a request that was sent and never answered may still arrive. Goes into the rotator's profile.
    pub fn straggler(mut self, straggler: Duration) -> Self {
        self.pipeline = self.pipeline.straggler(straggler);
        self
    }

    cutover_http::pipeline_settings!();
}

/// A configuration with which no client can be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The pipeline cannot be put together.
    #[error(transparent)]
    Pipeline(#[from] BuildError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use cutover_core::ClientSecret;

    #[test]
    fn each_environment_has_its_host() {
        for (config, url) in
            [(Config::sandbox(Credential::Injected), SANDBOX), (Config::production(Credential::Injected), PRODUCTION)]
        {
            assert_eq!(config.pipeline.build().expect("valid").base_url().to_string(), url);
        }
    }

    #[test]
    fn debug_shows_no_credential() {
        let config = Config::sandbox(ClientSecret::new("hunter2-hunter2").into());
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
