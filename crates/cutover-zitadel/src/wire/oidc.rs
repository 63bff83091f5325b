//! Management v1: how an OIDC application is set up.

use cutover_http::lenient;
use serde::{Deserialize, Serialize};

use super::lenient::words;

words! {
    /// How an OIDC application authenticates at the token endpoint.
    ///
    /// Shape: one of the words that [`as_str`](Self::as_str) gives; the first is left out of answers.
    /// Units: none.
    /// Errors: 400 for another word.
    /// Source: Zitadel's `app.proto`.
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
#[non_exhaustive]
#[must_use]
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

impl OidcSettings {
    /// Zitadel's own choice in everything, with a secret.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where users are sent back to, in place of all others.
    pub fn redirect_uris<S: Into<String>>(mut self, values: impl IntoIterator<Item = S>) -> Self {
        self.redirect_uris = values.into_iter().map(Into::into).collect();
        self
    }

    /// Which response types it uses, in place of all others.
    pub fn response_types<S: Into<String>>(mut self, values: impl IntoIterator<Item = S>) -> Self {
        self.response_types = values.into_iter().map(Into::into).collect();
        self
    }

    /// Which grants it uses, in place of all others.
    pub fn grant_types<S: Into<String>>(mut self, values: impl IntoIterator<Item = S>) -> Self {
        self.grant_types = values.into_iter().map(Into::into).collect();
        self
    }

    /// What it is; a web application when left out.
    pub fn app_type(mut self, value: impl Into<String>) -> Self {
        self.app_type = Some(value.into());
        self
    }

    /// How it authenticates. A secret is made on creation for `Basic` and `Post` only.
    pub fn auth_method(mut self, method: OidcAuthMethod) -> Self {
        self.auth_method_type = method;
        self
    }

    /// Where users are sent after a logout, in place of all others.
    pub fn post_logout_redirect_uris<S: Into<String>>(mut self, values: impl IntoIterator<Item = S>) -> Self {
        self.post_logout_redirect_uris = values.into_iter().map(Into::into).collect();
        self
    }

    /// Whether plain HTTP redirects are allowed.
    pub fn dev_mode(mut self, value: bool) -> Self {
        self.dev_mode = value;
        self
    }

    /// Whether access tokens are opaque or JWTs; opaque when left out.
    pub fn access_token_type(mut self, value: impl Into<String>) -> Self {
        self.access_token_type = Some(value.into());
        self
    }

    /// Whether roles are put into access tokens.
    pub fn access_token_role_assertion(mut self, value: bool) -> Self {
        self.access_token_role_assertion = value;
        self
    }

    /// Whether roles are put into id tokens.
    pub fn id_token_role_assertion(mut self, value: bool) -> Self {
        self.id_token_role_assertion = value;
        self
    }

    /// Whether user information is put into id tokens.
    pub fn id_token_userinfo_assertion(mut self, value: bool) -> Self {
        self.id_token_userinfo_assertion = value;
        self
    }

    /// How far clocks may be apart.
    pub fn clock_skew(mut self, value: impl Into<String>) -> Self {
        self.clock_skew = Some(value.into());
        self
    }

    /// Which other origins may call, in place of all others.
    pub fn additional_origins<S: Into<String>>(mut self, values: impl IntoIterator<Item = S>) -> Self {
        self.additional_origins = values.into_iter().map(Into::into).collect();
        self
    }

    /// Whether native applications skip the page that says that login succeeded.
    pub fn skip_native_app_success_page(mut self, value: bool) -> Self {
        self.skip_native_app_success_page = value;
        self
    }

    /// Where it is told of logouts.
    pub fn back_channel_logout_uri(mut self, value: impl Into<String>) -> Self {
        self.back_channel_logout_uri = Some(value.into());
        self
    }

    /// Which login pages it uses, as the vendor writes it.
    pub fn login_version(mut self, value: serde_json::Value) -> Self {
        self.login_version = Some(value);
        self
    }
}

/// What a new OIDC application is to be.
///
/// Shape: `{"name", "version"?, ...}` and the fields of [`OidcSettings`].
/// Units: see [`OidcSettings`].
/// Errors: 400 `COMMA-VCnwD` or `COMMAND-EbFMN` when the project is unknown.
/// Source: Zitadel's `management.proto`, `AddOIDCApp`.
#[derive(Clone, Debug, Serialize)]
#[must_use]
pub struct CreateOidcApp {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(flatten)]
    settings: OidcSettings,
}

impl CreateOidcApp {
    /// An application with this name, Zitadel's own choice in everything else, and a secret.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), version: None, settings: OidcSettings::default() }
    }

    /// The version of the settings' rules, as Zitadel writes it.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// With these settings.
    pub fn with(mut self, settings: OidcSettings) -> Self {
        self.settings = settings;
        self
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}
