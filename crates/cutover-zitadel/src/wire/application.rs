//! The v2 services, over Connect.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::app::{ApiAuthMethod, AppState, ListQuery};
use super::lenient::{lenient, number, time};
use crate::{AppId, ProjectId, UserId};

/// The body of v2 calls about an application in a project.
///
/// Shape: `{"applicationId", "projectId"}`, both required.
/// Units: none.
/// Errors: 404 `COMMAND-Kd92s` when there is no such application.
/// Source: Zitadel's `application_service.proto`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InProject<'a> {
    pub(crate) application_id: &'a AppId,
    pub(crate) project_id: &'a ProjectId,
}

/// The body of `GetApplication`.
///
/// Shape: `{"applicationId"}`.
/// Units: none.
/// Errors: 404 `QUERY-pCP8P` when there is no such application.
/// Source: Zitadel's `application_service.proto`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OneApplication<'a> {
    pub(crate) application_id: &'a AppId,
}

/// The body of `AddSecret` and `RemoveSecret`.
///
/// Shape: `{"userId"}`.
/// Units: none.
/// Errors: 400 `COMMAND-x8910n` no such machine user, `COMMAND-coi82n` it has no secret to remove.
/// Source: Zitadel's `user_service.proto`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OneUser<'a> {
    pub(crate) user_id: &'a UserId,
}

/// An API application to be created through v2.
#[derive(Clone, Debug, Default)]
pub struct NewApiApplication {
    /// Its name.
    pub name: String,
    /// How it authenticates. Only with [`ApiAuthMethod::Basic`] a secret is made.
    pub auth_method_type: ApiAuthMethod,
    /// An id of one's own choice.
    pub application_id: Option<AppId>,
}

/// Body of `CreateApplication`, for an API.
///
/// Shape: `{"projectId", "applicationId"?, "name", "apiConfiguration": {"authMethodType"?}}`.
/// Units: none.
/// Errors: 400 when the project is unknown.
/// Source: Zitadel's `application_service.proto`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateApiApplication<'a> {
    project_id: &'a ProjectId,
    #[serde(skip_serializing_if = "Option::is_none")]
    application_id: Option<&'a AppId>,
    name: &'a str,
    api_configuration: ApiConfiguration<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ApiConfiguration<'a> {
    auth_method_type: &'a ApiAuthMethod,
}

impl<'a> CreateApiApplication<'a> {
    pub(crate) fn new(project_id: &'a ProjectId, new: &'a NewApiApplication) -> Self {
        Self {
            project_id,
            application_id: new.application_id.as_ref(),
            name: &new.name,
            api_configuration: ApiConfiguration { auth_method_type: &new.auth_method_type },
        }
    }
}

/// An application as v2 shows it, never with a secret.
///
/// Shape: `{"applicationId", "projectId"?, "name", "state", "creationDate", "changeDate", "apiConfiguration":
/// {"clientId", ...}}`, or with `oidcConfiguration` or `samlConfiguration`.
/// Units: times only, no sequence.
/// Errors: 404 `QUERY-pCP8P` for an unknown one. What is shown may be up to a minute behind.
/// Source: Zitadel's `application/v2/application.proto`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "ApplicationBody")]
#[non_exhaustive]
pub struct Application {
    /// Its id.
    pub id: AppId,
    /// Its project, where the version says it.
    pub project_id: Option<ProjectId>,
    /// Its name.
    pub name: String,
    /// Whether it is in use.
    pub state: AppState,
    /// When it was created.
    pub creation_date: Option<Timestamp>,
    /// When it was last changed.
    pub change_date: Option<Timestamp>,
    /// What kind of application it is.
    pub kind: ApplicationKind,
    /// The client id that goes with its secret, where it has one.
    pub client_id: Option<String>,
}

