//! Discovery and the OAuth endpoints.

use cutover_http::lenient;
use serde::Deserialize;

use super::lenient::number;

/// Answer to `GET /.well-known/openid-configuration`.
///
/// Shape: `{"issuer", "token_endpoint", "introspection_endpoint", ...}`, absolute URLs built on the issuer.
/// Units: none.
/// Errors: 404 when the host is unknown to the server.
/// Source: OpenID Connect Discovery 1.0; Zitadel's `internal/api/oidc/server.go`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Discovery {
    #[serde(deserialize_with = "lenient")]
    pub(crate) issuer: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) token_endpoint: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) introspection_endpoint: Option<String>,
}

/// Answer to `POST /oauth/v2/introspect`.
///
/// Shape: `{"active": bool, ...}`; for a made-up token `{"active": false}` and nothing else.
/// Units: none.
/// Errors: 400 (by the documentation 401) `unauthorized_client` when the secret is refused, and also when app, project or
/// organisation is inactive.
/// Source: RFC 7662; Zitadel's `internal/api/oidc/introspect.go`.
#[derive(Deserialize)]
pub(crate) struct Introspection {
    #[serde(rename = "active")]
    pub(crate) _active: bool,
}

/// Answer to `POST /oauth/v2/token`, without its token.
///
/// Shape: `{"access_token", "token_type": "Bearer", "expires_in", "id_token"?}`.
/// Units: `expires_in` is in seconds, 12 hours less one second by default.
/// Errors: 400 `invalid_client` unknown client, `invalid_grant` an assertion that is not accepted, `invalid_request` with
/// `Errors.User.Machine.Secret.Invalid`, `Errors.User.Machine.Secret.NotExisting` or `Errors.User.NotActive`.
/// Source: RFC 6749, section 5; Zitadel's `internal/api/oidc/token_client_credentials.go`, `token_jwt_profile.go`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct TokenAnswer {
    #[serde(deserialize_with = "number")]
    pub(crate) expires_in: Option<u64>,
}
