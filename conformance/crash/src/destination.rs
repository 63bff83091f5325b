//! A destination on the simulated disk, in the way of a file: what readers see in one place, what is pending and what
//! was before in another, and a rename between any two durable steps.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use cutover_core::ClientSecret;
use cutover_engine::{Destination, DestinationError, Label, Version};
use serde::{Deserialize, Serialize};

use crate::disk::FileName;
use crate::hook;
use crate::place::{Place, Step};
use crate::scenario::{DestinationOp, HowFailed};
use crate::trace::{ProcessNo, SecretNo, What};
use crate::world::{Stood, World};
use crate::wrong::Wrong;

/// The names of destinations, for errors.
const NAMES: [&str; 3] = ["first", "second", "third"];

/// One destination, as one process has it.
pub struct SimDestination {
    world: Arc<World>,
    by: ProcessNo,
    nth: u8,
}

/// What stands beside what readers see.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
struct Side {
    pending: Option<(String, String)>,
    promoted: Option<Promoted>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Promoted {
    version: String,
    attempt: String,
    previous: String,
}

impl SimDestination {
    /// The `nth` destination of a world, opened by a process.
    pub fn open(world: &Arc<World>, by: ProcessNo, nth: u8) -> Self {
        Self { world: Arc::clone(world), by, nth }
    }

    fn place(&self, op: DestinationOp, step: Step) -> Place {
        Place::Destination(self.nth, op.name(), step)
    }

    async fn pass(&self, op: DestinationOp, step: Step) {
        self.world.pass(self.by, self.place(op, step)).await;
    }

    /// Runs an operation past its points and its trouble.
    async fn run<T>(
        &self,
        op: DestinationOp,
        work: impl Future<Output = Result<T, DestinationError>>,
    ) -> Result<T, DestinationError> {
        self.pass(op, Step::Before).await;
        let trouble = self.world.trouble(self.nth, op);
        match trouble {
            Some(HowFailed::Before | HowFailed::Lasts) => return Err(self.broken("it is out of order")),
            Some(HowFailed::Passing) => return Err(self.broken("it is busy").transient()),
            Some(HowFailed::Denied) => return Err(self.broken("permission denied")),
            Some(HowFailed::After | HowFailed::Stale) | None => {}
        }
        if op != DestinationOp::Read {
            let stands = self.stands();
            self.world.lock().before_operation.insert(self.nth, stands);
        }
        let value = work.await?;
        self.pass(op, Step::Acknowledged).await;
        match trouble {
            Some(HowFailed::After) => Err(self.broken("its answer was lost")),
            _ => Ok(value),
        }
    }

    fn broken(&self, reason: &str) -> DestinationError {
        DestinationError::new(self.name(), reason)
    }

    /// One durable step, the `step`-th of an operation.
    async fn write(&self, op: DestinationOp, step: u8, file: FileName, bytes: Vec<u8>) {
        {
            let mut inner = self.world.lock();
            if let Some(stood) = inner.before_operation.get(&self.nth).cloned() {
                inner.before_write.insert(self.nth, stood);
            }
            inner.disk.replace(file, bytes);
        }
        self.world.pass_torn(self.by, self.place(op, Step::Torn(step))).await;
        self.pass(op, Step::Written(step)).await;
        let forgets = self.world.is_wrong(Wrong::PROMOTE_FORGOTTEN) || self.world.is_wrong(Wrong::PROMOTE_ACKED_EARLY);
        if !(forgets && op == DestinationOp::Promote && file == self.value()) {
            self.world.lock().sync(file);
        }
    }

    fn value(&self) -> FileName {
        FileName::Value(self.nth)
    }

    fn current(&self) -> String {
        text(self.world.lock().disk.read(self.value()))
    }

    fn side(&self) -> Side {
        side(&self.world.lock().disk.read(FileName::Side(self.nth)))
    }

