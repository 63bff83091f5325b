//! What each workspace route does.

use std::borrow::Cow;

use http::header::LOCATION;
use serde_json::{Map, Value};

use super::idempotency::{self, Fingerprint, Found};
use super::refusal::Refusal;
use super::settings::{DeleteAnswer, FieldCase, PatchFields, PatchSecret, RotateStatus};
use super::state::{App, Webhook, WorkspaceId};
use super::{Call, Hopae, Outcome, wire};
use crate::answer;
use crate::json::{Json, ToJson as _, json};

/// The page size that a list has when none is asked for.
const LIMIT_DEFAULT: usize = 20;

/// The largest page.
const LIMIT_MAX: usize = 100;

impl Hopae {
    pub(super) fn create(&mut self, call: &Call<'_>) -> Outcome {
        let body = wire::object(call.request)?;
        let name = wire::name(&body)?;
        let (app, secret) = self.make(call, &name);
        let object = wire::app(&app, &self.workspaces, &self.settings, Some(&secret));
        let location = format!("/connect/v1/apps/{}", app.client_id);
        Ok(answer::with_header(self.answer(201, object), LOCATION, &location))
    }

    pub(super) fn batch_create(&mut self, call: &Call<'_>) -> Outcome {
        let body = wire::object(call.request)?;
        let items = body.get("items").ok_or_else(|| Refusal::missing("items"))?;
        let items = items.as_array().ok_or_else(|| Refusal::invalid("items"))?;
        let go_on = body.get("continueOnError").and_then(Value::as_bool).unwrap_or_default();
        let (mut results, mut errors) = (Vec::new(), 0_usize);
        for item in items {
            match self.batch_item(call, item) {
                Ok(object) => results.push(object),
                Err(refusal) => {
                    errors += 1;
                    results.push(json!({"error": move refusal.error()}));
                    if !go_on {
                        break;
                    }
                }
            }
        }
        let done = results.len() - errors;
        Ok(self.answer(201, json!({"results": move results, "successCount": done, "errorCount": errors})))
    }

    pub(super) fn list(&mut self, call: &Call<'_>) -> Outcome {
        let query = answer::query(call.request);
        let number = |name: &str, default: usize| match query.get(name) {
            None => Ok(default),
            Some(text) => text.parse::<usize>().map_err(|_| Refusal::invalid(name)),
        };
        let limit = number("limit", LIMIT_DEFAULT)?;
        let offset = number("offset", 0)?;
        if limit == 0 || LIMIT_MAX < limit {
            return Err(Refusal::invalid("limit"));
        }
        let (page, total) = self.workspaces.page(call.workspace, offset, limit);
        let data: Vec<Json> =
            page.into_iter().map(|app| wire::app(&app, &self.workspaces, &self.settings, None)).collect();
        let mut body = json!({"data": move data, "total": total, "limit": limit, "offset": offset});
        if self.settings.field_case == FieldCase::Snake {
            body.set("object", json!("list"));
        }
        Ok(self.answer(200, body))
    }

    pub(super) fn get(&mut self, call: &Call<'_>, client_id: &str) -> Outcome {
        self.shown(call.workspace, client_id)
    }

    pub(super) fn update(&mut self, call: &Call<'_>, client_id: &str) -> Outcome {
        let mut app = self.app(call.workspace, client_id)?.into_owned();
        let body = wire::object(call.request)?;
        for fixed in ["clientId", "clientSecret", "client_id", "client_secret"] {
            if body.contains_key(fixed) && self.settings.patch_secret == PatchSecret::Reject {
                return Err(Refusal::invalid(fixed));
            }
        }
        if body.contains_key("name") {
            app.name = wire::name(&body)?;
        }
        if self.settings.patch_fields == PatchFields::Name {
            return self.store(call, app);
        }
        if let Some(logo) = wire::text(&body, "logo")? {
            app.logo = Some(logo).filter(|logo| !logo.is_empty());
        }
        if let Some(uris) = wire::texts(&body, "redirectUris")? {
            app.redirect_uris = uris;
        }
        if let Some(uri) = wire::text(&body, "defaultSuccessRedirectUri")? {
            app.success_redirect = Some(uri);
        }
        if let Some(uri) = wire::text(&body, "defaultFailureRedirectUri")? {
            app.failure_redirect = Some(uri);
        }
        if let Some(config) = body.get("webhookConfig") {
            let config = config.as_object().ok_or_else(|| Refusal::invalid("webhookConfig"))?;
            app.webhook = self.merged_webhook(&app, config)?;
        }
        self.store(call, app)
    }

