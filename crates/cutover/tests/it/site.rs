//! Where a world is and who lives there: what a parent and a child process both have to know.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cutover::engine::{Destination, Job};
use cutover::http::{BaseUrl, Credential, Transport};
use cutover::stores::{FileDestination, SealingKeys, SqliteJournal, SqliteOptions, key_file};
use cutover::{ClientId, ClientSecret, Clock, Kind, SecretRotator, Target, TargetId};
use cutover_emulator::{Emulator, Vendor};
use serde_json::{Value, json};

/// How many targets each vendor has: two at least of every kind.
pub(crate) const TARGETS: usize = 12;
/// How long a request on these lines may still arrive.
const STRAGGLER: Duration = Duration::from_millis(50);

/// A kind of client of an emulated vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientKind {
    M2m,
    ConnectedApp,
    App,
    Api,
    Oidc,
    MachineUser,
}

impl ClientKind {
    pub(crate) const ALL: [Self; 6] =
        [Self::M2m, Self::ConnectedApp, Self::App, Self::Api, Self::Oidc, Self::MachineUser];

    pub(crate) fn of(vendor: Vendor) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |kind| kind.vendor() == vendor)
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub(crate) const fn vendor(self) -> Vendor {
        match self {
            Self::M2m | Self::ConnectedApp => Vendor::Stytch,
            Self::App => Vendor::Hopae,
            Self::Api | Self::Oidc | Self::MachineUser => Vendor::Zitadel,
        }
    }

    /// The name that targets and seeds give it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::M2m => "m2m",
            Self::ConnectedApp => "connected_app",
            Self::App => "app",
            Self::Api => "api",
            Self::Oidc => "oidc",
            Self::MachineUser => "machine_user",
        }
    }

    /// The emulator's name of the call that gives a new secret.
    pub(crate) const fn issue(self) -> &'static str {
        match self {
            Self::M2m => "m2m.start",
            Self::ConnectedApp => "connected_app.start",
            Self::App => "rotate",
            Self::Api | Self::Oidc => "app.generate",
            Self::MachineUser => "user.secret",
        }
    }

    /// The emulator's name of the call that retires the old one, where there is such a call.
    pub(crate) const fn complete(self) -> Option<&'static str> {
        match self {
            Self::M2m => Some("m2m.rotate"),
            Self::ConnectedApp => Some("connected_app.rotate"),
            _ => None,
        }
    }

    /// The field of the answer in which the secret stands.
    pub(crate) const fn secret_field(self) -> &'static str {
        match self {
            Self::M2m | Self::ConnectedApp => "next_client_secret",
            _ => "clientSecret",
        }
    }

    pub(crate) const fn is_two_phase(self) -> bool {
        self.complete().is_some()
    }
}

/// Where a world is. Holds no secret: those of the vendors are made again from the seed.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    folder: PathBuf,
    seed: u64,
    control: String,
    base_urls: BTreeMap<Vendor, String>,
    seeds: Value,
}

/// What carries requests, and what time it is.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// One client with the secret it was made with and the file that its applications read.
pub(crate) struct Client {
    pub(crate) kind: ClientKind,
    pub(crate) target: Target,
    pub(crate) old: ClientSecret,
    pub(crate) file: PathBuf,
}

impl Site {
    pub(crate) fn new(folder: PathBuf, seed: u64, control: String, base_urls: BTreeMap<Vendor, String>) -> Self {
        let seeds = Emulator::builder().seed(seed).targets(TARGETS).build().seeds();
        let seeds = serde_json::to_value(seeds).expect("plain data");
        Self { folder, seed, control, base_urls, seeds }
    }

    /// What a child process is told.
    pub(crate) fn told(&self) -> Value {
        let urls: serde_json::Map<_, _> =
            self.base_urls.iter().map(|(vendor, url)| (vendor.to_string(), json!(url))).collect();
        json!({ "folder": self.folder, "seed": self.seed, "control": self.control, "base_urls": urls })
    }

    /// What a child process was told.
    pub(crate) fn heard(told: &Value) -> Self {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let url = |vendor: Vendor| (vendor, text(&told["base_urls"][vendor.name()]));
        Self::new(
            text(&told["folder"]).into(),
            told["seed"].as_u64().expect("a number"),
            text(&told["control"]),
            Vendor::ALL.map(url).into(),
        )
    }

