//! The Vaults of a configuration: one client, and with it one token, for each, whatever the number of targets in it.

use cutover::chain;
use cutover::stores::{VaultAuth, VaultClient, VaultConfig, VaultSecret};

use super::{Credentials, Vendors};
use crate::config::{ConfigError, Reference, Source, StoreConfig, StoreSettings, VaultCaller, VaultKeyConfig};
use crate::credential;
use crate::error::CliError;

impl<'c> Vendors<'c> {
    /// One key of a secret.
    ///
    /// # Errors
    /// When a credential is not where it should be, or no client can be made.
    pub(super) async fn vault_secret(&mut self, configured: &'c VaultKeyConfig) -> Result<VaultSecret, CliError> {
        let client = self.vault(&configured.store).await?;
        let mut secret = VaultSecret::new(&client, configured.place.clone());
        if !configured.described {
            secret = secret.without_custom_metadata();
        }
        if configured.destroys {
            secret = secret.destroying_old_versions();
        }
        Ok(secret)
    }

    async fn vault(&mut self, name: &'c str) -> Result<VaultClient, CliError> {
        if let Some(client) = self.vaults.get(name) {
            return Ok(client.clone());
        }
        // The configuration was checked for this when it was read.
        let unknown = || CliError::usage(format!("there is no store {name}"), "");
        let StoreConfig { line, settings } = self.config.stores.get(name).ok_or_else(unknown)?;
        let StoreSettings::Vault(store) = settings else { return Err(unknown()) };
        let mut config = VaultConfig::new(store.base_url.clone(), self.vault_auth(&store.caller).await?);
        if let Some(namespace) = &store.namespace {
            config = config.namespace(namespace.as_str());
        }
        let client = VaultClient::new(config).map_err(|error| {
            let key = format!("stores.{name}");
            CliError::from(ConfigError::at(&self.config.file, *line, key, chain(&error)))
        })?;
        self.vaults.insert(name, client.clone());
        Ok(client)
    }

    async fn vault_auth(&self, caller: &VaultCaller) -> Result<VaultAuth, CliError> {
        // Where nothing is going to be called there is no credential to read.
        let Credentials::Configured(printer) = self.credentials else { return Ok(VaultAuth::agent()) };
        let secret = async |reference: &Reference| {
            let (secret, warning) = credential::secret(reference).await?;
            warning.iter().for_each(|warning| printer.warn(warning));
            Ok::<_, CliError>(secret)
        };
        let (auth, mount) = match caller {
            VaultCaller::Token(Reference { source: Source::Injected, .. }) => (VaultAuth::agent(), &None),
            VaultCaller::Token(token) => (VaultAuth::token(secret(token).await?), &None),
            VaultCaller::AppRole { mount, role_id, secret_id } => {
                let secret_id = match secret_id {
                    Some(secret_id) => Some(secret(secret_id).await?),
                    None => None,
                };
                (VaultAuth::app_role(role_id.as_str(), secret_id), mount)
            }
            VaultCaller::Kubernetes { mount, role, jwt } => (VaultAuth::kubernetes(role.as_str(), jwt), mount),
        };
        Ok(match mount {
            Some(mount) => auth.mounted_at(mount.as_str()),
            None => auth,
        })
    }
}
