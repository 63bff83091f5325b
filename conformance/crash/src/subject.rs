//! The kinds of clients that are rotated, and what is asked of their vendors from outside.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use cutover_core::{ClientId, ClientSecret, Clock, Kind, SecretRotator, Target, TargetId};
use cutover_emulator::hopae::HopaeSeed;
use cutover_emulator::stytch::{StytchKind, StytchSeed};
use cutover_emulator::zitadel::{ZitadelSeed, ZitadelTarget};
use cutover_emulator::{Emulator, Seeds, Vendor};
use cutover_http::{BaseUrl, Credential, Transport};
use serde_json::Value;

use crate::place::Op;

/// One kind of client of one vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ClientKind {
    /// Stytch: machine to machine.
    M2m,
    /// Stytch: a Connected App.
    ConnectedApp,
    /// Hopae: an app.
    App,
    /// Zitadel: an API app.
    Api,
    /// Zitadel: an OIDC app.
    Oidc,
    /// Zitadel: a machine user.
    MachineUser,
}

/// How a rotation recovers, as the vendors' documents have it and not as a profile says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Old and new are good together until somebody decides.
    TwoPhase,
    /// The same request under the same key has the same answer for a day.
    Keyed,
    /// Every request makes another secret.
    Plain,
}

/// Where a vendor's calls go, and by whose clock.
#[derive(Clone, Debug)]
pub struct Link {
    /// Carries the requests.
    pub transport: Arc<dyn Transport>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Another place than the emulator in this process.
    pub base_url: Option<String>,
    /// How long a lost request may still arrive, where it is not as long as an adapter supposes.
    pub straggler: Option<Duration>,
    /// Whether Zitadel's v2 services make the secret.
    pub v2: bool,
}

/// One client with what it has before its first rotation.
#[derive(Clone)]
pub struct Client {
    /// What is rotated.
    pub target: Target,
    /// The secret it has at first.
    pub secret: Arc<str>,
}

static SEEDS: LazyLock<Seeds> = LazyLock::new(|| Emulator::builder().seed(SEED).build().seeds());

/// The seed of every emulator of a sweep.
pub(crate) const SEED: u64 = 1;

