//! Apps.

use cutover_core::{ClientId, IdempotencyKey, RotateError};
use cutover_http::{Outgoing, ShowOnce};

use super::{Client, REPLAYED, app, apps, operations, under};
use crate::wire::{
    App, AppListAnswer, AppPage, CreateApp, CreateApps, CreatedApp, CreatedApps, ListApps, NewClientSecret, UpdateApp,
};

/// The calls about apps.
#[derive(Clone, Copy, Debug)]
pub struct Apps<'a> {
    client: &'a Client,
}

impl<'a> Apps<'a> {
    pub(super) fn new(client: &'a Client) -> Self {
        Self { client }
    }

    /// Makes an app. The answer is the only place where its secret is shown, except a repetition under the same key
    /// within 24 hours.
    ///
    /// # Errors
    /// Without a key and with an unknown effect an app may exist that nobody has the secret of. With `KeyConflict` the
    /// key belongs to another request.
    pub async fn create(
        &self,
        new: &CreateApp,
        key: Option<&IdempotencyKey>,
    ) -> Result<ShowOnce<CreatedApp>, RotateError> {
        let call = under(Outgoing::post(operations::CREATE, apps()).json(new), key);
        Ok(self.client.send(call).await?.into_show_once(&[REPLAYED]))
    }

    /// Makes several apps at once. The answer is the only place where their secrets are shown.
    ///
    /// It is sent again by itself only if every item has a key.
    ///
    /// # Errors
    /// With an unknown effect some of the apps may exist.
    pub async fn create_batch(&self, new: &CreateApps) -> Result<ShowOnce<CreatedApps>, RotateError> {
        let call = Outgoing::post(operations::CREATE_BATCH, apps().literal("batch")).json(&new.body());
        let call = if new.is_keyed() { call.keyed() } else { call };
        Ok(self.client.send(call).await?.into_show_once(&[]))
    }

    /// One page of the workspace's apps, without their secrets.
    ///
    /// # Errors
    /// When the workspace key is not accepted.
    pub async fn list(&self, page: &ListApps) -> Result<AppPage, RotateError> {
        let mut call = Outgoing::get(operations::LIST, apps());
        for (name, value) in page.query() {
            call = call.query(name, &value.to_string());
        }
        Ok(self.client.send(call).await?.json::<AppListAnswer>()?.into())
    }

    /// One app, without its secret, also where Hopae shows it.
    ///
    /// # Errors
    /// When it does not exist in this workspace, or the workspace key is not accepted.
    pub async fn get(&self, id: &ClientId) -> Result<App, RotateError> {
        self.client.fetch(id, None).await?.json()
    }

    /// Changes what is given and leaves the rest; the secret cannot be changed this way.
    ///
    /// # Errors
    /// When the app does not exist or a value is not accepted.
    pub async fn update(&self, id: &ClientId, update: &UpdateApp) -> Result<App, RotateError> {
        self.client.send(Outgoing::patch(operations::UPDATE, app(id)).json(update)).await?.json()
    }

    /// Ends an app and its secret.
    ///
    /// # Errors
    /// When it does not exist in this workspace.
    pub async fn delete(&self, id: &ClientId) -> Result<(), RotateError> {
        self.client.send(Outgoing::delete(operations::DELETE, app(id))).await.map(drop)
    }

    /// Replaces the secret; the old one dies at once. The answer is the only place where the new one is shown, except a
    /// repetition under the same key within 24 hours.
    ///
    /// One key belongs to one rotation of one app: Hopae may answer another app's rotation under it with this app's
    /// secret.
    ///
    /// # Errors
    /// With an unknown effect the old secret may be dead: ask again under the same key, or rotate again. `InProgress`
    /// says that an earlier request under the key goes on, and may take effect yet.
    pub async fn rotate_client_secret(
        &self,
        id: &ClientId,
        key: Option<&IdempotencyKey>,
    ) -> Result<ShowOnce<NewClientSecret>, RotateError> {
        Ok(self.client.send_rotation(id, key, None).await?.into_show_once(&[REPLAYED]))
    }
}