    pub(super) fn delete(&mut self, call: &Call<'_>, client_id: &str) -> Outcome {
        if !self.workspaces.delete(call.workspace, client_id) {
            return Err(Refusal::not_found());
        }
        Ok(match self.settings.delete_answer {
            DeleteAnswer::Empty => answer::empty(200),
            DeleteAnswer::Object => answer::compact(200, &json!({})),
        })
    }

    pub(super) fn rotate(&mut self, call: &Call<'_>, client_id: &str) -> Outcome {
        let format = self.settings.secret_format;
        let secret =
            self.workspaces.rotate(call.now, call.workspace, client_id, format).ok_or_else(Refusal::not_found)?;
        let status = match self.settings.rotate_status {
            RotateStatus::Created => 201,
            RotateStatus::Ok => 200,
        };
        Ok(self.answer(status, json!({"clientSecret": move secret})))
    }

    pub(super) fn redirect_uris(&mut self, call: &Call<'_>, client_id: &str) -> Outcome {
        let uris = json!({"redirectUris": self.app(call.workspace, client_id)?.redirect_uris});
        Ok(self.answer(200, uris))
    }

    pub(super) fn set_redirect_uris(&mut self, call: &Call<'_>, client_id: &str) -> Outcome {
        let mut app = self.app(call.workspace, client_id)?.into_owned();
        let body = wire::object(call.request)?;
        app.redirect_uris = wire::texts(&body, "redirectUris")?.ok_or_else(|| Refusal::missing("redirectUris"))?;
        self.store(call, app)
    }

    pub(super) fn webhook(&mut self, call: &Call<'_>, client_id: &str) -> Outcome {
        let config = wire::webhook(&*self.app(call.workspace, client_id)?, &self.workspaces, &self.settings);
        Ok(self.answer(200, config))
    }

    pub(super) fn set_webhook(&mut self, call: &Call<'_>, client_id: &str) -> Outcome {
        let mut app = self.app(call.workspace, client_id)?.into_owned();
        let body = wire::object(call.request)?;
        app.webhook = self.merged_webhook(&app, &body)?;
        self.store(call, app)
    }

    pub(super) fn rotate_webhook(&mut self, call: &Call<'_>, client_id: &str) -> Outcome {
        let secret = self.workspaces.rotate_webhook(call.now, call.workspace, client_id);
        let secret = secret.ok_or_else(Refusal::not_found)?;
        Ok(self.answer(200, json!({"secret": move secret})))
    }

