//! Management v1: applications.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::access::{self, Layer};
use super::lists::{NameFilter, Page};
use super::objects::{App, AuthMethod, Kind, NewApp};
use super::refusal::{Code, Refusal};
use super::roles::Permission;
use super::route::AppCall;
use super::settings::{GenerationOnKeyApp, ListEventual};
use super::wire::{self, Times};
use super::{Call, Outcome, Zitadel};
use crate::answer;
use crate::json::{Json, json};
use crate::secret::{self, Hash};

impl AppCall {
    fn permission(&self) -> Permission {
        match self {
            Self::Search | Self::Get(_) | Self::Changes(_) => Permission::AppRead,
            Self::Delete(_) => Permission::AppDelete,
            Self::Create(_)
            | Self::Update(_)
            | Self::UpdateConfig(..)
            | Self::Generate(..)
            | Self::Deactivate(_)
            | Self::Reactivate(_) => Permission::AppWrite,
        }
    }

    fn app(&self) -> Option<&str> {
        match self {
            Self::Create(_) | Self::Search => None,
            Self::Get(app)
            | Self::Changes(app)
            | Self::Update(app)
            | Self::UpdateConfig(app, _)
            | Self::Generate(app, _)
            | Self::Deactivate(app)
            | Self::Reactivate(app)
            | Self::Delete(app) => Some(app),
        }
    }
}

impl Zitadel {
    pub(super) fn app_call(&mut self, call: &Call<'_>, project: &str, route: &AppCall) -> Outcome {
        access::check(&self.world, &call.user, &call.org, Some(project), route.permission(), Layer::Api)?;
        let message = message(route);
        wire::bounded(message, "ProjectId", project)?;
        if let Some(app) = route.app() {
            wire::bounded(message, "AppId", app)?;
        }
        match route {
            AppCall::Create(kind) => self.create_app(call, project, *kind, message),
            AppCall::Search => self.search_apps(call, project),
            AppCall::Get(app) => self.read_app(call, project, app),
            AppCall::Changes(app) => self.app_changes(call, project, app),
            AppCall::Update(app) => self.rename_app(call, project, app, message),
            AppCall::UpdateConfig(app, kind) => self.configure_app(call, project, app, *kind, message),
            AppCall::Generate(app, kind) => self.generate(call, project, app, *kind),
            AppCall::Deactivate(app) => {
                self.owned(call, project, app, "COMMAND-ov9d3")?;
                self.deactivate(call, app).map(|app| changed(&app))
            }
            AppCall::Reactivate(app) => {
                self.owned(call, project, app, "COMMAND-ov9d3")?;
                self.reactivate(call, app).map(|app| changed(&app))
            }
            AppCall::Delete(app) => {
                self.owned(call, project, app, "COMMAND-0po9s")?;
                self.remove(call, app).map(|app| changed(&app))
            }
        }
    }

    fn create_app(&mut self, call: &Call<'_>, project: &str, kind: Kind, message: &str) -> Outcome {
        let name = wire::text(&call.body, "name")?;
        let (auth, config) = wire::configured(kind, &call.body, message)?;
        if self.world.project(project).is_none_or(|project| project.org != call.org) {
            return Err(Refusal::project_missing());
        }
        if name.is_empty() {
            let id = match kind {
                Kind::Api => "PROJECT-Bff2g",
                Kind::Oidc => "PROJECT-1n8df",
            };
            return Err(Refusal::new(Code::InvalidArgument, id, "Application invalid"));
        }
        wire::bounded(message, "Name", &name)?;
        let new = NewApp { id: None, project: project.to_owned(), name, kind, auth, config };
        let (app, plain) = self.make_app(call, new)?;
        let mut body = json!({
            "appId": app.id,
            "clientId": app.client_id,
            "details": move wire::details(&app.details, Times::Created),
        });
        if let Some(plain) = plain {
            body.set("clientSecret", json!(plain));
        }
        Ok(body)
    }

    fn search_apps(&mut self, call: &Call<'_>, project: &str) -> Outcome {
        let page = Page::of(&call.body, "query")?;
        let mut names = Vec::new();
        for query in wire::field(&call.body, "queries").and_then(Value::as_array).into_iter().flatten() {
            names.extend(NameFilter::of(query, "nameQuery")?);
        }
        let found: Vec<Cow<'_, App>> = self
            .world
            .apps(call.now, self.settings.list_eventual == ListEventual::On)
            .filter(|app| app.project == project && app.details.owner == call.org)
            .filter(|app| names.iter().all(|filter| filter.matches(&app.name)))
            .collect();
        let last = found.iter().map(|app| app.details.sequence).max().unwrap_or_default();
        let mut details = json!({"viewTimestamp": move wire::time(call.now)});
        for (name, value) in
            [("totalResult", u64::try_from(found.len()).unwrap_or_default()), ("processedSequence", last)]
        {
            if value != 0 {
                details.set(name, json!(value.to_string()));
            }
        }
        let page: Vec<Json> = page.cut(found).map(|app| wire::app(&app)).collect();
        let mut body = json!({"details": move details});
        if !page.is_empty() {
            body.set("result", Json::List(page));
        }
        Ok(body)
    }

