//! Connected Apps.

use cutover_core::{ClientId, RotateError};
use cutover_http::{Listing, Outgoing, Page, ShowOnce};

use super::Client;
use crate::family::{Family, Step};
use crate::wire::{
    ConnectedApp, ConnectedAppAnswer, ConnectedAppsAnswer, CreateConnectedApp, CreatedConnectedApp, NextClientSecret,
    SearchConnectedApps, UpdateConnectedApp,
};

/// The calls about Connected Apps.
#[derive(Clone, Copy, Debug)]
pub struct ConnectedApps<'a> {
    client: &'a Client,
}

impl<'a> ConnectedApps<'a> {
    pub(super) fn new(client: &'a Client) -> Self {
        Self { client }
    }

    /// Makes an app. The answer is the only place where its secret is shown; a public app has none.
    ///
    /// # Errors
    /// With an unknown effect an app may exist that nobody has the secret of: search for it before making another.
    pub async fn create(&self, new: &CreateConnectedApp) -> Result<ShowOnce<CreatedConnectedApp>, RotateError> {
        let call = Outgoing::post(Family::ConnectedApps.operations().create, Family::ConnectedApps.path()).json(new);
        Ok(self.client.as_caller(call).await?.into_show_once(&[]))
    }

    /// One app, without its secret.
    ///
    /// # Errors
    /// When it does not exist, or the project's credential is not accepted.
    pub async fn get(&self, id: &ClientId) -> Result<ConnectedApp, RotateError> {
        let received = self.client.fetch(Family::ConnectedApps, id).await?;
        Ok(received.json::<ConnectedAppAnswer>()?.connected_app)
    }

    /// One page of all apps; Stytch has no filters for them.
    ///
    /// # Errors
    /// When the cursor is not accepted.
    pub async fn search(
        &self,
        search: &SearchConnectedApps,
    ) -> Result<Page<ConnectedApp, SearchConnectedApps>, RotateError> {
        let path = Family::ConnectedApps.path().literal("search");
        let call = Outgoing::post(Family::ConnectedApps.operations().search, path).json(search).idempotent();
        Ok(self.client.as_caller(call).await?.json::<ConnectedAppsAnswer>()?.page(search))
    }

    /// Every app, over all pages. Pages are asked for as they are needed.
    ///
    /// The errors in it are those of [`search`](Self::search).
    pub fn search_all(&self, search: &SearchConnectedApps) -> Listing<ConnectedApp> {
        let (client, call) =
            (self.client.clone(), self.client.pipeline.call(Family::ConnectedApps.operations().search));
        Listing::new(call, search.clone(), move |search| {
            let client = client.clone();
            async move { client.connected_apps().search(&search).await }
        })
    }

    /// Changes what is given and leaves the rest; type, id and secrets cannot be changed this way.
    ///
    /// # Errors
    /// When the app does not exist or a value is not accepted.
    pub async fn update(&self, id: &ClientId, update: &UpdateConnectedApp) -> Result<ConnectedApp, RotateError> {
        let path = Family::ConnectedApps.path().id(id.as_str());
        let call = Outgoing::put(Family::ConnectedApps.operations().update, path).json(update);
        Ok(self.client.as_caller(call).await?.json::<ConnectedAppAnswer>()?.connected_app)
    }

    /// Ends an app and all its secrets.
    ///
    /// # Errors
    /// When it does not exist.
    pub async fn delete(&self, id: &ClientId) -> Result<(), RotateError> {
        let path = Family::ConnectedApps.path().id(id.as_str());
        self.client.as_caller(Outgoing::delete(Family::ConnectedApps.operations().delete, path)).await.map(drop)
    }

    /// Makes a second secret beside the one in use. The answer is the only place where it is shown.
    ///
    /// # Errors
    /// Refused with [`Refusal::AlreadyPending`](cutover_core::Refusal) while a rotation is in progress, and with
    /// `HasNoSecret` for a public app. With an unknown effect one may be in progress with a secret that nobody saw:
    /// `get` tells.
    pub async fn rotate_start(&self, id: &ClientId) -> Result<ShowOnce<NextClientSecret>, RotateError> {
        Ok(self.client.step(Family::ConnectedApps, Step::Start, id).await?.into_show_once(&[]))
    }

    /// Puts the second secret in place of the first, which dies at once. Takes whichever is pending.
    ///
    /// # Errors
    /// Refused with [`Refusal::NothingPending`](cutover_core::Refusal) when no rotation is in progress.
    pub async fn rotate(&self, id: &ClientId) -> Result<ConnectedApp, RotateError> {
        let received = self.client.step(Family::ConnectedApps, Step::Commit, id).await?;
        Ok(received.json::<ConnectedAppAnswer>()?.connected_app)
    }

    /// Drops the second secret, which dies at once; the first stays.
    ///
    /// # Errors
    /// Refused with [`Refusal::NothingPending`](cutover_core::Refusal) when no rotation is in progress.
    pub async fn rotate_cancel(&self, id: &ClientId) -> Result<ConnectedApp, RotateError> {
        let received = self.client.step(Family::ConnectedApps, Step::Cancel, id).await?;
        Ok(received.json::<ConnectedAppAnswer>()?.connected_app)
    }
}
