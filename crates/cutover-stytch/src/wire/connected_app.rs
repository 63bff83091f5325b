//! Connected Apps.

use cutover_core::{ClientId, LastFour, Pending};
use cutover_http::{Page, lenient};
use serde::{Deserialize, Serialize};

use super::{ResultsMetadata, last_four, none_pending, pending};

/// A Connected App, without its secret.
///
/// Shape: an object with the fields below under Stytch's names; other fields are ignored, and all but `client_id` may
/// be missing. `creation_method` and `id_token_template_content` came later than the rest and are missing in older
/// answers.
/// Units: `access_token_expiry_minutes` as it says.
/// Errors: those of the call that it answers.
/// Source: Stytch's API reference, Connected Apps clients, and the models of its official libraries.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ConnectedApp {
    /// Its id.
    pub client_id: ClientId,
    /// Its name.
    #[serde(default, rename = "client_name", deserialize_with = "lenient")]
    pub name: Option<String>,
    /// What it is for.
    #[serde(default, rename = "client_description", deserialize_with = "lenient")]
    pub description: Option<String>,
    /// Its status in Stytch's words, which are not documented beyond `active`.
    #[serde(default, deserialize_with = "lenient")]
    pub status: Option<String>,
    /// Whose it is and whether it can keep a secret; `None` for a type that is not known here.
    #[serde(default, deserialize_with = "lenient")]
    pub client_type: Option<ClientType>,
    /// Whether it may do all that its user may.
    #[serde(default, deserialize_with = "lenient")]
    pub full_access_allowed: Option<bool>,
    /// Where users are sent after they logged in.
    #[serde(default, deserialize_with = "lenient")]
    pub redirect_urls: Vec<String>,
    /// Where users are sent after they logged out.
    #[serde(default, deserialize_with = "lenient")]
    pub post_logout_redirect_urls: Vec<String>,
    /// How long its access tokens live.
    #[serde(default, deserialize_with = "lenient")]
    pub access_token_expiry_minutes: Option<u32>,
    /// Whom else its access tokens are for.
    #[serde(default, deserialize_with = "lenient")]
    pub access_token_custom_audience: Option<String>,
    /// What else is in its access tokens: a text that holds a JSON object.
    #[serde(default, deserialize_with = "lenient")]
    pub access_token_template_content: Option<String>,
    /// What else is in its id tokens: a text that holds a JSON object.
    #[serde(default, deserialize_with = "lenient")]
    pub id_token_template_content: Option<String>,
    /// Whether it gets refresh tokens without asking its user.
    #[serde(default, deserialize_with = "lenient")]
    pub bypass_consent_for_offline_access: Option<bool>,
    /// Its picture.
    #[serde(default, deserialize_with = "lenient")]
    pub logo_url: Option<String>,
    /// Where its metadata came from, where it registered itself.
    #[serde(default, deserialize_with = "lenient")]
    pub client_id_metadata_url: Option<String>,
    /// How it came about, in Stytch's words.
    #[serde(default, deserialize_with = "lenient")]
    pub creation_method: Option<String>,
    /// The last four characters of the secret in use; a public app has none.
    #[serde(default, rename = "client_secret_last_four", deserialize_with = "last_four")]
    pub secret_last_four: Option<LastFour>,
    /// Whether a rotation is in progress, and how its secret ends.
    #[serde(default = "none_pending", rename = "next_client_secret_last_four", deserialize_with = "pending")]
    pub pending: Pending,
}

/// Whose a Connected App is and whether it can keep a secret.
///
/// Shape: one of `first_party`, `first_party_public`, `third_party`, `third_party_public`.
/// Units: none.
/// Errors: `invalid_connected_app_type` for another word.
/// Source: as for [`ConnectedApp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClientType {
    /// The project's own, with a secret.
    FirstParty,
    /// The project's own, without one: a browser or a phone.
    FirstPartyPublic,
    /// Somebody else's, with a secret.
    ThirdParty,
    /// Somebody else's, without one.
    ThirdPartyPublic,
}

impl ClientType {
    /// Whether such an app has a secret.
    pub fn has_secret(self) -> bool {
        matches!(self, Self::FirstParty | Self::ThirdParty)
    }
}

/// The answer about one app.
///
/// Shape: `{"status_code": int, "request_id": string, "connected_app": ConnectedApp}`. An old page shows the answer to
/// a commit without the wrapper; no library reads it so.
/// Units: none.
/// Errors: 401 `unauthorized_credentials`; 404 `connected_app_not_found` (once `idp_client_not_found`); 429
/// `too_many_requests`; for a commit or cancel `connected_app_not_rotating_secret`, presumably with 400.
/// Source: as for [`ConnectedApp`].
#[derive(Debug, Deserialize)]
pub(crate) struct ConnectedAppAnswer {
    pub(crate) connected_app: ConnectedApp,
}

