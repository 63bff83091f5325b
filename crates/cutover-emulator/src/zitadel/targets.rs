//! The credentials that an instance has at first, as functions of their number.

use serde_json::{Map, Value, json};

use super::objects::{App, AppRecord, AuthMethod, Change, Details, Kind, User};
use super::projected::Projected;
use super::seed::{AppTarget, MachineUserTarget, ZitadelTarget};
use super::wire;
use crate::secret::{self, Hash, SeededSecret};
use crate::stock::{SEEDED_AT, Seeded, rng_of};

/// Ids rise by less than this.
pub(super) const ID_STEP: u64 = 1_000_000;

/// API apps, OIDC apps and machine users, in turn.
#[derive(Clone, Debug, Default)]
pub(super) struct Targets {
    pub(super) seed: u64,
    pub(super) count: usize,
    /// The id that theirs come after.
    pub(super) first_id: u64,
    /// The organisation of them all.
    pub(super) org: String,
    /// The project of the apps.
    pub(super) project: String,
    /// Who made them.
    pub(super) editor: String,
}

/// The apps among the targets.
#[derive(Clone, Debug, Default)]
pub(super) struct SeededApps(pub(super) Targets);

/// The machine users among the targets.
#[derive(Clone, Debug, Default)]
pub(super) struct SeededUsers(pub(super) Targets);

/// What a target is.
enum What {
    App(Kind),
    MachineUser,
}

impl Targets {
    /// The last id that a target may have.
    pub(super) fn last_id(&self) -> u64 {
        self.first_id + 2 * self.count as u64 * ID_STEP
    }

    /// How many events the targets' apps are in their project's log.
    pub(super) fn project_events(&self) -> u64 {
        2 * SeededApps(self.clone()).count() as u64
    }

    /// What a caller has to know of one.
    pub(super) fn target(&self, at: usize) -> ZitadelTarget {
        let client_secret = SeededSecret::new(self.secret(at));
        let app = |client_secret| AppTarget {
            project_id: self.project.clone(),
            app_id: self.id(2 * at),
            client_id: self.id(2 * at + 1),
            client_secret,
        };
        match what(at) {
            What::App(Kind::Api) => ZitadelTarget::Api(app(client_secret)),
            What::App(Kind::Oidc) => ZitadelTarget::Oidc(app(client_secret)),
            What::MachineUser => ZitadelTarget::MachineUser(MachineUserTarget {
                user_id: self.id(2 * at),
                client_id: login(at),
                client_secret,
            }),
        }
    }

    fn id(&self, slot: usize) -> String {
        self.id_number(slot).to_string()
    }

    fn id_number(&self, slot: usize) -> u64 {
        self.first_id + slot as u64 * ID_STEP + rng_of(self.seed, 0, slot).u64(1..ID_STEP)
    }

    /// The place in the row of ids that `id` has.
    fn slot(&self, id: &str) -> Option<usize> {
        // A number can be written in other ways that are nobody's id: `+5`, `05`.
        let number = id.parse::<u64>().ok().filter(|_| id.starts_with(|first| matches!(first, '1'..='9')))?;
        let slot = usize::try_from(number.checked_sub(self.first_id)? / ID_STEP).ok()?;
        (slot < 2 * self.count && self.id_number(slot) == number).then_some(slot)
    }

    fn secret(&self, at: usize) -> String {
        secret::alphanumeric(&mut rng_of(self.seed, 1, at), 64)
    }
}

impl SeededApps {
    /// The number of the app with this client id.
    pub(super) fn number_of_client(&self, client_id: &str) -> Option<usize> {
        let slot = self.0.slot(client_id)?;
        if slot % 2 == 1 { number_of_app(slot / 2) } else { None }
    }

    /// What happened to the app of this id before anything else: nothing, unless it is a seeded one.
    pub(super) fn first_changes(&self, id: &str) -> Vec<Change> {
        let Some(number) = self.number(id) else { return Vec::new() };
        let change = |event: String, sequence| Change {
            event: format!("project.application.{event}"),
            sequence,
            at: SEEDED_AT,
            editor: self.0.editor.clone(),
            owner: self.0.org.clone(),
        };
        let config = format!("config.{}.added", kind_of_app(at_of_app(number)).word());
        vec![change("added".to_owned(), added(number)), change(config, added(number) + 1)]
    }

    /// The id of an app.
    pub(super) fn id(&self, number: usize) -> String {
        self.0.id(2 * at_of_app(number))
    }
}

impl Seeded for SeededApps {
    type Thing = AppRecord;

    fn count(&self) -> usize {
        self.0.count - self.0.count / 3
    }

