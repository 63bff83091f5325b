//! From the start of a worker, or of two, to the kill.

use std::io;
use std::process::Stdio;

use cutover_core::{Clock as _, SystemClock};
use cutover_emulator::Emulator;
use jiff::Timestamp;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::trigger::Trigger;
use super::{PART, Part, Role};

/// One worker or several at once, and when each is killed. Each one's trigger begins to count when the one before is dead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Life {
    role: Role,
    triggers: Vec<Trigger>,
}

impl Life {
    /// What the seed has next, with at most `kills` kills.
    pub(super) fn draw(rng: &mut fastrand::Rng, kills: u32) -> Self {
        let role = if rng.u32(0..8) == 0 { Role::TakesBack } else { Role::Forwards };
        let first = Trigger::draw(rng);
        let second = (rng.u32(0..4) == 0).then(|| Trigger::draw(rng)).filter(|_| 1 < kills);
        Self { role, triggers: [Some(first), second].into_iter().flatten().collect() }
    }

    /// The same for `workers` at once, over a journal whose writes are not seen in files.
    pub(super) fn draw_shared(rng: &mut fastrand::Rng, workers: u32, kills: u32) -> Self {
        let role = if rng.u32(0..8) == 0 { Role::TakesBack } else { Role::Forwards };
        let triggers = (0..workers.min(kills)).map(|_| Trigger::draw(rng).without_journal()).collect();
        Self { role, triggers }
    }

    /// Lives, and dies.
    pub(super) async fn run(&self, emulator: &Emulator, part: &Part) -> Result<Lived, String> {
        let mut lived = Lived { takes_back: self.role == Role::TakesBack, ..Lived::default() };
        let Some(first) = self.triggers.first() else { return Ok(lived) };
        let mut armed = Some(first.arm(emulator, &part.folder)?);
        let mut workers = Vec::with_capacity(self.triggers.len());
        for nth in 0..self.triggers.len() {
            // They come from both ends of the fleet, so that they meet.
            let role = match nth {
                0 => self.role,
                nth if nth % 2 == 1 => Role::Backwards,
                _ => Role::Forwards,
            };
            workers.push(Worker::start(part, role)?);
        }
        for (worker, trigger) in workers.into_iter().zip(&self.triggers) {
            let armed = match armed.take() {
                Some(armed) => armed,
                None => trigger.arm(emulator, &part.folder)?,
            };
            let end = armed.wait(worker.pid()).await;
            lived.dies(*trigger, end, worker.killed().await?);
            emulator.clear_faults();
        }
        // Nobody waits for what is held back any more.
        emulator.release();
        Ok(lived)
    }
}

/// What is left of a life.
#[derive(Debug, Default)]
pub(super) struct Lived {
    /// The lines that the workers said.
    pub(super) said: Vec<String>,
    /// Whether rotations may have been on their way back.
    pub(super) takes_back: bool,
    /// What was seen last before each kill, and when that was.
    pub(super) deaths: Vec<(&'static str, Timestamp)>,
}

impl Lived {
    /// A worker that is killed at a moment that nothing else decides.
    pub(super) async fn at_a_moment(&mut self, worker: Worker) -> Result<(), String> {
        let at = SystemClock.now();
        self.said.extend(worker.killed().await?);
        self.deaths.push(("a moment", at));
        Ok(())
    }

    fn dies(&mut self, trigger: Trigger, (at, came): (Timestamp, bool), said: Vec<String>) {
        self.said.extend(said);
        self.deaths.push((if came { trigger.name() } else { "nothing for 3 s" }, at));
    }
}

/// A worker that nobody kills. Gives the lines that it said.
pub(super) async fn to_the_end(part: &Part, role: Role) -> Result<Vec<String>, String> {
    Worker::start(part, role)?.ended(part).await
}

/// A process that is killed.
pub(super) struct Worker {
    child: Child,
    said: JoinHandle<Vec<String>>,
}

impl Worker {
    pub(super) fn start(part: &Part, role: Role) -> Result<Self, String> {
        let failed = |error: io::Error| format!("a worker did not start: {error}");
        let part = Part { role, ..part.clone() };
        let json = serde_json::to_string(&part).map_err(|error| error.to_string())?;
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&part.log).map_err(failed)?;
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        command.env(PART, json).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.kill_on_drop(true).spawn().map_err(failed)?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("a worker has no standard output")?).lines();
        let said = tokio::spawn(async move {
            let mut said = Vec::new();
            while let Ok(Some(line)) = lines.next_line().await {
                said.push(line);
            }
            said
        });
        Ok(Self { child, said })
    }

    /// Waits for its own end, and gives what it said.
    pub(super) async fn ended(mut self, part: &Part) -> Result<Vec<String>, String> {
        let status = self.child.wait().await.map_err(|error| error.to_string())?;
        let said = self.said.await.map_err(|error| error.to_string())?;
        if !status.success() {
            let log = std::fs::read_to_string(&part.log).unwrap_or_default();
            let end: Vec<_> = log.lines().rev().take(3).collect();
            return Err(format!("a worker ended with {status}: {}", end.join("; ")));
        }
        Ok(said)
    }

    /// Whether it has ended by itself.
    pub(super) fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|ended| ended.is_some())
    }

    /// Its process; 0, which is none, when it has ended by itself.
    fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Kills it, unless that has been done, and gives what it said.
    pub(super) async fn killed(mut self) -> Result<Vec<String>, String> {
        self.child.start_kill().map_err(|error| format!("a worker could not be killed: {error}"))?;
        let status = self.child.wait().await.map_err(|error| error.to_string())?;
        // Workers work until they are killed; one that ended by itself had a reason.
        if status.code().is_some() {
            return Err(format!("a worker ended by itself with {status}"));
        }
        self.said.await.map_err(|error| error.to_string())
    }
}
