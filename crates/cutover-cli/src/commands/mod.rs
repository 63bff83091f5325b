//! The commands, one file each.

mod cancel;
mod check;
mod completions;
mod conformance;
mod demo;
mod emulate;
mod emulated;
mod explain;
mod export;
mod history;
mod init;
mod list;
mod rekey;
mod resume;
mod rotate;
mod status;
mod verify;
mod work;

use crate::args::Command;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;

/// Does what a command says.
///
/// # Errors
/// When it could not be carried out at all.
pub(crate) async fn run(context: &Context, command: Command) -> Result<Exit, CliError> {
    match command {
        Command::Demo => demo::run(context).await,
        Command::Init { force } => init::run(context, force),
        Command::Check(chosen) => check::run(context, &chosen.targets).await,
        Command::Explain { target } => explain::run(context, &target).await,
        Command::List => list::run(context).await,
        Command::Rotate(rotate) => rotate::run(context, &rotate).await,
        Command::Work(work) => work::run(context, &work).await,
        Command::Rekey => rekey::run(context).await,
        Command::Resume(resume) => resume::run(context, &resume).await,
        Command::Cancel(cancel) => cancel::run(context, &cancel).await,
        Command::Status(status) => status::run(context, &status).await,
        Command::History(history) => history::run(context, &history).await,
        Command::Export(export) => export::run(context, &export).await,
        Command::Verify(chosen) => verify::run(context, &chosen.targets).await,
        Command::Emulate(emulate) => emulate::run(context, &emulate).await,
        Command::Conformance(args) => conformance::run(context, &args).await,
        Command::Completions { shell } => Ok(completions::run(context, shell)),
    }
}

/// The name of a command, as it stands in its JSON document.
pub(crate) fn name(command: &Command) -> &'static str {
    match command {
        Command::Demo => "demo",
        Command::Init { .. } => "init",
        Command::Check(_) => "check",
        Command::Explain { .. } => "explain",
        Command::List => "list",
        Command::Rotate(_) => "rotate",
        Command::Work(_) => "work",
        Command::Rekey => "rekey",
        Command::Resume(_) => "resume",
        Command::Cancel(_) => "cancel",
        Command::Status(_) => "status",
        Command::History(_) => "history",
        Command::Export(_) => "export",
        Command::Verify(_) => "verify",
        Command::Emulate(_) => "emulate",
        Command::Conformance(_) => "conformance",
        Command::Completions { .. } => "completions",
    }
}