/// The answer to `POST /v1/connected_apps/clients/search`.
///
/// Shape: `{"connected_apps": [ConnectedApp], "results_metadata": {"total": int, "next_cursor": string | null}}`.
/// Units: `total` counts apps, -1 where totals are switched off.
/// Errors: 401, 429, and 400 for a cursor that is none.
/// Source: as for [`ConnectedApp`].
#[derive(Debug, Deserialize)]
pub(crate) struct ConnectedAppsAnswer {
    connected_apps: Vec<ConnectedApp>,
    #[serde(default, deserialize_with = "lenient")]
    results_metadata: ResultsMetadata,
}

impl ConnectedAppsAnswer {
    /// The page that answers `search`.
    pub(crate) fn page(self, search: &SearchConnectedApps) -> Page<ConnectedApp, SearchConnectedApps> {
        self.results_metadata.page(self.connected_apps, |cursor| search.clone().cursor(cursor))
    }
}

/// What a new Connected App is to be.
///
/// Shape: `{"client_type": string}` and any of the fields that [`UpdateConnectedApp`] has.
/// Units: `access_token_expiry_minutes` as it says.
/// Errors: `invalid_connected_app_type` (once `invalid_idp_client_type`), `too_many_connected_apps`.
/// Source: as for [`ConnectedApp`]. Neither id nor secret can be chosen.
#[derive(Clone, Debug, Serialize)]
#[must_use]
pub struct CreateConnectedApp {
    client_type: ClientType,
    #[serde(flatten)]
    settings: UpdateConnectedApp,
}

impl CreateConnectedApp {
    /// An app of this type.
    pub fn new(client_type: ClientType) -> Self {
        Self { client_type, settings: UpdateConnectedApp::default() }
    }

    /// With these settings.
    pub fn with(mut self, settings: UpdateConnectedApp) -> Self {
        self.settings = settings;
        self
    }
}

/// What is to change in a Connected App, or what a new one begins with; what is not named stays or is the default.
///
/// Shape: any of the fields below under Stytch's names.
/// Units: `access_token_expiry_minutes` as it says, 60 by default.
/// Errors: 400 for a value that is not accepted, 404 `connected_app_not_found`.
/// Source: as for [`ConnectedApp`]. Type, id, secret and status cannot be changed.
#[derive(Clone, Debug, Default, Serialize)]
#[must_use]
pub struct UpdateConnectedApp {
    #[serde(rename = "client_name", skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(rename = "client_description", skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect_urls: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    post_logout_redirect_urls: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    full_access_allowed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bypass_consent_for_offline_access: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token_expiry_minutes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token_custom_audience: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token_template_content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token_template_content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logo_url: Option<String>,
}

impl UpdateConnectedApp {
    /// Nothing named.
    pub fn new() -> Self {
        Self::default()
    }

    /// The name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// What it is for.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Where users are sent after they logged in, in place of all others.
    pub fn redirect_urls<S: Into<String>>(mut self, urls: impl IntoIterator<Item = S>) -> Self {
        self.redirect_urls = Some(urls.into_iter().map(Into::into).collect());
        self
    }

    /// Where users are sent after they logged out, in place of all others.
    pub fn post_logout_redirect_urls<S: Into<String>>(mut self, urls: impl IntoIterator<Item = S>) -> Self {
        self.post_logout_redirect_urls = Some(urls.into_iter().map(Into::into).collect());
        self
    }

    /// Whether it may do all that its user may; for the project's own apps only.
    pub fn full_access_allowed(mut self, allowed: bool) -> Self {
        self.full_access_allowed = Some(allowed);
        self
    }

    /// Whether it gets refresh tokens without asking its user; for the project's own apps only.
    pub fn bypass_consent_for_offline_access(mut self, bypass: bool) -> Self {
        self.bypass_consent_for_offline_access = Some(bypass);
        self
    }

    /// How long its access tokens live.
    pub fn access_token_expiry_minutes(mut self, minutes: u32) -> Self {
        self.access_token_expiry_minutes = Some(minutes);
        self
    }

    /// Whom else its access tokens are for.
    pub fn access_token_custom_audience(mut self, audience: impl Into<String>) -> Self {
        self.access_token_custom_audience = Some(audience.into());
        self
    }

