//! The kinds of client of the emulated vendors, as fixtures.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use cutover_emulator::Emulator;
use cutover_http::{BaseUrl, Transport};

use super::served::Served;
use super::{Emulated, EmulatedClock, expected, in_process, seeded};
use crate::overheard::Ear;
use crate::site::{ClientKind, Site};
use crate::wire::Surface;
use crate::{Fixture, Skip, Stop, Subject};

/// Puts something between a subject and its vendor.
type Between = Arc<dyn Fn(Arc<dyn Transport>, &Emulator) -> Arc<dyn Transport> + Send + Sync>;

/// The lags that stand for the whole range that the documents leave open.
const LAGS: &[&str] = &["2s", "60s"];

/// A kind of client of an emulated vendor: makes a new emulator for each check.
#[derive(Clone)]
pub struct EmulatedKind {
    name: String,
    kind: ClientKind,
    behaviours: Vec<(String, String)>,
    served: Option<Served>,
    between: Option<Between>,
}

/// Every kind of client of every emulated vendor, in process, as it is by itself.
pub fn all() -> Vec<EmulatedKind> {
    ClientKind::ALL.into_iter().map(EmulatedKind::of).collect()
}

/// Every kind in every form: by itself, through its vendor's other interface, over HTTP, and under every single
/// behaviour that the documents allow.
pub fn everything() -> Vec<EmulatedKind> {
    let other = all().into_iter().filter_map(EmulatedKind::through_v2);
    let served = Served::default();
    let http = all().into_iter().map(|kind| kind.over(served.clone()));
    let behaving = every_behaviour().into_iter().flat_map(|behaviour| {
        let of_vendor = |kind: &EmulatedKind| behaviour.starts_with(kind.kind.vendor().name());
        let kinds: Vec<EmulatedKind> = all().into_iter().filter(of_vendor).collect();
        kinds.into_iter().map(move |kind| kind.with_behaviour(behaviour.as_str()))
    });
    all().into_iter().chain(other).chain(http).chain(behaving).collect()
}

/// Every switch of the emulators with every value that is not its default, as in `stytch.start_while_pending=replace`.
fn every_behaviour() -> Vec<String> {
    let switches = Emulator::builder().build().switches();
    let values = |switch: &cutover_emulator::SwitchState| match switch.values {
        ["0s..60s"] => LAGS.to_vec(),
        values => values.iter().copied().skip(1).collect(),
    };
    let each = switches.iter().flat_map(|switch| {
        values(switch).into_iter().map(|value| format!("{}={value}", switch.name)).collect::<Vec<_>>()
    });
    each.collect()
}

impl EmulatedKind {
    fn of(kind: ClientKind) -> Self {
        Self { name: kind.name().to_owned(), kind, behaviours: Vec::new(), served: None, between: None }
    }

    /// The same with this behaviour, as in `hopae.get_secret=leak`.
    #[must_use]
    pub fn with_behaviour(mut self, behaviour: impl Into<String>) -> Self {
        let behaviour = behaviour.into();
        let (name, value) = behaviour.split_once('=').unwrap_or((behaviour.as_str(), ""));
        let short = name.split_once('.').map_or(name, |(_, short)| short);
        // Not with an equals sign: what takes secrets out of reports would take `get_secret=leak` for one.
        self.name = format!("{} [{short} is {value}]", self.name);
        self.behaviours.push((name.to_owned(), value.to_owned()));
        if let Some(kind) = self.kind.through(seeded::surface(&self.behaviours)) {
            self.kind = kind;
        }
        self
    }

    /// The same through v2 of its vendor's interfaces, if there is one.
    fn through_v2(self) -> Option<Self> {
        let kind = self.kind.through(Surface::V2)?;
        Some(Self { name: format!("{} [v2]", self.name), kind, ..self })
    }

    /// The same over HTTP.
    fn over(self, served: Served) -> Self {
        Self { name: format!("{} [http]", self.name), served: Some(served), ..self }
    }

    /// The same with something between the subject and its vendor.
    #[must_use]
    pub fn with_between(
        mut self,
        between: impl Fn(Arc<dyn Transport>, &Emulator) -> Arc<dyn Transport> + Send + Sync + 'static,
    ) -> Self {
        self.between = Some(Arc::new(between));
        self
    }

    /// Whether it stands beside the vendor as it is by itself.
    fn is_form(&self) -> bool {
        self.name != self.kind.name()
    }

    /// A new emulator with the adapter for this kind.
    ///
    /// # Errors
    /// [`Stop::NotSetUp`] for a behaviour that the emulator does not have, and when there is no port to be had.
    pub fn make(&self) -> Result<Emulated, Stop> {
        let vendor = self.kind.vendor();
        let served = self.served.as_ref().map(Served::lend).transpose()?;
        let emulator = served.as_ref().map_or_else(seeded::emulator, |served| Emulator::clone(served));
        for (name, value) in &self.behaviours {
            emulator.set_behaviour(name, value).map_err(|error| Stop::NotSetUp(error.to_string()))?;
        }
        let (transport, base_url) = match (&self.served, &served) {
            (Some(pool), Some(lent)) => (pool.transport()?, lent.base_url(vendor)),
            _ => {
                let prefix = if vendor == cutover_emulator::Vendor::Hopae { "/connect" } else { "" };
                (in_process(&emulator, vendor), format!("http://127.0.0.1{prefix}"))
            }
        };
        let transport = match &self.between {
            Some(between) => between(transport, &emulator),
            None => transport,
        };
        let ear = Ear::default();
        let transport = ear.transport(transport);
        let site = Site {
            account: seeded::account(self.kind),
            base_url: BaseUrl::parse(&base_url).map_err(|error| Stop::NotSetUp(error.to_string()))?,
            transport,
            clock: Arc::new(EmulatedClock(emulator.clone())),
        };
        Emulated::new(emulator, site, ear, self.kind, self.behaviours.clone().into(), served, self.is_form())
    }
}

#[async_trait]
impl Fixture for EmulatedKind {
    fn name(&self) -> &str {
        &self.name
    }

    async fn subject(&self) -> Result<Box<dyn Subject>, Stop> {
        Ok(Box::new(self.make()?))
    }

    fn expected(&self) -> Option<Vec<Skip>> {
        // What a wrong vendor makes of the rules is not for this list.
        self.between.is_none().then(|| expected::of(self.kind, &self.behaviours, self.is_form()))
    }
}

impl fmt::Debug for EmulatedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EmulatedKind({})", self.name)
    }
}