    /// Runs `operation` once per key and window; a repetition is answered from the table.
    pub(super) fn once(&mut self, call: &Call<'_>, operation: impl FnOnce(&mut Self, &Call<'_>) -> Outcome) -> Outcome {
        let Some(key) = idempotency::key(call.request)? else { return operation(self, call) };
        let (method, path) = (call.request.method().as_str(), call.request.uri().path());
        let print = Fingerprint::of(method, path, &canonical(call), self.settings.fingerprint);
        let in_progress = self.settings.in_progress;
        match self.replays.find(call.now, call.workspace, &key, print, in_progress)? {
            Found::Answer(response) => Ok(self.replayed(response)),
            Found::Nothing => {
                let response = match operation(self, call) {
                    Err(refusal) if !self.stores_errors() => return Err(refusal),
                    Err(refusal) => self.refused(call.now, call.request, &call.request_id, refusal),
                    Ok(response) => response,
                };
                self.replays.keep(call.now, call.workspace, &key, print, response.clone());
                Ok(response)
            }
        }
    }

    fn batch_item(&mut self, call: &Call<'_>, item: &Value) -> Result<Json, Refusal> {
        let object = item.as_object().ok_or_else(|| Refusal::invalid("items"))?;
        let Some(key) = wire::text(object, "idempotencyKey")? else { return self.make_item(call, object) };
        if !idempotency::is_key(&key) {
            return Err(Refusal::invalid("idempotencyKey"));
        }
        let path = call.request.uri().path();
        let print = Fingerprint::of(call.request.method().as_str(), path, item, self.settings.fingerprint);
        let in_progress = self.settings.in_progress;
        match self.replays.find(call.now, call.workspace, &key, print, in_progress)? {
            Found::Answer(response) => {
                let kept: Value = serde_json::from_slice(response.body()).map_err(|_| Refusal::broken())?;
                Ok(kept.to_json())
            }
            Found::Nothing => {
                let made = self.make_item(call, object)?;
                self.replays.keep(call.now, call.workspace, &key, print, answer::compact(201, &made));
                Ok(made)
            }
        }
    }

    fn make_item(&mut self, call: &Call<'_>, item: &Map<String, Value>) -> Result<Json, Refusal> {
        let name = wire::name(item)?;
        let uris = wire::texts(item, "redirectUris")?.unwrap_or_default();
        let config = item.get("webhookConfig").and_then(Value::as_object).cloned().unwrap_or_default();
        let webhook = wire::merge_webhook(&Webhook::default(), &config)?;
        let (mut app, secret) = self.make(call, &name);
        app.redirect_uris = uris;
        app.webhook = webhook;
        let object = wire::app(&app, &self.workspaces, &self.settings, Some(&secret));
        self.store(call, app)?;
        Ok(object)
    }

    fn make(&mut self, call: &Call<'_>, name: &str) -> (App, String) {
        let format = self.settings.secret_format;
        self.workspaces.create(call.now, call.workspace, name, format, &mut self.rng)
    }

    fn merged_webhook(&self, app: &App, config: &Map<String, Value>) -> Result<Webhook, Refusal> {
        if config.contains_key("secret") && self.settings.patch_secret == PatchSecret::Reject {
            return Err(Refusal::invalid("secret"));
        }
        wire::merge_webhook(&app.webhook, config)
    }

    fn app(&self, workspace: WorkspaceId, client_id: &str) -> Result<Cow<'_, App>, Refusal> {
        self.workspaces.app(workspace, client_id).ok_or_else(Refusal::not_found)
    }

    /// Puts a changed app in the place of the stored one, all of it or nothing, and answers with it.
    fn store(&mut self, call: &Call<'_>, app: App) -> Outcome {
        let client_id = app.client_id.clone();
        let stored = self.workspaces.app_mut(call.workspace, &client_id).ok_or_else(Refusal::not_found)?;
        *stored = app;
        stored.updated = call.now;
        self.shown(call.workspace, &client_id)
    }

    fn shown(&mut self, workspace: WorkspaceId, client_id: &str) -> Outcome {
        let object = wire::app(&*self.app(workspace, client_id)?, &self.workspaces, &self.settings, None);
        Ok(self.answer(200, object))
    }
}

/// The body as it counts for a fingerprint: what was said, however it was spaced; no body is an empty object.
fn canonical(call: &Call<'_>) -> Value {
    match answer::body_json(call.request) {
        Ok(body) => body.unwrap_or_else(|| Value::Object(Map::new())),
        Err(_) => Value::from(String::from_utf8_lossy(call.request.body()).into_owned()),
    }
}
