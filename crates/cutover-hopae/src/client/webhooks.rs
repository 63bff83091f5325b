//! Webhooks, which are signed with a secret of their own.

use cutover_core::{ClientId, IdempotencyKey, RotateError};
use cutover_http::{Outgoing, Path, ShowOnce};

use super::{Client, REPLAYED, app, operations, under};
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
        WebhookConfig::read(&self.client.send(Outgoing::get(operations::WEBHOOK_GET, config(id))).await?)
    }

    /// Changes what is given and leaves the rest; the signing secret cannot be changed this way.
    ///
    /// # Errors
    /// When the app does not exist or a value is not accepted.
    pub async fn update(&self, id: &ClientId, update: &UpdateWebhook) -> Result<WebhookConfig, RotateError> {
        let call = Outgoing::patch(operations::WEBHOOK_UPDATE, config(id)).json(update);
        WebhookConfig::read(&self.client.send(call).await?)
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
        let call = under(Outgoing::post(operations::WEBHOOK_ROTATE, config(id).literal("rotate-secret")), key);
        Ok(self.client.send(call).await?.into_show_once(&[REPLAYED]))
    }
}

fn config(id: &ClientId) -> Path {
    app(id).literal("webhook-config")
}
