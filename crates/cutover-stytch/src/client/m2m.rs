//! Machine-to-machine clients.

use cutover_core::{ClientId, RotateError};
use cutover_http::{Listing, Outgoing, Page, ShowOnce};

use super::Client;
use crate::family::{Family, Step};
use crate::wire::{
    CreateM2mClient, CreatedM2mClient, M2mClient, M2mClientAnswer, M2mClientsAnswer, NextClientSecret,
    SearchM2mClients, UpdateM2mClient,
};

/// The calls about machine-to-machine clients.
#[derive(Clone, Copy, Debug)]
pub struct M2m<'a> {
    client: &'a Client,
}

impl<'a> M2m<'a> {
    pub(super) fn new(client: &'a Client) -> Self {
        Self { client }
    }

    /// Makes a client. The answer is the only place where its secret is shown.
    ///
    /// # Errors
    /// With an unknown effect a client may exist that nobody has the secret of: search for it before making another.
    pub async fn create(&self, new: &CreateM2mClient) -> Result<ShowOnce<CreatedM2mClient>, RotateError> {
        let call = Outgoing::post(Family::M2m.operations().create, Family::M2m.path()).json(&new.body());
        Ok(self.client.as_caller(call).await?.into_show_once(&[]))
    }

    /// One client, without its secret.
    ///
    /// # Errors
    /// When it does not exist, or the project's credential is not accepted.
    pub async fn get(&self, id: &ClientId) -> Result<M2mClient, RotateError> {
        let received = self.client.fetch(Family::M2m, id).await?;
        Ok(received.json::<M2mClientAnswer>()?.m2m_client)
    }

    /// One page of the clients that match.
    ///
    /// # Errors
    /// When a filter or the cursor is not accepted.
    pub async fn search(&self, search: &SearchM2mClients) -> Result<Page<M2mClient, SearchM2mClients>, RotateError> {
        let path = Family::M2m.path().literal("search");
        let call = Outgoing::post(Family::M2m.operations().search, path).json(search).idempotent();
        Ok(self.client.as_caller(call).await?.json::<M2mClientsAnswer>()?.page(search))
    }

    /// Every client that matches, over all pages. Pages are asked for as they are needed.
    ///
    /// The errors in it are those of [`search`](Self::search).
    pub fn search_all(&self, search: &SearchM2mClients) -> Listing<M2mClient> {
        let (client, call) = (self.client.clone(), self.client.pipeline.call(Family::M2m.operations().search));
        Listing::new(call, search.clone(), move |search| {
            let client = client.clone();
            async move { client.m2m().search(&search).await }
        })
    }

    /// Changes what is given and leaves the rest; secrets cannot be changed this way.
    ///
    /// # Errors
    /// When the client does not exist or a value is not accepted.
    pub async fn update(&self, id: &ClientId, update: &UpdateM2mClient) -> Result<M2mClient, RotateError> {
        let call = Outgoing::put(Family::M2m.operations().update, Family::M2m.path().id(id.as_str())).json(update);
        Ok(self.client.as_caller(call).await?.json::<M2mClientAnswer>()?.m2m_client)
    }

    /// Ends a client and all its secrets. Tokens that it got stay valid until they expire.
    ///
    /// # Errors
    /// When it does not exist.
    pub async fn delete(&self, id: &ClientId) -> Result<(), RotateError> {
        let call = Outgoing::delete(Family::M2m.operations().delete, Family::M2m.path().id(id.as_str()));
        self.client.as_caller(call).await.map(drop)
    }

    /// Makes a second secret beside the one in use. The answer is the only place where it is shown.
    ///
    /// # Errors
    /// Refused with [`Refusal::AlreadyPending`](cutover_core::Refusal) while a rotation is in progress. With an unknown
    /// effect one may be in progress with a secret that nobody saw: `get` tells.
    pub async fn rotate_start(&self, id: &ClientId) -> Result<ShowOnce<NextClientSecret>, RotateError> {
        Ok(self.client.step(Family::M2m, Step::Start, id).await?.into_show_once(&[]))
    }

    /// Puts the second secret in place of the first, which dies at once. Takes whichever is pending.
    ///
    /// # Errors
    /// Refused with [`Refusal::NothingPending`](cutover_core::Refusal) when no rotation is in progress.
    pub async fn rotate(&self, id: &ClientId) -> Result<M2mClient, RotateError> {
        let received = self.client.step(Family::M2m, Step::Commit, id).await?;
        Ok(received.json::<M2mClientAnswer>()?.m2m_client)
    }

    /// Drops the second secret, which dies at once; the first stays.
    ///
    /// # Errors
    /// Refused with [`Refusal::NothingPending`](cutover_core::Refusal) when no rotation is in progress.
    pub async fn rotate_cancel(&self, id: &ClientId) -> Result<M2mClient, RotateError> {
        let received = self.client.step(Family::M2m, Step::Cancel, id).await?;
        Ok(received.json::<M2mClientAnswer>()?.m2m_client)
    }
}
