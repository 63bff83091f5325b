//! The destinations of a configuration.

use std::sync::Arc;

use cutover::Target;
use cutover::engine::Destination;
use cutover::stores::{CommandDestination, FileDestination};

use super::Vendors;
use crate::config::{AgeConfig, DestinationConfig, DestinationSettings};
use crate::error::CliError;

impl<'c> Vendors<'c> {
    /// One destination.
    ///
    /// # Errors
    /// When a credential for it is not where it should be, or it cannot be made with it.
    pub(super) async fn destination(
        &mut self,
        target: &Target,
        configured: &'c DestinationConfig,
    ) -> Result<Arc<dyn Destination>, CliError> {
        Ok(match &configured.settings {
            DestinationSettings::File(file) => Arc::new(file.clone()),
            DestinationSettings::Encrypted(file, age) => Arc::new(self.encrypted(file, age).await?),
            DestinationSettings::Command { program, by_line } => {
                let made = CommandDestination::new(&configured.name, target.id().clone(), program.clone());
                Arc::new(if *by_line { made.by_line() } else { made })
            }
            DestinationSettings::Column { store, column } => {
                Arc::new(self.database(store).await?.destination(target.id().clone(), column.clone()))
            }
            DestinationSettings::Vault(configured) => Arc::new(self.vault_secret(configured).await?),
            #[cfg(feature = "aws")]
            DestinationSettings::Aws(configured) => Arc::new(self.aws_secret(configured).await?),
        })
    }

    /// A file with its keys. Where nothing is going to be called it stays without: then it is never opened.
    #[cfg(feature = "age")]
    async fn encrypted(&self, file: &FileDestination, age: &AgeConfig) -> Result<FileDestination, CliError> {
        use cutover::chain;
        use cutover::stores::AgeKeys;

        use super::Credentials;
        use crate::config::ConfigError;
        use crate::credential;

        let Credentials::Configured(printer) = self.credentials else { return Ok(file.clone()) };
        let (identity, warning) = credential::secret(&age.identity).await?;
        warning.iter().for_each(|warning| printer.warn(warning));
        let keys = AgeKeys::new(age.recipients.clone(), &identity).map_err(|error| {
            CliError::from(ConfigError::at(&self.config.file, age.line, &age.identity.key, chain(&error)))
        })?;
        Ok(file.clone().encrypted(Arc::new(if age.armored { keys.armored() } else { keys })))
    }

    /// Without age no configuration has such a file.
    #[cfg(not(feature = "age"))]
    async fn encrypted(&self, file: &FileDestination, _: &AgeConfig) -> Result<FileDestination, CliError> {
        Ok(file.clone())
    }
}
