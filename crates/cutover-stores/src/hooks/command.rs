//! A program that is run.

use std::time::Duration;

use async_trait::async_trait;
use cutover_engine::{Hook, HookError, News};

use super::failed;
use crate::Program;
use crate::command::Call;

/// How long the program may go on being there once it was killed.
const BURIAL: Duration = Duration::from_secs(5);

/// Runs a program, such as one that reloads a service.
///
/// It is told `CUTOVER_TARGET`, `CUTOVER_VERSION` and `CUTOVER_CHANGE` (`promoted` or `rolled_back`) in its environment
/// and has no input. Its status is read as that of a [`CommandDestination`](crate::CommandDestination): 0 is done, 69
/// and 75 may pass, everything else is a failure. What it leaves running is left alone.
#[derive(Clone, Debug)]
pub struct CommandHook {
    name: String,
    program: Program,
}

impl CommandHook {
    /// A hook that runs this program; `name` tells it from the target's other hooks.
    pub fn new(name: impl Into<String>, program: Program) -> Self {
        Self { name: name.into(), program }
    }
}

#[async_trait]
impl Hook for CommandHook {
    fn name(&self) -> &str {
        &self.name
    }

    /// That of the program, which is killed then, and some seconds in which it is buried.
    fn time_limit(&self) -> Duration {
        self.program.time().saturating_add(BURIAL)
    }

    async fn preflight(&self) -> Result<(), HookError> {
        self.program.look().map_err(|what| failed(&self.name, what, false))
    }

    async fn run(&self, news: &News) -> Result<(), HookError> {
        let told = vec![
            ("CUTOVER_TARGET", news.target.to_string()),
            ("CUTOVER_VERSION", news.version.to_string()),
            ("CUTOVER_CHANGE", news.change.name().to_owned()),
        ];
        let told_of = |(sentence, passing): (String, bool)| failed(&self.name, sentence, passing);
        let ran = self.program.run(Call { told, ..Call::default() }).await;
        let ran = ran.map_err(|error| told_of(error.told(self.program.name())))?;
        if ran.status.success() { Ok(()) } else { Err(told_of(ran.failure(self.program.name()))) }
    }
}
