//! Commands, run from the workspace's root.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Why a chore failed, in a sentence.
pub(crate) type Done<T = ()> = Result<T, String>;

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The cargo that runs this chore.
pub(crate) fn cargo_command(subcommand: &str) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).arg(subcommand);
    command
}

/// Runs cargo and fails when it does.
pub(crate) fn cargo(subcommand: &str, args: &[&str], more: &[String]) -> Done {
    run(cargo_command(subcommand).args(args).args(more))
}

/// Runs a command and fails when it does.
pub(crate) fn run(command: &mut Command) -> Done {
    let shown = format!("{command:?}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{shown} ended with {status}")),
        Err(error) => Err(format!("{shown} did not start: {error}")),
    }
}

/// A headline before a step.
#[allow(clippy::print_stdout, reason = "a chore talks to the person who started it")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// Why the chore failed.
#[allow(clippy::print_stderr, reason = "a chore talks to the person who started it")]
pub(crate) fn complain(text: &str) {
    eprintln!("error: {text}");
}
