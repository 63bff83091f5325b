//! The emulated vendors as subjects, in process and over HTTP, under simulated time; and the transport that gets there.

mod expected;
mod kinds;
mod seeded;
mod served;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use zeroize::Zeroizing;

use cutover_core::{ClientSecret, Clock, SecretRotator, Target};
use cutover_emulator::{Broken, Emulator};
use cutover_http::{Answer, End, FnTransport, Request, SendError, Transport};

pub use kinds::{EmulatedKind, all, everything};

use crate::overheard::Ear;
use crate::site::{ClientKind, Site};
use crate::{Disturbance, Overheard, Stop, Subject, Wire};
use served::Lent;

/// An id that no vendor has given to anybody.
const NOBODYS: &str = "999999999999999999";

/// How many generated sequences are tried on each of the many forms of one vendor.
const SEQUENCES_OF_A_FORM: u32 = 1;

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

/// An emulated vendor with the adapter for one of its kinds of client, and the way past it.
pub struct Emulated {
    emulator: Emulator,
    kind: ClientKind,
    site: Site,
    ear: Ear,
    rotator: Arc<dyn SecretRotator>,
    wire: Arc<dyn Wire>,
    clock: EmulatedClock,
    /// How many targets are in use.
    used: AtomicUsize,
    /// What is not as it is by itself, as in `hopae.get_secret` and `leak`.
    behaviours: Arc<[(String, String)]>,
    /// Whether it is one of the forms that stand beside the vendor as it is by itself.
    is_form: bool,
    /// The ports it is reached through, given back when this subject goes.
    _served: Option<Lent>,
}

impl Emulated {
    fn new(
        emulator: Emulator,
        site: Site,
        ear: Ear,
        kind: ClientKind,
        behaviours: Arc<[(String, String)]>,
        served: Option<Lent>,
        is_form: bool,
    ) -> Result<Self, Stop> {
        Ok(Self {
            clock: EmulatedClock(emulator.clone()),
            emulator,
            kind,
            rotator: site.rotator(kind)?,
            wire: site.wire(kind),
            site,
            ear,
            used: AtomicUsize::new(0),
            behaviours,
            is_form,
            _served: served,
        })
    }
}

#[async_trait]
impl Subject for Emulated {
    fn rotator(&self) -> &Arc<dyn SecretRotator> {
        &self.rotator
    }

    async fn fresh_target(&self) -> Result<(Target, ClientSecret), Stop> {
        let next = self.used.fetch_add(1, Ordering::Relaxed);
        seeded::target(self.kind, next)
            .ok_or_else(|| Stop::NotSetUp("every target of the emulator is in use".to_owned()))
    }

    fn missing_target(&self) -> Option<Target> {
        seeded::target(self.kind, 0).map(|(target, _)| seeded::renamed(&target, NOBODYS))
    }

    fn has_organisations(&self) -> bool {
        self.kind.has_organisations()
    }

    fn elsewhere(&self, target: &Target) -> Option<Target> {
        self.has_organisations().then(|| target.clone().with_scope("org_id", NOBODYS))
    }

    fn abroad(&self, target: &Target) -> Option<Target> {
        self.has_organisations().then(|| target.clone().with_scope("org_id", seeded::foreign_organisation()))
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.clock.clone())
    }

    fn can_wait(&self) -> bool {
        true
    }

    fn can_disturb(&self) -> bool {
        true
    }

    fn disturb(&self, disturbance: Disturbance) -> bool {
        let fault = fault(disturbance);
        self.emulator.fault(&format!("{}.{}#1={fault}", self.kind.vendor(), self.kind.issue())).is_ok()
    }

    fn can_disturb_all(&self) -> bool {
        true
    }

    fn disturb_all(&self, disturbance: Option<Disturbance>) -> bool {
        self.emulator.clear_faults();
        let all = |it| self.emulator.fault(&format!("{}.*#*={}", self.kind.vendor(), fault(it))).is_ok();
        disturbance.is_none_or(all)
    }

    fn issues_seen(&self) -> Option<u64> {
        Some(self.emulator.handled(self.kind.vendor(), self.kind.issue()))
    }

    fn can_listen(&self) -> bool {
        true
    }

    fn listen(&self) {
        self.ear.listen();
    }

    fn overheard(&self) -> Vec<Overheard> {
        self.ear.overheard()
    }

    fn impostor(&self) -> Option<Arc<dyn SecretRotator>> {
        self.site.impostor(self.kind)
    }

    fn runs_engine(&self) -> bool {
        !self.is_form
    }

    fn sequences(&self, wanted: u32) -> u32 {
        if self.is_form { wanted.min(SEQUENCES_OF_A_FORM) } else { wanted }
    }

    fn wire(&self) -> Option<&dyn Wire> {
        Some(self.wire.as_ref())
    }

    fn behaviour(&self, name: &str) -> Option<&str> {
        self.behaviours.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A disturbance in the emulator's words.
pub(crate) fn fault(disturbance: Disturbance) -> String {
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
        f.debug_struct("Emulated")
            .field("kind", &self.kind)
            .field("behaviours", &self.behaviours)
            .finish_non_exhaustive()
    }
}