    fn stands(&self) -> Stood {
        let inner = self.world.lock();
        (inner.disk.read(self.value()), inner.disk.read(FileName::Side(self.nth)))
    }

    /// What a read sees: what stands there, or what stood there before the latest write.
    fn seen(&self) -> (String, Side) {
        let stands = self.stands();
        let mut inner = self.world.lock();
        let stale = inner.reads_stale.take_if(|nth| *nth == self.nth).and_then(|nth| inner.before_write.get(&nth));
        let (value, beside) = stale.cloned().unwrap_or(stands);
        (text(value), side(&beside))
    }

    async fn remember(&self, op: DestinationOp, step: u8, side: &Side) {
        let bytes = if *side == Side::default() { Vec::new() } else { serde_json::to_vec(side).expect("plain data") };
        self.write(op, step, FileName::Side(self.nth), bytes).await;
    }

    async fn promoted(&self, version: Version) -> Result<(), DestinationError> {
        let (op, name, attempt) = (DestinationOp::Promote, version.to_string(), version.attempt().to_string());
        let mut side = self.side();
        let begun = side.promoted.as_ref().is_some_and(|promoted| promoted.version == name);
        let Some((_, secret)) = side.pending.clone().filter(|(pending, _)| *pending == name) else {
            return if begun { Ok(()) } else { Err(self.broken("nothing is pending under this version")) };
        };
        if !begun {
            // A second secret of one attempt takes the place of the first, which nobody goes back to.
            let previous = match side.promoted.take() {
                Some(promoted) if promoted.attempt == attempt => promoted.previous,
                _ => self.current(),
            };
            side.promoted = Some(Promoted { version: name, attempt, previous });
            self.remember(op, 1, &side).await;
        }
        self.write(op, 2, self.value(), secret.into_bytes()).await;
        side.pending = None;
        self.remember(op, 3, &side).await;
        Ok(())
    }

    /// Whether every destination would have this secret after a power cut now, as pending or as current.
    fn held_by_all(&self, secret: Option<SecretNo>) -> bool {
        let inner = self.world.lock();
        (0..self.world.scenario.destinations).all(|nth| {
            let side = side(inner.disk.durable(FileName::Side(nth)));
            let pending = side.pending.and_then(|(_, pending)| inner.number(pending.as_bytes()));
            secret.is_some() && (inner.reader(nth) == secret || pending == secret)
        })
    }
}

#[async_trait]
impl Destination for SimDestination {
    fn name(&self) -> &str {
        NAMES[usize::from(self.nth)]
    }

    async fn preflight(&self) -> Result<(), DestinationError> {
        self.run(DestinationOp::Preflight, async { Ok(()) }).await
    }

    async fn stage(&self, version: Version, secret: &ClientSecret) -> Result<(), DestinationError> {
        let op = DestinationOp::Stage;
        let work = async {
            let (name, mut side) = (version.to_string(), self.side());
            let promoted = side.promoted.as_ref().is_some_and(|promoted| promoted.version == name);
            let pending = Some((name, secret.expose().to_owned()));
            if promoted && self.current() == secret.expose() || side.pending == pending {
                return Ok(());
            }
            side.pending = pending;
            self.remember(op, 1, &side).await;
            if self.world.is_wrong(Wrong::PROMOTES_ON_STAGE) {
                self.promoted(version).await?;
                let secret = self.world.number(secret);
                let (destination, held_by_all) = (self.nth, self.held_by_all(secret));
                self.world.note(self.by, What::Promoted { destination, secret, held_by_all });
            }
            Ok(())
        };
        let done = self.run(op, work).await;
        if done.is_err() && self.world.is_wrong(Wrong::QUOTES_SECRET) {
            tracing::warn!(secret = secret.expose(), "not staged");
        }
        done
    }