impl ClientKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::M2m, Self::ConnectedApp, Self::App, Self::Api, Self::Oidc, Self::MachineUser];

    /// Its name, as in `m2m`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::M2m => "m2m",
            Self::ConnectedApp => "connected_app",
            Self::App => "app",
            Self::Api => "api",
            Self::Oidc => "oidc",
            Self::MachineUser => "machine_user",
        }
    }

    /// Its vendor.
    pub const fn vendor(self) -> Vendor {
        match self {
            Self::M2m | Self::ConnectedApp => Vendor::Stytch,
            Self::App => Vendor::Hopae,
            Self::Api | Self::Oidc | Self::MachineUser => Vendor::Zitadel,
        }
    }

    /// How it recovers.
    pub const fn class(self) -> Class {
        match self {
            Self::M2m | Self::ConnectedApp => Class::TwoPhase,
            Self::App => Class::Keyed,
            Self::Api | Self::Oidc | Self::MachineUser => Class::Plain,
        }
    }

    /// The client of this kind in an emulator that is seeded with one of each.
    pub fn client(self) -> Client {
        self.client_of(&SEEDS, 0)
    }

    /// The `nth` client of this kind that an emulator was seeded with.
    ///
    /// # Panics
    /// When it was seeded with fewer.
    pub fn client_of(self, seeds: &Seeds, nth: usize) -> Client {
        let (client_id, secret, scope): (&str, &str, Vec<(&str, &str)>) = match self {
            Self::M2m | Self::ConnectedApp => {
                let wanted = if self == Self::M2m { StytchKind::M2m } else { StytchKind::ConnectedApp };
                let mut of_kind = seeds.stytch.targets.iter().filter(|target| target.kind == wanted);
                let target = of_kind.nth(nth).expect("a seeded client");
                (&target.client_id, target.client_secret.expose(), vec![])
            }
            Self::App => {
                let target = seeds.hopae.targets.get(nth).expect("a seeded app");
                (&target.client_id, target.client_secret.expose(), vec![])
            }
            Self::Api | Self::Oidc | Self::MachineUser => {
                let seeds = &seeds.zitadel;
                let mut of_kind = seeds.targets.iter().filter(|target| self.is_zitadel(target));
                match of_kind.nth(nth).expect("a seeded client") {
                    ZitadelTarget::Api(app) | ZitadelTarget::Oidc(app) => (
                        &app.client_id,
                        app.client_secret.expose(),
                        vec![("project_id", &app.project_id), ("app_id", &app.app_id), ("org_id", &seeds.org_id)],
                    ),
                    ZitadelTarget::MachineUser(user) => (
                        &user.client_id,
                        user.client_secret.expose(),
                        vec![("user_id", &user.user_id), ("org_id", &seeds.org_id)],
                    ),
                }
            }
        };
        let id = TargetId::new(format!("{}-{nth}", self.name())).expect("plain characters");
        let client = ClientId::new(client_id).expect("plain characters");
        let vendor = cutover_core::Vendor::from_static(self.vendor().name());
        let target = Target::new(id, vendor, Kind::from_static(self.name()), client);
        let target = scope.into_iter().fold(target, |target, (name, value)| target.with_scope(name, value));
        Client { target, secret: secret.into() }
    }

    fn is_zitadel(self, target: &ZitadelTarget) -> bool {
        match target {
            ZitadelTarget::Api(_) => self == Self::Api,
            ZitadelTarget::Oidc(_) => self == Self::Oidc,
            ZitadelTarget::MachineUser(_) => self == Self::MachineUser,
        }
    }

    /// A fresh adapter, as a new process makes one. One that is `hasty` gives a new secret little time to show.
    pub fn rotator(self, link: Link, hasty: bool) -> Arc<dyn SecretRotator> {
        match self {
            Self::Api | Self::Oidc | Self::MachineUser if hasty => zitadel(self, &SEEDS.zitadel, link, Some(HASTE)),
            _ => self.rotator_of(&SEEDS, link),
        }
    }

    /// The same, with the credentials of these seeds.
    ///
    /// # Panics
    /// When the emulator's own settings do not fit its adapter.
    pub fn rotator_of(self, seeds: &Seeds, link: Link) -> Arc<dyn SecretRotator> {
        match self {
            Self::M2m | Self::ConnectedApp => stytch(self, &seeds.stytch, link),
            Self::App => hopae(&seeds.hopae, link),
            Self::Api | Self::Oidc | Self::MachineUser => zitadel(self, &seeds.zitadel, link, None),
        }
    }

    /// What a request is to a rotation.
    pub fn op<T>(self, request: &http::Request<T>) -> Op {
        let path = request.uri().path();
        let ends = |end: &str| path.ends_with(end);
        match self {
            Self::M2m | Self::ConnectedApp if ends("/secrets/rotate/start") => Op::Issue,
            Self::M2m | Self::ConnectedApp if ends("/secrets/rotate/cancel") => Op::Cancel,
            Self::M2m | Self::ConnectedApp if ends("/secrets/rotate") => Op::Complete,
            Self::M2m | Self::ConnectedApp if path.contains("/oauth2/") => Op::Verify,
            Self::App if ends("/rotate-client-secret") => Op::Issue,
            Self::App if ends("/providers") => Op::Verify,
            Self::Api | Self::Oidc if ends("_generate_client_secret") || ends("/GenerateClientSecret") => Op::Issue,
            Self::MachineUser if ends("/secret") || ends("/AddSecret") => Op::Issue,
            Self::Api | Self::Oidc | Self::MachineUser if path.starts_with("/oauth/v2/") => Op::Verify,
            _ => Op::Inspect,
        }
    }

    /// A plain request that asks the vendor about a secret, as an application would.
    ///
    /// # Panics
    /// Never: the parts are plain.
    pub fn probe(self, client: &Client, secret: &str) -> http::Request<Bytes> {
        let id = client.target.client_id().as_str();
        let project = &SEEDS.stytch.project_id;
        let basic = || format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
        let post = |path: &str, form: String| {
            http::Request::post(format!("http://127.0.0.1{path}"))
                .header("content-type", "application/x-www-form-urlencoded")
                .body(Bytes::from(form))
        };
        let credentials = format!("client_id={id}&client_secret={secret}");
        let request = match self {
            // A scope that no client has: the refusal of it comes after the secret was looked at, and costs no signature.
            Self::M2m => post(
                &format!("/v1/public/{project}/oauth2/token"),
                format!("grant_type=client_credentials&{credentials}&scope={NO_SCOPE}"),
            ),
            Self::ConnectedApp => {
                post(&format!("/v1/public/{project}/oauth2/introspect"), format!("token=none&{credentials}"))
            }
            Self::App => http::Request::get("http://127.0.0.1/connect/v1/providers")
                .header("authorization", basic())
                .body(Bytes::new()),
            Self::Api | Self::Oidc => post("/oauth/v2/introspect", format!("token=none&{credentials}")),
            Self::MachineUser => {
                post("/oauth/v2/token", format!("grant_type=client_credentials&scope=openid&{credentials}"))
            }
        };
        request.expect("plain parts")
    }

    /// Whether the answer to [`probe`](Self::probe) says that the secret is good.
    pub fn accepts(self, response: &http::Response<Bytes>) -> bool {
        response.status() == 200 || self == Self::M2m && is_scope_refused(response)
    }

    /// The new secret in a whole answer of the vendor to a request for one.
    pub fn made(self, response: &http::Response<Bytes>) -> Option<String> {
        if !response.status().is_success() {
            return None;
        }
        let body: Value = serde_json::from_slice(response.body()).ok()?;
        let secret = match self {
            Self::M2m => &body["m2m_client"]["next_client_secret"],
            Self::ConnectedApp => &body["connected_app"]["next_client_secret"],
            Self::App | Self::Api | Self::Oidc | Self::MachineUser => &body["clientSecret"],
        };
        secret.as_str().map(str::to_owned)
    }

    /// Whether an answer to a look shows that a rotation is pending; `None` where the vendor has no such thing.
    pub fn pending(self, body: &[u8]) -> Option<bool> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let client = match self {
            Self::M2m => &body["m2m_client"],
            Self::ConnectedApp => &body["connected_app"],
            Self::App | Self::Api | Self::Oidc | Self::MachineUser => return None,
        };
        client.is_object().then(|| !client["next_client_secret_last_four"].is_null())
    }

    /// The number of the newest change of secret in a list of changes, or 0; `None` for any other answer.
    pub fn mark(self, body: &[u8]) -> Option<u64> {
        if !matches!(self, Self::Api | Self::Oidc) {
            return None;
        }
        let body: Value = serde_json::from_slice(body).ok()?;
        let changes = body["result"].as_array()?.iter();
        let secrets = changes.filter(|change| {
            let event = change["eventType"]["key"].as_str().unwrap_or_default();
            event.ends_with(".secret.changed")
        });
        Some(secrets.filter_map(|change| change["sequence"].as_str()?.parse().ok()).max().unwrap_or_default())
    }
}

