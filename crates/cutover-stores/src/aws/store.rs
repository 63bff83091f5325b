//! One client of Secrets Manager, shared by every destination in one account and region.

use std::fmt;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::Credentials;
use cutover_core::ClientSecret;
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;

/// Secrets Manager answers within a second. These leave room for a bad day, and end before the engine stops waiting for
/// the step that a call belongs to, so that it is the call that is told of.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const TRY_TIMEOUT: Duration = Duration::from_secs(6);
const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// Every call of ours can be repeated: what is written has its version's id as token, and a label is moved only from
/// where it was seen. So the SDK may send again what had no answer.
const TRIES_MAX: u32 = 3;

/// Secrets Manager in one account and region. Clones share their connections.
#[derive(Clone)]
pub struct AwsStore {
    pub(super) client: Client,
    region: String,
}

/// How [`AwsStore::connect`] finds Secrets Manager. What is left out comes from where the AWS command line takes it.
#[derive(Debug, Default)]
pub struct AwsOptions {
    /// The region, as in `eu-central-1`; otherwise `AWS_REGION`, the profile, or the machine's own.
    pub region: Option<String>,
    /// Another address than AWS's own: a VPC endpoint, or a stand-in for tests. Without TLS only on this machine.
    pub endpoint: Option<String>,
    /// The profile in `~/.aws/config`; otherwise `AWS_PROFILE`, or the default one.
    pub profile: Option<String>,
    /// Credentials; otherwise AWS's standard chain: environment, profile, web identity, container, instance.
    pub credentials: Option<AwsCredentials>,
}

/// Long-lived or temporary credentials.
#[derive(Debug)]
pub struct AwsCredentials {
    /// The access key's id. Not a secret.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: ClientSecret,
    /// The session token of temporary credentials.
    pub session_token: Option<ClientSecret>,
}

impl AwsStore {
    /// Makes a client. Nothing is sent to Secrets Manager yet, and no credentials are asked for.
    ///
    /// # Errors
    /// When there is no region, or the endpoint is no URL or has no TLS.
    pub async fn connect(options: AwsOptions) -> Result<Self, AwsStoreError> {
        let AwsOptions { region, endpoint, profile, credentials } = options;
        let mut loader = aws_config::defaults(BehaviorVersion::latest());
        if let Some(region) = region {
            loader = loader.region(Region::new(region));
        }
        if let Some(endpoint) = endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        if let Some(profile) = profile {
            loader = loader.profile_name(profile);
        }
        if let Some(given) = credentials {
            // The SDK wants texts of its own. It wipes them when it drops them.
            let token = given.session_token.map(|token| token.expose().to_owned());
            let secret = given.secret_access_key.expose().to_owned();
            loader = loader.credentials_provider(Credentials::new(given.access_key_id, secret, token, None, "cutover"));
        }
        Self::with_config(&quietly(loader.load()).await)
    }

    /// A client with a configuration that the application made. Retries and timeouts that it leaves open are set.
    ///
    /// # Errors
    /// When there is no region, or the endpoint has no TLS.
    pub fn with_config(config: &SdkConfig) -> Result<Self, AwsStoreError> {
        let region = config.region().map(ToString::to_string).ok_or_else(|| {
            AwsStoreError::new("no region is configured: set region, or AWS_REGION, or region in the AWS profile")
        })?;
        if let Some(endpoint) = config.endpoint_url() {
            check_endpoint(endpoint)?;
        }
        let mut builder = aws_sdk_secretsmanager::config::Builder::from(config);
        let given = config.timeout_config().cloned().unwrap_or_else(|| TimeoutConfig::builder().build());
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(given.connect_timeout().unwrap_or(CONNECT_TIMEOUT))
            .operation_attempt_timeout(given.operation_attempt_timeout().unwrap_or(TRY_TIMEOUT))
            .operation_timeout(given.operation_timeout().unwrap_or(CALL_TIMEOUT))
            .build();
        builder.set_timeout_config(Some(timeouts));
        if config.retry_config().is_none() {
            builder.set_retry_config(Some(RetryConfig::standard().with_max_attempts(TRIES_MAX)));
        }
        Ok(Self { client: Client::from_conf(builder.build()), region })
    }

    /// The region.
    pub fn region(&self) -> &str {
        &self.region
    }
}

impl fmt::Debug for AwsStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsStore").field("region", &self.region).finish_non_exhaustive()
    }
}

/// Runs a future of the SDK without its logging.
///
/// At its most talkative the SDK logs whole requests, and whole answers when `LOG_SENSITIVE_BODIES` is set. Whether a
/// body is among it depends on how the SDK wraps one today.
pub(super) async fn quietly<T>(future: impl Future<Output = T>) -> T {
    future.with_subscriber(NoSubscriber::default()).await
}

/// Secrets travel to an endpoint as they are, so it has TLS or is this machine.
fn check_endpoint(endpoint: &str) -> Result<(), AwsStoreError> {
    let url = url::Url::parse(endpoint).map_err(|_| AwsStoreError::new("the endpoint is no URL"))?;
    let is_here = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" if url.host().is_some() => Ok(()),
        "http" if is_here => Ok(()),
        "http" => Err(AwsStoreError::new("the endpoint has to be https: secrets are sent to it")),
        _ => Err(AwsStoreError::new("the endpoint is no http or https URL")),
    }
}

/// Why a client of Secrets Manager could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct AwsStoreError {
    what: &'static str,
}

impl AwsStoreError {
    const fn new(what: &'static str) -> Self {
        Self { what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> aws_config::ConfigLoader {
        let keys = Credentials::new("AKIDEXAMPLE", "s3cr3t", None, None, "test");
        aws_config::defaults(BehaviorVersion::latest()).region(Region::new("eu-central-1")).credentials_provider(keys)
    }

    #[tokio::test]
    async fn an_endpoint_has_tls_or_is_this_machine() {
        for good in ["http://127.0.0.1:5000", "http://localhost:5000", "http://[::1]:1", "https://vpce-1.example/x"] {
            AwsStore::with_config(&config().endpoint_url(good).load().await).expect(good);
        }
        for bad in
            ["http://example.com", "http://10.0.0.1", "ftp://127.0.0.1", "nonsense", "http://127.0.0.1.evil.example"]
        {
            assert!(AwsStore::with_config(&config().endpoint_url(bad).load().await).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn debug_shows_no_credentials() {
        let store = AwsStore::with_config(&config().load().await).expect("a store");
        assert!(!format!("{store:?}").contains("s3cr3t"));
        let credentials = AwsCredentials {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: ClientSecret::new("s3cr3t"),
            session_token: Some(ClientSecret::new("t0k3n")),
        };
        let said = format!("{:?}", AwsOptions { credentials: Some(credentials), ..AwsOptions::default() });
        assert!(!said.contains("s3cr3t") && !said.contains("t0k3n"), "{said}");
    }
}
