//! Management v1: applications.

use cutover_core::RotateError;
use cutover_http::{Outgoing, Path, ShowOnce};

use super::Client;
use crate::wire::{
    ApiAuthMethod, App, AppAnswer, AppPage, AppSearch, AppsQuery, Change, ChangesAnswer, ChangesPage, Details,
    DetailsAnswer, Empty, NewApiApp, NewApp, NewOidcApp, NewSecret, OidcSettings, SetApiConfig, SetName,
};
use crate::{AppId, ProjectId};

/// Applications, through management v1.
///
/// Every call needs `project.app.read`, `project.app.write` or `project.app.delete` in the organisation that it is made
/// in. An app that lives in another organisation, or in another project, is answered like one that does not exist:
/// [`Refusal::NotFound`](cutover_core::Refusal::NotFound) may mean that the organisation is wrong or was forgotten.
#[derive(Clone, Copy, Debug)]
pub struct Apps<'a>(&'a Client);

impl<'a> Apps<'a> {
    pub(super) fn new(client: &'a Client) -> Self {
        Self(client)
    }

    /// Creates an API application.
    ///
    /// # Errors
    /// As every call; with an unknown effect an application may exist whose secret nobody saw.
    pub async fn create_api(&self, project: &ProjectId, new: &NewApiApp) -> Result<ShowOnce<NewApp>, RotateError> {
        let make = |operation| Outgoing::post(operation, apps(project).literal("api")).json(new);
        Ok(self.0.v1("apps.create_api", make).await?.into_show_once(KEPT_HEADERS))
    }

    /// Creates an OIDC application.
    ///
    /// # Errors
    /// As every call; with an unknown effect an application may exist whose secret nobody saw.
    pub async fn create_oidc(&self, project: &ProjectId, new: &NewOidcApp) -> Result<ShowOnce<NewApp>, RotateError> {
        let make = |operation| Outgoing::post(operation, apps(project).literal("oidc")).json(new);
        Ok(self.0.v1("apps.create_oidc", make).await?.into_show_once(KEPT_HEADERS))
    }

    /// Makes a new secret for an API application. The old one is dead at once.
    ///
    /// # Errors
    /// With an unknown effect the old secret may be dead and nobody saw the new one; only another call gives one.
    pub async fn generate_api_secret(
        &self,
        project: &ProjectId,
        id: &AppId,
    ) -> Result<ShowOnce<NewSecret>, RotateError> {
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
    ) -> Result<ShowOnce<NewSecret>, RotateError> {
        self.generate("apps.generate_oidc_secret", app(project, id).literal("oidc_config/_generate_client_secret"))
            .await
    }

    async fn generate(&self, operation: &'static str, path: Path) -> Result<ShowOnce<NewSecret>, RotateError> {
        let make = |operation| Outgoing::post(operation, path.clone()).json(&Empty {});
        Ok(self.0.v1(operation, make).await?.into_show_once(KEPT_HEADERS))
    }

    /// One application.
    ///
    /// The server brings what it verifies secrets against up to date before it answers, so that a secret made before
    /// this call is known afterwards.
    ///
    /// # Errors
    /// As every call.
    pub async fn app(&self, project: &ProjectId, id: &AppId) -> Result<App, RotateError> {
        let make = |operation| Outgoing::get(operation, app(project, id));
        Ok(self.0.v1("apps.get", make).await?.json::<AppAnswer>()?.app)
    }

    /// The applications of a project.
    ///
    /// # Errors
    /// As every call; a wrong organisation is no error and gives an empty list.
    pub async fn search(&self, project: &ProjectId, search: &AppSearch) -> Result<AppPage, RotateError> {
        let query = AppsQuery::new(search);
        let make = |operation| Outgoing::post(operation, apps(project).literal("_search")).json(&query).idempotent();
        self.0.v1("apps.search", make).await?.json()
    }

