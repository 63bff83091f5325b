//! Every emulated vendor in one place: their clock, their faults and what they saw.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Clock;
use crate::disturb;
use crate::exchange::{Exchange, Ticket};
use crate::faults::{Fault, FaultKind, NotAFault, pattern_matches};
use crate::log::{Log, LogEntry, Noted};
use crate::model::{Request, Response, UnknownBehaviour};
use crate::models::Models;
use crate::seeds::Seeds;
use crate::vendor::{UnknownVendor, Vendor};

/// The name under which requests count that no route of the vendor fits.
pub const UNROUTED: &str = "unrouted";

/// All emulated vendors. Cheap to clone; every clone is the same emulator.
///
/// Does no I/O: a front hands it requests and does on the wire what [`Exchange`] says. `Debug` shows no secret.
#[derive(Clone)]
pub struct Emulator {
    shared: Arc<Shared>,
}

struct Shared {
    recipe: Recipe,
    world: Mutex<World>,
}

/// What an emulator is built from, and built from again at a reset.
#[derive(Clone, Copy, Debug)]
struct Recipe {
    seed: u64,
    targets: usize,
    clock: Clock,
}

struct World {
    clock: Clock,
    models: Models,
    faults: Vec<Armed>,
    handled: Vec<(Vendor, &'static str, u64)>,
    late: Vec<Late>,
    log: Log,
    releases: u64,
    waiting: Waiting,
}

/// Who waits, by what they wait for: a request must not wake those who wait for a fault.
#[derive(Default)]
struct Waiting {
    for_requests: Vec<Waker>,
    for_control: Vec<Waker>,
}

/// A fault and the calls it has seen.
struct Armed {
    fault: Fault,
    seen: u64,
}

/// A request on its way.
struct Late {
    vendor: Vendor,
    request: Request,
    after: u32,
}

/// Builds an [`Emulator`].
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Builder {
    recipe: Recipe,
}

impl Builder {
    /// Where everything that looks random comes from. 0 when not given.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.recipe.seed = seed;
        self
    }

    /// How many targets each vendor is seeded with; 0, the default, is one of each kind.
    pub const fn targets(mut self, targets: usize) -> Self {
        self.recipe.targets = targets;
        self
    }

    /// The vendors' clock. Real time when not given.
    pub const fn clock(mut self, clock: Clock) -> Self {
        self.recipe.clock = clock;
        self
    }

    /// The emulator, with no faults and every switch at its default.
    pub fn build(self) -> Emulator {
        let world = Mutex::new(World::new(&self.recipe, 0));
        Emulator { shared: Arc::new(Shared { recipe: self.recipe, world }) }
    }
}

impl Emulator {
    /// Starts to build one.
    pub const fn builder() -> Builder {
        Builder { recipe: Recipe { seed: 0, targets: 0, clock: Clock::real() } }
    }

    /// Lets a request reach `vendor`, unless a fault is in the way, and says what to do on the wire.
    pub fn exchange(&self, vendor: Vendor, request: Request) -> Exchange {
        let mut world = self.lock();
        let exchange = world.exchange(vendor, request);
        let woken = std::mem::take(&mut world.waiting.for_requests);
        drop(world);
        woken.into_iter().for_each(Waker::wake);
        exchange
    }

    /// The emulated time.
    pub fn now(&self) -> Timestamp {
        self.lock().clock.now()
    }

    /// Whether time stands still until [`advance`](Self::advance).
    pub fn has_simulated_time(&self) -> bool {
        self.lock().clock.is_simulated()
    }

    /// Moves the emulated time ahead.
    pub fn advance(&self, by: Duration) {
        self.change(|world| world.clock.advance(by));
    }

    /// Adds a fault by its text form, as in `stytch.m2m.start#1=lose_answer`.
    ///
    /// # Errors
    /// When the text is no fault, or names an operation that the vendor does not have.
    pub fn fault(&self, text: &str) -> Result<(), ControlError> {
        self.add_fault(text.parse()?)
    }

