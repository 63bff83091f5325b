//! A hook, with an application behind it that takes up a secret when the hook runs and never else.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use cutover_engine::{Change, Hook, HookError, News};

use crate::place::{Place, Step};
use crate::scenario::HowFailed;
use crate::trace::{ProcessNo, What};
use crate::world::World;
use crate::wrong::Wrong;

/// The names of hooks, for errors and the journal.
const NAMES: [&str; 3] = ["reload", "restart", "announce"];

/// One hook, as one process has it.
pub(crate) struct SimHook {
    world: Arc<World>,
    by: ProcessNo,
    nth: u8,
}

impl SimHook {
    /// The `nth` hook of a world, as a process has it.
    pub(crate) fn open(world: &Arc<World>, by: ProcessNo, nth: u8) -> Self {
        Self { world: Arc::clone(world), by, nth }
    }

    /// Whether an engine that is wrong does not know of them.
    pub(crate) fn are_left_out(world: &World) -> bool {
        [Wrong::HOOKS_LEFT_OUT, Wrong::HOOKS_LATE].into_iter().any(|wrong| world.is_wrong(wrong))
    }

    async fn pass(&self, step: Step) {
        self.world.pass(self.by, Place::Hook(self.nth, step)).await;
    }

    fn broken(&self, reason: &str) -> HookError {
        HookError::new(self.name(), reason)
    }
}

/// Every hook of a world runs at once, for the new secret.
pub(crate) fn run_all(world: &World, by: ProcessNo) {
    (0..world.scenario.hooks).for_each(|nth| run(world, by, nth, Change::Promoted));
}

/// The application behind a hook takes up what its destination gives.
fn run(world: &World, by: ProcessNo, hook: u8, change: Change) {
    let mut inner = world.lock();
    let readers: Vec<_> = (0..world.scenario.destinations).map(|nth| inner.reader(nth)).collect();
    let deaf = change == Change::RolledBack && world.is_wrong(Wrong::HOOK_DEAF);
    let application = usize::from(hook);
    if !deaf {
        inner.applications[application] = readers[application % readers.len()];
    }
    let took = inner.applications[application];
    drop(inner);
    world.note(by, What::Told { hook, change, readers, took });
}

#[async_trait]
impl Hook for SimHook {
    fn name(&self) -> &str {
        NAMES[usize::from(self.nth)]
    }

    async fn preflight(&self) -> Result<(), HookError> {
        Ok(())
    }

    async fn run(&self, news: &News) -> Result<(), HookError> {
        self.pass(Step::Before).await;
        let trouble = self.world.hook_trouble(self.nth);
        match trouble {
            Some(HowFailed::Before | HowFailed::Lasts | HowFailed::Denied | HowFailed::Stale) => {
                return Err(self.broken("it is out of order"));
            }
            Some(HowFailed::Passing) => return Err(self.broken("it is busy").transient()),
            Some(HowFailed::After) | None => {}
        }
        run(&self.world, self.by, self.nth, news.change);
        self.pass(Step::Acknowledged).await;
        if trouble.is_some() { Err(self.broken("whether it was done is not known")) } else { Ok(()) }
    }
}

impl fmt::Debug for SimHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimHook").field("name", &self.name()).finish_non_exhaustive()
    }
}
