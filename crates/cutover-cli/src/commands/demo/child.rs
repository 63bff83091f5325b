//! This program as child processes: the ones that rotate, die and resume.

use std::future::Future;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

use crate::error::CliError;

/// How long any part of the play may take. It takes a few seconds; on a machine this busy it is not worth watching.
const PATIENCE: Duration = Duration::from_secs(120);

/// This program, told to use the stage's configuration.
#[derive(Debug)]
pub(super) struct Program {
    program: PathBuf,
    config: PathBuf,
}

/// A child process that is under way.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    pid: u32,
    /// As a person would have typed it.
    command: String,
}

/// Where every target stands, by the journal.
#[derive(Debug)]
pub(super) struct States(Value);

impl Program {
    pub(super) fn new(config: PathBuf) -> Result<Self, CliError> {
        let program = std::env::current_exe().map_err(CliError::system("the program does not find itself"))?;
        Ok(Self { program, config })
    }

    /// Starts the program.
    pub(super) fn start(&self, arguments: &[&str]) -> Result<Running, CliError> {
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(&self.config).arg("--json").args(arguments);
        command.env_remove("CUTOVER_LOG").env_remove("CUTOVER_CONFIG");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let child = command.spawn().map_err(CliError::system("the program cannot start itself"))?;
        let pid = child.id().unwrap_or_default();
        Ok(Running { child, pid, command: format!("cutover {}", arguments.join(" ")) })
    }
}

impl Running {
    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    pub(super) fn command(&self) -> &str {
        &self.command
    }

    /// Kills the process for good as soon as `moment` has come, and gives its id and the signal that it died of.
    pub(super) async fn kill_once(mut self, moment: impl Future<Output = ()>) -> Result<(u32, i32), CliError> {
        tokio::select! {
            () = moment => {}
            _ = self.child.wait() => return Err(self.went_wrong("ended before the vendor was asked")),
            () = patience() => return Err(self.went_wrong("took too long")),
        }
        self.child.start_kill().map_err(CliError::system("the process cannot be killed"))?;
        let status = self.child.wait().await.map_err(CliError::system("the process cannot be waited for"))?;
        Ok((self.pid, signal_of(status)))
    }

    /// Waits for the end and gives the outcome of each target.
    pub(super) async fn outcomes(self) -> Result<Vec<(String, String)>, CliError> {
        let document = self.document().await?;
        let told = document["targets"].as_array().into_iter().flatten();
        let text = |value: &Value| Some(value.as_str()?.to_owned());
        Ok(told.filter_map(|one| Some((text(&one["target"])?, text(&one["outcome"])?))).collect())
    }

    /// Waits for the end and gives the journal's states.
    pub(super) async fn states(self) -> Result<States, CliError> {
        Ok(States(self.document().await?["attempts"].take()))
    }

    /// Waits for the end and gives what was written.
    async fn document(mut self) -> Result<Value, CliError> {
        let mut written = Vec::new();
        let read = async {
            if let Some(stdout) = self.child.stdout.as_mut() {
                stdout.read_to_end(&mut written).await?;
            }
            self.child.wait().await
        };
        tokio::select! {
            ended = read => drop(ended.map_err(CliError::system("the process cannot be waited for"))?),
            () = patience() => return Err(self.went_wrong("took too long")),
        }
        serde_json::from_slice(&written).map_err(|_| self.went_wrong("gave no document"))
    }

    fn went_wrong(&self, how: &str) -> CliError {
        CliError::Demo(format!("process {}, `{}`, {how}", self.pid, self.command))
    }
}

impl States {
    /// How far the latest attempt at `target` has come, or how it ended.
    pub(super) fn of(&self, target: &str) -> Result<String, CliError> {
        let attempts = self.0.as_array().map(Vec::as_slice).unwrap_or_default();
        let latest = attempts.iter().rfind(|attempt| attempt["target"] == target);
        let state = latest.and_then(|attempt| attempt["state"].as_str());
        state.map(str::to_owned).ok_or_else(|| CliError::Demo(format!("the journal knows nothing of {target}")))
    }
}

async fn patience() {
    // The deadline of a play with real processes in it is real time.
    let forever = std::future::pending::<()>();
    let _over = tokio::time::timeout(PATIENCE, forever).await;
}

#[cfg(unix)]
fn signal_of(status: std::process::ExitStatus) -> i32 {
    std::os::unix::process::ExitStatusExt::signal(&status).unwrap_or_default()
}

/// Where there are no signals, a process that was ended by force counts as killed.
#[cfg(not(unix))]
fn signal_of(status: std::process::ExitStatus) -> i32 {
    if status.success() { 0 } else { 9 }
}
