//! The destinations of a configuration.

use std::sync::Arc;

use cutover::engine::Destination;

use super::Vendors;
use crate::config::{DestinationConfig, DestinationSettings};
use crate::error::CliError;

impl<'c> Vendors<'c> {
    /// One destination.
    ///
    /// # Errors
    /// When a credential for it is not where it should be, or it cannot be made with it.
    pub(super) async fn destination(
        &mut self,
        configured: &'c DestinationConfig,
    ) -> Result<Arc<dyn Destination>, CliError> {
        Ok(match &configured.settings {
            DestinationSettings::File(file) => Arc::new(file.clone()),
        })
    }
}
