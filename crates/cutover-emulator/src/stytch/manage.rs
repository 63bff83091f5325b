//! The project's own calls: clients are created, read, changed, deleted and rotated.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::client::{AppFields, AppInput, Client, Family, Fields, Kept, M2mFields, M2mInput, Shape};
use super::problem::Problem;
use super::route::Verb;
use super::settings::{
    CreateStatus, ErrorPrefix, RotateInactive, RotationErrorStatus, SearchPages, SearchTotal, SecretEntropyRule,
    SecretLength, SecretLengthMax, StartWhilePending, UnknownFields, UnknownM2mClientStatus,
};
use super::{Outcome, Stytch, body, search};
use crate::answer;
use crate::json::{Json, json};
use crate::model::Request;
use crate::secret;

impl Stytch {
    /// Answers a call of the project about its clients.
    pub(super) fn manage(&mut self, request: &Request, family: Family, verb: &Verb) -> Outcome {
        self.authenticate(request)?;
        match verb {
            Verb::Create => self.create(family, request),
            Verb::Search => {
                let page = search::read(family, request)?;
                let (clients, metadata) = self.page(family, &page)?;
                let name = match family {
                    Family::ConnectedApp => "connected_apps",
                    Family::M2m => "m2m_clients",
                };
                Ok((200, json!({ name: move clients, "results_metadata": move metadata })))
            }
            Verb::Get(id) => {
                let client = self.find(family, id)?;
                Ok((200, self.envelope(&client, Shape::Base)))
            }
            Verb::Update(id) => self.update(family, id, request),
            Verb::Delete(id) => {
                self.find(family, id)?;
                self.clients.remove(family, id);
                Ok((200, json!({ "client_id": id })))
            }
            Verb::Start(id) => self.start(family, id, request),
            Verb::Rotate(id) => self.end_rotation(family, id, request, true),
            Verb::Cancel(id) => self.end_rotation(family, id, request, false),
        }
    }

    fn authenticate(&self, request: &Request) -> Result<(), Problem> {
        let (project, secret) = answer::basic(request).ok_or_else(|| {
            let message = "The call needs HTTP Basic authorization with project id and secret.";
            Problem::api(401, "invalid_authorization_header", message)
        })?;
        if project.starts_with("project-live-") {
            let message = "A live project id does not work in the test environment.";
            return Err(Problem::api(400, "live_id_used_in_test_environment", message));
        }
        if !project.starts_with("project-") {
            let message = "This is not a project id.";
            return Err(Problem::api(400, "invalid_project_id_authentication", message));
        }
        if !secret.starts_with("secret-") {
            let message = "This is not a project secret.";
            return Err(Problem::api(400, "invalid_secret_authentication", message));
        }
        if project != self.project_id || !self.project_secret.matches(&secret) {
            let message = "Project id and secret do not belong together.";
            return Err(Problem::api(401, "unauthorized_credentials", message));
        }
        Ok(())
    }

    fn create(&mut self, family: Family, request: &Request) -> Outcome {
        let (id, secret, fields) = match family {
            Family::ConnectedApp => {
                let fields = AppFields::create(body::object::<AppInput>(request)?, self.bad_app_type())?;
                let secret = fields.is_confidential().then(|| self.new_secret());
                (self.new_id(family), secret, Fields::ConnectedApp(fields))
            }
            Family::M2m => {
                let mut input = body::object::<M2mInput>(request)?;
                let (id, secret) = (input.client_id.take(), input.client_secret.take());
                let fields = M2mFields::create(input)?;
                if let Some(id) = &id {
                    self.check_custom_id(id)?;
                }
                if let Some(secret) = &secret {
                    self.check_custom_secret(secret)?;
                }
                let id = id.unwrap_or_else(|| self.new_id(family));
                let secret = secret.unwrap_or_else(|| self.new_secret());
                (id, Some(secret), Fields::M2m(fields))
            }
        };
        self.insert(id.clone(), fields, secret.as_deref());
        let client = self.find(family, &id)?;
        let status = match self.settings.create_status {
            CreateStatus::Ok => 200,
            CreateStatus::Created => 201,
        };
        Ok((status, self.envelope(&client, Shape::WithSecret(secret.as_deref()))))
    }

