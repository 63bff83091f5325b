//! The invented vendor as a subject.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use zeroize::Zeroizing;

use cutover_core::{ClientId, ClientSecret, Clock, SecretRotator, Target, TargetId, Vendor};

use super::adapter::{Rotator, is_here, number};
use super::vendor::{Bug, Call, Kind, Service};
use crate::{Ask, Caller, Disturbance, Exchange, Fixture, Lost, Repetition, Stop, Subject, Wire};

/// The mark of a repetition.
const REPLAYED: &str = "replayed";

/// Makes an invented vendor for each check.
#[derive(Clone, Copy, Debug)]
pub(super) struct Invented {
    kind: Kind,
    bug: Option<Bug>,
}

impl Invented {
    pub(super) fn new(kind: Kind, bug: Option<Bug>) -> Self {
        Self { kind, bug }
    }
}

#[async_trait]
impl Fixture for Invented {
    fn name(&self) -> &str {
        match self.kind {
            Kind::TwoPhase => "invented two-phase",
            Kind::Keyed => "invented keyed",
            Kind::Plain => "invented plain",
        }
    }

    async fn subject(&self) -> Result<Box<dyn Subject>, Stop> {
        let service = Arc::new(Service::new(self.kind, self.bug));
        let rotator = Arc::new(Rotator::new(Arc::clone(&service)));
        Ok(Box::new(Account { clock: Arc::new(ServiceClock(Arc::clone(&service))), service, rotator }))
    }
}

/// A vendor and its adapter.
struct Account {
    service: Arc<Service>,
    rotator: Arc<dyn SecretRotator>,
    clock: Arc<dyn Clock>,
}

#[derive(Clone, Debug)]
struct ServiceClock(Arc<Service>);

#[async_trait]
impl Clock for ServiceClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    async fn sleep(&self, duration: Duration) {
        self.0.advance(duration);
    }
}

#[async_trait]
impl Subject for Account {
    fn rotator(&self) -> &Arc<dyn SecretRotator> {
        &self.rotator
    }

    async fn fresh_target(&self) -> Result<(Target, ClientSecret), Stop> {
        let (nth, secret) = self.service.create();
        let not_set_up = |error: String| Stop::NotSetUp(error);
        let id = TargetId::new(format!("client-{nth}")).map_err(|error| not_set_up(error.to_string()))?;
        let client = ClientId::new(nth.to_string()).map_err(|error| not_set_up(error.to_string()))?;
        let kind = cutover_core::Kind::from_static(self.service.kind.name());
        Ok((Target::new(id, Vendor::from_static("invented"), kind, client), ClientSecret::new(&secret)))
    }

    fn has_organisations(&self) -> bool {
        self.service.kind == Kind::Plain
    }

    fn elsewhere(&self, target: &Target) -> Option<Target> {
        self.has_organisations().then(|| target.clone().with_scope("org", "elsewhere"))
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    fn can_wait(&self) -> bool {
        true
    }

    fn can_disturb(&self) -> bool {
        true
    }

    fn disturb(&self, disturbance: Disturbance) -> bool {
        self.service.arm(disturbance);
        true
    }

    fn issues_seen(&self) -> Option<u64> {
        Some(self.service.issues())
    }

    fn wire(&self) -> Option<&dyn Wire> {
        Some(self)
    }
}

#[async_trait]
impl Wire for Account {
    async fn send(&self, ask: Ask<'_>, _caller: Caller) -> Result<Option<Exchange>, Lost> {
        let call = match ask {
            Ask::Issue { target, keys } => {
                let key = keys.first().map(|key| String::from_utf8_lossy(key).into_owned()).unwrap_or_default();
                Call::Issue { client: number(target), key, here: is_here(target) }
            }
            Ask::Complete(target) => Call::Complete(number(target)),
            Ask::Cancel(target) => Call::Cancel(number(target)),
            _ => return Ok(None),
        };
        let Some((answer, true)) = self.service.send(call).await else {
            return Err(Lost("the connection was closed".to_owned()));
        };
        let mut headers = HeaderMap::new();
        if answer.replayed {
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
        Ok(Some(Exchange { status: answer.status, headers, body: Zeroizing::new(answer.body.into_bytes()) }))
    }

    fn secret(&self, exchange: &Exchange) -> Option<ClientSecret> {
        exchange.secret_at(&["/secret"])
    }

    fn created(&self, _exchange: &Exchange, _name: &str) -> Option<Target> {
        None
    }

    fn listed(&self, _exchange: &Exchange) -> Vec<(Target, String)> {
        Vec::new()
    }

    fn next_page(&self, _exchange: &Exchange) -> Option<String> {
        None
    }

    fn code(&self, exchange: &Exchange) -> Option<String> {
        exchange.text("/code")
    }

    fn repetition(&self, exchange: &Exchange) -> Repetition {
        match (exchange.header(REPLAYED), self.code(exchange).as_deref()) {
            (Some(_), _) => Repetition::Replayed,
            (None, Some("key_conflict")) => Repetition::Mismatch,
            _ => Repetition::First,
        }
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("kind", &self.service.kind).finish_non_exhaustive()
    }
}
