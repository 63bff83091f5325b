//! Organisations, projects, apps, users and tokens, as the event log has them and as projections show them.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use super::objects::{App, AppRecord, Change, Details, MachineKey, NewApp, Token, User};
use super::projected::{Moment, Projected, Written};
use super::roles::{Member, Role};
use super::seed::ZitadelTarget;
use super::targets::{ID_STEP, SeededApps, SeededUsers, Targets};
use crate::secret::{self, Hash};
use crate::stock::Stock;

/// The id that all others come after.
const FIRST_ID: u64 = 380_000_000_000_000_000;

/// Everything that one instance stores.
pub(super) struct World {
    last_id: u64,
    position: u64,
    lag: Duration,
    apps_caught_up: u64,
    users_caught_up: u64,
    orgs: BTreeMap<String, String>,
    projects: BTreeMap<String, Project>,
    apps: Stock<SeededApps>,
    /// Only of apps that were made since.
    app_of_client: HashMap<String, String>,
    users: Stock<SeededUsers>,
    /// Only of users that were made since.
    user_of_login: HashMap<String, String>,
    members: Vec<Member>,
    tokens: HashMap<[u8; 32], Token>,
}

/// A project; its sequence counts the events of all its apps.
#[derive(Debug)]
pub(super) struct Project {
    pub(super) org: String,
    sequence: u64,
}

impl World {
    /// Nothing at all.
    pub(super) fn new() -> Self {
        Self {
            last_id: FIRST_ID,
            position: 0,
            lag: Duration::ZERO,
            apps_caught_up: 0,
            users_caught_up: 0,
            orgs: BTreeMap::new(),
            projects: BTreeMap::new(),
            apps: Stock::new(SeededApps::default()),
            app_of_client: HashMap::new(),
            users: Stock::new(SeededUsers::default()),
            user_of_login: HashMap::new(),
            members: Vec::new(),
            tokens: HashMap::new(),
        }
    }

    /// Takes over the targets, before any app or user is made; their ids come after those that were given out.
    pub(super) fn stock(&mut self, targets: Targets) {
        let targets = Targets { first_id: self.last_id, ..targets };
        self.last_id = targets.last_id();
        if let Some(project) = self.projects.get_mut(&targets.project) {
            project.sequence += targets.project_events();
        }
        self.apps = Stock::new(SeededApps(targets.clone()));
        self.users = Stock::new(SeededUsers(targets));
    }

    /// What a caller has to know of the targets.
    pub(super) fn seeded_targets(&self) -> impl Iterator<Item = ZitadelTarget> {
        let targets = &self.apps.seeded().0;
        (0..targets.count).map(|at| targets.target(at))
    }

    /// An id like the vendor's: 18 decimal digits, rising.
    pub(super) fn next_id(&mut self, rng: &mut fastrand::Rng) -> String {
        self.last_id += rng.u64(1..ID_STEP);
        self.last_id.to_string()
    }

    /// Sets how long projections stay behind; without a lag they are up to date at once.
    pub(super) fn set_lag(&mut self, lag: Duration) {
        self.lag = lag;
        if lag.is_zero() {
            self.apps_caught_up = self.position;
            self.users_caught_up = self.position;
        }
    }

    /// Brings the projection of apps up to date, as reading one app through v1 does.
    pub(super) fn catch_up_apps(&mut self) {
        self.apps_caught_up = self.position;
    }

    pub(super) fn add_org(&mut self, rng: &mut fastrand::Rng, name: &str) -> String {
        let id = self.next_id(rng);
        self.orgs.insert(id.clone(), name.to_owned());
        id
    }

    pub(super) fn has_org(&self, org: &str) -> bool {
        self.orgs.contains_key(org)
    }

    pub(super) fn add_project(&mut self, rng: &mut fastrand::Rng, org: &str) -> String {
        let id = self.next_id(rng);
        self.projects.insert(id.clone(), Project { org: org.to_owned(), sequence: 1 });
        id
    }

    pub(super) fn project(&self, project: &str) -> Option<&Project> {
        self.projects.get(project)
    }

    pub(super) fn add_member(&mut self, user: &str, org: Option<&str>, role: Role) {
        self.members.push(Member { user: user.to_owned(), org: org.map(str::to_owned), role });
    }