/// A plain request that retires the old secret of a Stytch M2M client, whatever is pending.
///
/// # Panics
/// Never: the parts are plain.
pub(crate) fn completion(client: &Client) -> http::Request<Bytes> {
    let seed = &SEEDS.stytch;
    let basic = STANDARD.encode(format!("{}:{}", seed.project_id, seed.secret.expose()));
    let url = format!("http://127.0.0.1/v1/m2m/clients/{}/secrets/rotate", client.target.client_id());
    let request = http::Request::post(url).header("authorization", format!("Basic {basic}"));
    request.body(Bytes::from_static(b"{}")).expect("plain parts")
}

/// The credentials by which vendors are asked.
pub(crate) fn credentials() -> impl Iterator<Item = &'static str> {
    [SEEDS.stytch.secret.expose(), SEEDS.hopae.api_key.expose(), SEEDS.zitadel.token.expose()].into_iter()
}

/// What a hasty adapter takes for the time in which a new secret shows.
const HASTE: Duration = Duration::from_secs(5);

/// A scope that no seeded client has.
pub(crate) const NO_SCOPE: &str = "cutover-none";

/// Whether a refusal is about the scope only, so that the secret was good.
pub(crate) fn is_scope_refused(response: &http::Response<Bytes>) -> bool {
    response.status() == 400 && find(response.body(), b"invalid_scope")
}

