//! The hooks of a configuration.

use std::sync::Arc;

use cutover::chain;
use cutover::engine::Hook;
use cutover::stores::hooks::{CommandHook, WebhookHook};

use super::{Credentials, Vendors};
use crate::config::{ConfigError, HookConfig, HookSettings, Reference};
use crate::credential;
use crate::error::CliError;

impl Vendors<'_> {
    /// One hook.
    ///
    /// # Errors
    /// When a credential for it is not where it should be, or cannot be used.
    pub(super) async fn hook(&self, configured: &HookConfig) -> Result<Arc<dyn Hook>, CliError> {
        let name = &configured.name;
        Ok(match &configured.settings {
            HookSettings::Command(program) => Arc::new(CommandHook::new(name, program.clone())),
            HookSettings::Signal(hook) => Arc::new(hook.clone().named(name)),
            HookSettings::Webhook { hook, token, signing_key } => {
                let hook = hook.as_ref().clone().named(name);
                Arc::new(self.webhook(hook, configured, token.as_ref(), signing_key.as_ref()).await?)
            }
        })
    }

    async fn webhook(
        &self,
        mut hook: WebhookHook,
        configured: &HookConfig,
        token: Option<&Reference>,
        signing_key: Option<&Reference>,
    ) -> Result<WebhookHook, CliError> {
        let Credentials::Configured(printer) = self.credentials else { return Ok(hook) };
        let wrong = |reference: &Reference, error: &dyn std::error::Error| {
            CliError::from(ConfigError::at(&self.config.file, configured.line, &reference.key, chain(error)))
        };
        if let Some(reference) = token {
            let (token, warning) = credential::secret(reference).await?;
            warning.iter().for_each(|warning| printer.warn(warning));
            hook = hook.with_token(token).map_err(|error| wrong(reference, &error))?;
        }
        if let Some(reference) = signing_key {
            let (key, warning) = credential::secret(reference).await?;
            warning.iter().for_each(|warning| printer.warn(warning));
            hook = hook.with_signing_key(&key).map_err(|error| wrong(reference, &error))?;
        }
        Ok(hook)
    }
}
