//! A subject put together from parts, for who has an adapter and a vendor to test it with.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use cutover_core::{ClientSecret, Clock, SecretRotator, Target};

use crate::{Disturbance, Overheard, Stop, Subject, Troubled};

/// Makes a target that nobody else uses, with the secret it has now.
type Fresh = Box<dyn Fn() -> (Target, ClientSecret) + Send + Sync>;

/// An adapter and a vendor to test it with, as a subject.
///
/// The adapter and how a fresh target is made are enough; each further part lets more rules apply.
pub struct Bench {
    rotator: Arc<dyn SecretRotator>,
    fresh: Fresh,
    missing: Option<Target>,
    clock: Option<SimulatedClock>,
    troubled: Option<Troubled>,
    impostor: Option<Arc<dyn SecretRotator>>,
}

impl Bench {
    /// This adapter, with targets that `fresh` makes at its vendor.
    pub fn new(
        rotator: impl SecretRotator,
        fresh: impl Fn() -> (Target, ClientSecret) + Send + Sync + 'static,
    ) -> Self {
        Self {
            rotator: Arc::new(rotator),
            fresh: Box::new(fresh),
            missing: None,
            clock: None,
            troubled: None,
            impostor: None,
        }
    }

    /// With a target that looks like the others and does not exist at the vendor.
    #[must_use]
    pub fn missing(mut self, target: Target) -> Self {
        self.missing = Some(target);
        self
    }

    /// With the clock that adapter and vendor go by.
    #[must_use]
    pub fn clock(mut self, clock: SimulatedClock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// With the transport by which the adapter reaches the vendor.
    #[must_use]
    pub fn troubled(mut self, transport: Troubled) -> Self {
        self.troubled = Some(transport);
        self
    }

    /// With the same adapter at the same vendor, but for its own credential, which the vendor does not accept.
    #[must_use]
    pub fn impostor(mut self, rotator: impl SecretRotator) -> Self {
        self.impostor = Some(Arc::new(rotator));
        self
    }
}

#[async_trait]
impl Subject for Bench {
    fn rotator(&self) -> &Arc<dyn SecretRotator> {
        &self.rotator
    }

    async fn fresh_target(&self) -> Result<(Target, ClientSecret), Stop> {
        Ok((self.fresh)())
    }

    fn missing_target(&self) -> Option<Target> {
        self.missing.clone()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.clock
            .as_ref()
            .map_or_else(|| Arc::new(cutover_core::SystemClock) as _, |clock| Arc::new(clock.clone()) as _)
    }

    fn can_wait(&self) -> bool {
        self.clock.is_some()
    }

    fn can_disturb(&self) -> bool {
        self.troubled.is_some()
    }

    fn disturb(&self, disturbance: Disturbance) -> bool {
        self.troubled.as_ref().is_some_and(|transport| {
            transport.disturb(disturbance);
            true
        })
    }

    fn can_disturb_all(&self) -> bool {
        self.troubled.is_some()
    }

    fn disturb_all(&self, disturbance: Option<Disturbance>) -> bool {
        self.troubled.as_ref().is_some_and(|transport| {
            transport.disturb_all(disturbance);
            true
        })
    }

    fn can_listen(&self) -> bool {
        self.troubled.is_some()
    }

    fn listen(&self) {
        if let Some(transport) = &self.troubled {
            transport.listen();
        }
    }

    fn overheard(&self) -> Vec<Overheard> {
        self.troubled.as_ref().map(Troubled::overheard).unwrap_or_default()
    }

    fn impostor(&self) -> Option<Arc<dyn SecretRotator>> {
        self.impostor.clone()
    }

    fn issues_seen(&self) -> Option<u64> {
        self.troubled.as_ref().map(Troubled::issues_seen)
    }
}

impl fmt::Debug for Bench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bench").field("rotator", &self.rotator).finish_non_exhaustive()
    }
}

/// A clock on which waiting takes no time. Clones show the same time.
#[derive(Clone, Debug, Default)]
pub struct SimulatedClock(Arc<AtomicU64>);

#[async_trait]
impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        let since = Duration::from_millis(self.0.load(Ordering::SeqCst));
        Timestamp::UNIX_EPOCH.checked_add(since).unwrap_or(Timestamp::MAX)
    }

    async fn sleep(&self, duration: Duration) {
        let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
    }
}
