//! Running the hooks, once readers have another secret.

use std::time::Duration;

use cutover_core::{ClientSecret, Verdict, Witness};

use super::{AttemptRun, Turn};
use crate::{Change, EngineError, Event, Hook, HookError, Label, News, Phase};

/// The first pause before a hook is run again that went wrong for a passing reason; it doubles each time.
const HOOK_AGAIN: Duration = Duration::from_secs(1);
/// How often one run runs a hook before it holds: a quarter of a minute in all.
const HOOK_TRIES: u32 = 5;

impl AttemptRun<'_> {
    /// Whether a hook has not run since readers were given another secret. One that is no longer the job's is not waited
    /// for, and one that has become so is run.
    pub(super) fn hooks_are_due(&self) -> bool {
        self.job.hooks().iter().any(|hook| !self.state.hooks_ran().contains(hook.name()))
    }

    /// Runs the hooks that are due, once every destination was seen to give `secret` to its readers. `None` when none was
    /// due.
    pub(super) async fn tell_promoted(&mut self, secret: &ClientSecret) -> Result<Option<Turn>, EngineError> {
        if !self.hooks_are_due() {
            return Ok(None);
        }
        // What an earlier run saw may be long ago, and the destinations may be others.
        if !self.given {
            if self.job.rotator().profile().has(Witness::Probe) {
                match self.look_at_new().await? {
                    Some(Verdict::Accepted) => {}
                    Some(Verdict::Refused) => return self.refused().await.map(Some),
                    Some(Verdict::NotKnown) | None => return self.not_seen().await.map(Some),
                }
            }
            if let Err(stuck) = self.given_after_all(secret).await {
                return self.hold_for(stuck).await.map(Some);
            }
            self.given = true;
        }
        let turn = self.run_hooks(Change::Promoted).await?;
        Ok(turn.or(Some(Turn::On)))
    }

    /// Runs the hooks that are due, in order, and records each. `None` when every one of them ran.
    pub(super) async fn run_hooks(&mut self, change: Change) -> Result<Option<Turn>, EngineError> {
        let job = self.job;
        for hook in job.hooks() {
            if self.state.hooks_ran().contains(hook.name()) {
                continue;
            }
            if self.stopping() {
                return Ok(Some(Turn::On));
            }
            if let Err(error) = self.run_hook(hook.as_ref(), change).await? {
                return match self.stopping() {
                    true => Ok(Some(Turn::On)),
                    false => self.hold_for_hook(&error, change).await.map(Some),
                };
            }
            self.record(Event::HookRan { hook: hook.name().to_owned(), change }).await?;
        }
        Ok(None)
    }

    /// Runs a hook, again where it went wrong for a passing reason.
    async fn run_hook(&mut self, hook: &dyn Hook, change: Change) -> Result<Result<(), HookError>, EngineError> {
        let news = News { target: self.job.target().id().clone(), version: self.version(), change };
        let (mut pause, mut tried) = (HOOK_AGAIN, 0);
        loop {
            self.shift.keep_lease().await?;
            self.doing(&format!("running the hook {}", hook.name()));
            let ran = self.shift.wait_for(hook.time_limit(), hook.run(&news)).await?;
            let Err(error) = ran.unwrap_or_else(|| Err(HookError::gave_up(hook))) else { return Ok(Ok(())) };
            tried += 1;
            tracing::warn!(target = %news.target, tried, error = self.say(&error), "a hook did not run");
            if !error.is_transient() || HOOK_TRIES <= tried || self.stopping() {
                return Ok(Err(error));
            }
            self.doing(&format!("waiting {} s before the hook {} is run again", pause.as_secs(), hook.name()));
            self.shift.wait(pause).await?;
            pause *= 2;
        }
    }

    async fn hold_for_hook(&mut self, error: &HookError, change: Change) -> Result<Turn, EngineError> {
        let error = self.say(error);
        let sentence = match change {
            Change::Promoted => {
                let old = self.old_once_promoted().await?;
                format!("{error}. The new secret is in use in every destination. {old}; mend the hook, then resume")
            }
            Change::RolledBack if self.new == Some(Verdict::Refused) => format!(
                "{error}. The new secret is dead at the vendor, and the old secret is in use in every destination; mend \
                 the hook, then resume"
            ),
            Change::RolledBack => format!(
                "{error}. The old secret is in use in every destination again, and the new secret is not dropped before \
                 every hook ran; mend the hook, then roll back again, or resume to go on with the new one"
            ),
        };
        self.hold(false, sentence).await
    }

    /// What is to be said of the old secret while readers have the new one and a hook did not run.
    async fn old_once_promoted(&mut self) -> Result<&'static str, EngineError> {
        const DEAD: &str = "The old secret is dead already";
        let (job, phase) = (self.job, self.state.phase());
        if !self.two_phase() || phase == Phase::Completed {
            return Ok(DEAD);
        }
        // A completion may have taken effect although nobody has recorded it.
        for destination in job.destinations() {
            self.shift.keep_lease().await?;
            let Ok(Some(old)) = destination.read(Label::Previous).await else { continue };
            match self.shift.verify(Some(phase), &old).await? {
                Ok(Verdict::Accepted) => {
                    return Ok("The old secret still works, and is not retired before every hook ran");
                }
                Ok(Verdict::Refused) => return Ok(DEAD),
                Ok(Verdict::NotKnown) | Err(_) => break,
            }
        }
        Ok("The old secret was not retired by this run, which retires it only after every hook")
    }
}
