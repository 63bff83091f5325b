//! AWS Secrets Manager: one client for each store, whatever the number of targets in it.

use cutover::chain;
use cutover::stores::{AwsCredentials, AwsOptions, AwsSecret, AwsStore};

use super::{Credentials, Vendors};
use crate::config::{AwsKeysConfig, AwsSecretConfig, ConfigError, Reference, StoreConfig, StoreSettings};
use crate::credential;
use crate::error::CliError;

impl<'c> Vendors<'c> {
    /// A secret, or one key of it.
    ///
    /// # Errors
    /// When a credential is not where it should be, or no client can be made.
    pub(super) async fn aws_secret(&mut self, configured: &'c AwsSecretConfig) -> Result<AwsSecret, CliError> {
        let secret = AwsSecret::new(&self.aws(&configured.store).await?, &configured.place);
        Ok(if configured.creates { secret.made_if_missing() } else { secret })
    }

    async fn aws(&mut self, name: &'c str) -> Result<AwsStore, CliError> {
        if let Some(client) = self.accounts.get(name) {
            return Ok(client.clone());
        }
        // The configuration was checked for this when it was read.
        let unknown = || CliError::usage(format!("there is no store {name}"), "");
        let StoreConfig { line, settings } = self.config.stores.get(name).ok_or_else(unknown)?;
        let StoreSettings::Aws(store) = settings else { return Err(unknown()) };
        let options = AwsOptions {
            region: store.region.clone(),
            endpoint: store.endpoint.clone(),
            profile: store.profile.clone(),
            credentials: match &store.credentials {
                Some(keys) => self.aws_credentials(keys).await?,
                None => None,
            },
        };
        let client = AwsStore::connect(options).await.map_err(|error| {
            let key = format!("stores.{name}");
            CliError::from(ConfigError::at(&self.config.file, *line, key, chain(&error)))
        })?;
        self.accounts.insert(name, client.clone());
        Ok(client)
    }

    async fn aws_credentials(&self, keys: &AwsKeysConfig) -> Result<Option<AwsCredentials>, CliError> {
        // Where nothing is going to be called there is no credential to read.
        let Credentials::Configured(printer) = self.credentials else { return Ok(None) };
        let secret = async |reference: &Reference| {
            let (secret, warning) = credential::secret(reference).await?;
            warning.iter().for_each(|warning| printer.warn(warning));
            Ok::<_, CliError>(secret)
        };
        Ok(Some(AwsCredentials {
            access_key_id: keys.access_key_id.clone(),
            secret_access_key: secret(&keys.secret_access_key).await?,
            session_token: match &keys.session_token {
                Some(token) => Some(secret(token).await?),
                None => None,
            },
        }))
    }
}