    /// Adds a fault. It counts calls from now on. An operation that is named without what it is about, as `start` for
    /// `m2m.start` and `connected_app.start`, is meant with all of them: `*.start`.
    ///
    /// Several faults may strike one call. What they do to the body of its answer adds up, in the order in which they were
    /// added. Of those that keep the vendor from acting the first added counts, and so it is with those that lose, cut,
    /// hold or delay the answer.
    ///
    /// # Errors
    /// When the vendor has no such operation.
    pub fn add_fault(&self, mut fault: Fault) -> Result<(), ControlError> {
        self.change(|world| {
            let known = world.operations(fault.vendor);
            let exists = |pattern: &str| known.iter().any(|operation| pattern_matches(pattern, operation));
            let of_every_kind = format!("*.{}", fault.operation);
            if !exists(&fault.operation) && exists(&of_every_kind) {
                fault.operation = of_every_kind;
            }
            if !exists(&fault.operation) && fault.operation != UNROUTED {
                return Err(ControlError::Operation {
                    vendor: fault.vendor,
                    operation: fault.operation,
                    known: known.join(", "),
                });
            }
            world.faults.push(Armed { fault, seen: 0 });
            Ok(())
        })
    }

    /// The faults there are, whether or not they can still strike.
    pub fn faults(&self) -> Vec<Fault> {
        self.lock().faults.iter().map(|armed| armed.fault.clone()).collect()
    }

    /// Removes every fault. Requests that are already on their way still arrive.
    pub fn clear_faults(&self) {
        self.change(|world| world.faults.clear());
    }

    /// Sets a switch, named with its vendor as in `stytch.start_while_pending`.
    ///
    /// # Errors
    /// When there is no such vendor, switch or value.
    pub fn set_behaviour(&self, name: &str, value: &str) -> Result<(), ControlError> {
        let (vendor, switch) = name.split_once('.').unwrap_or((name, ""));
        let vendor: Vendor = vendor.parse()?;
        self.change(|world| Ok(world.models.get_mut(vendor).set_behaviour(switch, value)?))
    }

    /// Every switch of every vendor, with its present value.
    pub fn switches(&self) -> Vec<SwitchState> {
        let world = self.lock();
        let states = Vendor::ALL.into_iter().flat_map(|vendor| {
            let model = world.models.get(vendor);
            model.switches().iter().map(move |switch| SwitchState {
                name: format!("{vendor}.{}", switch.name),
                value: model.behaviour(switch.name).unwrap_or_default(),
                about: switch.about,
                values: switch.values,
                citation: switch.citation,
            })
        });
        states.collect()
    }

    /// The operations of `vendor`, by the names that faults use.
    pub fn operations(&self, vendor: Vendor) -> &'static [&'static str] {
        self.lock().operations(vendor)
    }

    /// The latest requests, oldest first, without anything secret.
    pub fn log(&self) -> Vec<LogEntry> {
        self.lock().log.entries()
    }

    /// How many calls of `operation`, which may hold `*`, have reached the vendor.
    pub fn handled(&self, vendor: Vendor, operation: &str) -> u64 {
        self.lock().handled(vendor, operation)
    }

    /// Waits until `count` calls of `operation`, which may hold `*`, have reached the vendor and been acted upon.
    ///
    /// Needs no particular runtime; dropping the future is safe.
    pub async fn reached(&self, vendor: Vendor, operation: &str, count: u64) {
        let holds = |world: &World| count <= world.handled(vendor, operation);
        self.until(holds, |waiting| &mut waiting.for_requests).await;
    }

    /// Lets go of every answer that is kept back now.
    pub fn release(&self) {
        self.change(|world| world.releases += 1);
    }

    /// Waits until the answer that `ticket` stands for may go.
    ///
    /// Needs no particular runtime; dropping the future is safe.
    pub async fn released(&self, ticket: Ticket) {
        self.until(|world| ticket.0 < world.releases, |waiting| &mut waiting.for_control).await;
    }

    /// Whether a fault keeps every connection to `vendor` from coming about.
    pub fn is_closed(&self, vendor: Vendor) -> bool {
        self.lock().is_closed(vendor)
    }

    /// Waits until [`is_closed`](Self::is_closed) is `closed`.
    pub async fn closes(&self, vendor: Vendor, closed: bool) {
        self.until(|world| world.is_closed(vendor) == closed, |waiting| &mut waiting.for_control).await;
    }

    /// Goes back to how the emulator was built: state, clock, switches, faults, counts and log.
    ///
    /// Answers that are kept back are released; requests on their way never arrive.
    pub fn reset(&self) {
        let recipe = self.shared.recipe;
        self.change(|world| {
            let waiting = std::mem::take(&mut world.waiting);
            *world = World::new(&recipe, world.releases + 1);
            world.waiting = waiting;
        });
    }

    /// The credentials and targets the vendors were seeded with, secrets included.
    ///
    /// Made again from the seed: the emulator itself keeps none of them.
    pub fn seeds(&self) -> Seeds {
        Seeds::of(self.shared.recipe.seed, self.shared.recipe.targets)
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.shared.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes anything but through a request, and wakes whoever waits for that.
    fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.lock();
        let result = change(&mut world);
        let woken = std::mem::take(&mut world.waiting.for_control);
        drop(world);
        woken.into_iter().for_each(Waker::wake);
        result
    }

    async fn until(&self, holds: impl Fn(&World) -> bool, among: impl Fn(&mut Waiting) -> &mut Vec<Waker>) {
        poll_fn(|context| {
            let mut world = self.lock();
            if holds(&world) {
                return Poll::Ready(());
            }
            let waker = context.waker();
            let waiting = among(&mut world.waiting);
            if !waiting.iter().any(|known| known.will_wake(waker)) {
                waiting.push(waker.clone());
            }
            Poll::Pending
        })
        .await;
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let world = self.lock();
        f.debug_struct("Emulator")
            .field("seed", &self.shared.recipe.seed)
            .field("clock", &world.clock)
            .field("models", &world.models)
            .field("faults", &world.faults.len())
            .field("requests", &world.log.count())
            .finish()
    }
}

