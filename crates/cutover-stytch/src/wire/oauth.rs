//! The OAuth endpoints.

use std::fmt;
use std::time::Duration;

use cutover_core::{ClientSecret, RotateError};
use cutover_http::{Received, lenient, rescue};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// An access token that a machine-to-machine client got for its secret.
///
/// Shape: `{"access_token": string, "token_type": string, "expires_in": int, "status_code": int, "request_id":
/// string}`.
/// Units: `expires_in` in seconds, 3600 as documented.
/// Errors: 400 or 401 with `{"error": "invalid_client", "error_description", "error_uri"}` for id or secret; 400 with
/// `invalid_scope`, `invalid_request`, `unsupported_grant_type` or `unauthorized_client`.
/// Source: Stytch's API reference, *Get access token* of M2M; the errors from its libraries' tests and from users'
/// reports.
#[non_exhaustive]
pub struct AccessToken {
    /// The token: whoever holds it is the client until it expires.
    pub token: ClientSecret,
    /// How long it is good for, where Stytch says so.
    pub expires_in: Option<Duration>,
}

impl AccessToken {
    pub(crate) fn read(received: &Received) -> Result<Self, RotateError> {
        let token = rescue::secret(received.expose_body(), &["access_token"]);
        let rest = received.json::<AccessTokenRest>().unwrap_or_default();
        Ok(Self {
            token: token.ok_or_else(|| received.unreadable("there is no whole access token in it"))?,
            expires_in: rest.expires_in.map(Duration::from_secs),
        })
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken").field("token", &self.token).field("expires_in", &self.expires_in).finish()
    }
}

/// What of the answer is no secret.
#[derive(Default, Deserialize)]
struct AccessTokenRest {
    #[serde(default, deserialize_with = "lenient")]
    expires_in: Option<u64>,
}

/// What a token is worth.
///
/// Shape: `{"active": bool, "client_id"?, "sub"?, "scope"?, "token_type"?: string, "exp"?: int, …}`; an unknown or
/// expired token gives `{"active": false}` with status and request id.
/// Units: `exp` in seconds since 1970.
/// Errors: 400 or 401 with `{"error": "invalid_client", …}` when id or secret are not accepted.
/// Source: Stytch's API reference, *Introspect token* of Connected Apps, and its libraries' types and tests.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Introspection {
    /// Whether it is good now. Everything else is there only if it is.
    pub is_active: bool,
    /// Whom it was issued to.
    pub client_id: Option<String>,
    /// Whom it speaks for.
    pub subject: Option<String>,
    /// What it may be used for, separated by spaces.
    pub scope: Option<String>,
    /// Until when it is good.
    pub expires_at: Option<Timestamp>,
}

impl Introspection {
    pub(crate) fn read(received: &Received) -> Result<Self, RotateError> {
        let answer = received.json::<IntrospectionAnswer>()?;
        Ok(Self {
            is_active: answer.active,
            client_id: answer.client_id,
            subject: answer.sub,
            scope: answer.scope,
            expires_at: answer.exp.as_i64().and_then(|seconds| Timestamp::from_second(seconds).ok()),
        })
    }
}

/// The answer to `POST /v1/public/{project_id}/oauth2/introspect`.
///
/// Shape, Units, Errors and Source: see [`Introspection`].
#[derive(Debug, Deserialize)]
pub(crate) struct IntrospectionAnswer {
    /// Needed: without it the answer says nothing.
    pub(crate) active: bool,
    #[serde(default, deserialize_with = "lenient")]
    client_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    sub: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    scope: Option<String>,
    #[serde(default)]
    exp: Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_introspection_needs_its_one_field() {
        let read = |json: &str| serde_json::from_str::<IntrospectionAnswer>(json).map(|answer| answer.active);
        assert!(!read(r#"{"active":false,"status_code":200,"request_id":"r"}"#).expect("readable"));
        assert!(read(r#"{"active":true,"exp":"soon","scope":7,"aud":["a"]}"#).expect("readable"));
        for json in ["{}", r#"{"active":"false"}"#, r#"{"active":null}"#] {
            assert!(read(json).is_err(), "{json}");
        }
    }
}