    async fn read(&self, label: Label) -> Result<Option<ClientSecret>, DestinationError> {
        let work = async {
            let (current, side) = self.seen();
            let text = match label {
                Label::Current if self.world.is_wrong(Wrong::READ_ASSUMED) => {
                    // Not read, and so not noted as read back.
                    let secret = side.pending.map_or(current, |(_, secret)| secret);
                    return Ok(Some(ClientSecret::new(&secret)));
                }
                Label::Current if self.world.is_wrong(Wrong::PROMOTE_SKIPPED) && side.pending.is_some() => {
                    side.pending.map(|(_, secret)| secret)
                }
                Label::Current => Some(current),
                Label::Pending => side.pending.map(|(_, secret)| secret),
                Label::Previous => side.promoted.map(|promoted| promoted.previous),
            };
            let secret = text.filter(|text| !text.is_empty()).map(|text| ClientSecret::new(&text));
            if label == Label::Current {
                let number = secret.as_ref().and_then(|secret| self.world.number(secret));
                self.world.note(self.by, What::ReadBack { destination: self.nth, secret: number });
            }
            Ok(secret)
        };
        self.run(DestinationOp::Read, work).await
    }

    async fn promote(&self, version: Version) -> Result<(), DestinationError> {
        let work = async {
            if self.world.is_wrong(Wrong::PROMOTE_SKIPPED) {
                return Ok(());
            }
            self.promoted(version).await?;
            let current = self.current();
            let secret = self.world.lock().number(current.as_bytes());
            let (destination, held_by_all) = (self.nth, self.held_by_all(secret));
            self.world.note(self.by, What::Promoted { destination, secret, held_by_all });
            if self.world.is_wrong(Wrong::HOOKS_EARLY) {
                hook::run_all(&self.world, self.by);
            }
            Ok(())
        };
        self.run(DestinationOp::Promote, work).await
    }

    async fn roll_back(&self, version: Version) -> Result<(), DestinationError> {
        let op = DestinationOp::RollBack;
        let work = async {
            let before = self.current();
            let (attempt, mut side) = (version.attempt().to_string(), self.side());
            if side.pending.as_ref().is_some_and(|(pending, _)| pending.starts_with(&attempt)) {
                side.pending = None;
                self.remember(op, 1, &side).await;
            }
            if let Some(promoted) = side.promoted.take_if(|promoted| promoted.attempt == attempt) {
                self.write(op, 2, self.value(), promoted.previous.into_bytes()).await;
                self.remember(op, 3, &side).await;
            }
            let current = self.current();
            let inner = self.world.lock();
            let (had, secret) = (inner.number(before.as_bytes()), inner.number(current.as_bytes()));
            let had_good = had == Some(inner.current) || had.is_some() && had == inner.pending;
            let retired = had_good && secret != Some(inner.current);
            drop(inner);
            self.world.note(self.by, What::WentBack { destination: self.nth, secret, retired });
            Ok(())
        };
        self.run(op, work).await
    }

    async fn forget_previous(&self, version: Version) -> Result<(), DestinationError> {
        let op = DestinationOp::Forget;
        let work = async {
            let (attempt, mut side) = (version.attempt().to_string(), self.side());
            if side.promoted.take_if(|promoted| promoted.attempt == attempt).is_some() {
                self.remember(op, 1, &side).await;
            }
            if self.world.is_wrong(Wrong::HOOKS_LATE) {
                hook::run_all(&self.world, self.by);
            }
            Ok(())
        };
        self.run(op, work).await
    }
}

/// What stands beside the current secret of a destination after a power cut: whether one is pending, and whether one
/// from before is kept.
pub(crate) fn beside(world: &World, nth: u8) -> (bool, bool) {
    let inner = world.lock();
    let side = side(inner.disk.durable(FileName::Side(nth)));
    (side.pending.is_some(), side.promoted.is_some())
}

fn side(bytes: &[u8]) -> Side {
    serde_json::from_slice(bytes).unwrap_or_default()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_default()
}

impl fmt::Debug for SimDestination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimDestination").field("name", &self.name()).finish_non_exhaustive()
    }
}
