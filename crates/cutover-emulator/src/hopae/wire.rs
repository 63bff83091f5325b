//! Hopae's JSON: what answers look like, and how bodies are read.

use serde_json::{Map, Value};

use super::refusal::Refusal;
use super::settings::{FieldCase, GetSecret, Settings, WebhookSecretRead};
use super::state::{App, Webhook, Workspaces};
use crate::answer;
use crate::json::{Json, json};
use crate::model::Request;
use crate::secret::last_four;

/// The app object, with `secret` when this answer is the one that shows it.
///
/// Shape: `WorkspaceAppDto`; `clientSecret` as the switch `get_secret` says where `secret` is `None`.
/// Units: `createdAt` and `updatedAt` are RFC 3339 in UTC; epoch seconds in snake case.
/// Errors: none of its own.
/// Source: <https://docs.hopae.com/api-reference/workspace/create-app> and the vendor's OpenAPI.
pub(super) fn app(app: &App, workspaces: &Workspaces, settings: &Settings, secret: Option<&str>) -> Json {
    let workflow = format!("wf_{}", app.client_id.to_ascii_lowercase());
    let mut object = json!({
        "clientId": app.client_id,
        "name": app.name,
        "redirectUris": app.redirect_uris,
        "providers": {"passport": {"enabled": true}},
        "defaultWorkflowId": workflow,
        "workflows": [{
            "workflowId": workflow,
            "name": app.name,
            "entryNodeId": format!("nd_{}", app.client_id.to_ascii_lowercase()),
            "nodes": [],
        }],
        "organizationId": workspaces.organization(app.workspace),
        "webhookConfig": move webhook(app, workspaces, settings),
        "createdAt": move answer::millis(app.created),
        "updatedAt": move answer::millis(app.updated),
    });
    let shown = match (secret, settings.get_secret) {
        (Some(secret), _) => Some(secret.to_owned()),
        (None, GetSecret::Omit) => None,
        (None, GetSecret::Masked) => Some(format!("****{}", last_four(&workspaces.client_secret(app)))),
        (None, GetSecret::Leak) => Some(workspaces.client_secret(app)),
    };
    for (name, value) in [
        ("clientSecret", &shown),
        ("logo", &app.logo),
        ("defaultSuccessRedirectUri", &app.success_redirect),
        ("defaultFailureRedirectUri", &app.failure_redirect),
    ] {
        if let Some(value) = value {
            object.set(name, json!(value));
        }
    }
    match settings.field_case {
        FieldCase::Camel => object,
        FieldCase::Snake => {
            object.set("createdAt", json!(app.created.as_second()));
            object.set("updatedAt", json!(app.updated.as_second()));
            snake(object)
        }
    }
}

/// The webhook configuration, with as much of its secret as the switch `webhook_secret_read` says.
pub(super) fn webhook(app: &App, workspaces: &Workspaces, settings: &Settings) -> Json {
    let Webhook { url, enabled, retry_attempts, timeout_seconds, events } = &app.webhook;
    let mut object = json!({
        "enabled": enabled,
        "retryAttempts": retry_attempts,
        "timeoutSeconds": timeout_seconds,
        "events": events,
    });
    if let Some(url) = url {
        object.set("url", json!(url));
    }
    if let Some(secret) = workspaces.webhook_secret(app) {
        let shown = match settings.webhook_secret_read {
            WebhookSecretRead::Redacted => json!(format!("whsec_****{}", last_four(&secret))),
            WebhookSecretRead::Full => json!(secret),
        };
        object.set("secret", shown);
    }
    object
}

/// The eID providers of an app, as the App API lists them.
pub(super) fn providers() -> Json {
    json!([{
        "id": "passport",
        "name": "Passport",
        "description": "Electronic passport",
        "logoUrl": "https://static.example/passport.svg",
        "countries": ["NL", "KR"],
        "status": "activated",
    }])
}

/// The body as an object; no body is an empty one.
pub(super) fn object(request: &Request) -> Result<Map<String, Value>, Refusal> {
    answer::body_object(request).ok_or_else(|| Refusal::invalid("body"))
}

/// A field that may be absent, as text.
pub(super) fn text(object: &Map<String, Value>, name: &str) -> Result<Option<String>, Refusal> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Refusal::invalid(name)),
    }
}

/// A field that may be absent, as a list of texts.
pub(super) fn texts(object: &Map<String, Value>, name: &str) -> Result<Option<Vec<String>>, Refusal> {
    let Some(value) = object.get(name) else { return Ok(None) };
    let items = value.as_array().ok_or_else(|| Refusal::invalid(name))?;
    items
        .iter()
        .map(|item| item.as_str().map(str::to_owned))
        .collect::<Option<Vec<_>>>()
        .map(Some)
        .ok_or_else(|| Refusal::invalid(name))
}

/// The name of a new app: required, and not blank.
pub(super) fn name(object: &Map<String, Value>) -> Result<String, Refusal> {
    let name = text(object, "name")?.ok_or_else(|| Refusal::missing("name"))?;
    if name.trim().is_empty() { Err(Refusal::invalid("name")) } else { Ok(name) }
}

/// Merges `object` into a webhook configuration. The secret is the server's to make and is no field of it.
pub(super) fn merge_webhook(webhook: &Webhook, object: &Map<String, Value>) -> Result<Webhook, Refusal> {
    let mut merged = webhook.clone();
    if let Some(url) = text(object, "url")? {
        // `enabled` is true by default once there is somewhere to send to.
        merged.enabled = merged.enabled || webhook.url.is_none();
        merged.url = Some(url);
    }
    if let Some(enabled) = object.get("enabled") {
        merged.enabled = enabled.as_bool().ok_or_else(|| Refusal::invalid("enabled"))?;
    }
    if let Some(attempts) = object.get("retryAttempts") {
        merged.retry_attempts = attempts.as_u64().ok_or_else(|| Refusal::invalid("retryAttempts"))?;
    }
    if let Some(seconds) = object.get("timeoutSeconds") {
        merged.timeout_seconds = seconds.as_u64().ok_or_else(|| Refusal::invalid("timeoutSeconds"))?;
    }
    if let Some(events) = texts(object, "events")? {
        merged.events = events;
    }
    Ok(merged)
}

fn snake(value: Json) -> Json {
    match value {
        Json::Object(members) => {
            let renamed = members.into_iter().map(|(name, value)| (answer::snake_case(&name).into(), snake(value)));
            Json::Object(renamed.collect())
        }
        Json::List(items) => Json::List(items.into_iter().map(snake).collect()),
        leaf => leaf,
    }
}
