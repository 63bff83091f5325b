//! The v2 application service, as Connect JSON.

use serde_json::{Value, json};

use super::access::{self, Layer, Permission};
use super::management::Outcome;
use super::refusal::{Code, Refusal};
use super::route::ApplicationCall;
use super::settings::ListEventual;
use super::state::{App, Kind, NewApp};
use super::{Call, Zitadel, wire};

impl Zitadel {
    pub(super) fn application_call(&mut self, call: &Call<'_>, route: ApplicationCall) -> Outcome {
        match route {
            ApplicationCall::Create => self.v2_create(call),
            ApplicationCall::Get => self.v2_get(call),
            ApplicationCall::List => self.v2_list(call),
            ApplicationCall::Generate => {
                let id = self.v2_target(call, "GenerateClientSecretRequest", Permission::AppWrite, "COMMAND-Kd92s")?;
                let (app, plain) = self.regenerate(call, &id)?;
                Ok(json!({"clientSecret": plain, "creationDate": wire::time(app.details.changed)}))
            }
            ApplicationCall::Deactivate => {
                let id = self.v2_target(call, "DeactivateApplicationRequest", Permission::AppWrite, "COMMAND-ov9d3")?;
                self.deactivate(call, &id).map(|app| dated("deactivationDate", &app))
            }
            ApplicationCall::Reactivate => {
                let id = self.v2_target(call, "ReactivateApplicationRequest", Permission::AppWrite, "COMMAND-ov9d3")?;
                self.reactivate(call, &id).map(|app| dated("reactivationDate", &app))
            }
            ApplicationCall::Delete => {
                let id = self.v2_target(call, "DeleteApplicationRequest", Permission::AppDelete, "COMMAND-0po9s")?;
                self.remove(call, &id).map(|app| dated("deletionDate", &app))
            }
        }
    }

    /// The app that a request names by project and id, wherever it lives, once the caller may touch it there.
    fn v2_target(
        &self,
        call: &Call<'_>,
        message: &str,
        permission: Permission,
        missing: &'static str,
    ) -> Result<String, Refusal> {
        let (id, project) = (wire::text(&call.body, "applicationId")?, wire::text(&call.body, "projectId")?);
        wire::bounded(message, "ApplicationId", &id)?;
        wire::bounded(message, "ProjectId", &project)?;
        let app = self.world.app(&id).filter(|app| app.project == project);
        let app = app.ok_or_else(|| Refusal::app_missing(missing))?;
        access::check(&self.world, &call.user, &app.details.owner, Some(&project), permission, Layer::Command)?;
        Ok(id)
    }

    fn v2_create(&mut self, call: &Call<'_>) -> Outcome {
        let message = "CreateApplicationRequest";
        let (project, name) = (wire::text(&call.body, "projectId")?, wire::text(&call.body, "name")?);
        wire::bounded(message, "ProjectId", &project)?;
        wire::bounded(message, "Name", &name)?;
        let part = |name| wire::field(&call.body, name).and_then(Value::as_object);
        let (kind, given) = match (part("apiConfiguration"), part("oidcConfiguration")) {
            (Some(given), None) => (Kind::Api, given),
            (None, Some(given)) => (Kind::Oidc, given),
            (None, None) | (Some(_), Some(_)) => return Err(Refusal::field(message, "ApplicationType")),
        };
        let auth = wire::auth_method(kind, given, message)?;
        let config = match kind {
            Kind::Api => serde_json::Map::new(),
            Kind::Oidc => wire::oidc_config(given, message)?,
        };
        let org = self.world.project(&project).map(|project| project.org.clone());
        let org = org.ok_or_else(Refusal::project_missing)?;
        access::check(&self.world, &call.user, &org, Some(&project), Permission::AppWrite, Layer::Command)?;
        let id = Some(wire::text(&call.body, "applicationId")?).filter(|id| !id.is_empty());
        if id.as_deref().is_some_and(|id| self.world.was_app(id)) {
            let text = "Application already exists";
            return Err(Refusal::new(Code::FailedPrecondition, "PROJECT-lxowmp", text));
        }
        let (app, plain) = self.make_app(call, NewApp { id, project, name, kind, auth, config })?;
        let mut shown = json!({"clientId": app.client_id});
        if let Some(plain) = plain {
            shown["clientSecret"] = json!(plain);
        }
        Ok(json!({
            "applicationId": app.id,
            "creationDate": wire::time(app.details.created),
            wire::configuration(kind): shown,
        }))
    }

    fn v2_get(&mut self, call: &Call<'_>) -> Outcome {
        let id = wire::text(&call.body, "applicationId")?;
        wire::bounded("GetApplicationRequest", "ApplicationId", &id)?;
        let app = match self.settings.list_eventual {
            ListEventual::On => self.world.visible_app(call.now, &id),
            ListEventual::Off => self.world.app(&id),
        };
        let app = app.ok_or_else(Refusal::app_unknown)?;
        self.may_read(call, app)?;
        Ok(json!({"application": wire::application(app)}))
    }

    fn v2_list(&mut self, call: &Call<'_>) -> Outcome {
        let empty = serde_json::Map::new();
        let page = wire::field(&call.body, "pagination").and_then(Value::as_object).unwrap_or(&empty);
        let offset = usize::try_from(wire::number(page, "offset")?).unwrap_or(usize::MAX);
        let limit = match wire::number(page, "limit")? {
            0 => usize::MAX,
            limit => usize::try_from(limit).unwrap_or(usize::MAX),
        };
        let mut projects = Vec::new();
        for filter in wire::field(&call.body, "filters").and_then(Value::as_array).into_iter().flatten() {
            let filter = filter.as_object().and_then(|filter| wire::field(filter, "projectIdFilter"));
            if let Some(filter) = filter.and_then(Value::as_object) {
                projects.push(wire::text(filter, "projectId")?);
            }
        }
        let found: Vec<&App> = self
            .world
            .apps(call.now, self.settings.list_eventual == ListEventual::On)
            .filter(|app| projects.iter().all(|project| *project == app.project))
            .filter(|app| self.may_read(call, app).is_ok())
            .collect();
        let mut pagination = serde_json::Map::new();
        if !found.is_empty() {
            pagination.insert("totalResult".to_owned(), json!(found.len().to_string()));
        }
        if limit != usize::MAX {
            pagination.insert("appliedLimit".to_owned(), json!(limit.to_string()));
        }
        let applications: Vec<Value> = found.into_iter().skip(offset).take(limit).map(wire::application).collect();
        let mut body = json!({"pagination": pagination});
        if !applications.is_empty() {
            body["applications"] = Value::Array(applications);
        }
        Ok(body)
    }

    fn may_read(&self, call: &Call<'_>, app: &App) -> Result<(), Refusal> {
        let (org, project) = (&app.details.owner, Some(app.project.as_str()));
        access::check(&self.world, &call.user, org, project, Permission::AppRead, Layer::Command)
    }
}

fn dated(name: &str, app: &App) -> Value {
    json!({name: wire::time(app.details.changed)})
}
