//! A client as Stytch keeps it, and the three shapes in which it shows one.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::problem::Problem;
use super::settings::{OlderServer, Settings};
use crate::json::{Json, json};
use crate::secret::{self, Hash};
use crate::switches::Choice as _;

/// One client. Of its secrets only hashes and last characters are here.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) id: String,
    pub(super) order: usize,
    pub(super) fields: Fields,
    /// `None` for a public Connected App.
    pub(super) current: Option<Kept>,
    /// Set while a rotation is pending.
    pub(super) next: Option<Kept>,
}

/// What is kept of a secret.
#[derive(Clone)]
pub(super) struct Kept {
    hash: Hash,
    last_four: String,
}

impl Kept {
    pub(super) fn of(secret: &str) -> Self {
        Self { hash: Hash::of(secret), last_four: secret::last_four(secret) }
    }
}

/// The two families of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    ConnectedApp,
    M2m,
}

impl Family {
    /// How the ids of its clients begin.
    pub(super) const fn id_prefix(self) -> &'static str {
        match self {
            Self::ConnectedApp => "connected-app-test-",
            Self::M2m => "m2m-client-test-",
        }
    }
}

/// What the two families show besides their secrets.
#[derive(Clone)]
pub(super) enum Fields {
    ConnectedApp(AppFields),
    M2m(M2mFields),
}

impl Client {
    pub(super) const fn family(&self) -> Family {
        match self.fields {
            Fields::ConnectedApp(_) => Family::ConnectedApp,
            Fields::M2m(_) => Family::M2m,
        }
    }

    /// Whether `secret` authenticates the client now: in a rotation both secrets do.
    pub(super) fn accepts(&self, secret: &str) -> bool {
        [&self.current, &self.next].into_iter().flatten().any(|kept| kept.hash.matches(secret))
    }

    pub(super) const fn is_public(&self) -> bool {
        self.current.is_none()
    }

    pub(super) const fn is_active(&self) -> bool {
        match &self.fields {
            Fields::ConnectedApp(_) => true,
            Fields::M2m(fields) => matches!(fields.status, Status::Active),
        }
    }

    pub(super) fn shown(&self, shape: Shape<'_>, settings: &Settings) -> Json {
        let mut shown = match &self.fields {
            Fields::ConnectedApp(fields) => fields.shown(),
            Fields::M2m(fields) => fields.shown(),
        };
        let last_four = |kept: &Option<Kept>| kept.as_ref().map(|kept| kept.last_four.clone());
        shown.add("client_id", json!(self.id));
        shown.add("client_secret_last_four", json!(move last_four(&self.current)));
        shown.add("next_client_secret_last_four", json!(move last_four(&self.next)));
        match shape {
            Shape::Base if self.family() == Family::ConnectedApp => {
                shown.add("creation_method", Json::Text(settings.creation_method.name()));
            }
            Shape::Base | Shape::WithSecret(None) => {}
            Shape::WithSecret(Some(secret)) => shown.add("client_secret", json!(secret)),
            Shape::WithNextSecret(secret) => shown.add("next_client_secret", json!(secret)),
        }
        if settings.older_server == OlderServer::On {
            shown.remove("creation_method");
            shown.remove("id_token_template_content");
        }
        shown
    }
}

