//! The emulated vendors as subjects, in process and under simulated time; and the transport that gets there.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;
use zeroize::Zeroizing;

use cutover_core::{ClientId, ClientSecret, Clock, Kind, SecretRotator, Target, TargetId, Vendor};
use cutover_emulator::{Broken, Emulator};
use cutover_http::{Answer, BaseUrl, Credential, End, FnTransport, Request, SendError, Transport};

use crate::{Disturbance, Fixture, Stop, Subject};

/// How many targets each emulated vendor has: enough for every kind to have several.
const TARGETS: usize = 12;

/// A transport into an emulated vendor of this process.
pub fn in_process(emulator: &Emulator, vendor: cutover_emulator::Vendor) -> Arc<dyn Transport> {
    let emulator = emulator.clone();
    Arc::new(FnTransport::new(move |request: Request| {
        let emulator = emulator.clone();
        async move {
            let request = request.map(|body| Bytes::copy_from_slice(body.expose()));
            // Requests that are under way at the same time meet, as they do on a wire.
            tokio::task::yield_now().await;
            match emulator.call(vendor, request).await {
                Ok(delivered) => {
                    let body = Zeroizing::new(delivered.body.to_vec());
                    let answer = Answer::new(delivered.head.status.as_u16(), delivered.head.headers, body);
                    Ok(if delivered.whole { answer } else { answer.ended(End::CutShort) })
                }
                Err(Broken::Refused) => Err(SendError::not_sent("the connection was refused")),
                Err(Broken::ClosedWithoutAnswer) => Err(SendError::no_answer("the connection was closed")),
            }
        }
    }))
}

/// The clock of an emulator: waiting moves it ahead.
#[derive(Clone, Debug)]
pub struct EmulatedClock(pub Emulator);

#[async_trait]
impl Clock for EmulatedClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    async fn sleep(&self, duration: Duration) {
        self.0.advance(duration);
    }
}

/// An emulated vendor with the adapter for one of its kinds of client.
pub struct Emulated {
    emulator: Emulator,
    vendor: cutover_emulator::Vendor,
    issue: &'static str,
    rotator: Arc<dyn SecretRotator>,
    clock: EmulatedClock,
    targets: Mutex<VecDeque<(Target, ClientSecret)>>,
    missing: Target,
}

/// A kind of client of an emulated vendor: makes a new emulator for each check.
#[derive(Clone, Debug)]
pub struct EmulatedKind {
    name: &'static str,
    make: fn(World) -> Emulated,
    vendor: cutover_emulator::Vendor,
    behaviours: Vec<String>,
}

/// Every kind of client of every emulated vendor.
pub fn all() -> Vec<EmulatedKind> {
    use cutover_emulator::Vendor::{Hopae, Stytch, Zitadel};
    let kind = |name, vendor, make| EmulatedKind { name, make, vendor, behaviours: Vec::new() };
    vec![
        kind("stytch m2m", Stytch, |world| stytch(world, "m2m", "m2m.start", cutover_stytch::Rotator::m2m)),
        kind("stytch connected_app", Stytch, |world| {
            stytch(world, "connected_app", "connected_app.start", cutover_stytch::Rotator::connected_apps)
        }),
        kind("hopae app", Hopae, app),
        kind("zitadel api", Zitadel, |world| zitadel(world, "api", "app.generate", cutover_zitadel::Rotator::api_apps)),
        kind("zitadel oidc", Zitadel, |world| {
            zitadel(world, "oidc", "app.generate", cutover_zitadel::Rotator::oidc_apps)
        }),
        kind("zitadel machine_user", Zitadel, |world| {
            zitadel(world, "machine_user", "user.secret", cutover_zitadel::Rotator::machine_users)
        }),
    ]
}

impl EmulatedKind {
    /// The same with this behaviour, as in `hopae.get_secret=leak`.
    #[must_use]
    pub fn with_behaviour(mut self, behaviour: impl Into<String>) -> Self {
        self.behaviours.push(behaviour.into());
        self
    }