    fn read_app(&mut self, call: &Call<'_>, project: &str, app: &str) -> Outcome {
        // The one read that makes the server bring the projection of apps up to date before it answers.
        self.world.catch_up_apps();
        let app = self.world.visible_app(call.now, app).filter(|app| app.project == project);
        let app = app.ok_or_else(Refusal::app_unknown)?;
        if app.details.owner != call.org {
            return Err(Refusal::new(Code::NotFound, "MANAG-SFf2a", "Application not found"));
        }
        Ok(json!({"app": move wire::app(&app)}))
    }

    fn app_changes(&mut self, call: &Call<'_>, project: &str, app: &str) -> Outcome {
        let query = answer::query(call.request);
        let number = |name: &str| match query.get(name) {
            None => Ok(0_u64),
            Some(text) => text.parse().map_err(|_| Refusal::unreadable()),
        };
        let (limit, from) = (number("query.limit")?, number("query.sequence")?);
        let ascending = query.get("query.asc").is_some_and(|asc| asc == "true");
        let owned = self.world.project(project).is_some_and(|project| project.org == call.org);
        let mut changes = if owned { self.world.changes(app) } else { Vec::new() };
        if !ascending {
            changes.reverse();
        }
        changes.retain(|change| {
            let beyond = if ascending { from < change.sequence } else { change.sequence < from };
            from == 0 || beyond
        });
        if limit != 0 {
            changes.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        }
        let result: Vec<Json> = changes
            .into_iter()
            .map(|change| {
                let editor =
                    self.world.user(&change.editor).map_or_else(|| "System".to_owned(), |user| user.name.clone());
                json!({
                    "changeDate": move wire::time(change.at),
                    "eventType": {
                        "key": format!("EventTypes.{}", change.event),
                        "localizedMessage": change.event.replace(['.', '_'], " "),
                    },
                    "sequence": change.sequence.to_string(),
                    "editorId": change.editor,
                    "editorDisplayName": editor,
                    "resourceOwnerId": change.owner,
                })
            })
            .collect();
        Ok(if result.is_empty() { json!({}) } else { json!({"result": move result}) })
    }

    fn rename_app(&mut self, call: &Call<'_>, project: &str, app: &str, message: &str) -> Outcome {
        let name = wire::text(&call.body, "name")?;
        wire::bounded(message, "Name", &name)?;
        self.owned(call, project, app, "COMMAND-28di9")?;
        self.rename(call, app, name).map(|app| changed(&app))
    }

    pub(super) fn rename(&mut self, call: &Call<'_>, id: &str, name: String) -> Result<App, Refusal> {
        if self.world.app(id).ok_or_else(|| Refusal::app_missing("COMMAND-28di9"))?.name == name {
            return Err(Refusal::no_changes("COMMAND-2m8vx"));
        }
        self.changed_app(call, id, "changed", |app| app.name = name)
    }

    fn configure_app(&mut self, call: &Call<'_>, project: &str, id: &str, kind: Kind, message: &str) -> Outcome {
        let (auth, config) = wire::configured(kind, &call.body, message)?;
        self.owned(call, project, id, "COMMAND-2n8uU")?;
        self.reconfigure(call, id, kind, auth, config).map(|app| changed(&app))
    }

    /// Changes how an app's clients authenticate, and the rest of its configuration.
    ///
    /// The secret stays as it is: none is made for a method that needs one, none dropped for one that does not.
    pub(super) fn reconfigure(
        &mut self,
        call: &Call<'_>,
        id: &str,
        kind: Kind,
        auth: AuthMethod,
        config: Map<String, Value>,
    ) -> Result<App, Refusal> {
        let app = self.world.app(id).ok_or_else(|| Refusal::app_missing("COMMAND-2n8uU"))?;
        match (kind, app.kind) {
            (Kind::Api, Kind::Oidc) => return Err(wrong_kind(kind, "COMMAND-Gnwt3")),
            (Kind::Oidc, Kind::Api) => return Err(wrong_kind(kind, "COMMAND-GBr34")),
            (Kind::Api, Kind::Api) | (Kind::Oidc, Kind::Oidc) => {}
        }
        if app.auth == auth && app.config == config {
            return Err(Refusal::no_changes("COMMAND-1m88i"));
        }
        let event = format!("config.{}.changed", kind.word());
        self.changed_app(call, id, &event, |app| {
            app.auth = auth;
            app.config = config;
        })
    }

    fn generate(&mut self, call: &Call<'_>, project: &str, id: &str, kind: Kind) -> Outcome {
        self.owned(call, project, id, "COMMAND-2g66f")?.generates_as(kind)?;
        let (app, plain) = self.regenerate(call, id)?;
        Ok(json!({"clientSecret": move plain, "details": move wire::details(&app.details, Times::Changed)}))
    }

