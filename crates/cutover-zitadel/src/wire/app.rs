//! Management v1: applications.

use cutover_http::{Page, Place, lenient};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::lenient::{number, time, words};
use super::oidc::OidcSettings;
use crate::{AppId, OrganisationId};

/// What v1 says of every change and every object.
///
/// Shape: `{"sequence", "creationDate"?, "changeDate"?, "resourceOwner"}`. Creating something gives no `changeDate`, and
/// changing something no `creationDate`; creating a machine user is the exception.
/// Units: `sequence` counts the events of the whole project (for a machine user, of the user).
/// Errors: none of its own.
/// Source: Zitadel's `object.proto` and its converter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[non_exhaustive]
pub struct Details {
    /// The number of the last event that is taken into account.
    #[serde(deserialize_with = "number")]
    pub sequence: Option<u64>,
    /// When it was created.
    #[serde(deserialize_with = "time")]
    pub creation_date: Option<Timestamp>,
    /// When it was last changed.
    #[serde(deserialize_with = "time")]
    pub change_date: Option<Timestamp>,
    /// The organisation that owns it.
    #[serde(deserialize_with = "lenient")]
    pub resource_owner: Option<OrganisationId>,
}

words! {
    /// How an API application authenticates at the introspection endpoint.
    ///
    /// Shape: one of the words that [`as_str`](Self::as_str) gives; the first is left out of answers.
    /// Units: none.
    /// Errors: 400 for another word.
    /// Source: Zitadel's `app.proto`.
    ApiAuthMethod {
        /// With client id and secret.
        Basic = "API_AUTH_METHOD_TYPE_BASIC",
        /// With a signed assertion. A secret can be generated all the same, and introspection accepts it.
        PrivateKeyJwt = "API_AUTH_METHOD_TYPE_PRIVATE_KEY_JWT",
    }
}

/// Whether an application is in use.
///
/// Shape: `APP_STATE_ACTIVE`, `…_INACTIVE`, `…_REMOVED` or `…_UNSPECIFIED` in v1; v2 has `APPLICATION_STATE_…`.
/// Units: none.
/// Errors: none of its own.
/// Source: Zitadel's `app.proto` and `application/v2/application.proto`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
#[non_exhaustive]
pub enum AppState {
    /// It is.
    Active,
    /// It is not: its secret is refused wherever it is presented, and works again after reactivation.
    Inactive,
    /// It is deleted.
    Removed,
    /// The vendor does not say, or in a word that this version does not know.
    #[default]
    Unspecified,
}

impl From<String> for AppState {
    /// v1 and v2 have the same words behind different prefixes.
    fn from(word: String) -> Self {
        let word = word.strip_prefix("APPLICATION_STATE_").or(word.strip_prefix("APP_STATE_"));
        match word {
            Some("ACTIVE") => Self::Active,
            Some("INACTIVE") => Self::Inactive,
            Some("REMOVED") => Self::Removed,
            _ => Self::Unspecified,
        }
    }
}

/// An application as v1 shows it, never with a secret.
///
/// Shape: `{"id", "name", "state", "details", "apiConfig": {"clientId", "authMethodType"?}}`, or with `oidcConfig` or
/// `samlConfig` in place of `apiConfig`.
/// Units: see [`Details`].
/// Errors: 404 `QUERY-pCP8P` for an unknown app, `MANAG-SFf2a` for one of another organisation.
/// Source: Zitadel's `app.proto` and `project_application_converter.go`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "AppBody")]
#[non_exhaustive]
pub struct App {
    /// Its id.
    pub id: AppId,
    /// Its name.
    pub name: String,
    /// Whether it is in use.
    pub state: AppState,
    /// Sequence, times and organisation.
    pub details: Details,
    /// What kind of application it is.
    pub config: AppConfig,
}

