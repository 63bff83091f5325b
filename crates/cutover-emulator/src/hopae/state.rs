//! Workspaces, apps and their secrets.

use std::collections::HashMap;
use std::fmt;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::settings::SecretFormat;
use crate::secret::{self, Hash};

/// A workspace: Hopae's tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct WorkspaceId(usize);

/// Everything that Hopae stores except replayed answers.
pub(super) struct Workspaces {
    /// Secrets are drawn from this and their generation, so that the model can show one that a switch makes it leak
    /// while its state holds hashes only.
    root: u64,
    workspaces: Vec<Workspace>,
    apps: HashMap<String, App>,
}

#[derive(Debug)]
struct Workspace {
    organization: String,
    api_key: Hash,
    apps: Vec<String>,
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
        Self { root, workspaces: Vec::new(), apps: HashMap::new() }
    }

    /// Makes a workspace and gives its id and API key.
    pub(super) fn open(&mut self, rng: &mut fastrand::Rng) -> (WorkspaceId, String) {
        let api_key = format!("sk_workspace_test_{}", secret::alphanumeric(rng, 40));
        let organization = format!("org_{}", alphanumeric(rng, 24));
        let workspace = Workspace { organization, api_key: Hash::of(&api_key), apps: Vec::new() };
        self.workspaces.push(workspace);
        (WorkspaceId(self.workspaces.len() - 1), api_key)
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
        while self.apps.contains_key(&client_id) {
            client_id = alphanumeric(rng, 8);
        }
        let (secret, plain) = self.mint(&client_id, Line::Client, 1, format);
        let app = App {
            workspace,
            client_id: client_id.clone(),
            name: name.to_owned(),
            logo: None,
            redirect_uris: Vec::new(),
            success_redirect: None,
            failure_redirect: None,
            webhook: Webhook::default(),
            created: now,
            updated: now,
            secret,
            webhook_secret: None,
        };
        self.workspaces[workspace.0].apps.push(client_id.clone());
        self.apps.insert(client_id, app.clone());
        (app, plain)
    }

    /// An app of this workspace; one of another workspace is as unknown as one that never was.
    pub(super) fn app(&self, workspace: WorkspaceId, client_id: &str) -> Option<&App> {
        self.apps.get(client_id).filter(|app| app.workspace == workspace)
    }

    /// The same, to change it.
    pub(super) fn app_mut(&mut self, workspace: WorkspaceId, client_id: &str) -> Option<&mut App> {
        self.apps.get_mut(client_id).filter(|app| app.workspace == workspace)
    }

    /// A page of a workspace's apps in the order in which they were made, and how many there are in all.
    pub(super) fn page(&self, workspace: WorkspaceId, offset: usize, limit: usize) -> (Vec<&App>, usize) {
        let ids = &self.workspaces[workspace.0].apps;
        let page = ids.iter().skip(offset).take(limit).filter_map(|id| self.apps.get(id)).collect();
        (page, ids.len())
    }

    /// Deletes an app; `false` when there is none.
    pub(super) fn delete(&mut self, workspace: WorkspaceId, client_id: &str) -> bool {
        if self.app(workspace, client_id).is_none() {
            return false;
        }
        self.workspaces[workspace.0].apps.retain(|id| id != client_id);
        self.apps.remove(client_id).is_some()
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
        let (secret, plain) = self.mint(client_id, Line::Client, generation, format);
        let app = self.app_mut(workspace, client_id)?;
        app.secret = secret;
        app.updated = now;
        Some(plain)
    }

    /// Gives an app a new webhook signing secret.
    pub(super) fn rotate_webhook(&mut self, now: Timestamp, workspace: WorkspaceId, client_id: &str) -> Option<String> {
        let before = self.app(workspace, client_id)?.webhook_secret.as_ref();
        let generation = before.map_or(0, |secret| secret.generation) + 1;
        let (secret, plain) = self.mint(client_id, Line::Webhook, generation, SecretFormat::Hex64);
        let app = self.app_mut(workspace, client_id)?;
        app.webhook_secret = Some(secret);
        app.updated = now;
        Some(plain)
    }

    /// Whether these client credentials are accepted now.
    pub(super) fn accepts(&self, client_id: &str, client_secret: &str) -> bool {
        self.apps.get(client_id).is_some_and(|app| app.secret.hash.matches(client_secret))
    }

    /// An app's present client secret, for answers that leak it.
    pub(super) fn client_secret(&self, app: &App) -> String {
        self.mint(&app.client_id, Line::Client, app.secret.generation, app.secret.format).1
    }

    /// An app's present webhook signing secret, if it has one.
    pub(super) fn webhook_secret(&self, app: &App) -> Option<String> {
        let secret = app.webhook_secret.as_ref()?;
        Some(self.mint(&app.client_id, Line::Webhook, secret.generation, secret.format).1)
    }

    fn mint(&self, client_id: &str, line: Line, generation: u64, format: SecretFormat) -> (Minted, String) {
        let drawn = Sha256::digest(format!("{} {line:?} {client_id} {generation}", self.root));
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
}

impl fmt::Debug for Workspaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workspaces")
            .field("workspaces", &self.workspaces.len())
            .field("apps", &self.apps.len())
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
