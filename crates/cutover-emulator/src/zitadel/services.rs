//! The application service as Connect JSON, in its present form (v2) and its deprecated one (v2beta).

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::access::{self, Layer};
use super::lists::{NameFilter, Page};
use super::objects::{App, AuthMethod, Kind, NewApp};
use super::refusal::{Code, Refusal};
use super::roles::Permission;
use super::route::{ApplicationCall, Generation};
use super::settings::ListEventual;
use super::{Call, Outcome, Zitadel, wire};
use crate::json::{Json, json};

/// What an update that asks for nothing is answered with: the zero time of the vendor's language.
const NEVER: &str = "0001-01-01T00:00:00Z";

impl Zitadel {
    pub(super) fn application_call(
        &mut self,
        call: &Call<'_>,
        generation: Generation,
        route: ApplicationCall,
    ) -> Outcome {
        use Permission::{AppDelete, AppWrite};
        match route {
            ApplicationCall::Create => self.v2_create(call, generation),
            ApplicationCall::Get => self.v2_get(call, generation),
            ApplicationCall::List => self.v2_list(call, generation),
            ApplicationCall::Update => self.v2_update(call, generation),
            ApplicationCall::Generate => self.v2_generate(call, generation),
            ApplicationCall::Deactivate => {
                let message = "DeactivateApplicationRequest";
                let id = self.v2_target(call, generation.app_id(), message, AppWrite, "COMMAND-ov9d3")?;
                self.deactivate(call, &id).map(|app| dated("deactivationDate", &app))
            }
            ApplicationCall::Reactivate => {
                let message = "ReactivateApplicationRequest";
                let id = self.v2_target(call, generation.app_id(), message, AppWrite, "COMMAND-ov9d3")?;
                self.reactivate(call, &id).map(|app| dated("reactivationDate", &app))
            }
            ApplicationCall::Delete => {
                let message = "DeleteApplicationRequest";
                let id = self.v2_target(call, generation.app_id(), message, AppDelete, "COMMAND-0po9s")?;
                self.remove(call, &id).map(|app| dated("deletionDate", &app))
            }
        }
    }

    /// The app that a request names by project and id, wherever it lives, once the caller may touch it there.
    fn v2_target(
        &self,
        call: &Call<'_>,
        id_field: &str,
        message: &str,
        permission: Permission,
        missing: &'static str,
    ) -> Result<String, Refusal> {
        let (id, project) = (wire::text(&call.body, id_field)?, wire::text(&call.body, "projectId")?);
        wire::bounded(message, "ApplicationId", &id)?;
        wire::bounded(message, "ProjectId", &project)?;
        let app = self.world.app(&id).filter(|app| app.project == project);
        let app = app.ok_or_else(|| Refusal::app_missing(missing))?;
        access::check(&self.world, &call.user, &app.details.owner, Some(&project), permission, Layer::Command)?;
        Ok(id)
    }

    /// v2 takes any app; v2beta has to be told of which kind it is.
    fn v2_generate(&mut self, call: &Call<'_>, generation: Generation) -> Outcome {
        let permission = Permission::AppWrite;
        let id = match generation {
            Generation::V2 => {
                let message = "GenerateClientSecretRequest";
                self.v2_target(call, "applicationId", message, permission, "COMMAND-Kd92s")?
            }
            Generation::V2Beta => {
                let kind = match (flag(call, "isApi")?, flag(call, "isOidc")?) {
                    (true, false) => Kind::Api,
                    (false, true) => Kind::Oidc,
                    (false, false) | (true, true) => return Err(unknown_kind("APP-aLWIzw")),
                };
                let message = "RegenerateClientSecretRequest";
                let id = self.v2_target(call, "applicationId", message, permission, "COMMAND-2g66f")?;
                self.world.app(&id).map_or(Ok(()), |app| app.generates_as(kind))?;
                id
            }
        };
        let (app, plain) = self.regenerate(call, &id)?;
        Ok(json!({"clientSecret": move plain, "creationDate": move wire::time(app.details.changed)}))
    }

    fn v2_create(&mut self, call: &Call<'_>, generation: Generation) -> Outcome {
        let message = "CreateApplicationRequest";
        let (project, name) = (wire::text(&call.body, "projectId")?, wire::text(&call.body, "name")?);
        wire::bounded(message, "ProjectId", &project)?;
        wire::bounded(message, "Name", &name)?;
        let Some((kind, given)) = configuration(call, |kind| generation.wanted(kind))? else {
            return Err(Refusal::field(message, "ApplicationType"));
        };
        let (auth, config) = wire::configured(kind, &given, message)?;
        let org = self.world.project(&project).map(|project| project.org.clone());
        let org = org.ok_or_else(Refusal::project_missing)?;
        access::check(&self.world, &call.user, &org, Some(&project), Permission::AppWrite, Layer::Command)?;
        let id = Some(wire::text(&call.body, generation.app_id())?).filter(|id| !id.is_empty());
        if id.as_deref().is_some_and(|id| self.world.was_app(id)) {
            let text = "Application already exists";
            return Err(Refusal::new(Code::FailedPrecondition, "PROJECT-lxowmp", text));
        }
        let (app, plain) = self.make_app(call, NewApp { id, project, name, kind, auth, config })?;
        let mut shown = json!({"clientId": app.client_id});
        if let Some(plain) = plain {
            shown.set("clientSecret", json!(plain));
        }
        Ok(json!({
            (generation.made_app_id()): app.id,
            "creationDate": move wire::time(app.details.created),
            (generation.made(kind)): move shown,
        }))
    }

