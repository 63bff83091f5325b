//! Apps.

use cutover_core::ClientId;
use cutover_http::{FreeForm, Page, Place, lenient};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{UpdateWebhook, WebhookConfig, moment};

/// An app, without its secret.
///
/// Shape: `{"clientId", "name", "logo"?, "organizationId", "defaultWorkflowId": string, "redirectUris": [string],
/// "providers": object, "webhookConfig": WebhookConfig, "defaultSuccessRedirectUri"?, "defaultFailureRedirectUri"?:
/// string, "createdAt", "updatedAt": string}`; other fields are ignored, and all but `clientId` may be missing. Older
/// answers have snake_case names. Examples and the OpenAPI file show `clientSecret` here, two pages say that it cannot
/// be read: it is skipped wherever it comes.
/// Units: moments are RFC 3339 in UTC; once they were seconds since 1970.
/// Errors: those of the call that it answers.
/// Source: docs.hopae.com, API reference, Workspace: *Create app*, *Get app*; the OpenAPI file of the Apps API.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct App {
    /// Its id.
    #[serde(alias = "client_id")]
    pub client_id: ClientId,
    /// Its name.
    #[serde(default, deserialize_with = "lenient")]
    pub name: Option<String>,
    /// Its picture.
    #[serde(default, deserialize_with = "lenient")]
    pub logo: Option<String>,
    /// The workspace.
    #[serde(default, alias = "organization_id", deserialize_with = "lenient")]
    pub organization_id: Option<String>,
    /// The workflow that every app is made with.
    #[serde(default, alias = "default_workflow_id", deserialize_with = "lenient")]
    pub default_workflow_id: Option<String>,
    /// Where users are sent back to.
    #[serde(default, alias = "redirect_uris", deserialize_with = "lenient")]
    pub redirect_uris: Vec<String>,
    /// The identity providers that are switched on, by name, with settings that are the provider's own.
    #[serde(default, deserialize_with = "lenient")]
    pub providers: FreeForm,
    /// Where its webhooks go. The signing secret is left out.
    #[serde(default, alias = "webhook_config")]
    pub webhook_config: Option<WebhookConfig>,
    /// Where users are sent by default when all went well.
    #[serde(default, alias = "default_success_redirect_uri", deserialize_with = "lenient")]
    pub default_success_redirect_uri: Option<String>,
    /// Where users are sent by default when it did not.
    #[serde(default, alias = "default_failure_redirect_uri", deserialize_with = "lenient")]
    pub default_failure_redirect_uri: Option<String>,
    /// When it was made.
    #[serde(default, alias = "created_at", deserialize_with = "moment")]
    pub created_at: Option<Timestamp>,
    /// When it was changed last.
    #[serde(default, alias = "updated_at", deserialize_with = "moment")]
    pub updated_at: Option<Timestamp>,
}

/// What a new app is to be.
///
/// Shape: `{"name": string}`.
/// Units: none.
/// Errors: 400 `VALIDATION_MISSING_PARAMETER`; 409 `IDEMPOTENCY_KEY_CONFLICT` or `IDEMPOTENCY_REQUEST_IN_PROGRESS`.
/// Source: docs.hopae.com, *Create app*.
#[derive(Clone, Debug, Serialize)]
#[must_use]
pub struct CreateApp {
    name: String,
}

impl CreateApp {
    /// An app with this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }
}

/// What is to change in an app; what is not named stays.
///
/// Shape: any of `{"name", "logo", "defaultSuccessRedirectUri", "defaultFailureRedirectUri": string, "redirectUris":
/// [string], "webhookConfig": object}`.
/// Units: none.
/// Errors: 400 `VALIDATION_INVALID_PARAMETER`; 404 `RESOURCE_NOT_FOUND`.
/// Source: docs.hopae.com, *Update app*; on an older page only the name can be changed.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[must_use]
pub struct UpdateApp {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logo: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect_uris: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_config: Option<UpdateWebhook>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_success_redirect_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_failure_redirect_uri: Option<String>,
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

