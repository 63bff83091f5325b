//! Management v1: applications.

use cutover_core::RotateError;
use cutover_http::{Listing, Outgoing, Page, Path, ShowOnce};

use super::{Client, KEPT_HEADERS};
use crate::wire::{
    App, AppAnswer, AppsAnswer, Change, ChangesAnswer, CreateApiApp, CreateOidcApp, CreatedApp, Details, DetailsAnswer,
    Empty, NewClientSecret, OidcSettings, SearchApps, SearchChanges, UpdateApiApp, UpdateApp,
};
use crate::{AppId, ProjectId};

/// Applications, through management v1.
///
/// Every call needs `project.app.read`, `project.app.write` or `project.app.delete` in the organisation that it is made
/// in. An app that lives in another organisation, or in another project, is answered like one that does not exist:
/// [`Refusal::NotFound`](cutover_core::Refusal::NotFound) may mean that the organisation is wrong or was forgotten.
#[derive(Clone, Copy, Debug)]
pub struct Apps<'a> {
    client: &'a Client,
}

impl<'a> Apps<'a> {
    pub(super) fn new(client: &'a Client) -> Self {
        Self { client }
    }

    /// Creates an API application.
    ///
    /// # Errors
    /// As every call; with an unknown effect an application may exist whose secret nobody saw.
    pub async fn create_api(
        &self,
        project: &ProjectId,
        new: &CreateApiApp,
    ) -> Result<ShowOnce<CreatedApp>, RotateError> {
        let outgoing = Outgoing::post("apps.create_api", apps(project).literal("api")).json(new);
        Ok(self.client.v1(outgoing).await?.into_show_once(KEPT_HEADERS))
    }

    /// Creates an OIDC application.
    ///
    /// # Errors
    /// As every call; with an unknown effect an application may exist whose secret nobody saw.
    pub async fn create_oidc(
        &self,
        project: &ProjectId,
        new: &CreateOidcApp,
    ) -> Result<ShowOnce<CreatedApp>, RotateError> {
        let outgoing = Outgoing::post("apps.create_oidc", apps(project).literal("oidc")).json(new);
        Ok(self.client.v1(outgoing).await?.into_show_once(KEPT_HEADERS))
    }

    /// Makes a new secret for an API application. The old one is dead at once.
    ///
    /// # Errors
    /// With an unknown effect the old secret may be dead and nobody saw the new one; only another call gives one.
    pub async fn generate_api_secret(
        &self,
        project: &ProjectId,
        id: &AppId,
    ) -> Result<ShowOnce<NewClientSecret>, RotateError> {
        self.generate("apps.generate_api_secret", app(project, id).literal("api_config/_generate_client_secret")).await
    }

    /// Makes a new secret for an OIDC application. The old one is dead at once.
    ///
    /// # Errors
    /// With an unknown effect the old secret may be dead and nobody saw the new one; only another call gives one.
    pub async fn generate_oidc_secret(
        &self,
        project: &ProjectId,
        id: &AppId,
    ) -> Result<ShowOnce<NewClientSecret>, RotateError> {
        self.generate("apps.generate_oidc_secret", app(project, id).literal("oidc_config/_generate_client_secret"))
            .await
    }

    async fn generate(&self, operation: &'static str, path: Path) -> Result<ShowOnce<NewClientSecret>, RotateError> {
        let outgoing = Outgoing::post(operation, path).json(&Empty {});
        Ok(self.client.v1(outgoing).await?.into_show_once(KEPT_HEADERS))
    }

    /// One application.
    ///
    /// The server brings what it verifies secrets against up to date before it answers, so that a secret made before
    /// this call is known afterwards.
    ///
    /// # Errors
    /// As every call.
    pub async fn get(&self, project: &ProjectId, id: &AppId) -> Result<App, RotateError> {
        let received = self.client.v1(Outgoing::get("apps.get", app(project, id))).await?;
        Ok(received.json::<AppAnswer>()?.app)
    }

    /// One page of the applications of a project, possibly a minute behind.
    ///
    /// # Errors
    /// As every call; a wrong organisation is no error and gives an empty list.
    pub async fn search(&self, project: &ProjectId, search: &SearchApps) -> Result<Page<App, SearchApps>, RotateError> {
        let body = search.body();
        let outgoing = Outgoing::post("apps.search", apps(project).literal("_search")).json(&body).idempotent();
        Ok(self.client.v1(outgoing).await?.json::<AppsAnswer>()?.page(search))
    }