    /// A new emulator with the adapter for this kind.
    ///
    /// # Errors
    /// [`Stop::NotSetUp`] for a behaviour that the emulator does not have.
    pub fn make(&self) -> Result<Emulated, Stop> {
        Ok((self.make)(World::new(self.vendor, &self.behaviours)?))
    }
}

#[async_trait]
impl Fixture for EmulatedKind {
    fn name(&self) -> &str {
        self.name
    }

    async fn subject(&self) -> Result<Box<dyn Subject>, Stop> {
        Ok(Box::new(self.make()?))
    }
}

fn stytch(
    world: World,
    kind: &'static str,
    issue: &'static str,
    rotator: fn(cutover_stytch::Client) -> cutover_stytch::Rotator,
) -> Emulated {
    let config = cutover_stytch::Config::new(world.text("project_id"), world.credential("secret"))
        .base_url(world.base_url(""))
        .transport(world.transport())
        .clock(world.clock());
    let client = cutover_stytch::Client::new(config).expect("the emulator's own settings fit");
    world.subject(kind, issue, Arc::new(rotator(client)))
}

fn app(world: World) -> Emulated {
    let config = cutover_hopae::Config::sandbox(world.credential("api_key"))
        .base_url(world.base_url("/connect"))
        .transport(world.transport())
        .clock(world.clock());
    let client = cutover_hopae::Client::new(config).expect("the emulator's own settings fit");
    world.subject("app", "rotate", Arc::new(cutover_hopae::Rotator::apps(client)))
}

fn zitadel(
    world: World,
    kind: &'static str,
    issue: &'static str,
    rotator: fn(cutover_zitadel::Client) -> cutover_zitadel::Rotator,
) -> Emulated {
    let caller = cutover_zitadel::Caller::Token(world.credential("token"));
    let config =
        cutover_zitadel::Config::new(world.base_url(""), caller).transport(world.transport()).clock(world.clock());
    let client = cutover_zitadel::Client::new(config).expect("the emulator's own settings fit");
    world.subject(kind, issue, Arc::new(rotator(client)))
}

/// One emulator with what it says of one of its vendors.
struct World {
    emulator: Emulator,
    vendor: cutover_emulator::Vendor,
    seed: Value,
}

impl World {
    fn new(vendor: cutover_emulator::Vendor, behaviours: &[String]) -> Result<Self, Stop> {
        let start = Timestamp::from_second(1_750_000_000).expect("a time in range");
        let clock = cutover_emulator::Clock::simulated(start);
        let emulator = Emulator::builder().seed(1).targets(TARGETS).clock(clock).build();
        for behaviour in behaviours {
            let (name, value) = behaviour.split_once('=').unwrap_or((behaviour, ""));
            emulator.set_behaviour(name, value).map_err(|error| Stop::NotSetUp(error.to_string()))?;
        }
        let seeds = serde_json::to_value(emulator.seeds()).expect("plain data");
        let seed = seeds[vendor.name()].clone();
        Ok(Self { emulator, vendor, seed })
    }

    fn text(&self, name: &str) -> String {
        self.seed[name].as_str().unwrap_or_default().to_owned()
    }

    fn credential(&self, name: &str) -> Credential {
        Credential::Secret(Arc::new(ClientSecret::new(self.seed[name].as_str().unwrap_or_default())))
    }

    fn base_url(&self, prefix: &str) -> BaseUrl {
        BaseUrl::parse(&format!("http://127.0.0.1{prefix}")).expect("a loopback address")
    }

    fn transport(&self) -> Arc<dyn Transport> {
        in_process(&self.emulator, self.vendor)
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(EmulatedClock(self.emulator.clone()))
    }

