//! Apps.

use cutover_core::{ClientId, IdempotencyKey, RotateError};
use cutover_http::{Listing, Outgoing, Page, ShowOnce};

use super::{Client, KEPT_HEADERS, app, apps, under};
use crate::wire::{
    App, AppListAnswer, CreateApp, CreateApps, CreatedApp, CreatedApps, ListApps, NewClientSecret, UpdateApp,
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
        let call = under(Outgoing::post("apps.create", apps()).json(new), key);
        Ok(self.client.as_caller(call).await?.into_show_once(KEPT_HEADERS))
    }

    /// Makes several apps at once. The answer is the only place where their secrets are shown.
    ///
    /// It is sent again by itself only if every item has a key.
    ///
    /// # Errors
    /// With an unknown effect some of the apps may exist.
    pub async fn create_batch(&self, new: &CreateApps) -> Result<ShowOnce<CreatedApps>, RotateError> {
        let call = Outgoing::post("apps.create_batch", apps().literal("batch")).json(&new.body());
        let call = if new.is_keyed() { call.keyed() } else { call };
        Ok(self.client.as_caller(call).await?.into_show_once(&[]))
    }

    /// One page of the workspace's apps, without their secrets.
    ///
    /// # Errors
    /// When the workspace key is not accepted.
    pub async fn list(&self, page: &ListApps) -> Result<Page<App, ListApps>, RotateError> {
        let mut call = Outgoing::get("apps.list", apps());
        for (name, value) in page.query() {
            call = call.query(name, &value.to_string());
        }
        Ok(self.client.as_caller(call).await?.json::<AppListAnswer>()?.page(page))
    }

    /// Every app of the workspace, over all pages. Pages are asked for as they are needed.
    ///
    /// The errors in it are those of [`list`](Self::list). An app that is made or deleted meanwhile may be missed or
    /// come twice: Hopae counts through its list.
    pub fn list_all(&self, page: &ListApps) -> Listing<App> {
        let (client, call) = (self.client.clone(), self.client.pipeline.call("apps.list"));
        Listing::new(call, page.clone(), move |page| {
            let client = client.clone();
            async move { client.apps().list(&page).await }
        })
    }

    /// One app, without its secret, also where Hopae shows it.
    ///
    /// # Errors
    /// When it does not exist in this workspace, or the workspace key is not accepted.
    pub async fn get(&self, id: &ClientId) -> Result<App, RotateError> {
        self.client.fetch(id).await?.json()
    }

    /// Changes what is given and leaves the rest; the secret cannot be changed this way.
    ///
    /// # Errors
    /// When the app does not exist or a value is not accepted.
    pub async fn update(&self, id: &ClientId, update: &UpdateApp) -> Result<App, RotateError> {
        self.client.as_caller(Outgoing::patch("apps.update", app(id)).json(update)).await?.json()
    }

    /// Ends an app and its secret.
    ///
    /// # Errors
    /// When it does not exist in this workspace.
    pub async fn delete(&self, id: &ClientId) -> Result<(), RotateError> {
        self.client.as_caller(Outgoing::delete("apps.delete", app(id))).await.map(drop)
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
        Ok(self.client.rotate(id, key).await?.into_show_once(KEPT_HEADERS))
    }
}