    pub(crate) fn control(&self) -> &str {
        &self.control
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn journal_path(&self) -> PathBuf {
        self.folder.join("journal").join("journal.db")
    }

    pub(crate) fn base_url(&self, vendor: Vendor) -> &str {
        &self.base_urls[&vendor]
    }

    /// A text from what is known of a vendor, as in `project_id`; a path leads deeper, as in `others/project_id`.
    pub(crate) fn text(&self, vendor: Vendor, path: &str) -> &str {
        let pointer = format!("/{}/{path}", vendor.name());
        self.seeds.pointer(&pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {path} at {vendor}"))
    }

    pub(crate) fn credential(&self, vendor: Vendor) -> Credential {
        let name = match vendor {
            Vendor::Stytch => "secret",
            Vendor::Hopae => "api_key",
            _ => "token",
        };
        ClientSecret::new(self.text(vendor, name)).into()
    }

    /// The journal of this place, opened once more.
    pub(crate) async fn journal(&self, clock: &Arc<dyn Clock>) -> Result<SqliteJournal, cutover::engine::JournalError> {
        let (key, _) = key_file::load_or_create(&self.folder.join("journal.key")).expect("a key");
        let options = SqliteOptions { clock: Arc::clone(clock), ..SqliteOptions::default() };
        SqliteJournal::open(self.journal_path(), SealingKeys::new(key), options).await
    }

    /// The `nth` client of a kind.
    pub(crate) fn client(&self, kind: ClientKind, nth: usize) -> Client {
        let seeds = self.seeds[kind.vendor().name()]["targets"].as_array().expect("targets");
        let seed = seeds.iter().filter(|seed| seed["kind"] == kind.name()).nth(nth).expect("enough targets");
        let client_id = seed["client_id"].as_str().expect("an id");
        let mut client = self.client_called(kind, &format!("{}-{nth}", kind.name()), client_id);
        for name in ["project_id", "app_id", "user_id"] {
            if let Some(value) = seed[name].as_str() {
                client.target = client.target.with_scope(name, value);
            }
        }
        client.old = ClientSecret::new(seed["client_secret"].as_str().expect("a secret"));
        client
    }

    /// A client that was not seeded, with a scope still to be given and a secret that is not its own.
    pub(crate) fn client_called(&self, kind: ClientKind, name: &str, client_id: &str) -> Client {
        let id = TargetId::new(name).expect("a plain name");
        let client_id = ClientId::new(client_id).expect("an id");
        Client {
            kind,
            file: self.folder.join(format!("{name}.json")),
            target: Target::new(id, cutover::Vendor::new(kind.vendor().name()), Kind::new(kind.name()), client_id),
            old: ClientSecret::new("the-secret-from-before-anything-was-rotated"),
        }
    }

    /// The adapter for a kind, as its user would set it up.
    pub(crate) fn rotator(&self, kind: ClientKind, link: &Link) -> Arc<dyn SecretRotator> {
        self.rotator_as(kind, link, self.credential(kind.vendor()), None)
    }

    /// The same for another caller, and at Zitadel for another organisation.
    pub(crate) fn rotator_as(
        &self,
        kind: ClientKind,
        link: &Link,
        caller: Credential,
        organisation: Option<&str>,
    ) -> Arc<dyn SecretRotator> {
        let base_url = BaseUrl::parse(self.base_url(kind.vendor())).expect("a loopback address");
        let (transport, clock) = (Arc::clone(&link.transport), Arc::clone(&link.clock));
        match kind.vendor() {
            Vendor::Stytch => {
                let config = cutover::stytch::Config::new(self.text(Vendor::Stytch, "project_id"), caller)
                    .base_url(base_url)
                    .transport(transport)
                    .clock(clock)
                    .straggler(STRAGGLER);
                let client = cutover::stytch::Client::new(config).expect("a client");
                match kind {
                    ClientKind::M2m => Arc::new(cutover::stytch::Rotator::m2m(client)),
                    _ => Arc::new(cutover::stytch::Rotator::connected_apps(client)),
                }
            }
            Vendor::Hopae => {
                let config = cutover::hopae::Config::sandbox(caller)
                    .base_url(base_url)
                    .transport(transport)
                    .clock(clock)
                    .straggler(STRAGGLER);
                Arc::new(cutover::hopae::Rotator::apps(cutover::hopae::Client::new(config).expect("a client")))
            }
            _ => {
                let config = cutover::zitadel::Config::new(base_url, cutover::zitadel::Caller::Token(caller))
                    .organisation(organisation.unwrap_or(self.text(Vendor::Zitadel, "org_id")))
                    .transport(transport)
                    .clock(clock)
                    .straggler(STRAGGLER);
                let client = cutover::zitadel::Client::new(config).expect("a client");
                match kind {
                    ClientKind::Api => Arc::new(cutover::zitadel::Rotator::api_apps(client)),
                    ClientKind::Oidc => Arc::new(cutover::zitadel::Rotator::oidc_apps(client)),
                    _ => Arc::new(cutover::zitadel::Rotator::machine_users(client)),
                }
            }
        }
    }
}

impl Client {
    /// The file that its applications read, as a destination.
    pub(crate) fn destination(&self) -> Arc<dyn Destination> {
        Arc::new(FileDestination::json(&self.file, "client_secret").expect("a plain name"))
    }

    /// Its job with `rotator`.
    pub(crate) fn job(&self, rotator: Arc<dyn SecretRotator>) -> Job {
        Job::new(self.target.clone(), rotator).to(self.destination())
    }
}