/// What kind of application it is, and how it is set up.
///
/// Shape: `{"apiConfig": {"clientId", "authMethodType"?}}`, `{"oidcConfig": {"clientId", …}}` or `{"samlConfig": {…}}`.
/// Units: see [`OidcSettings`].
/// Errors: none of its own.
/// Source: Zitadel's `app.proto`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AppConfig {
    /// An API.
    Api {
        /// The client id that goes with its secret.
        client_id: String,
        /// How it authenticates.
        auth_method: ApiAuthMethod,
    },
    /// An OIDC client.
    Oidc {
        /// The client id that goes with its secret.
        client_id: String,
        /// How it is set up.
        settings: Box<OidcSettings>,
    },
    /// A SAML service provider, which has no secret.
    Saml,
    /// Another kind, or the vendor does not say.
    #[default]
    Unknown,
}

impl AppConfig {
    /// The client id that goes with its secret, where it has one.
    pub fn client_id(&self) -> Option<&str> {
        match self {
            Self::Api { client_id, .. } | Self::Oidc { client_id, .. } => Some(client_id),
            Self::Saml | Self::Unknown => None,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct AppBody {
    #[serde(deserialize_with = "lenient")]
    id: AppId,
    #[serde(deserialize_with = "lenient")]
    name: String,
    #[serde(deserialize_with = "lenient")]
    state: AppState,
    #[serde(deserialize_with = "lenient")]
    details: Details,
    #[serde(deserialize_with = "lenient")]
    api_config: Option<ApiConfigBody>,
    #[serde(deserialize_with = "lenient")]
    oidc_config: Option<OidcConfigBody>,
    saml_config: Option<serde::de::IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ApiConfigBody {
    #[serde(deserialize_with = "lenient")]
    client_id: String,
    #[serde(deserialize_with = "lenient")]
    auth_method_type: ApiAuthMethod,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct OidcConfigBody {
    #[serde(deserialize_with = "lenient")]
    client_id: String,
    #[serde(flatten)]
    settings: OidcSettings,
}

impl From<AppBody> for App {
    fn from(body: AppBody) -> Self {
        let config = match body {
            AppBody { api_config: Some(api), .. } => {
                AppConfig::Api { client_id: api.client_id, auth_method: api.auth_method_type }
            }
            AppBody { oidc_config: Some(oidc), .. } => {
                AppConfig::Oidc { client_id: oidc.client_id, settings: Box::new(oidc.settings) }
            }
            AppBody { saml_config: Some(_), .. } => AppConfig::Saml,
            AppBody { .. } => AppConfig::Unknown,
        };
        Self { id: body.id, name: body.name, state: body.state, details: body.details, config }
    }
}

/// Answer to `GET /management/v1/projects/{projectId}/apps/{appId}`.
///
/// Shape: `{"app": {...}}`; see [`App`].
/// Units: see [`Details`].
/// Errors: see [`App`].
/// Source: Zitadel's `management.proto`, `GetAppByID`.
#[derive(Deserialize)]
pub(crate) struct AppAnswer {
    pub(crate) app: App,
}

/// Answer to updates, `_deactivate`, `_reactivate` and `DELETE` in v1.
///
/// Shape: `{"details": {...}}`.
/// Units: see [`Details`].
/// Errors: 404 `COMMAND-ov9d3`, `COMMAND-0po9s` or `COMMAND-2n8uU` when there is no such app; 400 `COMMAND-dsh35` already
/// inactive, `COMMAND-1n8cM` not inactive, `COMMAND-1m88i` or `COMMAND-2m8vx` nothing changed.
/// Source: Zitadel's `management.proto` and `internal/command/project_application.go`.
#[derive(Default, Deserialize)]
pub(crate) struct DetailsAnswer {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) details: Details,
}

/// Which applications are looked for; without a name, all of the project.
///
/// Shape: `{"query": {"offset", "limit", "asc"}, "queries": [{"nameQuery": {"name", "method"}}]}`.
/// Units: `offset` and `limit` count applications; `offset` is a 64-bit number and goes out as a text.
/// Errors: an organisation that does not own the project gives an empty list, not an error.
/// Source: Zitadel's `management.proto`, `ListApps`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct SearchApps {
    offset: u64,
    limit: u32,
    name: Option<String>,
}

impl SearchApps {
    /// All applications, from the first.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many to skip.
    pub fn offset(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }

    /// At most so many on a page; the server's own number by default.
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }

    /// Only those with this name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    pub(crate) fn body(&self) -> SearchAppsBody<'_> {
        let filter = |name| NameFilter { name_query: NameQuery { name, method: "TEXT_QUERY_METHOD_EQUALS" } };
        let queries = self.name.as_deref().map(filter).into_iter().collect();
        SearchAppsBody { query: ListQuery::new(self.offset, self.limit), queries }
    }
}

/// Body of `POST /management/v1/projects/{projectId}/apps/_search`.
///
/// Shape, Units, Errors and Source: see [`SearchApps`].
#[derive(Serialize)]
pub(crate) struct SearchAppsBody<'a> {
    query: ListQuery,
    queries: Vec<NameFilter<'a>>,
}