/// What kind of application it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApplicationKind {
    /// An API.
    Api,
    /// An OIDC client.
    Oidc,
    /// A SAML service provider.
    Saml,
    /// Another kind, or the vendor does not say.
    #[default]
    Unknown,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ApplicationBody {
    #[serde(deserialize_with = "lenient")]
    application_id: AppId,
    #[serde(deserialize_with = "lenient")]
    project_id: Option<ProjectId>,
    #[serde(deserialize_with = "lenient")]
    name: String,
    #[serde(deserialize_with = "lenient")]
    state: AppState,
    #[serde(deserialize_with = "time")]
    creation_date: Option<Timestamp>,
    #[serde(deserialize_with = "time")]
    change_date: Option<Timestamp>,
    #[serde(deserialize_with = "lenient")]
    api_configuration: Option<Configuration>,
    #[serde(deserialize_with = "lenient")]
    oidc_configuration: Option<Configuration>,
    #[serde(deserialize_with = "lenient")]
    saml_configuration: Option<Configuration>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Configuration {
    #[serde(deserialize_with = "lenient")]
    client_id: Option<String>,
}

impl From<ApplicationBody> for Application {
    fn from(body: ApplicationBody) -> Self {
        let (kind, configuration) = match (body.api_configuration, body.oidc_configuration, body.saml_configuration) {
            (Some(api), ..) => (ApplicationKind::Api, Some(api)),
            (None, Some(oidc), _) => (ApplicationKind::Oidc, Some(oidc)),
            (None, None, Some(saml)) => (ApplicationKind::Saml, Some(saml)),
            (None, None, None) => (ApplicationKind::Unknown, None),
        };
        Self {
            id: body.application_id,
            project_id: body.project_id,
            name: body.name,
            state: body.state,
            creation_date: body.creation_date,
            change_date: body.change_date,
            kind,
            client_id: configuration.and_then(|configuration| configuration.client_id),
        }
    }
}

/// Answer to `GetApplication`.
///
/// Shape: `{"application": {...}}`.
/// Units: see [`Application`].
/// Errors: see [`Application`].
/// Source: Zitadel's `application_service.proto`.
#[derive(Deserialize)]
pub(crate) struct ApplicationAnswer {
    pub(crate) application: Application,
}

/// Which applications to list through v2.
#[derive(Clone, Debug, Default)]
pub struct ApplicationSearch {
    /// Only those of this project; of every project that the caller may read when none is given.
    pub project_id: Option<ProjectId>,
    /// How many to leave out at the beginning.
    pub offset: u64,
    /// How many to give at most; the server's own number when zero.
    pub limit: u32,
}

/// Body of `ListApplications`.
///
/// Shape: `{"pagination"?: {"offset", "limit", "asc"}, "filters"?: [{"projectIdFilter": {"projectId"}}]}`.
/// Units: `offset` is a 64-bit number and goes out as a text.
/// Errors: a limit above the server's own is refused.
/// Source: Zitadel's `application/v2/application.proto`, `filter/v2/filter.proto`.
#[derive(Serialize)]
pub(crate) struct ListApplications<'a> {
    pagination: ListQuery,
    filters: Vec<ProjectFilter<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProjectFilter<'a> {
    project_id_filter: ProjectIdFilter<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProjectIdFilter<'a> {
    project_id: &'a ProjectId,
}

impl<'a> ListApplications<'a> {
    pub(crate) fn new(search: &'a ApplicationSearch) -> Self {
        let filter = |project_id| ProjectFilter { project_id_filter: ProjectIdFilter { project_id } };
        Self {
            pagination: ListQuery::new(search.offset, search.limit),
            filters: search.project_id.iter().map(filter).collect(),
        }
    }
}

/// Answer to `ListApplications`.
///
/// Shape: `{"applications": [Application, ...], "pagination": {"totalResult", "appliedLimit"}}`.
/// Units: `totalResult` counts all matches, not only this page.
/// Errors: what is shown may be up to a minute behind.
/// Source: Zitadel's `application_service.proto`, `filter/v2/filter.proto`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "ApplicationPageBody")]
#[non_exhaustive]
pub struct ApplicationPage {
    /// The applications.
    pub applications: Vec<Application>,
    /// How many match in all.
    pub total: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ApplicationPageBody {
    applications: Vec<Application>,
    #[serde(deserialize_with = "lenient")]
    pagination: Pagination,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Pagination {
    #[serde(deserialize_with = "number")]
    total_result: Option<u64>,
}

impl From<ApplicationPageBody> for ApplicationPage {
    fn from(body: ApplicationPageBody) -> Self {
        Self { applications: body.applications, total: body.pagination.total_result.unwrap_or_default() }
    }
}

/// Answer to v2 calls that change something and give back when.
///
/// Shape: one of `changeDate`, `deletionDate`, `deactivationDate`, `reactivationDate`.
/// Units: RFC 3339 in UTC.
/// Errors: those of the v1 calls, with the same ids.
/// Source: Zitadel's `application_service.proto`, `user_service.proto`.
#[derive(Default, Deserialize)]
pub(crate) struct DateAnswer {
    #[serde(
        default,
        alias = "changeDate",
        alias = "deletionDate",
        alias = "deactivationDate",
        alias = "reactivationDate",
        deserialize_with = "time"
    )]
    pub(crate) date: Option<Timestamp>,
}