    /// What was changed about an application, without any delay.
    ///
    /// # Errors
    /// As every call.
    pub async fn changes(
        &self,
        project: &ProjectId,
        id: &AppId,
        page: &ChangesPage,
    ) -> Result<Vec<Change>, RotateError> {
        let make = |operation| {
            let mut outgoing = Outgoing::post(operation, app(project, id).literal("changes/_search")).idempotent();
            if page.limit > 0 {
                outgoing = outgoing.query("query.limit", &page.limit.to_string());
            }
            if let Some(sequence) = page.sequence {
                outgoing = outgoing.query("query.sequence", &sequence.to_string());
            }
            if page.ascending {
                outgoing = outgoing.query("query.asc", "true");
            }
            outgoing
        };
        Ok(self.0.v1("apps.changes", make).await?.json::<ChangesAnswer>()?.result)
    }

    /// Gives an application another name.
    ///
    /// # Errors
    /// As every call; a name that it has already is refused.
    pub async fn rename(&self, project: &ProjectId, id: &AppId, name: &str) -> Result<Details, RotateError> {
        let make = |operation| Outgoing::put(operation, app(project, id)).json(&SetName { name });
        self.details("apps.rename", make).await
    }

    /// Changes how an API application authenticates. Makes no secret, and takes none away.
    ///
    /// # Errors
    /// As every call; a method that it has already is refused.
    pub async fn set_api_auth_method(
        &self,
        project: &ProjectId,
        id: &AppId,
        method: &ApiAuthMethod,
    ) -> Result<Details, RotateError> {
        let body = SetApiConfig { auth_method_type: method };
        let make = |operation| Outgoing::put(operation, app(project, id).literal("api_config")).json(&body);
        self.details("apps.set_api_auth_method", make).await
    }

    /// Changes how an OIDC application is set up. Replaces all settings; makes no secret, and takes none away.
    ///
    /// # Errors
    /// As every call; settings that it has already are refused.
    pub async fn set_oidc_settings(
        &self,
        project: &ProjectId,
        id: &AppId,
        settings: &OidcSettings,
    ) -> Result<Details, RotateError> {
        let make = |operation| Outgoing::put(operation, app(project, id).literal("oidc_config")).json(settings);
        self.details("apps.set_oidc_settings", make).await
    }

    /// Takes an application out of use. Its secret is kept and refused.
    ///
    /// # Errors
    /// As every call; one that is out of use already is refused.
    pub async fn deactivate(&self, project: &ProjectId, id: &AppId) -> Result<Details, RotateError> {
        let make = |operation| Outgoing::post(operation, app(project, id).literal("_deactivate")).json(&Empty {});
        self.details("apps.deactivate", make).await
    }

    /// Puts an application into use again, with the secret it had.
    ///
    /// # Errors
    /// As every call; one that is in use already is refused.
    pub async fn reactivate(&self, project: &ProjectId, id: &AppId) -> Result<Details, RotateError> {
        let make = |operation| Outgoing::post(operation, app(project, id).literal("_reactivate")).json(&Empty {});
        self.details("apps.reactivate", make).await
    }

    /// Deletes an application. By default an organisation's owner may not do this.
    ///
    /// # Errors
    /// As every call.
    pub async fn delete(&self, project: &ProjectId, id: &AppId) -> Result<Details, RotateError> {
        let make = |operation| Outgoing::delete(operation, app(project, id));
        self.details("apps.delete", make).await
    }

    async fn details<F>(&self, operation: &'static str, make: F) -> Result<Details, RotateError>
    where
        F: Fn(&'static str) -> Outgoing + Send + Sync,
    {
        // It is done, and nothing of the answer is needed: one that cannot be read is no failure.
        Ok(self.0.v1(operation, make).await?.json::<DetailsAnswer>().unwrap_or_default().details)
    }
}

/// What is kept of an answer's headers: none of them holds a secret.
pub(super) const KEPT_HEADERS: &[&str] = &["x-request-id"];

fn apps(project: &ProjectId) -> Path {
    Path::new().literal("management/v1/projects").id(project.as_str()).literal("apps")
}

fn app(project: &ProjectId, app: &AppId) -> Path {
    apps(project).id(app.as_str())
}