#[derive(Serialize)]
pub(super) struct ListQuery {
    offset: String,
    limit: u32,
    asc: bool,
}

impl ListQuery {
    pub(super) fn new(offset: u64, limit: u32) -> Self {
        Self { offset: offset.to_string(), limit, asc: true }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NameFilter<'a> {
    name_query: NameQuery<'a>,
}

#[derive(Serialize)]
struct NameQuery<'a> {
    name: &'a str,
    method: &'static str,
}

/// Answer to `POST /management/v1/projects/{projectId}/apps/_search`.
///
/// Shape: `{"details": {"totalResult", "processedSequence", "viewTimestamp"}, "result": [App, ...]}`.
/// Units: `totalResult` counts all matches, not only this page.
/// Errors: see [`SearchApps`]; the list may be up to a minute behind.
/// Source: Zitadel's `management.proto`, `ListApps`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct AppsAnswer {
    #[serde(deserialize_with = "lenient")]
    details: ListDetails,
    result: Vec<App>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ListDetails {
    #[serde(deserialize_with = "number")]
    total_result: Option<u64>,
}

impl AppsAnswer {
    /// The page that answers `search`.
    pub(crate) fn page(self, search: &SearchApps) -> Page<App, SearchApps> {
        let next = |offset| search.clone().offset(offset);
        Page::counted(self.result, self.details.total_result, Place::at(search.offset), next)
    }
}

/// Which changes of an application are looked for; by default all of them, newest first.
///
/// Shape: the query parameters `query.limit`, `query.sequence` and `query.asc`.
/// Units: `query.limit` counts changes, `query.sequence` is a change's number.
/// Errors: as for reading the application.
/// Source: Zitadel's `management.proto`, `ListAppChanges`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct SearchChanges {
    limit: u32,
    sequence: Option<u64>,
    ascending: bool,
}

impl SearchChanges {
    /// All changes, from the newest.
    pub fn new() -> Self {
        Self::default()
    }

    /// At most so many on a page; the server's own number by default.
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }

    /// Only those beyond the change with this number.
    pub fn sequence(mut self, sequence: u64) -> Self {
        self.sequence = Some(sequence);
        self
    }

    /// Whether the oldest comes first.
    pub fn ascending(mut self, ascending: bool) -> Self {
        self.ascending = ascending;
        self
    }

    pub(crate) fn query(&self) -> impl Iterator<Item = (&'static str, String)> {
        let limit = (self.limit > 0).then(|| ("query.limit", self.limit.to_string()));
        let sequence = self.sequence.map(|sequence| ("query.sequence", sequence.to_string()));
        let ascending = self.ascending.then(|| ("query.asc", "true".to_owned()));
        [limit, sequence, ascending].into_iter().flatten()
    }

    fn is_beyond(&self, sequence: u64) -> bool {
        self.sequence.is_none_or(|from| if self.ascending { sequence > from } else { sequence < from })
    }
}

/// One change of an application.
///
/// Shape: `{"changeDate", "eventType": {"key", "localizedMessage"}, "sequence", "editorId", "editorDisplayName",
/// "resourceOwnerId"}`.
/// Units: `sequence` counts the events of the project.
/// Errors: none of its own.
/// Source: Zitadel's `change.proto`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "ChangeBody")]
#[non_exhaustive]
pub struct Change {
    /// What happened, as a key that is not translated.
    pub event: String,
    /// Its number.
    pub sequence: Option<u64>,
    /// When.
    pub change_date: Option<Timestamp>,
    /// Who did it.
    pub editor_id: Option<String>,
}

