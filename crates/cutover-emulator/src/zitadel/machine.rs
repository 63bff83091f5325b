//! Machine users: Management v1 and the v2 user service.

use std::borrow::Cow;

use serde_json::Value;

use super::access::{self, Layer};
use super::lists::{NameFilter, Page};
use super::objects::{Details, User};
use super::refusal::{Code, Refusal};
use super::roles::Permission;
use super::route::{SecretCall, UserCall};
use super::wire::{self, Times};
use super::{Call, Outcome, Zitadel};
use crate::json::{Json, json};
use crate::secret;

const NO_SUCH_USER: &str = "Errors.User.NotExisting";
const NO_USER: &str = "User could not be found";

impl Zitadel {
    pub(super) fn user_call(&mut self, call: &Call<'_>, route: &UserCall) -> Outcome {
        let needed = match route {
            UserCall::Keys(_) | UserCall::Get(_) | UserCall::Search => Permission::UserRead,
            UserCall::Delete(_) => Permission::UserDelete,
            UserCall::Create | UserCall::Update(_) | UserCall::Secret(_) | UserCall::RemoveSecret(_) => {
                Permission::UserWrite
            }
        };
        access::check(&self.world, &call.user, &call.org, None, needed, Layer::Api)?;
        match route {
            UserCall::Create => self.create_machine_user(call),
            UserCall::Get(id) => {
                let user = self.owned_user(call, id, "QUERY-Dfbg2", NO_USER)?;
                Ok(json!({"user": move shown(&user, call)}))
            }
            UserCall::Search => self.search_users(call),
            UserCall::Update(id) => self.rename_machine_user(call, id),
            UserCall::Delete(id) => {
                wire::bounded("RemoveUserRequest", "Id", id)?;
                self.owned_user(call, id, "COMMAND-m9od", NO_USER)?;
                let removed = self.world.remove_user(call.now, id);
                let details = removed.ok_or_else(|| Refusal::new(Code::NotFound, "COMMAND-m9od", NO_USER))?;
                Ok(json!({"details": move wire::details(&details, Times::Changed)}))
            }
            UserCall::Secret(id) => {
                wire::bounded("GenerateMachineSecretRequest", "UserId", id)?;
                self.set_machine_secret(call, id)
            }
            UserCall::RemoveSecret(id) => {
                wire::bounded("RemoveMachineSecretRequest", "UserId", id)?;
                let gone = || Refusal::new(Code::FailedPrecondition, "COMMAND-x7s802", NO_SUCH_USER);
                self.world.user(id).filter(|user| user.org == call.org).ok_or_else(gone)?;
                let details = self.remove_secret(call, id)?;
                Ok(json!({"details": move wire::details(&details, Times::Changed)}))
            }
            UserCall::Keys(id) => {
                wire::bounded("ListMachineKeysRequest", "UserId", id)?;
                // Keys are not emulated, so every list of them is empty: that of a user in another organisation, or of
                // none, as well. Zitadel says of lists that they are filtered to the chosen organisation.
                Ok(json!({"details": {"viewTimestamp": move wire::time(call.now)}}))
            }
        }
    }

    pub(super) fn secret_call(&mut self, call: &Call<'_>, path_id: Option<&str>, route: SecretCall) -> Outcome {
        let id = match path_id {
            Some(id) => id.to_owned(),
            None => wire::text(&call.body, "userId")?,
        };
        let message = match route {
            SecretCall::Add => "AddSecretRequest",
            SecretCall::Remove => "RemoveSecretRequest",
        };
        wire::bounded(message, "UserId", &id)?;
        let unknown = match route {
            SecretCall::Add => "COMMAND-x8910n",
            SecretCall::Remove => "COMMAND-x7s802",
        };
        let missing = || Refusal::new(Code::FailedPrecondition, unknown, NO_SUCH_USER);
        let user = self.world.user(&id).filter(|user| user.machine).ok_or_else(missing)?;
        // A service account may change its own secret whatever roles it has.
        if call.user != id {
            access::check(&self.world, &call.user, &user.org, None, Permission::UserWrite, Layer::Command)?;
        }
        match route {
            SecretCall::Add => {
                let plain = self.new_secret(call, &id)?;
                Ok(json!({"creationDate": move wire::time(call.now), "clientSecret": move plain}))
            }
            SecretCall::Remove => {
                self.remove_secret(call, &id)?;
                Ok(json!({"deletionDate": move wire::time(call.now)}))
            }
        }
    }

    fn create_machine_user(&mut self, call: &Call<'_>) -> Outcome {
        let message = "AddMachineUserRequest";
        let (login, name) = (wire::text(&call.body, "userName")?, wire::text(&call.body, "name")?);
        wire::bounded(message, "UserName", &login)?;
        wire::bounded(message, "Name", &name)?;
        let id = match wire::text(&call.body, "userId")? {
            id if id.is_empty() => self.world.next_id(&mut self.rng),
            id => id,
        };
        let made = self.world.create_user(&id, &call.org, &login, &name, true);
        let user = made.ok_or_else(|| Refusal::plain(Code::AlreadyExists, "Errors.User.AlreadyExisting"))?;
        Ok(created(&user, call))
    }

