//! Management v1: machine users.

use serde::{Deserialize, Serialize};

use super::app::{Details, ListQuery};
use super::lenient::lenient;
use crate::UserId;

/// The body of calls that need none: `{}`.
#[derive(Serialize)]
pub(crate) struct Empty {}

/// Body of `POST /management/v1/users/machine`.
///
/// Shape: `{"userName", "name", "description"?, "accessTokenType"?, "userId"?}`.
/// Units: none.
/// Errors: 409 when the name is taken.
/// Source: Zitadel's `management.proto`, `AddMachineUser`.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewMachineUser {
    /// The login name, which becomes the client id of its secret.
    pub user_name: String,
    /// The name that people see.
    pub name: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether its access tokens are opaque or JWTs, as the vendor writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token_type: Option<String>,
    /// An id of one's own choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
}

/// Answer to `POST /management/v1/users/machine`.
///
/// Shape: `{"userId", "details"}`.
/// Units: see [`Details`].
/// Errors: see [`NewMachineUser`].
/// Source: Zitadel's `management.proto`, `AddMachineUser`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CreatedUser {
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