    fn make(&self, number: usize) -> AppRecord {
        let targets = &self.0;
        let at = at_of_app(number);
        let kind = kind_of_app(at);
        let app = App {
            id: targets.id(2 * at),
            project: targets.project.clone(),
            name: format!("{} {at}", kind.word()),
            kind,
            auth: AuthMethod::Basic,
            active: true,
            client_id: targets.id(2 * at + 1),
            secret: Some(Hash::of(&targets.secret(at))),
            config: config(kind),
            details: Details {
                sequence: added(number) + 1,
                created: SEEDED_AT,
                changed: SEEDED_AT,
                owner: targets.org.clone(),
            },
        };
        AppRecord { app: Projected::new(Some(app)), changes: Vec::new() }
    }

    fn number(&self, id: &str) -> Option<usize> {
        let slot = self.0.slot(id)?;
        if slot.is_multiple_of(2) { number_of_app(slot / 2) } else { None }
    }
}

impl SeededUsers {
    /// The id of the machine user with this login name.
    pub(super) fn id_of_login(&self, login: &str) -> Option<String> {
        let at = login.strip_prefix("machine-")?.parse::<usize>().ok()?;
        let is_one = at < self.0.count && matches!(what(at), What::MachineUser) && self::login(at) == login;
        is_one.then(|| self.0.id(2 * at))
    }
}

impl Seeded for SeededUsers {
    type Thing = User;

    fn count(&self) -> usize {
        self.0.count / 3
    }

    fn make(&self, number: usize) -> User {
        let at = 3 * number + 2;
        let hash = Hash::of(&self.0.secret(at));
        User::machine_with_secret(&self.0.id(2 * at), &self.0.org, &login(at), hash)
    }

    fn number(&self, id: &str) -> Option<usize> {
        let slot = self.0.slot(id)?;
        (slot.is_multiple_of(2) && matches!(what(slot / 2), What::MachineUser)).then_some(slot / 6)
    }
}

/// The configuration of a seeded app.
pub(super) fn config(kind: Kind) -> Map<String, Value> {
    match kind {
        Kind::Api => Map::new(),
        Kind::Oidc => [
            ("grantTypes".to_owned(), json!([wire::CODE_GRANT])),
            ("redirectUris".to_owned(), json!(["https://app.example/callback"])),
            ("responseTypes".to_owned(), json!(["OIDC_RESPONSE_TYPE_CODE"])),
        ]
        .into_iter()
        .collect(),
    }
}

fn what(at: usize) -> What {
    match at % 3 {
        0 => What::App(Kind::Api),
        1 => What::App(Kind::Oidc),
        _ => What::MachineUser,
    }
}

fn kind_of_app(at: usize) -> Kind {
    if at.is_multiple_of(3) { Kind::Api } else { Kind::Oidc }
}

/// Where in its project's log an app was added: after the project itself, and two events for every app before it.
fn added(number: usize) -> u64 {
    2 + 2 * number as u64
}

fn at_of_app(number: usize) -> usize {
    number / 2 * 3 + number % 2
}

fn number_of_app(at: usize) -> Option<usize> {
    match what(at) {
        What::App(_) => Some(at / 3 * 2 + at % 3),
        What::MachineUser => None,
    }
}

fn login(at: usize) -> String {
    format!("machine-{at}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_found_by_each_of_its_ids_and_nothing_else_is() {
        let targets = Targets { seed: 7, count: 11, first_id: 400, org: "1".to_owned(), ..Targets::default() };
        let (apps, users) = (SeededApps(targets.clone()), SeededUsers(targets.clone()));
        assert_eq!((apps.count(), users.count()), (8, 3));
        let (mut nth_app, mut nth_user) = (0, 0);
        for at in 0..targets.count {
            match targets.target(at) {
                ZitadelTarget::Api(app) | ZitadelTarget::Oidc(app) => {
                    assert_eq!(apps.number(&app.app_id), Some(nth_app));
                    assert_eq!(apps.number_of_client(&app.client_id), Some(nth_app));
                    assert_eq!((apps.number(&app.client_id), apps.number_of_client(&app.app_id)), (None, None));
                    assert_eq!(users.number(&app.app_id), None);
                    let made = apps.make(nth_app).app.committed().clone().expect("an app");
                    assert_eq!((made.id, made.client_id), (app.app_id, app.client_id));
                    assert!(made.secret.is_some_and(|hash| hash.matches(app.client_secret.expose())));
                    nth_app += 1;
                }
                ZitadelTarget::MachineUser(user) => {
                    assert_eq!(users.number(&user.user_id), Some(nth_user));
                    assert_eq!(users.id_of_login(&user.client_id).as_deref(), Some(user.user_id.as_str()));
                    assert_eq!(apps.number(&user.user_id), None);
                    assert_eq!(users.make(nth_user).id, user.user_id);
                    nth_user += 1;
                }
            }
        }
        for id in ["", "400", "0", "x", "18446744073709551615"] {
            assert_eq!((apps.number(id), users.number(id)), (None, None));
        }
        for login in ["machine-0", "machine-02", "machine-14", "machine-+2", "owner"] {
            assert_eq!(users.id_of_login(login), None, "{login}");
        }
    }
}
