//! Machine-to-machine clients.

use cutover_core::{ClientId, ClientSecret, LastFour, Pending};
use cutover_http::{ExposedInBody, FreeForm, Page, lenient};
use serde::{Deserialize, Serialize};

use super::{ResultsMetadata, last_four, none_pending, pending};

/// A machine-to-machine client, without its secret.
///
/// Shape: `{"client_id", "client_name", "client_description", "status": string, "scopes": [string],
/// "trusted_metadata": object | null, "client_secret_last_four": string, "next_client_secret_last_four": string |
/// null}`; other fields are ignored, and all but `client_id` may be missing.
/// Units: none.
/// Errors: those of the call that it answers.
/// Source: Stytch's API reference, M2M clients, and the models of its official libraries.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct M2mClient {
    /// Its id.
    pub client_id: ClientId,
    /// Its name.
    #[serde(default, rename = "client_name", deserialize_with = "lenient")]
    pub name: Option<String>,
    /// What it is for.
    #[serde(default, rename = "client_description", deserialize_with = "lenient")]
    pub description: Option<String>,
    /// Whether it gets tokens.
    #[serde(default, deserialize_with = "lenient")]
    pub status: Option<Status>,
    /// What its tokens may be used for.
    #[serde(default, deserialize_with = "lenient")]
    pub scopes: Vec<String>,
    /// What the project keeps with it.
    #[serde(default, deserialize_with = "lenient")]
    pub trusted_metadata: Option<FreeForm>,
    /// The last four characters of the secret in use.
    #[serde(default, rename = "client_secret_last_four", deserialize_with = "last_four")]
    pub secret_last_four: Option<LastFour>,
    /// Whether a rotation is in progress, and how its secret ends.
    #[serde(default = "none_pending", rename = "next_client_secret_last_four", deserialize_with = "pending")]
    pub pending: Pending,
}

/// Whether a machine-to-machine client gets tokens.
///
/// Shape: `active` or `inactive`; another word is kept as it is.
/// Units: none.
/// Errors: `m2m_client_invalid_status` for another word in an update.
/// Source: as for [`M2mClient`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Status {
    /// It does.
    Active,
    /// It does not, whichever secret it shows. Tokens that it has stay valid.
    Inactive,
    /// Another word of Stytch's.
    #[serde(untagged)]
    Other(String),
}

/// The answer about one client.
///
/// Shape: `{"status_code": int, "request_id": string, "m2m_client": M2mClient}`.
/// Units: none.
/// Errors: 401 `unauthorized_credentials`; 404 `m2m_client_not_found`; 429 `too_many_requests`; for a commit or cancel
/// `m2m_client_not_rotating_secret`, presumably with 400.
/// Source: as for [`M2mClient`]; the wrapper is the same in every official library.
#[derive(Debug, Deserialize)]
pub(crate) struct M2mClientAnswer {
    pub(crate) m2m_client: M2mClient,
}

/// The answer to `POST /v1/m2m/clients/search`.
///
/// Shape: `{"m2m_clients": [M2mClient], "results_metadata": {"total": int, "next_cursor": string | null}}`.
/// Units: `total` counts clients, -1 where totals are switched off.
/// Errors: `m2m_search_*` types for a filter that is not accepted.
/// Source: as for [`M2mClient`].
#[derive(Debug, Deserialize)]
pub(crate) struct M2mClientsAnswer {
    m2m_clients: Vec<M2mClient>,
    #[serde(default, deserialize_with = "lenient")]
    results_metadata: ResultsMetadata,
}

impl M2mClientsAnswer {
    /// The page that answers `search`.
    pub(crate) fn page(self, search: &SearchM2mClients) -> Page<M2mClient, SearchM2mClients> {
        self.results_metadata.page(self.m2m_clients, |cursor| search.clone().cursor(cursor))
    }
}

/// What a new machine-to-machine client is to be.
///
/// Shape: `{"scopes": [string], "client_id"?, "client_secret"?, "client_name"?, "client_description"?: string,
/// "trusted_metadata"?: object}`.
/// Units: `client_secret` has at least 8 characters and passes an entropy check that is not published.
/// Errors: `duplicate_m2m_client_id`, `m2m_client_invalid_client_id`, `m2m_client_invalid_client_secret`,
/// `insecure_m2m_client_secret`, `client_secret_too_long`, `invalid_m2m_client_scope`.
/// Source: as for [`M2mClient`].
#[derive(Debug, Default)]
#[must_use]
pub struct CreateM2mClient {
    scopes: Vec<String>,
    client_id: Option<ClientId>,
    client_secret: Option<ClientSecret>,
    name: Option<String>,
    description: Option<String>,
    trusted_metadata: Option<FreeForm>,
}

