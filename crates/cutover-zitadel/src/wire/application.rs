//! The v2 services, over Connect.

use cutover_http::{Page, Place, lenient};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::app::{ApiAuthMethod, AppState, ListQuery};
use super::lenient::{number, time};
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

/// What a new API application is to be, through v2.
///
/// Shape: `{"projectId", "applicationId"?, "name", "apiConfiguration": {"authMethodType"?}}`.
/// Units: none.
/// Errors: 400 when the project is unknown.
/// Source: Zitadel's `application_service.proto`.
#[derive(Clone, Debug)]
#[must_use]
pub struct CreateApiApplication {
    name: String,
    auth_method: ApiAuthMethod,
    application_id: Option<AppId>,
}

impl CreateApiApplication {
    /// An application with this name and a secret; Zitadel makes its id.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), auth_method: ApiAuthMethod::Basic, application_id: None }
    }

    /// How it authenticates. Only with [`ApiAuthMethod::Basic`], the default, a secret is made.
    pub fn auth_method(mut self, method: ApiAuthMethod) -> Self {
        self.auth_method = method;
        self
    }

    /// With an id of one's own. It also makes a repeated creation fail.
    pub fn application_id(mut self, id: impl Into<AppId>) -> Self {
        self.application_id = Some(id.into());
        self
    }

    pub(crate) fn body<'a>(&'a self, project_id: &'a ProjectId) -> CreateApiApplicationBody<'a> {
        CreateApiApplicationBody {
            project_id,
            application_id: self.application_id.as_ref(),
            name: &self.name,
            api_configuration: ApiConfiguration { auth_method_type: &self.auth_method },
        }
    }
}

/// Body of `CreateApplication`, for an API.
///
/// Shape, Units, Errors and Source: see [`CreateApiApplication`].
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateApiApplicationBody<'a> {
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
///
/// Shape: by which of `apiConfiguration`, `oidcConfiguration` and `samlConfiguration` is there.
/// Units: none.
/// Errors: none of its own.
/// Source: Zitadel's `application/v2/application.proto`.
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

/// Which applications are listed through v2; without a project, those of every project that the caller may read.
///
/// Shape: `{"pagination"?: {"offset", "limit", "asc"}, "filters"?: [{"projectIdFilter": {"projectId"}}]}`.
/// Units: `offset` and `limit` count applications; `offset` is a 64-bit number and goes out as a text.
/// Errors: a limit above the server's own, 1000 by default, is refused.
/// Source: Zitadel's `application/v2/application.proto`, `filter/v2/filter.proto`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct ListApplications {
    project_id: Option<ProjectId>,
    offset: u64,
    limit: u32,
}

impl ListApplications {
    /// All applications, from the first.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only those of this project.
    pub fn project_id(mut self, id: impl Into<ProjectId>) -> Self {
        self.project_id = Some(id.into());
        self
    }

    /// How many to skip.
    pub fn offset(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }

    /// At most so many on a page; the server's own number, 100, by default.
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }

    pub(crate) fn body(&self) -> ListApplicationsBody<'_> {
        let filter = |project_id| ProjectFilter { project_id_filter: ProjectIdFilter { project_id } };
        ListApplicationsBody {
            pagination: ListQuery::new(self.offset, self.limit),
            filters: self.project_id.iter().map(filter).collect(),
        }
    }
}

/// Body of `ListApplications`.
///
/// Shape, Units, Errors and Source: see [`ListApplications`].
#[derive(Serialize)]
pub(crate) struct ListApplicationsBody<'a> {
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

/// Answer to `ListApplications`.
///
/// Shape: `{"applications": [Application, ...], "pagination": {"totalResult", "appliedLimit"}}`.
/// Units: both count applications: `totalResult` all that match, also those that the caller may not read;
/// `appliedLimit` those that were taken for this page before the latter were left out of it.
/// Errors: what is shown may be up to a minute behind.
/// Source: Zitadel's `application_service.proto`, `filter/v2/filter.proto`, `internal/query/app.go`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct ApplicationsAnswer {
    applications: Vec<Application>,
    #[serde(deserialize_with = "lenient")]
    pagination: Pagination,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Pagination {
    #[serde(deserialize_with = "number")]
    total_result: Option<u64>,
    #[serde(deserialize_with = "number")]
    applied_limit: Option<u64>,
}

impl ApplicationsAnswer {
    /// The page that answers `list`.
    pub(crate) fn page(self, list: &ListApplications) -> Page<Application, ListApplications> {
        let place = Place::at(list.offset).taking(self.pagination.applied_limit);
        let next = |offset| list.clone().offset(offset);
        Page::counted(self.applications, self.pagination.total_result, place, next)
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