    fn update(&mut self, family: Family, id: &str, request: &Request) -> Outcome {
        self.find(family, id)?;
        match &mut self.find_mut(family, id)?.fields {
            Fields::ConnectedApp(fields) => fields.update(body::object(request)?)?,
            Fields::M2m(fields) => fields.update(body::object(request)?)?,
        }
        Ok((200, self.envelope(&*self.find(family, id)?, Shape::Base)))
    }

    fn start(&mut self, family: Family, id: &str, request: &Request) -> Outcome {
        let client = self.rotatable(family, id, request)?;
        if !client.is_active() && self.settings.rotate_inactive == RotateInactive::Refused {
            let message = "An inactive client cannot begin a rotation.";
            return Err(Problem::api(400, "m2m_client_invalid_status", message));
        }
        if client.next.is_some() && self.settings.start_while_pending == StartWhilePending::Error {
            let message = "A rotation of this client is already in progress.";
            return Err(self.rotation_problem(family, "already_rotating_secret", message));
        }
        let secret = self.new_secret();
        self.find_mut(family, id)?.next = Some(Kept::of(&secret));
        let client = self.find(family, id)?;
        Ok((200, self.envelope(&client, Shape::WithNextSecret(&secret))))
    }

    /// Commits or cancels a rotation.
    fn end_rotation(&mut self, family: Family, id: &str, request: &Request, commit: bool) -> Outcome {
        if self.rotatable(family, id, request)?.next.is_none() {
            let message = "No rotation of this client is in progress.";
            return Err(self.rotation_problem(family, "not_rotating_secret", message));
        }
        let client = self.find_mut(family, id)?;
        let next = client.next.take();
        if commit {
            client.current = next;
        }
        Ok((200, self.envelope(&*self.find(family, id)?, Shape::Base)))
    }

