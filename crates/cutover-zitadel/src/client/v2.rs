//! The v2 services: Connect, JSON.

use cutover_core::RotateError;
use cutover_http::{Listing, Outgoing, Page, Path, Received, ShowOnce};
use http::HeaderName;
use jiff::Timestamp;
use serde::Serialize;

use super::{Client, KEPT_HEADERS};
use crate::wire::{
    Application, ApplicationAnswer, ApplicationsAnswer, CreateApiApplication, CreatedApp, DateAnswer, InProject,
    ListApplications, NewClientSecret, OneApplication, OneUser,
};
use crate::{AppId, ProjectId, UserId};

/// Tells a Connect server that a call means Connect.
const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("connect-protocol-version");

/// Applications, through v2; needs Zitadel 4.5.
///
/// v2 finds an application wherever it lives and takes no organisation. Changing calls are not sent again.
#[derive(Clone, Copy, Debug)]
pub struct Applications<'a> {
    client: &'a Client,
}

impl<'a> Applications<'a> {
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
        new: &CreateApiApplication,
    ) -> Result<ShowOnce<CreatedApp>, RotateError> {
        let body = new.body(project);
        let received = self.client.v2("v2.create_application", application("CreateApplication"), &body, Effect::Change);
        Ok(received.await?.into_show_once(KEPT_HEADERS))
    }

    /// Makes a new secret, whatever kind of application it is. The old one is dead at once.
    ///
    /// # Errors
    /// With an unknown effect the old secret may be dead and nobody saw the new one; only another call gives one.
    pub async fn generate_client_secret(
        &self,
        project: &ProjectId,
        id: &AppId,
    ) -> Result<ShowOnce<NewClientSecret>, RotateError> {
        let body = InProject { application_id: id, project_id: project };
        let path = application("GenerateClientSecret");
        let received = self.client.v2("v2.generate_client_secret", path, &body, Effect::Change).await?;
        Ok(received.into_show_once(KEPT_HEADERS))
    }

    /// One application, possibly a minute behind.
    ///
    /// # Errors
    /// As every call.
    pub async fn get(&self, id: &AppId) -> Result<Application, RotateError> {
        let body = OneApplication { application_id: id };
        let received = self.client.v2("v2.get_application", application("GetApplication"), &body, Effect::None).await?;
        Ok(received.json::<ApplicationAnswer>()?.application)
    }

    /// One page of the applications that the caller may read, possibly a minute behind.
    ///
    /// Zitadel takes a page's worth of applications and then leaves out those that the caller may not read: a page may
    /// be short or empty and not the last, and the total counts what is left out.
    ///
    /// # Errors
    /// As every call; a limit above the server's own, 1000 by default, is refused.
    pub async fn list(&self, list: &ListApplications) -> Result<Page<Application, ListApplications>, RotateError> {
        let (path, body) = (application("ListApplications"), list.body());
        let received = self.client.v2("v2.list_applications", path, &body, Effect::None).await?;
        Ok(received.json::<ApplicationsAnswer>()?.page(list))
    }

    /// Every application that the caller may read, over all pages. Pages are asked for as they are needed.
    ///
    /// The errors in it are those of [`list`](Self::list). An application that is made or deleted meanwhile may be
    /// missed or come twice: Zitadel counts through its list.
    pub fn list_all(&self, list: &ListApplications) -> Listing<Application> {
        let (client, call) = (self.client.clone(), self.client.pipeline.call("v2.list_applications"));
        Listing::new(call, list.clone(), move |list| {
            let client = client.clone();
            async move { client.applications_v2().list(&list).await }
        })
    }

    /// Takes an application out of use and gives the time of it. Its secret is kept and refused.
    ///
    /// # Errors
    /// As every call; one that is out of use already is refused.
    pub async fn deactivate(&self, project: &ProjectId, id: &AppId) -> Result<Option<Timestamp>, RotateError> {
        self.dated("v2.deactivate_application", application("DeactivateApplication"), project, id).await
    }

    /// Puts an application into use again, with the secret it had, and gives the time of it.
    ///
    /// # Errors
    /// As every call; one that is in use already is refused.
    pub async fn reactivate(&self, project: &ProjectId, id: &AppId) -> Result<Option<Timestamp>, RotateError> {
        self.dated("v2.reactivate_application", application("ReactivateApplication"), project, id).await
    }

    /// Deletes an application and gives the time of it.
    ///
    /// # Errors
    /// As every call.
    pub async fn delete(&self, project: &ProjectId, id: &AppId) -> Result<Option<Timestamp>, RotateError> {
        self.dated("v2.delete_application", application("DeleteApplication"), project, id).await
    }

    async fn dated(
        &self,
        operation: &'static str,
        path: Path,
        project: &ProjectId,
        id: &AppId,
    ) -> Result<Option<Timestamp>, RotateError> {
        let body = InProject { application_id: id, project_id: project };
        Ok(date(&self.client.v2(operation, path, &body, Effect::Change).await?))
    }
}

/// Users, through v2; needs Zitadel 4.0.
///
/// v2 finds a user wherever it lives and takes no organisation. A machine user may change its own secret without
/// holding any role.
#[derive(Clone, Copy, Debug)]
pub struct Users<'a> {
    client: &'a Client,
}

impl<'a> Users<'a> {
    pub(super) fn new(client: &'a Client) -> Self {
        Self { client }
    }

    /// Makes a new secret for a machine user. The old one is dead at once; its access tokens stay good.
    ///
    /// # Errors
    /// With an unknown effect the old secret may be dead and nobody saw the new one; only another call gives one.
    pub async fn add_secret(&self, id: &UserId) -> Result<ShowOnce<NewClientSecret>, RotateError> {
        let body = OneUser { user_id: id };
        let received = self.client.v2("v2.add_secret", user("AddSecret"), &body, Effect::Change).await?;
        Ok(received.into_show_once(KEPT_HEADERS))
    }

    /// Leaves a machine user without a secret and gives the time of it.
    ///
    /// # Errors
    /// As every call; a user without one is refused.
    pub async fn remove_secret(&self, id: &UserId) -> Result<Option<Timestamp>, RotateError> {
        let body = OneUser { user_id: id };
        Ok(date(&self.client.v2("v2.remove_secret", user("RemoveSecret"), &body, Effect::Change).await?))
    }
}

/// Whether a call changes something. Over Connect both kinds are POSTs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    Change,
    None,
}

impl Client {
    async fn v2<B: Serialize + Sync>(
        &self,
        operation: &'static str,
        path: Path,
        body: &B,
        effect: Effect,
    ) -> Result<Received, RotateError> {
        let outgoing = Outgoing::post(operation, path).json(body).header(PROTOCOL_VERSION, "1");
        self.as_caller(if effect == Effect::None { outgoing.idempotent() } else { outgoing }).await
    }
}

/// The time in an answer. The call is done, so that an answer without one is no failure.
fn date(received: &Received) -> Option<Timestamp> {
    received.json::<DateAnswer>().unwrap_or_default().date
}

fn application(method: &'static str) -> Path {
    Path::new().literal("zitadel.application.v2.ApplicationService").literal(method)
}

fn user(method: &'static str) -> Path {
    Path::new().literal("zitadel.user.v2.UserService").literal(method)
}