    /// Overwrites an app's secret, whatever it was. There is no second slot and no way back.
    pub(super) fn regenerate(&mut self, call: &Call<'_>, id: &str) -> Result<(App, String), Refusal> {
        let app = self.world.app(id).ok_or_else(|| Refusal::app_missing("COMMAND-2g66f"))?;
        if !app.auth.has_secret() && self.settings.generation_on_key_app == GenerationOnKeyApp::Refused {
            return Err(Refusal::plain(Code::FailedPrecondition, "Errors.Project.App.AuthMethodNoSecret"));
        }
        let event = format!("config.{}.secret.changed", app.kind.word());
        let plain = secret::alphanumeric(&mut self.rng, 64);
        let app = self.changed_app(call, id, &event, |app| app.secret = Some(Hash::of(&plain)))?;
        Ok((app, plain))
    }

    pub(super) fn make_app(&mut self, call: &Call<'_>, new: NewApp) -> Result<(App, Option<String>), Refusal> {
        let made = self.world.create_app(call.now, &call.user, new, &mut self.rng);
        made.ok_or_else(Refusal::project_missing)
    }

    pub(super) fn deactivate(&mut self, call: &Call<'_>, id: &str) -> Result<App, Refusal> {
        if !self.world.app(id).ok_or_else(|| Refusal::app_missing("COMMAND-ov9d3"))?.active {
            return Err(Refusal::new(Code::FailedPrecondition, "COMMAND-dsh35", "Application is not active"));
        }
        self.changed_app(call, id, "deactivated", |app| app.active = false)
    }

    pub(super) fn reactivate(&mut self, call: &Call<'_>, id: &str) -> Result<App, Refusal> {
        if self.world.app(id).ok_or_else(|| Refusal::app_missing("COMMAND-ov9d3"))?.active {
            return Err(Refusal::new(Code::FailedPrecondition, "COMMAND-1n8cM", "Application is not inactive"));
        }
        self.changed_app(call, id, "reactivated", |app| app.active = true)
    }

    pub(super) fn remove(&mut self, call: &Call<'_>, id: &str) -> Result<App, Refusal> {
        let removed = self.world.remove_app(call.now, &call.user, id);
        removed.ok_or_else(|| Refusal::app_missing("COMMAND-0po9s"))
    }

    fn changed_app(
        &mut self,
        call: &Call<'_>,
        id: &str,
        event: &str,
        change: impl FnOnce(&mut App),
    ) -> Result<App, Refusal> {
        let changed = self.world.change_app(call.now, &call.user, id, event, change);
        changed.ok_or_else(Refusal::app_unknown)
    }

    /// An app of the event log, if project and organisation are the ones of the request; else refused with `id`.
    fn owned(&self, call: &Call<'_>, project: &str, app: &str, id: &'static str) -> Result<Cow<'_, App>, Refusal> {
        self.world
            .app(app)
            .filter(|app| app.project == project && app.details.owner == call.org)
            .ok_or_else(|| Refusal::app_missing(id))
    }
}

impl App {
    /// Refused when the app is of the other kind than the one a secret is wanted for.
    pub(super) fn generates_as(&self, kind: Kind) -> Result<(), Refusal> {
        match (kind, self.kind) {
            (Kind::Api, Kind::Oidc) => Err(wrong_kind(kind, "COMMAND-aeH4")),
            (Kind::Oidc, Kind::Api) => Err(wrong_kind(kind, "COMMAND-Ghrh3")),
            (Kind::Api, Kind::Api) | (Kind::Oidc, Kind::Oidc) => Ok(()),
        }
    }
}

fn changed(app: &App) -> Json {
    json!({"details": move wire::details(&app.details, Times::Changed)})
}

fn wrong_kind(wanted: Kind, id: &'static str) -> Refusal {
    let text = match wanted {
        Kind::Api => "Application is not type API",
        Kind::Oidc => "Application is not type OIDC",
    };
    Refusal::new(Code::InvalidArgument, id, text)
}

fn message(route: &AppCall) -> &'static str {
    match route {
        AppCall::Create(Kind::Api) => "AddAPIAppRequest",
        AppCall::Create(Kind::Oidc) => "AddOIDCAppRequest",
        AppCall::Search => "ListAppsRequest",
        AppCall::Get(_) => "GetAppByIDRequest",
        AppCall::Changes(_) => "ListAppChangesRequest",
        AppCall::Update(_) => "UpdateAppRequest",
        AppCall::UpdateConfig(_, Kind::Api) => "UpdateAPIAppConfigRequest",
        AppCall::UpdateConfig(_, Kind::Oidc) => "UpdateOIDCAppConfigRequest",
        AppCall::Generate(_, Kind::Api) => "RegenerateAPIClientSecretRequest",
        AppCall::Generate(_, Kind::Oidc) => "RegenerateOIDCClientSecretRequest",
        AppCall::Deactivate(_) => "DeactivateAppRequest",
        AppCall::Reactivate(_) => "ReactivateAppRequest",
        AppCall::Delete(_) => "RemoveAppRequest",
    }
}
