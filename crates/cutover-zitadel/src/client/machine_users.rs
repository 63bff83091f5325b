//! Management v1: machine users.

use cutover_core::RotateError;
use cutover_http::{Outgoing, Path, ShowOnce};

use super::{Client, KEPT_HEADERS};
use crate::UserId;
use crate::wire::{
    CreateMachineUser, CreatedMachineUser, Details, DetailsAnswer, Empty, KeysAnswer, KeysQuery, NewClientSecret,
};

/// Machine users, through management v1.
///
/// Every call needs `user.read` or `user.write` in the organisation that it is made in. A user that lives in another
/// organisation is answered like one that does not exist.
#[derive(Clone, Copy, Debug)]
pub struct MachineUsers<'a> {
    client: &'a Client,
}

impl<'a> MachineUsers<'a> {
    pub(super) fn new(client: &'a Client) -> Self {
        Self { client }
    }

    /// Creates a machine user, without a secret.
    ///
    /// # Errors
    /// As every call.
    pub async fn create(&self, new: &CreateMachineUser) -> Result<CreatedMachineUser, RotateError> {
        let outgoing = Outgoing::post("machine_users.create", users().literal("machine")).json(new);
        self.client.v1(outgoing).await?.json()
    }

    /// Makes a new secret for a machine user. The old one is dead at once; its access tokens stay good.
    ///
    /// # Errors
    /// With an unknown effect the old secret may be dead and nobody saw the new one; only another call gives one.
    pub async fn set_secret(&self, id: &UserId) -> Result<ShowOnce<NewClientSecret>, RotateError> {
        let outgoing = Outgoing::put("machine_users.set_secret", user(id).literal("secret")).json(&Empty {});
        Ok(self.client.v1(outgoing).await?.into_show_once(KEPT_HEADERS))
    }

    /// Leaves a machine user without a secret.
    ///
    /// # Errors
    /// As every call; a user without one is refused.
    pub async fn remove_secret(&self, id: &UserId) -> Result<Details, RotateError> {
        let outgoing = Outgoing::delete("machine_users.remove_secret", user(id).literal("secret"));
        let received = self.client.v1(outgoing).await?;
        Ok(received.json::<DetailsAnswer>().unwrap_or_default().details)
    }

    /// Looks whether the caller may read the keys of machine users in the organisation. Changes nothing.
    ///
    /// This is the cheapest read about a machine user that Zitadel documents. It shows that the caller's credential is
    /// accepted, that the organisation exists and that the caller has `user.read` there. It does not show that the user
    /// exists: a list of the keys of nobody is an empty list.
    ///
    /// # Errors
    /// As every call.
    pub async fn check_access(&self, id: &UserId) -> Result<(), RotateError> {
        let query = KeysQuery::one();
        let outgoing =
            Outgoing::post("machine_users.search_keys", user(id).literal("keys/_search")).json(&query).idempotent();
        let received = self.client.v1(outgoing).await?;
        received.json::<KeysAnswer>().map(drop)
    }
}

fn users() -> Path {
    Path::new().literal("management/v1/users")
}

fn user(id: &UserId) -> Path {
    users().id(id.as_str())
}