    fn search_users(&self, call: &Call<'_>) -> Outcome {
        let page = Page::of(&call.body, "query")?;
        let mut names = Vec::new();
        for query in wire::field(&call.body, "queries").and_then(Value::as_array).into_iter().flatten() {
            names.extend(NameFilter::of_member(query, "userNameQuery", "userName")?);
        }
        let found: Vec<Cow<'_, User>> = self
            .world
            .users_of(&call.org)
            .filter(|user| names.iter().all(|filter| filter.matches(&user.login)))
            .collect();
        let total = found.len();
        let page: Vec<Json> = page.cut(found).map(|user| shown(&user, call)).collect();
        let mut details = json!({"viewTimestamp": move wire::time(call.now)});
        if total != 0 {
            details.set("totalResult", json!(total.to_string()));
        }
        let mut body = json!({"details": move details});
        if !page.is_empty() {
            body.set("result", Json::List(page));
        }
        Ok(body)
    }

    fn rename_machine_user(&mut self, call: &Call<'_>, id: &str) -> Outcome {
        let message = "UpdateMachineRequest";
        let name = wire::text(&call.body, "name")?;
        wire::bounded(message, "UserId", id)?;
        wire::bounded(message, "Name", &name)?;
        let user = self.owned_user(call, id, "COMMAND-5M0od", NO_USER)?;
        if !user.machine {
            return Err(Refusal::new(Code::NotFound, "COMMAND-5M0od", NO_USER));
        }
        if user.name == name {
            return Err(Refusal::new(Code::FailedPrecondition, "COMMAND-2n8vs", "User not changed"));
        }
        let renamed = self.world.rename_user(call.now, id, name);
        let details = renamed.ok_or_else(|| Refusal::new(Code::NotFound, "COMMAND-5M0od", NO_USER))?;
        Ok(json!({"details": move wire::details(&details, Times::Changed)}))
    }

    /// A user of the organisation of the request; else refused with `refusal`.
    fn owned_user(
        &self,
        call: &Call<'_>,
        id: &str,
        refusal: &'static str,
        text: &'static str,
    ) -> Result<Cow<'_, User>, Refusal> {
        let user = self.world.user(id).filter(|user| user.org == call.org);
        user.ok_or_else(|| Refusal::new(Code::NotFound, refusal, text))
    }

    fn set_machine_secret(&mut self, call: &Call<'_>, id: &str) -> Outcome {
        let unknown = |id| Refusal::new(Code::NotFound, id, "User could not be found");
        let user = self.world.user(id).ok_or_else(|| unknown("QUERY-Dfbg2"))?;
        if user.org != call.org {
            return Err(unknown("MANAG-fpo4B"));
        }
        if !user.machine {
            return Err(Refusal::new(Code::FailedPrecondition, "COMMAND-x8910n", NO_SUCH_USER));
        }
        let login = user.login.clone();
        let plain = self.new_secret(call, id)?;
        let details = self.world.user(id).map(|user| user.details(call.now));
        let details = details.ok_or_else(|| unknown("QUERY-Dfbg2"))?;
        Ok(json!({
            "clientId": login,
            "clientSecret": move plain,
            "details": move wire::details(&details, Times::Created),
        }))
    }

    fn new_secret(&mut self, call: &Call<'_>, id: &str) -> Result<String, Refusal> {
        let plain = secret::alphanumeric(&mut self.rng, 64);
        let set = self.world.set_user_secret(call.now, id, Some(&plain));
        set.ok_or_else(|| Refusal::new(Code::FailedPrecondition, "COMMAND-x8910n", NO_SUCH_USER))?;
        Ok(plain)
    }

    fn remove_secret(&mut self, call: &Call<'_>, id: &str) -> Result<Details, Refusal> {
        if !self.world.has_user_secret(id) {
            return Err(Refusal::new(Code::FailedPrecondition, "COMMAND-coi82n", "Secret doesn't exist"));
        }
        let removed = self.world.set_user_secret(call.now, id, None);
        removed.ok_or_else(|| Refusal::new(Code::FailedPrecondition, "COMMAND-x7s802", NO_SUCH_USER))
    }
}

/// A user as v1 reads it: whether there is a secret, and never the secret.
fn shown(user: &User, call: &Call<'_>) -> Json {
    let mut shown = json!({
        "id": user.id,
        "details": move wire::details(&user.details(call.now), Times::Both),
        "state": "USER_STATE_ACTIVE",
        "userName": user.login,
        "loginNames": [user.login],
        "preferredLoginName": user.login,
    });
    if user.machine {
        let mut machine = json!({"name": user.name});
        if user.has_secret() {
            machine.set("hasSecret", json!(true));
        }
        shown.set("machine", machine);
    } else {
        shown.set("human", json!({}));
    }
    shown
}

/// Creating a machine user is the one creation that answers with `changeDate`.
fn created(user: &User, call: &Call<'_>) -> Json {
    json!({"userId": user.id, "details": move wire::details(&user.details(call.now), Times::Changed)})
}
