//! Workspaces, apps and their secrets.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::settings::SecretFormat;
use crate::secret::{self, Hash};
use crate::stock::{SEEDED_AT, Scatter, Seeded, Stock, rng_of};

/// How long a client id is.
const CLIENT_ID_LEN: usize = 8;

/// What it is made of.
const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// How many client ids there can be.
const CLIENT_IDS: u64 = (LETTERS.len() as u64).pow(CLIENT_ID_LEN as u32);

/// The kind of random source that production keys come from.
const PRODUCTION_KEYS: u64 = 1;

/// A workspace: Hopae's tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct WorkspaceId(usize);

/// Everything that Hopae stores except replayed answers.
pub(super) struct Workspaces {
    /// Secrets are drawn from this and their generation, so that the model can show one that a switch makes it leak
    /// while its state holds hashes only.
    root: u64,
    /// Client ids are scattered, so that no two apps of any workspace have the same.
    ids: Scatter,
    workspaces: Vec<Workspace>,
}

struct Workspace {
    organization: String,
    api_key: Hash,
    apps: Stock<Apps>,
}

/// The apps that a workspace has at first.
#[derive(Clone, Debug)]
pub(super) struct Apps {
    root: u64,
    ids: Scatter,
    workspace: WorkspaceId,
    /// How many apps the workspaces before this one have at first.
    before: usize,
    names: AppNames,
    count: usize,
}

/// What the apps of a workspace are called.
#[derive(Clone, Copy, Debug)]
pub(super) enum AppNames {
    Numbered,
    Foreign,
}

/// One app: a client id with exactly one secret.
#[derive(Clone, Debug)]
pub(super) struct App {
    pub(super) workspace: WorkspaceId,
    pub(super) client_id: String,
    pub(super) name: String,
    pub(super) logo: Option<String>,
    pub(super) redirect_uris: Vec<String>,
    pub(super) success_redirect: Option<String>,
    pub(super) failure_redirect: Option<String>,
    pub(super) webhook: Webhook,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    secret: Minted,
    webhook_secret: Option<Minted>,
}

/// An app's webhook, without its secret.
#[derive(Clone, Debug)]
pub(super) struct Webhook {
    pub(super) url: Option<String>,
    pub(super) enabled: bool,
    pub(super) retry_attempts: u64,
    pub(super) timeout_seconds: u64,
    pub(super) events: Vec<String>,
}

/// What is kept of a secret: its hash, and which of its line it is.
#[derive(Clone, Debug)]
struct Minted {
    hash: Hash,
    generation: u64,
    format: SecretFormat,
}

impl Workspaces {
    /// No workspace yet; every secret will come from `root`.
    pub(super) fn new(root: u64) -> Self {
        let ids = Scatter::new(CLIENT_IDS, &mut rng_of(root, 0, 0));
        Self { root, ids, workspaces: Vec::new() }
    }

    /// Makes a workspace of `count` apps and gives its id and API key.
    pub(super) fn open(&mut self, count: usize, names: AppNames, rng: &mut fastrand::Rng) -> (WorkspaceId, String) {
        let api_key = format!("sk_workspace_test_{}", secret::alphanumeric(rng, 40));
        let organization = format!("org_{}", alphanumeric(rng, 24));
        let workspace = WorkspaceId(self.workspaces.len());
        let before = self.workspaces.iter().map(|workspace| workspace.apps.len()).sum();
        let apps = Stock::new(Apps { root: self.root, ids: self.ids, workspace, before, names, count });
        self.workspaces.push(Workspace { organization, api_key: Hash::of(&api_key), apps });
        (workspace, api_key)
    }

    /// The key that a workspace has for the production host.
    pub(super) fn production_key(&self, workspace: WorkspaceId) -> String {
        format!("sk_workspace_prod_{}", secret::alphanumeric(&mut rng_of(self.root, PRODUCTION_KEYS, workspace.0), 40))
    }