/// Whether `bytes` hold `what`.
pub(crate) fn find(bytes: &[u8], what: &[u8]) -> bool {
    memchr::memmem::find(bytes, what).is_some()
}

fn stytch(kind: ClientKind, seed: &StytchSeed, link: Link) -> Arc<dyn SecretRotator> {
    let mut config = cutover_stytch::Config::new(&*seed.project_id, credential(seed.secret.expose()))
        .base_url(base_url(&link, ""))
        .transport(link.transport)
        .clock(link.clock);
    if let Some(straggler) = link.straggler {
        config = config.straggler(straggler);
    }
    let client = cutover_stytch::Client::new(config).expect("the emulator's own settings fit");
    Arc::new(match kind {
        ClientKind::M2m => cutover_stytch::Rotator::m2m(client),
        _ => cutover_stytch::Rotator::connected_apps(client),
    })
}

fn hopae(seed: &HopaeSeed, link: Link) -> Arc<dyn SecretRotator> {
    let mut config = cutover_hopae::Config::sandbox(credential(seed.api_key.expose()))
        .base_url(base_url(&link, "/connect"))
        .transport(link.transport)
        .clock(link.clock);
    if let Some(straggler) = link.straggler {
        config = config.straggler(straggler);
    }
    let client = cutover_hopae::Client::new(config).expect("the emulator's own settings fit");
    Arc::new(cutover_hopae::Rotator::apps(client))
}

fn zitadel(kind: ClientKind, seed: &ZitadelSeed, link: Link, propagation: Option<Duration>) -> Arc<dyn SecretRotator> {
    let caller = cutover_zitadel::Caller::Token(credential(seed.token.expose()));
    let mut config =
        cutover_zitadel::Config::new(base_url(&link, ""), caller).transport(link.transport).clock(link.clock);
    if link.v2 {
        config = config.api(cutover_zitadel::Api::V2);
    }
    if let Some(straggler) = link.straggler {
        config = config.straggler(straggler).propagation(straggler);
    }
    if let Some(propagation) = propagation {
        config = config.propagation(propagation);
    }
    let client = cutover_zitadel::Client::new(config).expect("the emulator's own settings fit");
    Arc::new(match kind {
        ClientKind::Api => cutover_zitadel::Rotator::api_apps(client),
        ClientKind::Oidc => cutover_zitadel::Rotator::oidc_apps(client),
        _ => cutover_zitadel::Rotator::machine_users(client),
    })
}

fn base_url(link: &Link, prefix: &str) -> BaseUrl {
    let url = link.base_url.clone().unwrap_or_else(|| format!("http://127.0.0.1{prefix}"));
    BaseUrl::parse(&url).expect("a loopback address")
}

fn credential(secret: &str) -> Credential {
    Credential::Secret(Arc::new(ClientSecret::new(secret)))
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("target", &self.target).finish_non_exhaustive()
    }
}

impl fmt::Display for ClientKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ClientKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let kind = Self::ALL.into_iter().find(|kind| kind.name() == text);
        kind.ok_or_else(|| format!("{text:?} is no kind of client"))
    }
}
