//! The simulated journal by itself, for whoever wants to see what a power cut leaves of it.

use std::fmt;
use std::sync::Arc;

use cutover_engine::Journal;

use crate::disk::{Fate, FileName};
use crate::journal::SimJournal;
use crate::scenario::Scenario;
use crate::trace::ProcessNo;
use crate::world::World;

/// A journal on a simulated disk of its own.
pub struct Bench {
    world: Arc<World>,
    by: ProcessNo,
}

impl Bench {
    /// A journal as it is in this scenario, whose deliberate fault it has.
    ///
    /// # Panics
    /// When the scenario names a switch that no vendor has.
    pub fn of(scenario: Scenario) -> Self {
        Self { world: World::new(Arc::new(scenario), false), by: ProcessNo::default() }
    }

    /// The journal, as a process that begins now has it open.
    pub fn open(&mut self) -> Arc<dyn Journal> {
        self.by = self.world.begin(None, false);
        Arc::new(SimJournal::open(&self.world, self.by))
    }

    /// The power goes, and with it the process that opened the journal last.
    pub fn cut(&mut self, fate: Fate) {
        self.world.bury(self.by, fate);
    }

    /// What stands on the disk; what is written there in base64 once more without that.
    pub fn bytes(&self) -> Vec<u8> {
        let inner = self.world.lock();
        let mut bytes = inner.disk.durable(FileName::Journal).to_vec();
        inner.journal.unsealed().for_each(|reply| bytes.extend_from_slice(reply));
        bytes
    }
}

impl fmt::Debug for Bench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bench").finish_non_exhaustive()
    }
}