/// A switch and its present value.
#[derive(Clone, Debug, serde::Serialize)]
pub struct SwitchState {
    /// The name with the vendor, as in `stytch.start_while_pending`.
    pub name: String,
    /// The present value.
    pub value: String,
    /// What the switch decides, in a sentence.
    pub about: &'static str,
    /// The values it takes, the default first.
    pub values: &'static [&'static str],
    /// What the vendor says, or that it says nothing.
    pub citation: &'static str,
}

/// A wish that an emulator cannot meet.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// There is no such vendor.
    #[error(transparent)]
    Vendor(#[from] UnknownVendor),
    /// There is no such switch or value.
    #[error(transparent)]
    Behaviour(#[from] UnknownBehaviour),
    /// The text is no fault.
    #[error(transparent)]
    Fault(#[from] NotAFault),
    /// The vendor has no such operation.
    #[error("{vendor} has no operation {operation:?}; it has {known}")]
    Operation {
        /// The vendor that was named.
        vendor: Vendor,
        /// The operation that was named.
        operation: String,
        /// The operations there are.
        known: String,
    },
}

impl World {
    fn new(recipe: &Recipe, releases: u64) -> Self {
        Self {
            clock: recipe.clock,
            models: Models::new(recipe.seed, recipe.targets),
            faults: Vec::new(),
            handled: Vec::new(),
            late: Vec::new(),
            log: Log::default(),
            releases,
            waiting: Waiting::default(),
        }
    }

    fn exchange(&mut self, vendor: Vendor, request: Request) -> Exchange {
        let operation = self.operation(vendor, &request);
        let struck = self.strike(vendor, operation);
        let exchange = if struck.is_empty() {
            Exchange::Answer(self.handle(vendor, operation, &request, struck, false))
        } else {
            self.disturbed(&struck, vendor, operation, request)
        };
        self.arrivals(vendor);
        exchange
    }

    /// Of the faults that keep the vendor from acting the first one counts, and of those that break the wire; what they
    /// make of the answer adds up.
    fn disturbed(
        &mut self,
        kinds: &[FaultKind],
        vendor: Vendor,
        operation: &'static str,
        request: Request,
    ) -> Exchange {
        let prevented = kinds.iter().find(|kind| kind.keeps_from_acting());
        let answered = match prevented {
            None => Some(self.handle(vendor, operation, &request, kinds.to_vec(), false)),
            Some(kind) => {
                self.missed(vendor, operation, &request, kinds.to_vec());
                self.unacted(kind, vendor, &request)
            }
        };
        if prevented == Some(&FaultKind::RefuseConnection) {
            return Exchange::Refuse;
        }
        let answered = answered.map(|response| {
            kinds.iter().fold(response, |response, kind| match kind {
                FaultKind::ErrorAfterCommit if prevented.is_none() => self.broken(vendor, &request),
                kind => disturb::changed(kind, response),
            })
        });
        if let Some(after) = kinds.iter().find_map(FaultKind::arrives_later) {
            self.send_later(vendor, request, after);
        }
        match answered {
            Some(response) => disturb::sent(kinds, response, Ticket(self.releases)),
            None => Exchange::Close,
        }
    }

    /// What is answered by a vendor that does not act, if anything.
    fn unacted(&self, kind: &FaultKind, vendor: Vendor, request: &Request) -> Option<Response> {
        match kind {
            FaultKind::TooManyRequests { retry_after } => {
                Some(self.models.get(vendor).overloaded(self.clock.now(), request, *retry_after))
            }
            FaultKind::ErrorBeforeCommit => Some(self.broken(vendor, request)),
            _ => None,
        }
    }

    /// The vendor acts.
    fn handle(
        &mut self,
        vendor: Vendor,
        operation: &'static str,
        request: &Request,
        faults: Vec<FaultKind>,
        late: bool,
    ) -> Response {
        let now = self.clock.now();
        let response = self.models.get_mut(vendor).handle(now, request);
        self.count(vendor, operation);
        let status = Some(response.status().as_u16());
        let noted = Noted { at: now, vendor, operation, method: request.method().clone(), status, faults, late };
        self.log.push(noted, request.uri().path());
        response
    }

    fn count(&mut self, vendor: Vendor, operation: &'static str) {
        // One name may stand at several places in memory; then it is counted at each, and asked for as their sum.
        let is_same = |(of, name, _): &&mut (Vendor, &str, u64)| *of == vendor && std::ptr::eq(*name, operation);
        match self.handled.iter_mut().find(is_same) {
            Some((.., count)) => *count += 1,
            None => self.handled.push((vendor, operation, 1)),
        }
    }

    fn missed(&mut self, vendor: Vendor, operation: &'static str, request: &Request, faults: Vec<FaultKind>) {
        let (at, method) = (self.clock.now(), request.method().clone());
        let noted = Noted { at, vendor, operation, method, status: None, faults, late: false };
        self.log.push(noted, request.uri().path());
    }

    fn send_later(&mut self, vendor: Vendor, request: Request, after: u32) {
        // The request that is being answered now counts as one arrival more.
        let after = after.saturating_add(1);
        self.late.push(Late { vendor, request, after });
    }

    /// Lets those requests arrive whose time has come.
    fn arrivals(&mut self, vendor: Vendor) {
        if self.late.is_empty() {
            return;
        }
        for late in self.late.iter_mut().filter(|late| late.vendor == vendor) {
            late.after -= 1;
        }
        let (due, waiting) = std::mem::take(&mut self.late).into_iter().partition(|late| late.after == 0);
        self.late = waiting;
        let due: Vec<Late> = due;
        for late in due {
            let operation = self.operation(vendor, &late.request);
            let _nobody_waits = self.handle(vendor, operation, &late.request, Vec::new(), true);
        }
    }

    /// The faults that strike this call, the first added first; every fault that is about the operation counts it.
    fn strike(&mut self, vendor: Vendor, operation: &str) -> Vec<FaultKind> {
        let mut struck = Vec::new();
        for armed in &mut self.faults {
            if armed.fault.vendor == vendor && armed.fault.is_about(operation) {
                armed.seen += 1;
                if armed.fault.ordinals.contain(armed.seen) {
                    struck.push(armed.fault.kind.clone());
                }
            }
        }
        struck
    }

    fn broken(&self, vendor: Vendor, request: &Request) -> Response {
        self.models.get(vendor).broken(self.clock.now(), request)
    }

    fn operation(&self, vendor: Vendor, request: &Request) -> &'static str {
        self.models.get(vendor).operation(request).unwrap_or(UNROUTED)
    }

    fn operations(&self, vendor: Vendor) -> &'static [&'static str] {
        self.models.get(vendor).operations()
    }

    fn handled(&self, vendor: Vendor, operation: &str) -> u64 {
        let counts = self.handled.iter().filter(|(of, name, _)| *of == vendor && pattern_matches(operation, name));
        counts.map(|(.., count)| count).sum()
    }

    fn is_closed(&self, vendor: Vendor) -> bool {
        self.faults.iter().any(|armed| armed.fault.vendor == vendor && armed.fault.closes_the_vendor())
    }
}