    /// Takes over the name and the configuration that are given; either alone is enough.
    fn v2_update(&mut self, call: &Call<'_>, generation: Generation) -> Outcome {
        let message = "UpdateApplicationRequest";
        let name = wire::text(&call.body, "name")?.trim().to_owned();
        let given = configuration(call, |kind| generation.changed(kind))?;
        let missing = if name.is_empty() { "COMMAND-2n8uU" } else { "COMMAND-28di9" };
        let id = self.v2_target(call, generation.app_id(), message, Permission::AppWrite, missing)?;
        let mut changed = NEVER.to_owned();
        if !name.is_empty() {
            wire::bounded(message, "Name", &name)?;
            changed = wire::time(self.rename(call, &id, name)?.details.changed);
        }
        if let Some((kind, given)) = given {
            let app = self.world.app(&id).ok_or_else(|| Refusal::app_missing("COMMAND-2n8uU"))?;
            let (auth, config) = reconfigured(&app, kind, given, message)?;
            changed = wire::time(self.reconfigure(call, &id, kind, auth, config)?.details.changed);
        }
        Ok(json!({"changeDate": move changed}))
    }

    fn v2_get(&mut self, call: &Call<'_>, generation: Generation) -> Outcome {
        let id = wire::text(&call.body, generation.app_id())?;
        wire::bounded("GetApplicationRequest", "ApplicationId", &id)?;
        let app = match self.settings.list_eventual {
            ListEventual::On => self.world.visible_app(call.now, &id),
            ListEventual::Off => self.world.app(&id),
        };
        let app = app.ok_or_else(Refusal::app_unknown)?;
        self.may_read(call, &app)?;
        Ok(json!({(generation.read()): move shown(generation, &app)}))
    }

    fn v2_list(&mut self, call: &Call<'_>, generation: Generation) -> Outcome {
        let page = Page::of(&call.body, "pagination")?;
        let (mut projects, mut names) = (Vec::new(), Vec::new());
        if generation == Generation::V2Beta {
            let project = wire::text(&call.body, "projectId")?;
            wire::bounded("ListApplicationsRequest", "ProjectId", &project)?;
            projects.push(project);
        }
        for filter in wire::field(&call.body, "filters").and_then(Value::as_array).into_iter().flatten() {
            let project = filter.as_object().and_then(|filter| wire::field(filter, "projectIdFilter"));
            if let Some(project) = project.and_then(Value::as_object).filter(|_| generation == Generation::V2) {
                projects.push(wire::text(project, "projectId")?);
            }
            names.extend(NameFilter::of(filter, "nameFilter")?);
        }
        let found: Vec<Cow<'_, App>> = self
            .world
            .apps(call.now, self.settings.list_eventual == ListEventual::On)
            .filter(|app| projects.iter().all(|project| *project == app.project))
            .filter(|app| names.iter().all(|filter| filter.matches(&app.name)))
            .filter(|app| self.may_read(call, app).is_ok())
            .collect();
        let mut pagination = json!({});
        if !found.is_empty() {
            pagination.set("totalResult", json!(found.len().to_string()));
        }
        if let Some(limit) = page.limit {
            pagination.set("appliedLimit", json!(limit.to_string()));
        }
        let applications: Vec<Json> = page.cut(found).map(|app| shown(generation, &app)).collect();
        let mut body = json!({"pagination": move pagination});
        if !applications.is_empty() {
            body.set("applications", Json::List(applications));
        }
        Ok(body)
    }

    fn may_read(&self, call: &Call<'_>, app: &App) -> Result<(), Refusal> {
        let (org, project) = (&app.details.owner, Some(app.project.as_str()));
        access::check(&self.world, &call.user, org, project, Permission::AppRead, Layer::Command)
    }
}

/// An app's kind and the fields of its configuration.
type Configuration = (Kind, Map<String, Value>);

/// The one configuration that a request holds, under v1's names; two are none of the service's messages.
fn configuration(call: &Call<'_>, name: impl Fn(Kind) -> &'static str) -> Result<Option<Configuration>, Refusal> {
    let part = |kind| wire::field(&call.body, name(kind)).and_then(Value::as_object);
    match (part(Kind::Api), part(Kind::Oidc)) {
        (None, None) => Ok(None),
        (Some(given), None) => Ok(Some((Kind::Api, given.clone()))),
        (None, Some(given)) => Ok(Some((Kind::Oidc, wire::renamed(given)))),
        (Some(_), Some(_)) => Err(Refusal::unreadable()),
    }
}

/// What an app's configuration becomes: of an OIDC app what is not given stays, but for the types of grant and answer.
fn reconfigured(
    app: &App,
    kind: Kind,
    mut given: Map<String, Value>,
    message: &str,
) -> Result<(AuthMethod, Map<String, Value>), Refusal> {
    if kind == Kind::Api {
        return wire::configured(kind, &given, message);
    }
    let auth = match wire::field(&given, "authMethodType") {
        Some(_) => wire::auth_method(kind, &given, message)?,
        None => app.auth,
    };
    for (name, value) in app.config.iter().filter(|(name, _)| !["grantTypes", "responseTypes"].contains(&name.as_str()))
    {
        if wire::field(&given, name).is_none() {
            given.insert(name.clone(), value.clone());
        }
    }
    Ok((auth, wire::oidc_config(&given, message)?))
}

fn shown(generation: Generation, app: &App) -> Json {
    match generation {
        Generation::V2 => wire::application(app),
        Generation::V2Beta => wire::beta_application(app),
    }
}

fn flag(call: &Call<'_>, name: &str) -> Result<bool, Refusal> {
    wire::field(&call.body, name).map_or(Some(false), Value::as_bool).ok_or_else(Refusal::unreadable)
}

fn unknown_kind(id: &'static str) -> Refusal {
    Refusal::new(Code::InvalidArgument, id, "unknown app type")
}

fn dated(name: &'static str, app: &App) -> Json {
    json!({name: wire::time(app.details.changed)})
}