impl Change {
    /// Whether it made a new client secret. The secret an application is created with is none of these.
    pub fn is_new_secret(&self) -> bool {
        matches!(
            self.event.as_str(),
            "EventTypes.project.application.config.api.secret.changed"
                | "EventTypes.project.application.config.oidc.secret.changed"
        )
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ChangeBody {
    #[serde(deserialize_with = "lenient")]
    event_type: EventType,
    #[serde(deserialize_with = "number")]
    sequence: Option<u64>,
    #[serde(deserialize_with = "time")]
    change_date: Option<Timestamp>,
    #[serde(deserialize_with = "lenient")]
    editor_id: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct EventType {
    #[serde(deserialize_with = "lenient")]
    key: String,
}

impl From<ChangeBody> for Change {
    fn from(body: ChangeBody) -> Self {
        let ChangeBody { event_type, sequence, change_date, editor_id } = body;
        Self { event: event_type.key, sequence, change_date, editor_id }
    }
}

/// Answer to `POST /management/v1/projects/{projectId}/apps/{appId}/changes/_search`.
///
/// Shape: `{"result": [Change, ...]}`; read from the event store itself, so never behind.
/// Units: see [`Change`].
/// Errors: as for reading the app.
/// Source: Zitadel's `management.proto`, `ListAppChanges`.
#[derive(Default, Deserialize)]
pub(crate) struct ChangesAnswer {
    #[serde(default)]
    result: Vec<Change>,
}

impl ChangesAnswer {
    /// The page that answers `search`. A short page is no proof of the end; one that leads no further is.
    pub(crate) fn page(mut self, search: &SearchChanges) -> Page<Change, SearchChanges> {
        // A server may count the change that it goes on from as well, or not know where to go on.
        self.result.retain(|change| change.sequence.is_none_or(|sequence| search.is_beyond(sequence)));
        let sequences = self.result.iter().filter_map(|change| change.sequence);
        let last = if search.ascending { sequences.max() } else { sequences.min() };
        Page::new(self.result, None, last.map(|sequence| search.clone().sequence(sequence)))
    }
}

/// What a new API application is to be.
///
/// Shape: `{"name", "authMethodType"}`.
/// Units: none.
/// Errors: 400 `COMMA-VCnwD` or `COMMAND-EbFMN` when the project is unknown, `PROJECT-Bff2g` when it is not valid.
/// Source: Zitadel's `management.proto`, `AddAPIApp`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[must_use]
pub struct CreateApiApp {
    name: String,
    auth_method_type: ApiAuthMethod,
}

impl CreateApiApp {
    /// An application with this name and a secret.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), auth_method_type: ApiAuthMethod::Basic }
    }

    /// How it authenticates. Only with [`ApiAuthMethod::Basic`], the default, a secret is made.
    pub fn auth_method(mut self, method: ApiAuthMethod) -> Self {
        self.auth_method_type = method;
        self
    }
}

/// What is to change in an application, whatever its kind: its name.
///
/// Shape: `{"name"}`.
/// Units: none.
/// Errors: 400 `COMMAND-2m8vx` when it has that name already; nothing named is refused as well.
/// Source: Zitadel's `management.proto`, `UpdateApp`.
#[derive(Clone, Debug, Default, Serialize)]
#[must_use]
pub struct UpdateApp {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

impl UpdateApp {
    /// No change.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }
}

/// What is to change in how an API application authenticates.
///
/// Shape: `{"authMethodType"}`; left out, it is the first word, [`ApiAuthMethod::Basic`].
/// Units: none.
/// Errors: 400 `COMMAND-1m88i` when nothing changes.
/// Source: Zitadel's `management.proto`, `UpdateAPIAppConfig`.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[must_use]
pub struct UpdateApiApp {
    auth_method_type: ApiAuthMethod,
}

impl UpdateApiApp {
    /// [`ApiAuthMethod::Basic`], unless another is named.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another method.
    pub fn auth_method(mut self, method: ApiAuthMethod) -> Self {
        self.auth_method_type = method;
        self
    }
}