    /// Client id and secret of the apps that a workspace has at first.
    pub(super) fn seeded(&self, workspace: WorkspaceId) -> impl Iterator<Item = (String, String)> {
        let apps = self.workspaces[workspace.0].apps.seeded();
        (0..apps.count).map(|number| {
            let id = apps.id(number);
            let secret = mint(apps.root, &id, Line::Client, 1, SecretFormat::default()).1;
            (id, secret)
        })
    }

    /// The workspace that `api_key` opens.
    pub(super) fn of_key(&self, api_key: &str) -> Option<WorkspaceId> {
        self.workspaces.iter().position(|workspace| workspace.api_key.matches(api_key)).map(WorkspaceId)
    }

    /// The organisation id behind a workspace.
    pub(super) fn organization(&self, workspace: WorkspaceId) -> &str {
        &self.workspaces[workspace.0].organization
    }

    /// Makes an app and gives it with its secret.
    pub(super) fn create(
        &mut self,
        now: Timestamp,
        workspace: WorkspaceId,
        name: &str,
        format: SecretFormat,
        rng: &mut fastrand::Rng,
    ) -> (App, String) {
        let mut client_id = alphanumeric(rng, 8);
        while self.workspaces.iter().any(|workspace| workspace.apps.contains(&client_id)) {
            client_id = alphanumeric(rng, 8);
        }
        let (secret, plain) = mint(self.root, &client_id, Line::Client, 1, format);
        let app = App::new(now, workspace, client_id.clone(), name.to_owned(), secret);
        self.workspaces[workspace.0].apps.add(client_id, app.clone());
        (app, plain)
    }

    /// An app of this workspace; one of another workspace is as unknown as one that never was.
    pub(super) fn app(&self, workspace: WorkspaceId, client_id: &str) -> Option<Cow<'_, App>> {
        self.workspaces[workspace.0].apps.get(client_id)
    }

    /// The same, to change it.
    pub(super) fn app_mut(&mut self, workspace: WorkspaceId, client_id: &str) -> Option<&mut App> {
        self.workspaces[workspace.0].apps.get_mut(client_id)
    }

    /// A page of a workspace's apps in the order in which they were made, and how many there are in all.
    pub(super) fn page(&self, workspace: WorkspaceId, offset: usize, limit: usize) -> (Vec<Cow<'_, App>>, usize) {
        let apps = &self.workspaces[workspace.0].apps;
        let page = apps.numbers(0).skip(offset).take(limit).filter_map(|number| apps.at(number)).collect();
        (page, apps.len())
    }

    /// Deletes an app; `false` when there is none.
    pub(super) fn delete(&mut self, workspace: WorkspaceId, client_id: &str) -> bool {
        self.workspaces[workspace.0].apps.remove(client_id)
    }

    /// Gives an app a new client secret; the one before it is gone at once.
    pub(super) fn rotate(
        &mut self,
        now: Timestamp,
        workspace: WorkspaceId,
        client_id: &str,
        format: SecretFormat,
    ) -> Option<String> {
        let generation = self.app(workspace, client_id)?.secret.generation + 1;
        let (secret, plain) = mint(self.root, client_id, Line::Client, generation, format);
        let app = self.app_mut(workspace, client_id)?;
        app.secret = secret;
        app.updated = now;
        Some(plain)
    }

    /// Gives an app a new webhook signing secret.
    pub(super) fn rotate_webhook(&mut self, now: Timestamp, workspace: WorkspaceId, client_id: &str) -> Option<String> {
        let before = self.app(workspace, client_id)?.webhook_secret.as_ref().map(|secret| secret.generation);
        let generation = before.unwrap_or_default() + 1;
        let (secret, plain) = mint(self.root, client_id, Line::Webhook, generation, SecretFormat::Hex64);
        let app = self.app_mut(workspace, client_id)?;
        app.webhook_secret = Some(secret);
        app.updated = now;
        Some(plain)
    }

    /// Whether these client credentials are accepted now.
    pub(super) fn accepts(&self, client_id: &str, client_secret: &str) -> bool {
        let app = self.workspaces.iter().find_map(|workspace| workspace.apps.get(client_id));
        app.is_some_and(|app| app.secret.hash.matches(client_secret))
    }

    /// An app's present client secret, for answers that leak it.
    pub(super) fn client_secret(&self, app: &App) -> String {
        mint(self.root, &app.client_id, Line::Client, app.secret.generation, app.secret.format).1
    }

    /// An app's present webhook signing secret, if it has one.
    pub(super) fn webhook_secret(&self, app: &App) -> Option<String> {
        let secret = app.webhook_secret.as_ref()?;
        Some(mint(self.root, &app.client_id, Line::Webhook, secret.generation, secret.format).1)
    }
}

