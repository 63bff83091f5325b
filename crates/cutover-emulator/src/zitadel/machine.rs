//! Machine users: Management v1 and the v2 user service.

use super::access::{self, Layer, Permission};
use super::management::Outcome;
use super::refusal::{Code, Refusal};
use super::route::{SecretCall, UserCall};
use super::state::User;
use super::wire::{self, Times};
use super::{Call, Zitadel};
use crate::json::{Json, json};
use crate::secret;

const NO_SUCH_USER: &str = "Errors.User.NotExisting";

impl Zitadel {
    pub(super) fn user_call(&mut self, call: &Call<'_>, route: &UserCall) -> Outcome {
        let needed = if let UserCall::Keys(_) = route { Permission::UserRead } else { Permission::UserWrite };
        access::check(&self.world, &call.user, &call.org, None, needed, Layer::Api)?;
        match route {
            UserCall::Create => self.create_machine_user(call),
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

    fn remove_secret(&mut self, call: &Call<'_>, id: &str) -> Result<super::state::Details, Refusal> {
        if !self.world.has_user_secret(id) {
            return Err(Refusal::new(Code::FailedPrecondition, "COMMAND-coi82n", "Secret doesn't exist"));
        }
        let removed = self.world.set_user_secret(call.now, id, None);
        removed.ok_or_else(|| Refusal::new(Code::FailedPrecondition, "COMMAND-x7s802", NO_SUCH_USER))
    }
}

/// Creating a machine user is the one creation that answers with `changeDate`.
fn created(user: &User, call: &Call<'_>) -> Json {
    json!({"userId": user.id, "details": move wire::details(&user.details(call.now), Times::Changed)})
}
