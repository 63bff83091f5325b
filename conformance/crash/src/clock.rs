//! The one clock of a run, as one process has it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cutover_core::Clock;
use jiff::Timestamp;

use crate::place::Place;
use crate::trace::ProcessNo;
use crate::world::World;

/// Simulated time: a wait takes none, and the whole world is later after it.
pub struct SimClock {
    world: Arc<World>,
    by: ProcessNo,
}

impl SimClock {
    /// The clock of a world, read by a process.
    pub fn of(world: &Arc<World>, by: ProcessNo) -> Self {
        Self { world: Arc::clone(world), by }
    }
}

#[async_trait]
impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        self.world.now()
    }

    async fn sleep(&self, duration: Duration) {
        // Whoever waits with one eye on the clock for something that its death has cut off is dead as well.
        if self.world.has_died(self.by) {
            self.world.rest(self.by).await;
        }
        self.world.advance(duration);
        // A long wait is many short ones; one of them is enough to die in.
        if self.world.begins_wait() {
            self.world.pass(self.by, Place::Wait).await;
        }
    }
}

impl fmt::Debug for SimClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimClock").field("now", &self.now()).finish_non_exhaustive()
    }
}