    /// The roles that `user` has in `org`.
    pub(super) fn roles<'a>(&'a self, user: &'a str, org: &'a str) -> impl Iterator<Item = &'a Role> {
        self.members
            .iter()
            .filter(move |member| member.user == user && member.org.as_deref().is_none_or(|scope| scope == org))
            .map(|member| &member.role)
    }

    /// Makes an app, with its secret when its method has one.
    pub(super) fn create_app(
        &mut self,
        now: Timestamp,
        editor: &str,
        new: NewApp,
        rng: &mut fastrand::Rng,
    ) -> Option<(App, Option<String>)> {
        let owner = self.projects.get(&new.project)?.org.clone();
        let id = new.id.unwrap_or_else(|| self.next_id(rng));
        let client_id = self.next_id(rng);
        let plain = new.auth.has_secret().then(|| secret::alphanumeric(rng, 64));
        let mut app = App {
            id: id.clone(),
            project: new.project,
            name: new.name,
            kind: new.kind,
            auth: new.auth,
            active: true,
            client_id: client_id.clone(),
            secret: plain.as_deref().map(Hash::of),
            config: new.config,
            details: Details { sequence: 0, created: now, changed: now, owner },
        };
        if !self.apps.contains(&id) {
            self.apps.add(id.clone(), AppRecord { app: Projected::new(None), changes: Vec::new() });
        }
        self.app_of_client.insert(client_id, id.clone());
        // Two events: one for the app, one for its configuration.
        self.log(now, &app, editor, "added");
        let config_added = format!("config.{}.added", app.kind.word());
        app.details.sequence = self.log(now, &app, editor, &config_added);
        self.write(now, &id, Some(app.clone()));
        Some((app, plain))
    }

    /// Changes an app by one event and gives it as it is then.
    pub(super) fn change_app(
        &mut self,
        now: Timestamp,
        editor: &str,
        id: &str,
        event: &str,
        change: impl FnOnce(&mut App),
    ) -> Option<App> {
        let mut app = self.app(id)?.into_owned();
        change(&mut app);
        app.details.sequence = self.log(now, &app, editor, event);
        app.details.changed = now;
        self.write(now, id, Some(app.clone()));
        Some(app)
    }

    /// Removes an app and gives what it was.
    pub(super) fn remove_app(&mut self, now: Timestamp, editor: &str, id: &str) -> Option<App> {
        let mut app = self.app(id)?.into_owned();
        app.details.sequence = self.log(now, &app, editor, "removed");
        app.details.changed = now;
        self.write(now, id, None);
        Some(app)
    }

    /// An app as the event log has it.
    pub(super) fn app(&self, id: &str) -> Option<Cow<'_, App>> {
        within(self.apps.get(id)?, |record| record.app.committed().as_ref())
    }

    /// Whether an id is or ever was an app's.
    pub(super) fn was_app(&self, id: &str) -> bool {
        self.apps.contains(id)
    }

    /// An app as the projection shows it.
    pub(super) fn visible_app(&self, now: Timestamp, id: &str) -> Option<Cow<'_, App>> {
        let at = self.apps_at(now);
        within(self.apps.get(id)?, |record| record.app.visible(at).as_ref())
    }

    /// The app behind a client id as the projection shows it.
    pub(super) fn visible_client(&self, now: Timestamp, client_id: &str) -> Option<Cow<'_, App>> {
        if let Some(id) = self.app_of_client.get(client_id) {
            return self.visible_app(now, id);
        }
        let apps = self.apps.seeded();
        self.visible_app(now, &apps.id(apps.number_of_client(client_id)?))
    }

    /// Every app, in the order of their creation; as the projection shows them when `eventual`.
    pub(super) fn apps(&self, now: Timestamp, eventual: bool) -> impl Iterator<Item = Cow<'_, App>> {
        let at = self.apps_at(now);
        self.apps.since(0).filter_map(move |record| {
            within(record, |record| {
                let app = if eventual { record.app.visible(at) } else { record.app.committed() };
                app.as_ref()
            })
        })
    }

    /// What happened to an app, oldest first.
    pub(super) fn changes(&self, id: &str) -> Vec<Change> {
        let mut changes = self.apps.seeded().first_changes(id);
        changes.extend(self.apps.get(id).into_iter().flat_map(|record| record.into_owned().changes));
        changes
    }

    /// Makes a user; `None` when the login name or the id is taken.
    pub(super) fn create_user(
        &mut self,
        id: &str,
        org: &str,
        login: &str,
        name: &str,
        machine: bool,
    ) -> Option<Cow<'_, User>> {
        if self.users.contains(id) || self.user_of_login(login).is_some() {
            return None;
        }
        self.user_of_login.insert(login.to_owned(), id.to_owned());
        self.users.add(id.to_owned(), User::new(id, org, login, name, machine));
        self.user(id)
    }

    pub(super) fn user(&self, id: &str) -> Option<Cow<'_, User>> {
        self.users.get(id)
    }

    /// The users of an organisation, in the order in which they were made.
    pub(super) fn users_of<'a>(&'a self, org: &'a str) -> impl Iterator<Item = Cow<'a, User>> {
        self.users.since(0).filter(move |user| user.org == org)
    }

    /// Gives a user another display name.
    pub(super) fn rename_user(&mut self, now: Timestamp, id: &str, name: String) -> Option<Details> {
        let user = self.users.get_mut(id)?;
        user.name = name;
        user.sequence += 1;
        Some(user.details(now))
    }

    /// Removes a user with all that it could authenticate by.
    pub(super) fn remove_user(&mut self, now: Timestamp, id: &str) -> Option<Details> {
        let user = self.users.get(id)?.into_owned();
        self.users.remove(id);
        self.user_of_login.remove(&user.login);
        self.tokens.retain(|_, token| token.user != id);
        Some(Details { sequence: user.sequence + 1, ..user.details(now) })
    }

    pub(super) fn user_of_login(&self, login: &str) -> Option<Cow<'_, User>> {
        let made = self.user_of_login.get(login).cloned();
        self.user(&made.or_else(|| self.users.seeded().id_of_login(login))?)
    }

    pub(super) fn add_key(&mut self, user: &str, key_id: &str, key: MachineKey) {
        if let Some(user) = self.users.get_mut(user) {
            user.keys.insert(key_id.to_owned(), key);
        }
    }

    /// Gives a machine user a new secret, or none.
    pub(super) fn set_user_secret(&mut self, now: Timestamp, id: &str, plain: Option<&str>) -> Option<Details> {
        self.set_user_hash(now, id, plain.map(Hash::of))
    }

    fn set_user_hash(&mut self, now: Timestamp, id: &str, hash: Option<Hash>) -> Option<Details> {
        let (written, moment) = (self.next_event(now), Moment { now, caught_up: self.users_caught_up });
        let user = self.users.get_mut(id)?;
        user.sequence += 1;
        user.secret.push(moment, written, hash);
        Some(user.details(now))
    }

    /// The hash that the token endpoint compares with.
    pub(super) fn visible_user_secret(&self, now: Timestamp, id: &str) -> Option<Hash> {
        let moment = Moment { now, caught_up: self.users_caught_up };
        self.users.get(id)?.secret.visible(moment).clone()
    }

    /// Writes the hash that the projection of a machine user still shows back into the event log.
    pub(super) fn put_old_user_hash_back(&mut self, now: Timestamp, id: &str) {
        let visible = self.visible_user_secret(now, id);
        if self.users.get(id).is_some_and(|user| *user.secret.committed() != visible) {
            self.set_user_hash(now, id, visible);
        }
    }

    /// Writes the hash that the projection of an app still shows back into the event log.
    pub(super) fn put_old_app_hash_back(&mut self, now: Timestamp, id: &str) {
        let visible = self.visible_app(now, id).and_then(|app| app.secret.clone());
        if let Some(app) = self.app(id).filter(|app| app.secret != visible).map(Cow::into_owned) {
            let (editor, event) = (app.details.owner, format!("config.{}.secret.updated", app.kind.word()));
            self.change_app(now, &editor, id, &event, |app| app.secret = visible);
        }
    }

    /// Whether a machine user has a secret now.
    pub(super) fn has_user_secret(&self, id: &str) -> bool {
        self.users.get(id).is_some_and(|user| user.has_secret())
    }

    pub(super) fn add_token(&mut self, plain: &str, token: Token) {
        self.tokens.insert(digest(plain), token);
    }

    /// A token that has not expired.
    pub(super) fn token(&self, plain: &str, now: Timestamp) -> Option<&Token> {
        self.tokens.get(&digest(plain)).filter(|token| token.expires.is_none_or(|expires| now < expires))
    }

    fn apps_at(&self, now: Timestamp) -> Moment {
        Moment { now, caught_up: self.apps_caught_up }
    }

    fn log(&mut self, now: Timestamp, app: &App, editor: &str, event: &str) -> u64 {
        let sequence = self.projects.get_mut(&app.project).map_or(0, |project| {
            project.sequence += 1;
            project.sequence
        });
        let change = Change {
            event: format!("project.application.{event}"),
            sequence,
            at: now,
            editor: editor.to_owned(),
            owner: app.details.owner.clone(),
        };
        if let Some(record) = self.apps.get_mut(&app.id) {
            record.changes.push(change);
        }
        sequence
    }

    fn write(&mut self, now: Timestamp, id: &str, app: Option<App>) {
        let (written, moment) = (self.next_event(now), self.apps_at(now));
        if let Some(record) = self.apps.get_mut(id) {
            record.app.push(moment, written, app);
        }
    }

    fn next_event(&mut self, now: Timestamp) -> Written {
        self.position += 1;
        let lag = SignedDuration::try_from(self.lag).unwrap_or_default();
        Written { position: self.position, due: now.checked_add(lag).unwrap_or(now) }
    }
}

/// What `part` finds in a record, borrowed where the record is.
fn within<'a, T: Clone, P: Clone>(record: Cow<'a, T>, part: impl Fn(&T) -> Option<&P>) -> Option<Cow<'a, P>> {
    match record {
        Cow::Borrowed(record) => part(record).map(Cow::Borrowed),
        Cow::Owned(record) => part(&record).cloned().map(Cow::Owned),
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("orgs", &self.orgs.len())
            .field("projects", &self.projects.len())
            .field("apps", &self.apps.len())
            .field("users", &self.users.len())
            .field("tokens", &self.tokens.len())
            .field("events", &self.position)
            .finish_non_exhaustive()
    }
}

fn digest(plain: &str) -> [u8; 32] {
    Sha256::digest(plain.as_bytes()).into()
}
