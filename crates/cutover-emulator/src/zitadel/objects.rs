//! Apps, users and tokens, as an instance keeps them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::projected::Projected;
use crate::secret::Hash;

/// An app, which has one secret or none.
#[derive(Clone, Debug)]
pub(super) struct App {
    pub(super) id: String,
    pub(super) project: String,
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) auth: AuthMethod,
    pub(super) active: bool,
    pub(super) client_id: String,
    pub(super) secret: Option<Hash>,
    /// The rest of an OIDC app's configuration, by the vendor's names.
    pub(super) config: Map<String, Value>,
    pub(super) details: Details,
}

/// An app, and what happened to it since it was seeded, oldest first.
#[derive(Clone, Debug)]
pub(super) struct AppRecord {
    pub(super) app: Projected<Option<App>>,
    pub(super) changes: Vec<Change>,
}

/// What an app is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Api,
    Oidc,
}

/// How a client shows who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AuthMethod {
    Basic,
    Post,
    None,
    PrivateKeyJwt,
}

/// What every answer says of the object it is about.
#[derive(Clone, Debug)]
pub(super) struct Details {
    pub(super) sequence: u64,
    pub(super) created: Timestamp,
    pub(super) changed: Timestamp,
    pub(super) owner: String,
}

/// An entry of an app's change list.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) event: String,
    pub(super) sequence: u64,
    pub(super) at: Timestamp,
    pub(super) editor: String,
    pub(super) owner: String,
}

/// A user; only machine users have a secret.
#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) id: String,
    pub(super) org: String,
    pub(super) login: String,
    pub(super) name: String,
    pub(super) machine: bool,
    pub(super) keys: BTreeMap<String, MachineKey>,
    pub(super) sequence: u64,
    pub(super) secret: Projected<Option<Hash>>,
}

/// The public half of a machine user's key.
#[derive(Clone, Debug)]
pub(super) struct MachineKey {
    pub(super) public_pem: &'static str,
    pub(super) expires: Timestamp,
}

/// What is known of a token that was handed out.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) user: String,
    pub(super) issued: Timestamp,
    pub(super) expires: Option<Timestamp>,
    /// Whether the API is in its audience; a personal access token skips that check.
    pub(super) for_api: bool,
    pub(super) personal: bool,
    pub(super) scope: String,
}

/// What makes a new app.
pub(super) struct NewApp {
    pub(super) id: Option<String>,
    pub(super) project: String,
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) auth: AuthMethod,
    pub(super) config: Map<String, Value>,
}

impl AuthMethod {
    /// Whether a client of this method has a secret made when it is created.
    pub(super) fn has_secret(self) -> bool {
        matches!(self, Self::Basic | Self::Post)
    }
}

impl Kind {
    /// The word in event names.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Oidc => "oidc",
        }
    }
}

impl User {
    /// A user without a secret.
    pub(super) fn new(id: &str, org: &str, login: &str, name: &str, machine: bool) -> Self {
        Self {
            id: id.to_owned(),
            org: org.to_owned(),
            login: login.to_owned(),
            name: name.to_owned(),
            machine,
            keys: BTreeMap::new(),
            sequence: 1,
            secret: Projected::new(None),
        }
    }

    /// A machine user whose secret was set once.
    pub(super) fn machine_with_secret(id: &str, org: &str, login: &str, hash: Hash) -> Self {
        Self { sequence: 2, secret: Projected::new(Some(hash)), ..Self::new(id, org, login, login, true) }
    }

    /// Whether the event log has a secret of this user.
    pub(super) fn has_secret(&self) -> bool {
        self.secret.committed().is_some()
    }

    /// What an answer about this user says, for a change made now.
    pub(super) fn details(&self, now: Timestamp) -> Details {
        Details { sequence: self.sequence, created: now, changed: now, owner: self.org.clone() }
    }
}