    /// Every application of a project that matches, over all pages. Pages are asked for as they are needed.
    ///
    /// The errors in it are those of [`search`](Self::search). An application that is made or deleted meanwhile may be
    /// missed or come twice: Zitadel counts through its list.
    pub fn search_all(&self, project: &ProjectId, search: &SearchApps) -> Listing<App> {
        let (client, call) = (self.client.clone(), self.client.pipeline.call("apps.search"));
        let project = project.clone();
        Listing::new(call, search.clone(), move |search| {
            let (client, project) = (client.clone(), project.clone());
            async move { client.apps().search(&project, &search).await }
        })
    }

    /// One page of what was changed about an application, without any delay.
    ///
    /// # Errors
    /// As every call.
    pub async fn changes(
        &self,
        project: &ProjectId,
        id: &AppId,
        search: &SearchChanges,
    ) -> Result<Page<Change, SearchChanges>, RotateError> {
        let outgoing = Outgoing::post("apps.changes", app(project, id).literal("changes/_search")).idempotent();
        let outgoing = search.query().fold(outgoing, |outgoing, (name, value)| outgoing.query(name, &value));
        Ok(self.client.v1(outgoing).await?.json::<ChangesAnswer>()?.page(search))
    }

    /// Everything that was changed about an application, over all pages. Pages are asked for as they are needed.
    ///
    /// The errors in it are those of [`changes`](Self::changes).
    pub fn changes_all(&self, project: &ProjectId, id: &AppId, search: &SearchChanges) -> Listing<Change> {
        let (client, call) = (self.client.clone(), self.client.pipeline.call("apps.changes"));
        let (project, id) = (project.clone(), id.clone());
        Listing::new(call, search.clone(), move |search| {
            let (client, project, id) = (client.clone(), project.clone(), id.clone());
            async move { client.apps().changes(&project, &id, &search).await }
        })
    }

    /// Changes what is given, which can only be the name.
    ///
    /// # Errors
    /// As every call; a name that it has already is refused.
    pub async fn update(&self, project: &ProjectId, id: &AppId, update: &UpdateApp) -> Result<Details, RotateError> {
        self.details(Outgoing::put("apps.update", app(project, id)).json(update)).await
    }

    /// Changes how an API application authenticates. Makes no secret, and takes none away.
    ///
    /// # Errors
    /// As every call; a method that it has already is refused.
    pub async fn update_api(
        &self,
        project: &ProjectId,
        id: &AppId,
        update: &UpdateApiApp,
    ) -> Result<Details, RotateError> {
        let outgoing = Outgoing::put("apps.update_api", app(project, id).literal("api_config")).json(update);
        self.details(outgoing).await
    }

    /// Changes how an OIDC application is set up. Replaces all settings; makes no secret, and takes none away.
    ///
    /// # Errors
    /// As every call; settings that it has already are refused.
    pub async fn update_oidc(
        &self,
        project: &ProjectId,
        id: &AppId,
        settings: &OidcSettings,
    ) -> Result<Details, RotateError> {
        let outgoing = Outgoing::put("apps.update_oidc", app(project, id).literal("oidc_config")).json(settings);
        self.details(outgoing).await
    }

    /// Takes an application out of use. Its secret is kept and refused.
    ///
    /// # Errors
    /// As every call; one that is out of use already is refused.
    pub async fn deactivate(&self, project: &ProjectId, id: &AppId) -> Result<Details, RotateError> {
        let outgoing = Outgoing::post("apps.deactivate", app(project, id).literal("_deactivate")).json(&Empty {});
        self.details(outgoing).await
    }

    /// Puts an application into use again, with the secret it had.
    ///
    /// # Errors
    /// As every call; one that is in use already is refused.
    pub async fn reactivate(&self, project: &ProjectId, id: &AppId) -> Result<Details, RotateError> {
        let outgoing = Outgoing::post("apps.reactivate", app(project, id).literal("_reactivate")).json(&Empty {});
        self.details(outgoing).await
    }

    /// Deletes an application. By default an organisation's owner may not do this.
    ///
    /// # Errors
    /// As every call.
    pub async fn delete(&self, project: &ProjectId, id: &AppId) -> Result<Details, RotateError> {
        self.details(Outgoing::delete("apps.delete", app(project, id))).await
    }

    async fn details(&self, outgoing: Outgoing) -> Result<Details, RotateError> {
        // It is done, and nothing of the answer is needed: one that cannot be read is no failure.
        Ok(self.client.v1(outgoing).await?.json::<DetailsAnswer>().unwrap_or_default().details)
    }
}

fn apps(project: &ProjectId) -> Path {
    Path::new().literal("management/v1/projects").id(project.as_str()).literal("apps")
}

fn app(project: &ProjectId, app: &AppId) -> Path {
    apps(project).id(app.as_str())
}
