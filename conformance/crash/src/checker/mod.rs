//! What has to hold after a run, looked at from outside: the vendor by plain requests, the destinations by what their
//! readers get, the journal by its bytes, the process by what it asked, was told and logged.
//!
//! Deliberately absent: the engine's own states, tables and profiles. The vendors' rules stand here once more, as their
//! documents have them.

mod asking;
mod at_rest;
mod retiring;
mod telling;

use crate::count::{Count, Violation};
use crate::destination::beside;
use crate::disk::FileName;
use crate::watch;
use crate::world::World;

pub(crate) use at_rest::{claims_rotated, claims_unchanged, rest};

/// What came of a whole run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// No attempt was begun, or the vendor refused the only request of it.
    Unchanged,
    /// The new secret is in use.
    Rotated,
    /// The old secret is in use again.
    RolledBack,
    /// Somebody else is said to have rotated; with what was said.
    Superseded(String),
    /// It stands still, with the sentence for whoever looks.
    Stuck(String),
}

/// Everything that is wrong with a run, once it is over.
pub(crate) fn all(world: &World) -> Vec<Violation> {
    asking::check(world);
    retiring::check(world);
    telling::check(world);
    leaks(world);
    let mut violations = std::mem::take(&mut world.lock().violations);
    violations.dedup();
    violations
}

/// P2, in what was logged and in what stands on the disk in the clear.
fn leaks(world: &World) {
    for target in watch::leaks() {
        world.violate(Count::Leaked, format!("a secret or a key was logged by {target}"));
    }
    at_rest_bytes(world);
}

/// P2: the journal's bytes hold no secret and no key that can be read.
pub(crate) fn at_rest_bytes(world: &World) {
    let inner = world.lock();
    let bytes = inner.disk.durable(FileName::Journal);
    let plain = world.stands_in(&inner, bytes) || inner.journal.unsealed().any(|reply| world.stands_in(&inner, reply));
    drop(inner);
    if plain {
        world.violate(Count::Leaked, "a secret or a key stands in the journal's file in the clear");
    }
}

/// Nothing of an attempt is left where it does not belong once nothing is unfinished.
pub(crate) fn tidy(world: &World, end: &End) {
    let left_over = world.lock().journal.left_over();
    if left_over > 0 {
        world.violate(Count::NotConverged, "a sealed answer outlives its attempt");
    }
    for nth in 0..world.scenario.destinations {
        let (pending, previous) = beside(world, nth);
        // A rotation that gave way leaves what it promoted, and so the one before that, to whoever puts it right.
        if pending || previous && *end == End::Rotated {
            let what = if pending { "pending" } else { "kept as the one before" };
            world.violate(Count::NotConverged, format!("a secret is still {what} in destination {nth}"));
        }
    }
}
