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
use cutover_emulator::{Broken, Emulator, canary};
use cutover_http::{Answer, BaseUrl, Credential, End, FnTransport, Request, SendError, Transport};

use crate::{Disturbance, Subject};

/// How many targets each emulated vendor has: enough for every kind to have several.
const TARGETS: usize = 12;

/// A transport into an emulated vendor of this process.
pub fn in_process(emulator: &Emulator, vendor: cutover_emulator::Vendor) -> Arc<dyn Transport> {
    let emulator = emulator.clone();
    Arc::new(FnTransport::new(move |request: Request| {
        let emulator = emulator.clone();
        async move {
            let request = request.map(|body| Bytes::copy_from_slice(body.expose()));
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
    name: String,
    emulator: Emulator,
    vendor: cutover_emulator::Vendor,
    issue: &'static str,
    rotator: Arc<dyn SecretRotator>,
    clock: EmulatedClock,
    targets: Mutex<VecDeque<(Target, ClientSecret)>>,
    missing: Target,
}

/// Every kind of client of every emulated vendor.
pub const ALL: [fn() -> Emulated; 6] = [m2m, connected_app, app, api, oidc, machine_user];

fn m2m() -> Emulated {
    stytch("m2m", "m2m.start", cutover_stytch::Rotator::m2m)
}

fn connected_app() -> Emulated {
    stytch("connected_app", "connected_app.start", cutover_stytch::Rotator::connected_apps)
}

fn stytch(
    kind: &'static str,
    issue: &'static str,
    rotator: fn(cutover_stytch::Client) -> cutover_stytch::Rotator,
) -> Emulated {
    let world = World::new(cutover_emulator::Vendor::Stytch);
    let config = cutover_stytch::Config::new(world.text("project_id"), world.credential("secret"))
        .base_url(world.base_url(""))
        .transport(world.transport())
        .clock(world.clock());
    let client = cutover_stytch::Client::new(config).expect("the emulator's own settings fit");
    world.subject(kind, issue, Arc::new(rotator(client)))
}

fn app() -> Emulated {
    let world = World::new(cutover_emulator::Vendor::Hopae);
    let config = cutover_hopae::Config::sandbox(world.credential("api_key"))
        .base_url(world.base_url("/connect"))
        .transport(world.transport())
        .clock(world.clock());
    let client = cutover_hopae::Client::new(config).expect("the emulator's own settings fit");
    world.subject("app", "rotate", Arc::new(cutover_hopae::Rotator::apps(client)))
}

fn api() -> Emulated {
    zitadel("api", "app.generate", cutover_zitadel::Rotator::api_apps)
}

fn oidc() -> Emulated {
    zitadel("oidc", "app.generate", cutover_zitadel::Rotator::oidc_apps)
}

fn machine_user() -> Emulated {
    zitadel("machine_user", "user.secret", cutover_zitadel::Rotator::machine_users)
}

fn zitadel(
    kind: &'static str,
    issue: &'static str,
    rotator: fn(cutover_zitadel::Client) -> cutover_zitadel::Rotator,
) -> Emulated {
    let world = World::new(cutover_emulator::Vendor::Zitadel);
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
    fn new(vendor: cutover_emulator::Vendor) -> Self {
        let start = Timestamp::from_second(1_750_000_000).expect("a time in range");
        let clock = cutover_emulator::Clock::simulated(start);
        let emulator = Emulator::builder().seed(1).targets(TARGETS).clock(clock).build();
        let seeds = serde_json::to_value(emulator.seeds()).expect("plain data");
        let seed = seeds[vendor.name()].clone();
        Self { emulator, vendor, seed }
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
            name: format!("{} {kind}", self.vendor),
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
    fn name(&self) -> &str {
        &self.name
    }

    fn rotator(&self) -> &Arc<dyn SecretRotator> {
        &self.rotator
    }

    fn clock(&self) -> &dyn Clock {
        &self.clock
    }

    async fn fresh_target(&self) -> Option<(Target, ClientSecret)> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn missing_target(&self) -> Target {
        self.missing.clone()
    }

    fn disturb(&self, disturbance: Disturbance) -> bool {
        let fault = match disturbance {
            Disturbance::LoseAnswer => "lose_answer",
            Disturbance::CutAnswer => "cut_body:20",
            Disturbance::TooMany => "429",
        };
        self.emulator.fault(&format!("{}.{}#1={fault}", self.vendor, self.issue)).is_ok()
    }

    fn issues_seen(&self) -> Option<u64> {
        Some(self.emulator.handled(self.vendor, self.issue))
    }

    fn shows_secret(&self, text: &str) -> bool {
        canary::is_in(text)
    }
}

impl fmt::Debug for Emulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulated").field("name", &self.name).finish_non_exhaustive()
    }
}