impl App {
    fn new(now: Timestamp, workspace: WorkspaceId, client_id: String, name: String, secret: Minted) -> Self {
        Self {
            workspace,
            client_id,
            name,
            logo: None,
            redirect_uris: Vec::new(),
            success_redirect: None,
            failure_redirect: None,
            webhook: Webhook::default(),
            created: now,
            updated: now,
            secret,
            webhook_secret: None,
        }
    }
}

impl Apps {
    fn id(&self, number: usize) -> String {
        let mut there = self.ids.there(self.before + number);
        let mut id = [0; CLIENT_ID_LEN];
        for letter in &mut id {
            *letter = LETTERS[(there % LETTERS.len() as u64) as usize];
            there /= LETTERS.len() as u64;
        }
        String::from_utf8_lossy(&id).into_owned()
    }
}

impl Seeded for Apps {
    type Thing = App;

    fn count(&self) -> usize {
        self.count
    }

    fn make(&self, number: usize) -> App {
        let name = match self.names {
            AppNames::Numbered => format!("App {number}"),
            AppNames::Foreign => "Foreign".to_owned(),
        };
        let id = self.id(number);
        let secret = mint(self.root, &id, Line::Client, 1, SecretFormat::default()).0;
        App::new(SEEDED_AT, self.workspace, id, name, secret)
    }

    fn number(&self, id: &str) -> Option<usize> {
        let digit = |letter: &u8| LETTERS.iter().position(|known| known == letter);
        let letters = <&[u8; CLIENT_ID_LEN]>::try_from(id.as_bytes()).ok()?;
        let there = letters
            .iter()
            .rev()
            .try_fold(0, |there, letter| Some(there * LETTERS.len() as u64 + digit(letter)? as u64))?;
        self.ids.back(there)?.checked_sub(self.before).filter(|number| *number < self.count)
    }
}

impl fmt::Debug for Workspaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workspaces")
            .field("workspaces", &self.workspaces.len())
            .field("apps", &self.workspaces.iter().map(|workspace| workspace.apps.len()).sum::<usize>())
            .finish_non_exhaustive()
    }
}

impl Default for Webhook {
    fn default() -> Self {
        Self { url: None, enabled: false, retry_attempts: 3, timeout_seconds: 10, events: Vec::new() }
    }
}

#[derive(Clone, Copy, Debug)]
enum Line {
    Client,
    Webhook,
}

fn alphanumeric(rng: &mut fastrand::Rng, len: usize) -> String {
    (0..len).map(|_| rng.alphanumeric()).collect()
}

fn mint(root: u64, client_id: &str, line: Line, generation: u64, format: SecretFormat) -> (Minted, String) {
    let drawn = Sha256::digest(format!("{root} {line:?} {client_id} {generation}"));
    let mut seed = [0; 8];
    seed.copy_from_slice(&drawn[..8]);
    let mut rng = fastrand::Rng::with_seed(u64::from_le_bytes(seed));
    let plain = match (line, format) {
        (Line::Webhook, _) => format!("whsec_{}", secret::hex(&mut rng, 64)),
        (Line::Client, SecretFormat::Hex64) => secret::hex(&mut rng, 64),
        (Line::Client, SecretFormat::Hex40) => secret::hex(&mut rng, 40),
        (Line::Client, SecretFormat::ShApp) => format!("sh_app_{}", secret::hex(&mut rng, 40)),
    };
    (Minted { hash: Hash::of(&plain), generation, format }, plain)
}