    fn subject(self, kind: &'static str, issue: &'static str, rotator: Arc<dyn SecretRotator>) -> Emulated {
        let org = self.seed["org_id"].as_str();
        let of_kind = |target: &&Value| target["kind"] == kind;
        let target = |(nth, seed): (usize, &Value)| {
            let target = target(self.vendor.name(), kind, nth, seed, org);
            (target, ClientSecret::new(seed["client_secret"].as_str().unwrap_or_default()))
        };
        let seeds = self.seed["targets"].as_array().cloned().unwrap_or_default();
        let targets: VecDeque<_> = seeds.iter().filter(of_kind).enumerate().map(target).collect();
        let mut missing = seeds.iter().find(of_kind).cloned().unwrap_or_default();
        for id in ["client_id", "app_id", "user_id"] {
            if !missing[id].is_null() {
                missing[id] = Value::from("999999999999999999");
            }
        }
        Emulated {
            clock: EmulatedClock(self.emulator.clone()),
            missing: self::target(self.vendor.name(), kind, usize::MAX, &missing, org),
            targets: Mutex::new(targets),
            emulator: self.emulator,
            vendor: self.vendor,
            issue,
            rotator,
        }
    }
}

/// A target as the emulator's own description of it says.
fn target(vendor: &str, kind: &str, nth: usize, seed: &Value, org: Option<&str>) -> Target {
    let id = TargetId::new(format!("{kind}-{nth}")).expect("plain characters");
    let client = ClientId::new(seed["client_id"].as_str().unwrap_or("none")).expect("the emulator's ids are plain");
    let target = Target::new(id, Vendor::new(vendor), Kind::new(kind), client);
    let scope = ["project_id", "app_id", "user_id"].into_iter().filter_map(|name| Some((name, seed[name].as_str()?)));
    scope.chain(org.map(|org| ("org_id", org))).fold(target, |target, (name, value)| target.with_scope(name, value))
}

#[async_trait]
impl Subject for Emulated {
    fn rotator(&self) -> &Arc<dyn SecretRotator> {
        &self.rotator
    }

    async fn fresh_target(&self) -> Result<(Target, ClientSecret), Stop> {
        let next = self.targets.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        next.ok_or_else(|| Stop::NotSetUp("every target of the emulator is in use".to_owned()))
    }

    fn missing_target(&self) -> Option<Target> {
        Some(self.missing.clone())
    }

    fn has_organisations(&self) -> bool {
        self.missing.scope("org_id").is_some()
    }

    fn elsewhere(&self, target: &Target) -> Option<Target> {
        self.has_organisations().then(|| target.clone().with_scope("org_id", "999999999999999999"))
    }

    fn clock(&self) -> &dyn Clock {
        &self.clock
    }

    fn can_wait(&self) -> bool {
        true
    }

    fn can_disturb(&self) -> bool {
        true
    }

    fn disturb(&self, disturbance: Disturbance) -> bool {
        self.emulator.fault(&format!("{}.{}#1={}", self.vendor, self.issue, fault(disturbance))).is_ok()
    }

    fn can_disturb_all(&self) -> bool {
        true
    }

    fn disturb_all(&self, disturbance: Option<Disturbance>) -> bool {
        self.emulator.clear_faults();
        disturbance.is_none_or(|it| self.emulator.fault(&format!("{}.*#*={}", self.vendor, fault(it))).is_ok())
    }

    fn issues_seen(&self) -> Option<u64> {
        Some(self.emulator.handled(self.vendor, self.issue))
    }
}

/// A disturbance in the emulator's words.
fn fault(disturbance: Disturbance) -> String {
    let plain = match disturbance {
        Disturbance::TooManyFor(wait) => return format!("429:{}", wait.as_secs()),
        Disturbance::LoseRequest => "lose_request",
        Disturbance::LoseAnswer => "lose_answer",
        Disturbance::CutAnswer => "cut_body:20",
        Disturbance::TooMany => "429",
        Disturbance::FailBefore => "500_before_commit",
        Disturbance::FailAfter => "500_after_commit",
        Disturbance::Duplicate => "duplicate_later",
        Disturbance::WebPage => "html",
        Disturbance::ExtraFields => "extra_fields",
    };
    plain.to_owned()
}

impl fmt::Debug for Emulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulated").field("vendor", &self.vendor).field("issue", &self.issue).finish_non_exhaustive()
    }
}
