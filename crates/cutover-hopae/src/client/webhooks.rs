//! Webhooks, which are signed with a secret of their own.

use cutover_core::{ClientId, IdempotencyKey, RotateError};
use cutover_http::{Outgoing, Path, ShowOnce};

use super::{Client, KEPT_HEADERS, app, under};
use crate::wire::{NewWebhookSecret, UpdateWebhook, WebhookConfig};

/// The calls about webhooks.
#[derive(Clone, Copy, Debug)]
pub struct Webhooks<'a> {
    client: &'a Client,
}

impl<'a> Webhooks<'a> {
    pub(super) fn new(client: &'a Client) -> Self {
        Self { client }
    }

    /// Where an app's webhooks go.
    ///
    /// # Errors
    /// When the app does not exist in this workspace.
    pub async fn get(&self, id: &ClientId) -> Result<WebhookConfig, RotateError> {
        WebhookConfig::read(&self.client.as_caller(Outgoing::get("webhooks.get", config(id))).await?)
    }

    /// Changes what is given and leaves the rest; the signing secret cannot be changed this way.
    ///
    /// # Errors
    /// When the app does not exist or a value is not accepted.
    pub async fn update(&self, id: &ClientId, update: &UpdateWebhook) -> Result<WebhookConfig, RotateError> {
        let call = Outgoing::patch("webhooks.update", config(id)).json(update);
        WebhookConfig::read(&self.client.as_caller(call).await?)
    }

    /// Replaces the signing secret; Hopae signs with the new one at once, so the receiver should accept both for a
    /// while.
    ///
    /// # Errors
    /// With an unknown effect the old secret may be out of use: ask again under the same key, or rotate again.
    pub async fn rotate_secret(
        &self,
        id: &ClientId,
        key: Option<&IdempotencyKey>,
    ) -> Result<ShowOnce<NewWebhookSecret>, RotateError> {
        let call = under(Outgoing::post("webhooks.rotate_secret", config(id).literal("rotate-secret")), key);
        Ok(self.client.as_caller(call).await?.into_show_once(KEPT_HEADERS))
    }
}

fn config(id: &ClientId) -> Path {
    app(id).literal("webhook-config")
}