    /// Another picture.
    pub fn logo(mut self, logo: impl Into<String>) -> Self {
        self.logo = Some(logo.into());
        self
    }

    /// Where users are sent back to, in place of all others.
    pub fn redirect_uris<S: Into<String>>(mut self, uris: impl IntoIterator<Item = S>) -> Self {
        self.redirect_uris = Some(uris.into_iter().map(Into::into).collect());
        self
    }

    /// Where its webhooks go; what is not named stays.
    pub fn webhook(mut self, webhook: UpdateWebhook) -> Self {
        self.webhook_config = Some(webhook);
        self
    }

    /// Where users are sent by default when all went well.
    pub fn default_success_redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.default_success_redirect_uri = Some(uri.into());
        self
    }

    /// Where users are sent by default when it did not.
    pub fn default_failure_redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.default_failure_redirect_uri = Some(uri.into());
        self
    }
}

/// Which page of all apps.
///
/// Shape: the query parameters `limit` and `offset`.
/// Units: both count apps; `limit` is 20 by default and at most 100.
/// Errors: 401 `AUTH_INVALID_CREDENTIALS`.
/// Source: docs.hopae.com, *List apps*.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct ListApps {
    limit: Option<u64>,
    offset: Option<u64>,
}

impl ListApps {
    /// The first page.
    pub fn new() -> Self {
        Self::default()
    }

    /// At most so many on a page: 20 by default, 100 at most.
    pub fn limit(mut self, limit: u64) -> Self {
        self.limit = Some(limit);
        self
    }

    /// How many to skip.
    pub fn offset(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }

    pub(crate) fn query(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let limit = self.limit.map(|limit| ("limit", limit));
        limit.into_iter().chain(self.offset.map(|offset| ("offset", offset)))
    }
}

/// The answer to `GET /apps`.
///
/// Shape: `{"data": [App], "total": int, "limit": int, "offset": int}`; older examples have `"object": "list"` too.
/// Units: all count apps.
/// Errors: 401 `AUTH_INVALID_CREDENTIALS`.
/// Source: docs.hopae.com, *List apps*.
#[derive(Debug, Deserialize)]
pub(crate) struct AppListAnswer {
    data: Vec<App>,
    #[serde(default, deserialize_with = "lenient")]
    total: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    offset: Option<u64>,
}