/// Which of a client's secrets an answer shows.
#[derive(Clone, Copy)]
pub(super) enum Shape<'a> {
    /// None.
    Base,
    /// The first secret, where there is one: answer to create.
    WithSecret(Option<&'a str>),
    /// The next secret: answer to start.
    WithNextSecret(&'a str),
}

/// A Connected App's fields.
#[derive(Clone)]
pub(super) struct AppFields {
    client_name: String,
    client_description: String,
    status: Status,
    client_type: AppType,
    full_access_allowed: bool,
    redirect_urls: Vec<String>,
    post_logout_redirect_urls: Vec<String>,
    access_token_expiry_minutes: i32,
    access_token_template_content: String,
    id_token_template_content: String,
    bypass_consent_for_offline_access: bool,
    access_token_custom_audience: Option<String>,
    logo_url: Option<String>,
}

#[derive(Clone, Copy)]
enum AppType {
    FirstParty,
    FirstPartyPublic,
    ThirdParty,
    ThirdPartyPublic,
}

impl AppType {
    const ALL: [Self; 4] = [Self::FirstParty, Self::FirstPartyPublic, Self::ThirdParty, Self::ThirdPartyPublic];

    const fn name(self) -> &'static str {
        match self {
            Self::FirstParty => "first_party",
            Self::FirstPartyPublic => "first_party_public",
            Self::ThirdParty => "third_party",
            Self::ThirdPartyPublic => "third_party_public",
        }
    }
}

/// What create and update of a Connected App take; null is as good as absent.
#[derive(Default, Deserialize)]
pub(super) struct AppInput {
    client_type: Option<String>,
    client_name: Option<String>,
    client_description: Option<String>,
    full_access_allowed: Option<bool>,
    redirect_urls: Option<Vec<String>>,
    post_logout_redirect_urls: Option<Vec<String>>,
    access_token_expiry_minutes: Option<i32>,
    access_token_template_content: Option<String>,
    id_token_template_content: Option<String>,
    bypass_consent_for_offline_access: Option<bool>,
    access_token_custom_audience: Option<String>,
    logo_url: Option<String>,
}

impl AppFields {
    /// The fields of a new app; `bad_type` is the error type for a wrong `client_type`.
    pub(super) fn create(input: AppInput, bad_type: &'static str) -> Result<Self, Problem> {
        let wanted = AppType::ALL.into_iter().find(|kind| input.client_type.as_deref() == Some(kind.name()));
        let Some(client_type) = wanted else {
            return Err(Problem::api(400, bad_type, "client_type is not one of the four."));
        };
        let mut fields = Self::of_type(client_type);
        fields.update(input)?;
        Ok(fields)
    }

    /// What an application would make for a confidential client.
    pub(super) fn confidential(name: String) -> Self {
        let redirect_urls = vec!["https://app.example.com/callback".to_owned()];
        Self { client_name: name, redirect_urls, ..Self::of_type(AppType::FirstParty) }
    }

    fn of_type(client_type: AppType) -> Self {
        Self {
            client_name: String::new(),
            client_description: String::new(),
            status: Status::Active,
            client_type,
            full_access_allowed: false,
            redirect_urls: Vec::new(),
            post_logout_redirect_urls: Vec::new(),
            access_token_expiry_minutes: 60,
            access_token_template_content: "{}".to_owned(),
            id_token_template_content: "{}".to_owned(),
            bypass_consent_for_offline_access: false,
            access_token_custom_audience: None,
            logo_url: None,
        }
    }

    fn shown(&self) -> Json {
        json!({
            "client_name": self.client_name,
            "client_description": self.client_description,
            "status": move self.status.name(),
            "client_type": move self.client_type.name(),
            "full_access_allowed": self.full_access_allowed,
            "redirect_urls": self.redirect_urls,
            "post_logout_redirect_urls": self.post_logout_redirect_urls,
            "access_token_expiry_minutes": self.access_token_expiry_minutes,
            "access_token_template_content": self.access_token_template_content,
            "id_token_template_content": self.id_token_template_content,
            "bypass_consent_for_offline_access": self.bypass_consent_for_offline_access,
            "access_token_custom_audience": self.access_token_custom_audience,
            "logo_url": self.logo_url,
            "client_id_metadata_url": null,
        })
    }

