//! Management v1: machine users.

use cutover_http::lenient;
use serde::{Deserialize, Serialize};

use super::app::{Details, ListQuery};
use crate::UserId;

/// The body of calls that need none: `{}`.
#[derive(Serialize)]
pub(crate) struct Empty {}

/// What a new machine user is to be.
///
/// Shape: `{"userName", "name", "description"?, "accessTokenType"?, "userId"?}`.
/// Units: none.
/// Errors: 409 when the login name is taken.
/// Source: Zitadel's `management.proto`, `AddMachineUser`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[must_use]
pub struct CreateMachineUser {
    user_name: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<UserId>,
}

impl CreateMachineUser {
    /// A user with this login name, which becomes the client id of its secret, and this name for people.
    pub fn new(user_name: impl Into<String>, name: impl Into<String>) -> Self {
        let (user_name, name) = (user_name.into(), name.into());
        Self { user_name, name, description: None, access_token_type: None, user_id: None }
    }

    /// With a word on what it is for.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Whether its access tokens are opaque or JWTs, as Zitadel writes it.
    pub fn access_token_type(mut self, word: impl Into<String>) -> Self {
        self.access_token_type = Some(word.into());
        self
    }

    /// With an id of one's own. It also makes a repeated creation fail.
    pub fn user_id(mut self, id: impl Into<UserId>) -> Self {
        self.user_id = Some(id.into());
        self
    }
}

/// A new machine user, which has no secret yet.
///
/// Shape: `{"userId", "details"}`.
/// Units: see [`Details`].
/// Errors: see [`CreateMachineUser`].
/// Source: Zitadel's `management.proto`, `AddMachineUser`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CreatedMachineUser {
    /// The user's id.
    pub user_id: UserId,
    /// Sequence, times and organisation.
    #[serde(default, deserialize_with = "lenient")]
    pub details: Details,
}

/// Body of `POST /management/v1/users/{userId}/keys/_search`.
///
/// Shape: `{"query": {"offset", "limit", "asc"}}`.
/// Units: none.
/// Errors: those of the caller and the organisation.
/// Source: Zitadel's `management.proto`, `ListMachineKeys`.
#[derive(Serialize)]
pub(crate) struct KeysQuery {
    query: ListQuery,
}

impl KeysQuery {
    pub(crate) fn one() -> Self {
        Self { query: ListQuery::new(0, 1) }
    }
}

/// Answer to `POST /management/v1/users/{userId}/keys/_search`, of which nothing is needed but that it is one.
///
/// Shape: `{"details": {...}, "result"?: [...]}`.
/// Units: none.
/// Errors: see [`KeysQuery`].
/// Source: Zitadel's `management.proto`, `ListMachineKeys`.
#[derive(Deserialize)]
pub(crate) struct KeysAnswer {}