impl AppListAnswer {
    /// The page that answers `asked`.
    pub(crate) fn page(self, asked: &ListApps) -> Page<App, ListApps> {
        let wanted = asked.offset.unwrap_or_default();
        // A server that gives an earlier page than it was asked for is gone on from where it is.
        let offset = self.offset.map_or(wanted, |offset| offset.min(wanted));
        Page::counted(self.data, self.total, Place::at(offset), |offset| asked.clone().offset(offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn documented() -> Value {
        json!({
            "clientId": "HqTRDIYH", "clientSecret": "hunter2-hunter2", "name": "My App", "redirectUris": ["https://a"],
            "providers": {"passport": {"enabled": true}}, "defaultWorkflowId": "wf_6ec9b183",
            "workflows": [{"workflowId": "wf_6ec9b183", "nodes": []}], "organizationId": "org_1",
            "webhookConfig": {"url": "https://w", "enabled": false, "retryAttempts": 3, "timeoutSeconds": 10,
                "events": [], "secret": "hunter2-whsec"},
            "createdAt": "2026-03-27T08:22:51.272Z", "updatedAt": "2026-03-27T08:22:51.272Z"
        })
    }

    fn app(value: &Value) -> Result<App, serde_json::Error> {
        serde_json::from_str(&value.to_string())
    }

    #[test]
    fn the_documented_app_is_read_without_its_secrets() {
        let app = app(&documented()).expect("readable");
        assert_eq!((app.client_id.as_str(), app.name.as_deref()), ("HqTRDIYH", Some("My App")));
        assert_eq!((app.organization_id.as_deref(), app.redirect_uris.len()), (Some("org_1"), 1));
        assert_eq!(app.created_at, "2026-03-27T08:22:51.272Z".parse().ok());
        assert_eq!(app.webhook_config.as_ref().and_then(|config| config.url.as_deref()), Some("https://w"));
        assert!(!format!("{app:?}").contains("hunter2"));
    }

    #[test]
    fn an_app_of_the_older_generation_is_read() {
        let older = json!({"client_id": "HqTRDIYH", "client_secret": "sh_app_1", "redirect_uris": ["https://a"],
            "webhook_config": {"retry_attempts": 5}, "created_at": 1_700_000_000});
        let app = app(&older).expect("readable");
        assert_eq!((app.client_id.as_str(), app.redirect_uris.len()), ("HqTRDIYH", 1));
        assert_eq!(app.created_at, Timestamp::from_second(1_700_000_000).ok());
        assert_eq!(app.webhook_config.expect("there").retry_attempts, Some(5));
    }

    #[test]
    fn an_app_with_nothing_but_its_id_is_read_and_one_without_is_not() {
        assert!(app(&json!({"clientId": "x", "webhookConfig": null, "brandNew": 1})).is_ok());
        for value in [json!({}), json!({"clientId": ""}), json!({"clientId": 7}), json!([]), json!(null)] {
            assert!(app(&value).is_err(), "{value}");
        }
    }

    #[test]
    fn a_page_leads_to_the_one_after_what_it_shows() {
        let page = |asked: &ListApps, value: Value| {
            serde_json::from_value::<AppListAnswer>(value).expect("readable").page(asked).next
        };
        let asked = ListApps::new().limit(2);
        let one = json!([{"clientId": "a"}]);
        let second = page(&asked, json!({"object": "list", "data": one, "total": 2, "limit": 2, "offset": 0}));
        let second = second.expect("there is more");
        assert_eq!(second, ListApps::new().limit(2).offset(1));
        assert_eq!(page(&second, json!({"data": one, "total": 2, "offset": 1})), None);
        assert_eq!(page(&asked, json!({"data": one})), Some(ListApps::new().limit(2).offset(1)));
        assert_eq!(page(&second, json!({"data": []})), None);
        // A server that gives the first page whatever it is asked for leads in a circle, which is noticed.
        assert_eq!(page(&second, json!({"data": one, "total": 2, "offset": 0})), Some(second));
    }

    #[test]
    fn requests_hold_what_was_said_and_nothing_else() {
        assert_eq!(serde_json::to_value(CreateApp::new("n")).expect("JSON"), json!({"name": "n"}));
        assert_eq!(serde_json::to_value(UpdateApp::new()).expect("JSON"), json!({}));
        let update = UpdateApp::new()
            .name("n")
            .logo("l")
            .redirect_uris(["https://a"])
            .webhook(UpdateWebhook::new().enabled(false))
            .default_success_redirect_uri("s")
            .default_failure_redirect_uri("f");
        let expected = json!({"name": "n", "logo": "l", "redirectUris": ["https://a"],
            "webhookConfig": {"enabled": false}, "defaultSuccessRedirectUri": "s", "defaultFailureRedirectUri": "f"});
        assert_eq!(serde_json::to_value(update).expect("JSON"), expected);
        assert_eq!(ListApps::new().query().count(), 0);
        let query: Vec<_> = ListApps::new().offset(3).limit(7).query().collect();
        assert_eq!(query, [("limit", 7), ("offset", 3)]);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = serde_json::from_slice::<App>(&bytes);
            let _ = serde_json::from_slice::<AppListAnswer>(&bytes);
        }

        /// Any field of an app may hold anything: only the id has to be there.
        #[test]
        fn any_one_field_of_another_type_is_left_out(
            field in 0_usize..10,
            odd in prop::sample::select(vec!["7", "\"x\"", "[1]", "{\"a\":[]}", "true", "null", "-1e9"]),
        ) {
            let mut answer = documented();
            let fields = answer.as_object_mut().expect("an object");
            let name = fields.keys().filter(|name| *name != "clientId").nth(field).expect("10 others").clone();
            fields.insert(name, serde_json::from_str(odd).expect("JSON"));
            prop_assert!(app(&answer).is_ok(), "{}", answer);
        }
    }
}
