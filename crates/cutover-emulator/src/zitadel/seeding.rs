//! How an instance comes to what it has at first.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::objects::{AuthMethod, Kind, MachineKey, NewApp, Token};
use super::roles::Role;
use super::seed::{AppTarget, ClientCredentials, KeyFile, MachineUserTarget, Others, ZitadelSeed};
use super::state::World;
use super::targets::{self, Targets};
use super::wire;
use crate::secret::{self, SeededSecret};
use crate::stock::SEEDED_AT;

/// A machine user's private key. It is in every copy of this program and guards nothing.
const MACHINE_KEY: &str = include_str!("keys/emulator-only-machine-key.pem");

/// Its public half.
const MACHINE_KEY_PUBLIC: &str = include_str!("keys/emulator-only-machine-key.pub.pem");

/// A seeded world, and what a caller has to know of it but for the targets; 0 targets stand for one of each kind.
pub(super) fn world(seed: u64, targets: usize, rng: &mut fastrand::Rng) -> (World, ZitadelSeed) {
    let mut seeding = Seeding { world: World::new(), rng, now: SEEDED_AT };
    let org_id = seeding.world.add_org(seeding.rng, "Cutover");
    let foreign_org_id = seeding.world.add_org(seeding.rng, "Elsewhere");
    let project = seeding.world.add_project(seeding.rng, &org_id);
    let project_id = seeding.world.add_project(seeding.rng, &org_id);
    let foreign_project = seeding.world.add_project(seeding.rng, &foreign_org_id);
    let owner = seeding.world.next_id(seeding.rng);
    seeding.world.stock(Targets {
        seed,
        count: if targets == 0 { 3 } else { targets },
        first_id: 0,
        org: org_id.clone(),
        project: project.clone(),
        editor: owner.clone(),
    });

    seeding.world.create_user(&owner, &org_id, "owner", "owner", true);
    seeding.world.add_member(&owner, Some(&org_id), Role::OrgOwner);
    // Whoever makes a project owns it, and only that allows deleting its apps.
    seeding.world.add_member(&owner, Some(&org_id), Role::ProjectOwner(project));
    let instance = seeding.user(&org_id, "instance-owner", true);
    seeding.world.add_member(&instance, None, Role::IamOwner);
    let viewer = seeding.user(&org_id, "viewer", true);
    seeding.world.add_member(&viewer, Some(&org_id), Role::OrgOwnerViewer);
    let project_owner = seeding.user(&org_id, "project-owner", true);
    seeding.world.add_member(&project_owner, Some(&org_id), Role::ProjectOwner(project_id.clone()));
    let human_user_id = seeding.user(&org_id, "human", false);
    let foreign_user_id = seeding.user(&foreign_org_id, "foreign-machine", true);

    let manager = seeding.machine(&org_id, "manager");
    seeding.world.add_member(&manager.user_id, Some(&org_id), Role::OrgOwner);
    let key_file = seeding.key_user(&org_id);
    let foreign_app = seeding.app(&instance, &foreign_project, Kind::Api, 0);
    // What is seeded was always there, also for a clock that begins before the time of these events.
    seeding.world.set_lag(Duration::ZERO);
    let seed = ZitadelSeed {
        token: seeding.token(&owner),
        targets: Vec::new(),
        client_credentials: ClientCredentials { client_id: manager.client_id, client_secret: manager.client_secret },
        key_file,
        others: Others {
            instance_token: seeding.token(&instance),
            viewer_token: seeding.token(&viewer),
            project_token: seeding.token(&project_owner),
            project_id,
            human_user_id,
            foreign_org_id,
            foreign_app,
            foreign_user_id,
        },
        org_id,
    };
    (seeding.world, seed)
}

struct Seeding<'a> {
    world: World,
    rng: &'a mut fastrand::Rng,
    now: Timestamp,
}

impl Seeding<'_> {
    fn user(&mut self, org: &str, login: &str, machine: bool) -> String {
        let id = self.world.next_id(self.rng);
        self.world.create_user(&id, org, login, login, machine);
        id
    }

    fn machine(&mut self, org: &str, login: &str) -> MachineUserTarget {
        let user_id = self.user(org, login, true);
        let client_secret = secret::alphanumeric(self.rng, 64);
        self.world.set_user_secret(self.now, &user_id, Some(&client_secret));
        MachineUserTarget { user_id, client_id: login.to_owned(), client_secret: SeededSecret::new(client_secret) }
    }

    fn key_user(&mut self, org: &str) -> KeyFile {
        let user_id = self.user(org, "key-manager", true);
        self.world.add_member(&user_id, Some(org), Role::OrgOwner);
        let key_id = self.world.next_id(self.rng);
        let expires = self.now.checked_add(SignedDuration::from_hours(24 * 365 * 100)).unwrap_or(self.now);
        self.world.add_key(&user_id, &key_id, MachineKey { public_pem: MACHINE_KEY_PUBLIC, expires });
        KeyFile {
            kind: "serviceaccount",
            key_id,
            key: SeededSecret::new(MACHINE_KEY.to_owned()),
            expiration_date: wire::time(expires),
            user_id,
        }
    }

    fn token(&mut self, user: &str) -> SeededSecret {
        let plain = secret::base64url(self.rng, 71);
        let token = Token {
            user: user.to_owned(),
            issued: self.now,
            expires: None,
            for_api: true,
            personal: true,
            scope: "openid".to_owned(),
        };
        self.world.add_token(&plain, token);
        SeededSecret::new(plain)
    }

    fn app(&mut self, editor: &str, project: &str, kind: Kind, at: usize) -> AppTarget {
        let config = targets::config(kind);
        let name = format!("{} {at}", kind.word());
        let new = NewApp { id: None, project: project.to_owned(), name, kind, auth: AuthMethod::Basic, config };
        let made = self.world.create_app(self.now, editor, new, self.rng);
        let (app_id, client_id, client_secret) =
            made.map(|(app, plain)| (app.id, app.client_id, plain.unwrap_or_default())).unwrap_or_default();
        let client_secret = SeededSecret::new(client_secret);
        AppTarget { project_id: project.to_owned(), app_id, client_id, client_secret }
    }
}