    /// Takes over what `input` holds; the type of a client never changes.
    pub(super) fn update(&mut self, input: AppInput) -> Result<(), Problem> {
        let templates = [&input.access_token_template_content, &input.id_token_template_content];
        let is_object = |text: &String| serde_json::from_str::<Map<String, Value>>(text).is_ok();
        if !templates.into_iter().flatten().all(is_object) {
            return Err(Problem::invalid_argument("A token template is not a JSON object."));
        }
        set(&mut self.client_name, input.client_name);
        set(&mut self.client_description, input.client_description);
        set(&mut self.full_access_allowed, input.full_access_allowed);
        set(&mut self.redirect_urls, input.redirect_urls);
        set(&mut self.post_logout_redirect_urls, input.post_logout_redirect_urls);
        set(&mut self.access_token_expiry_minutes, input.access_token_expiry_minutes);
        set(&mut self.access_token_template_content, input.access_token_template_content);
        set(&mut self.id_token_template_content, input.id_token_template_content);
        let offline = input.bypass_consent_for_offline_access;
        set(&mut self.bypass_consent_for_offline_access, offline);
        if input.access_token_custom_audience.is_some() {
            self.access_token_custom_audience = input.access_token_custom_audience;
        }
        if input.logo_url.is_some() {
            self.logo_url = input.logo_url;
        }
        Ok(())
    }

    pub(super) const fn is_confidential(&self) -> bool {
        matches!(self.client_type, AppType::FirstParty | AppType::ThirdParty)
    }
}

/// An M2M client's fields.
#[derive(Clone)]
pub(super) struct M2mFields {
    pub(super) client_name: String,
    client_description: String,
    status: Status,
    pub(super) scopes: Vec<String>,
    trusted_metadata: Map<String, Value>,
}

#[derive(Clone, Copy)]
enum Status {
    Active,
    Inactive,
}

impl Status {
    const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
        }
    }
}

/// What create and update of an M2M client take; null is as good as absent.
#[derive(Default, Deserialize)]
pub(super) struct M2mInput {
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<String>,
    client_name: Option<String>,
    client_description: Option<String>,
    status: Option<String>,
    scopes: Option<Vec<String>>,
    trusted_metadata: Option<Map<String, Value>>,
}

impl M2mFields {
    pub(super) fn create(input: M2mInput) -> Result<Self, Problem> {
        if input.scopes.is_none() {
            return Err(Problem::invalid_argument("scopes is required."));
        }
        let mut fields = Self::active();
        // A new client is active: create has no status.
        fields.update(M2mInput { status: None, ..input })?;
        Ok(fields)
    }

    /// What an application would make.
    pub(super) fn named(name: String) -> Self {
        let scopes = vec!["read:reports".to_owned(), "write:reports".to_owned()];
        Self { client_name: name, scopes, ..Self::active() }
    }

    fn active() -> Self {
        Self {
            client_name: String::new(),
            client_description: String::new(),
            status: Status::Active,
            scopes: Vec::new(),
            trusted_metadata: Map::new(),
        }
    }

    fn shown(&self) -> Json {
        json!({
            "client_name": self.client_name,
            "client_description": self.client_description,
            "status": move self.status.name(),
            "scopes": self.scopes,
            "trusted_metadata": self.trusted_metadata,
        })
    }

    pub(super) fn update(&mut self, input: M2mInput) -> Result<(), Problem> {
        let status = match input.status.as_deref() {
            None => None,
            Some("active") => Some(Status::Active),
            Some("inactive") => Some(Status::Inactive),
            Some(_) => {
                let message = "status is neither active nor inactive.";
                return Err(Problem::api(400, "invalid_m2m_client_status", message));
            }
        };
        let is_scope = |scope: &String| !scope.is_empty() && !scope.contains(char::is_whitespace);
        if !input.scopes.iter().flatten().all(is_scope) {
            let message = "A scope is empty or holds a space.";
            return Err(Problem::api(400, "invalid_m2m_client_scope", message));
        }
        set(&mut self.client_name, input.client_name);
        set(&mut self.client_description, input.client_description);
        set(&mut self.status, status);
        set(&mut self.scopes, input.scopes);
        set(&mut self.trusted_metadata, input.trusted_metadata);
        Ok(())
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}