    /// The client, if it exists and has secrets; the body may be empty or any object.
    fn rotatable(&self, family: Family, id: &str, request: &Request) -> Result<Cow<'_, Client>, Problem> {
        let client = self.find(family, id)?;
        body::object::<Map<String, Value>>(request)?;
        if client.is_public() {
            let message = "Public Connected Apps have no secret.";
            return Err(Problem::api(400, "public_connected_apps_do_not_have_secrets", message));
        }
        Ok(client)
    }

    fn envelope(&self, client: &Client, shape: Shape<'_>) -> Json {
        let name = match client.family() {
            Family::ConnectedApp => "connected_app",
            Family::M2m => "m2m_client",
        };
        json!({ name: move self.shown(client, shape) })
    }

    fn shown(&self, client: &Client, shape: Shape<'_>) -> Json {
        let mut shown = client.shown(shape, &self.settings);
        if self.settings.unknown_fields == UnknownFields::Present {
            shown.set("policy_hints", json!({ "revision": client.order, "labels": [] }));
        }
        shown
    }

    fn page(&self, family: Family, page: &search::Search) -> Result<(Vec<Json>, Json), Problem> {
        let matching = |from| self.clients.since(family, from).filter(|client| page.query.matches(client));
        let total = match self.settings.search_total {
            SearchTotal::Hidden => -1,
            SearchTotal::Known => {
                let all = page.query.is_for_all();
                let count = if all { self.clients.len_of(family) } else { matching(0).count() };
                i64::try_from(count).unwrap_or(i64::MAX)
            }
        };
        let mut rest = matching(page.from).peekable();
        let mut clients = Vec::new();
        while clients.len() < page.limit {
            let Some(client) = rest.next() else { break };
            clients.push(self.shown(&client, Shape::Base));
            let is_short = clients.len() + 1 == page.limit && self.settings.search_pages == SearchPages::Short;
            if is_short && rest.peek().is_some() {
                break;
            }
        }
        let cursor = rest.peek().map(|client| search::cursor(client.order));
        Ok((clients, json!({ "total": total, "next_cursor": move cursor })))
    }

    fn find(&self, family: Family, id: &str) -> Result<Cow<'_, Client>, Problem> {
        self.clients.get(family, id).ok_or_else(|| no_such_client(self.prefix(family), self.status_of_unknown(family)))
    }

    fn find_mut(&mut self, family: Family, id: &str) -> Result<&mut Client, Problem> {
        let (kind, status) = (self.prefix(family), self.status_of_unknown(family));
        self.clients.get_mut(family, id).ok_or_else(|| no_such_client(kind, status))
    }

    fn status_of_unknown(&self, family: Family) -> u16 {
        match (family, self.settings.unknown_m2m_client_status) {
            (Family::M2m, UnknownM2mClientStatus::BadRequest) => 400,
            (Family::M2m, UnknownM2mClientStatus::NotFound) | (Family::ConnectedApp, _) => 404,
        }
    }

    fn rotation_problem(&self, family: Family, what: &str, message: &'static str) -> Problem {
        let status = match self.settings.rotation_error_status {
            RotationErrorStatus::BadRequest => 400,
            RotationErrorStatus::Conflict => 409,
        };
        Problem::api(status, format!("{}_{what}", self.prefix(family)), message)
    }

    fn prefix(&self, family: Family) -> &'static str {
        match (family, self.settings.error_prefix) {
            (Family::M2m, _) => "m2m_client",
            (Family::ConnectedApp, ErrorPrefix::IdpClient) => "idp_client",
            (Family::ConnectedApp, ErrorPrefix::ConnectedApp) => "connected_app",
        }
    }

    fn bad_app_type(&self) -> &'static str {
        match self.settings.error_prefix {
            ErrorPrefix::IdpClient => "invalid_idp_client_type",
            ErrorPrefix::ConnectedApp => "invalid_connected_app_type",
        }
    }

    fn check_custom_id(&self, id: &str) -> Result<(), Problem> {
        // Which ids are bad is not published; these could not be written into a path or a Basic header.
        if id.is_empty() || id.contains(|c: char| c.is_control() || c.is_whitespace() || "/:".contains(c)) {
            let message = "client_id cannot be used.";
            return Err(Problem::api(400, "m2m_client_invalid_client_id", message));
        }
        if self.clients.get(Family::M2m, id).is_some() {
            let message = "client_id is taken.";
            return Err(Problem::api(400, "duplicate_m2m_client_id", message));
        }
        Ok(())
    }

    fn check_custom_secret(&self, secret: &str) -> Result<(), Problem> {
        let distinct: std::collections::BTreeSet<char> = secret.chars().collect();
        let (kind, message) = if secret.chars().count() < 8 {
            ("m2m_client_invalid_client_secret", "client_secret has fewer than 8 characters.")
        } else if 72 < secret.len() && self.settings.secret_length_max == SecretLengthMax::Bytes72 {
            ("client_secret_too_long", "client_secret is too long.")
        } else if distinct.len() < 5 && self.settings.secret_entropy_rule == SecretEntropyRule::FiveDistinct {
            ("insecure_m2m_client_secret", "client_secret is too easy to guess.")
        } else {
            return Ok(());
        };
        Err(Problem::api(400, kind, message))
    }

    fn insert(&mut self, id: String, fields: Fields, secret: Option<&str>) {
        let current = secret.map(Kept::of);
        self.clients.add(Client { id, order: 0, fields, current, next: None });
    }

    fn new_id(&mut self, family: Family) -> String {
        format!("{}{}", family.id_prefix(), secret::uuid(&mut self.rng))
    }

    fn new_secret(&mut self) -> String {
        let len = match self.settings.secret_length {
            SecretLength::Long => 48,
            SecretLength::Short => 44,
        };
        secret::base64url(&mut self.rng, len)
    }
}

fn no_such_client(kind: &str, status: u16) -> Problem {
    Problem::api(status, format!("{kind}_not_found"), "There is no such client.")
}
