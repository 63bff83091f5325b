//! Management v1: how an OIDC application is set up.

use serde::{Deserialize, Serialize};

use super::lenient::{lenient, words};

words! {
    /// How an OIDC application authenticates at the token endpoint.
    OidcAuthMethod {
        /// With client id and secret in the header.
        Basic = "OIDC_AUTH_METHOD_TYPE_BASIC",
        /// With client id and secret in the form.
        Post = "OIDC_AUTH_METHOD_TYPE_POST",
        /// Not at all.
        None = "OIDC_AUTH_METHOD_TYPE_NONE",
        /// With a signed assertion.
        PrivateKeyJwt = "OIDC_AUTH_METHOD_TYPE_PRIVATE_KEY_JWT",
    }
}

/// How an OIDC application is set up.
///
/// An update replaces all of it: read, change, send back. Words that are not listed here are the vendor's, as in
/// `OIDC_GRANT_TYPE_AUTHORIZATION_CODE`.
///
/// Shape: the fields of this struct in lowerCamelCase.
/// Units: `clock_skew` is a duration as in `"0s"`.
/// Errors: 400 `COMMAND-1m88i` when an update changes nothing.
/// Source: Zitadel's `management.proto`, `AddOIDCApp` and `UpdateOIDCAppConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OidcSettings {
    /// Where users are sent back to.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub redirect_uris: Vec<String>,
    /// Which response types it uses.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub response_types: Vec<String>,
    /// Which grants it uses.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub grant_types: Vec<String>,
    /// What it is; a web application when left out.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub app_type: Option<String>,
    /// How it authenticates. A secret is made on creation for `Basic` and `Post` only.
    #[serde(deserialize_with = "lenient")]
    pub auth_method_type: OidcAuthMethod,
    /// Where users are sent after a logout.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub post_logout_redirect_uris: Vec<String>,
    /// Whether plain HTTP redirects are allowed.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "is_false")]
    pub dev_mode: bool,
    /// Whether access tokens are opaque or JWTs; opaque when left out.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub access_token_type: Option<String>,
    /// Whether roles are put into access tokens.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "is_false")]
    pub access_token_role_assertion: bool,
    /// Whether roles are put into id tokens.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "is_false")]
    pub id_token_role_assertion: bool,
    /// Whether user information is put into id tokens.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "is_false")]
    pub id_token_userinfo_assertion: bool,
    /// How far clocks may be apart.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub clock_skew: Option<String>,
    /// Which other origins may call.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Vec::is_empty")]
    pub additional_origins: Vec<String>,
    /// Whether native applications skip the page that says that login succeeded.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "is_false")]
    pub skip_native_app_success_page: bool,
    /// Where it is told of logouts.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub back_channel_logout_uri: Option<String>,
    /// Which login pages it uses, as the vendor writes it.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub login_version: Option<serde_json::Value>,
}

/// Body of `POST /management/v1/projects/{projectId}/apps/oidc`.
///
/// Shape: `{"name", "version"?, ...}` and the fields of [`OidcSettings`].
/// Units: see [`OidcSettings`].
/// Errors: 400 `COMMA-VCnwD` or `COMMAND-EbFMN` when the project is unknown.
/// Source: Zitadel's `management.proto`, `AddOIDCApp`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NewOidcApp {
    /// Its name.
    pub name: String,
    /// The version of the settings' rules, as the vendor writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// How it is set up.
    #[serde(flatten)]
    pub settings: OidcSettings,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}