impl CreateM2mClient {
    /// A client with these scopes; Stytch makes id and secret.
    pub fn new<S: Into<String>>(scopes: impl IntoIterator<Item = S>) -> Self {
        Self { scopes: scopes.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// With an id of one's own, which has to be unique in the project. It also makes a repeated creation fail.
    pub fn client_id(mut self, id: ClientId) -> Self {
        self.client_id = Some(id);
        self
    }

    /// With a secret of one's own, of at least 8 characters. Only possible here: every later one is made by Stytch.
    pub fn client_secret(mut self, secret: ClientSecret) -> Self {
        self.client_secret = Some(secret);
        self
    }

    /// With a name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// With a word on what it is for.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// With data that the project keeps with it.
    pub fn trusted_metadata(mut self, metadata: impl Into<FreeForm>) -> Self {
        self.trusted_metadata = Some(metadata.into());
        self
    }

    /// The body of the request. Apart from the builder, so that the builder cannot be serialised.
    pub(crate) fn body(&self) -> CreateM2mBody<'_> {
        CreateM2mBody {
            scopes: &self.scopes,
            client_id: self.client_id.as_ref(),
            client_secret: self.client_secret.as_ref().map(ExposedInBody),
            client_name: self.name.as_deref(),
            client_description: self.description.as_deref(),
            trusted_metadata: self.trusted_metadata.as_ref(),
        }
    }
}

/// The body of `POST /v1/m2m/clients`.
///
/// Shape, Units, Errors and Source: see [`CreateM2mClient`].
#[derive(Debug, Serialize)]
pub(crate) struct CreateM2mBody<'a> {
    scopes: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a ClientId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<ExposedInBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trusted_metadata: Option<&'a FreeForm>,
}

/// What is to change in a machine-to-machine client; what is not named stays.
///
/// Shape: any of `{"client_name", "client_description", "status": string, "scopes": [string], "trusted_metadata":
/// object}`.
/// Units: none.
/// Errors: `m2m_client_invalid_status`, `invalid_m2m_client_scope`, `m2m_client_invalid_client_name`.
/// Source: as for [`M2mClient`].
#[derive(Clone, Debug, Default, Serialize)]
#[must_use]
pub struct UpdateM2mClient {
    #[serde(rename = "client_name", skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(rename = "client_description", skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trusted_metadata: Option<FreeForm>,
}

impl UpdateM2mClient {
    /// No change.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Another word on what it is for.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Whether it gets tokens from now on.
    pub fn status(mut self, status: Status) -> Self {
        self.status = Some(status);
        self
    }

    /// These scopes in place of all others.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// Other data that the project keeps with it.
    pub fn trusted_metadata(mut self, metadata: impl Into<FreeForm>) -> Self {
        self.trusted_metadata = Some(metadata.into());
        self
    }
}

/// Which machine-to-machine clients are looked for; without filters, all.
///
/// Shape: `{"cursor"?: string, "limit"?: int, "query"?: {"operator": "AND" | "OR", "operands": [{"filter_name":
/// string, "filter_value": [string]}]}}`.
/// Units: `limit` counts clients, 100 by default and at most 1000.
/// Errors: `m2m_search_*` types for a filter that is not accepted.
/// Source: as for [`M2mClient`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[must_use]
pub struct SearchM2mClients {
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<Query>,
}

impl SearchM2mClients {
    /// All clients, from the first.
    pub fn new() -> Self {
        Self::default()
    }

    /// From where the last page ended.
    pub fn cursor(mut self, cursor: impl Into<String>) -> Self {
        self.cursor = Some(cursor.into());
        self
    }

    /// At most so many on a page: 100 by default, 1000 at most.
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Only those that all filters match.
    pub fn matching_all(self, filters: impl IntoIterator<Item = Filter>) -> Self {
        self.matching("AND", filters)
    }

    /// Only those that one of the filters matches.
    pub fn matching_any(self, filters: impl IntoIterator<Item = Filter>) -> Self {
        self.matching("OR", filters)
    }