    /// What else is in its access tokens: a text that holds a JSON object.
    pub fn access_token_template_content(mut self, template: impl Into<String>) -> Self {
        self.access_token_template_content = Some(template.into());
        self
    }

    /// What else is in its id tokens: a text that holds a JSON object.
    pub fn id_token_template_content(mut self, template: impl Into<String>) -> Self {
        self.id_token_template_content = Some(template.into());
        self
    }

    /// Its picture.
    pub fn logo_url(mut self, url: impl Into<String>) -> Self {
        self.logo_url = Some(url.into());
        self
    }
}

/// Which page of all Connected Apps.
///
/// Shape: `{"cursor"?: string, "limit"?: int}`.
/// Units: `limit` counts apps, 100 by default and at most 1000.
/// Errors: 400 for a cursor that is none.
/// Source: as for [`ConnectedApp`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[must_use]
pub struct SearchConnectedApps {
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u32>,
}

impl SearchConnectedApps {
    /// The first page.
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
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use serde_json::json;

    fn app(json: &str) -> Result<ConnectedApp, serde_json::Error> {
        serde_json::from_str::<ConnectedAppAnswer>(json).map(|answer| answer.connected_app)
    }

    #[test]
    fn the_documented_app_is_read() {
        let app = app(samples::APP).expect("readable");
        assert_eq!((app.client_id.as_str(), app.name.as_deref()), ("connected-app-test-0b6f", Some("Portal")));
        assert_eq!((app.client_type, app.access_token_expiry_minutes), (Some(ClientType::FirstParty), Some(60)));
        assert_eq!((app.secret_last_four, app.pending), (LastFour::from_vendor("k3Q-"), Pending::No));
        assert_eq!((app.creation_method.as_deref(), app.logo_url), (Some("api"), None));
    }

    #[test]
    fn an_app_from_before_the_newest_fields_is_read() {
        let mut answer: serde_json::Value = serde_json::from_str(samples::APP).expect("JSON");
        let fields = answer["connected_app"].as_object_mut().expect("an object");
        for newer in ["creation_method", "id_token_template_content", "next_client_secret_last_four"] {
            fields.remove(newer);
        }
        let app = app(&answer.to_string()).expect("readable");
        assert_eq!((app.creation_method, app.pending), (None, Pending::No));
    }

    #[test]
    fn an_answer_without_an_app_is_none() {
        for json in ["{}", r#"{"connected_app":{"client_name":"x"}}"#, r#"{"m2m_client":{"client_id":"x"}}"#] {
            assert!(app(json).is_err(), "{json}");
        }
    }

    #[test]
    fn only_the_types_that_are_not_public_have_a_secret() {
        for (word, has) in
            [("first_party", true), ("first_party_public", false), ("third_party", true), ("third_party_public", false)]
        {
            let client_type: ClientType = serde_json::from_value(json!(word)).expect("known");
            assert_eq!(client_type.has_secret(), has, "{word}");
        }
    }

    #[test]
    fn requests_hold_what_was_said_and_nothing_else() {
        let plain = CreateConnectedApp::new(ClientType::ThirdParty);
        assert_eq!(serde_json::to_value(plain).expect("JSON"), json!({"client_type": "third_party"}));
        let settings = UpdateConnectedApp::new()
            .name("n")
            .description("")
            .redirect_urls(["https://a.example"])
            .post_logout_redirect_urls(Vec::<String>::new())
            .full_access_allowed(false)
            .bypass_consent_for_offline_access(true)
            .access_token_expiry_minutes(5)
            .access_token_custom_audience("aud")
            .access_token_template_content("{}")
            .id_token_template_content("{}")
            .logo_url("https://l.example");
        let mut expected = json!({"client_name": "n", "client_description": "", "redirect_urls": ["https://a.example"],
            "post_logout_redirect_urls": [], "full_access_allowed": false, "bypass_consent_for_offline_access": true,
            "access_token_expiry_minutes": 5, "access_token_custom_audience": "aud",
            "access_token_template_content": "{}", "id_token_template_content": "{}", "logo_url": "https://l.example"});
        assert_eq!(serde_json::to_value(&settings).expect("JSON"), expected);
        expected["client_type"] = json!("first_party");
        let create = CreateConnectedApp::new(ClientType::FirstParty).with(settings);
        assert_eq!(serde_json::to_value(create).expect("JSON"), expected);
        let search = SearchConnectedApps::new().cursor("c").limit(3);
        assert_eq!(serde_json::to_value(search).expect("JSON"), json!({"cursor": "c", "limit": 3}));
    }
}