    fn matching(mut self, operator: &'static str, filters: impl IntoIterator<Item = Filter>) -> Self {
        self.query = Some(Query { operator, operands: filters.into_iter().collect() });
        self
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Query {
    operator: &'static str,
    operands: Vec<Filter>,
}

/// One condition of a search: the field has one of the values.
///
/// Shape: `{"filter_name": "client_id" | "client_name" | "scopes", "filter_value": [string]}`.
/// Units: none.
/// Errors: `m2m_search_filter_name_not_recognized`, `m2m_search_expected_array_of_strings` and their like.
/// Source: as for [`M2mClient`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "filter_name", content = "filter_value", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Filter {
    /// One of these ids.
    ClientId(Vec<String>),
    /// One of these names, exactly.
    ClientName(Vec<String>),
    /// One of these scopes among its own.
    Scopes(Vec<String>),
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use serde_json::json;

    fn client(json: &str) -> Result<M2mClient, serde_json::Error> {
        serde_json::from_str::<M2mClientAnswer>(json).map(|answer| answer.m2m_client)
    }

    #[test]
    fn the_documented_client_is_read() {
        let client = client(samples::M2M).expect("readable");
        assert_eq!(client.client_id.as_str(), "m2m-client-test-9f0d");
        assert_eq!((client.name.as_deref(), client.description.as_deref()), (Some("Reports"), Some("nightly")));
        assert_eq!((client.status, client.scopes), (Some(Status::Active), vec!["read:reports".to_owned()]));
        assert_eq!(client.secret_last_four, LastFour::from_vendor("9sLp"));
        assert_eq!(client.pending, Pending::Yes(LastFour::from_vendor("6w_T")));
    }

    #[test]
    fn a_client_with_nothing_but_its_id_is_read() {
        let client = client(r#"{"m2m_client":{"client_id":"c","brand_new":[1]},"x":0}"#).expect("readable");
        assert_eq!((client.name, client.status, client.pending), (None, None, Pending::No));
        assert!(client.scopes.is_empty() && client.secret_last_four.is_none());
    }

    #[test]
    fn an_answer_without_a_client_is_none() {
        for json in ["{}", r#"{"m2m_client":{}}"#, r#"{"m2m_client":{"client_id":""}}"#, r#"{"m2m_client":null}"#, "[]"]
        {
            assert!(client(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_status_that_is_new_is_kept_as_it_is() {
        let client = client(r#"{"m2m_client":{"client_id":"c","status":"suspended"}}"#).expect("readable");
        assert_eq!(client.status, Some(Status::Other("suspended".to_owned())));
    }

    #[test]
    fn requests_hold_what_was_said_and_nothing_else() {
        let plain = CreateM2mClient::new(["read:x"]);
        assert_eq!(serde_json::to_value(plain.body()).expect("JSON"), json!({"scopes": ["read:x"]}));
        let metadata = FreeForm::from_iter([("team", json!("data"))]);
        let full = CreateM2mClient::new(Vec::<String>::new())
            .client_id(ClientId::new("my-id").expect("valid"))
            .client_secret(ClientSecret::new("made-up-secret"))
            .name("n")
            .description("d")
            .trusted_metadata(metadata.clone());
        let expected = json!({"scopes": [], "client_id": "my-id", "client_secret": "made-up-secret",
            "client_name": "n", "client_description": "d", "trusted_metadata": {"team": "data"}});
        assert_eq!(serde_json::to_value(full.body()).expect("JSON"), expected);

        assert_eq!(serde_json::to_value(UpdateM2mClient::new()).expect("JSON"), json!({}));
        let update = UpdateM2mClient::new().name("").status(Status::Inactive).scopes(["a"]).trusted_metadata(metadata);
        let expected = json!({"client_name": "", "status": "inactive", "scopes": ["a"],
            "trusted_metadata": {"team": "data"}});
        assert_eq!(serde_json::to_value(update).expect("JSON"), expected);

        let search = SearchM2mClients::new()
            .cursor("c")
            .limit(2)
            .matching_all([Filter::ClientId(vec!["a".to_owned()]), Filter::Scopes(vec!["s".to_owned()])]);
        let expected = json!({"cursor": "c", "limit": 2, "query": {"operator": "AND", "operands": [
            {"filter_name": "client_id", "filter_value": ["a"]}, {"filter_name": "scopes", "filter_value": ["s"]}]}});
        assert_eq!(serde_json::to_value(search).expect("JSON"), expected);
    }

    #[test]
    fn debug_of_a_new_client_shows_no_secret() {
        let new = CreateM2mClient::new(["s"]).client_secret(ClientSecret::new("hunter2-hunter2"));
        assert!(!format!("{new:?} {:?}", new.body()).contains("hunter2"));
    }
}
