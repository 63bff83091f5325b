//! `cutover export`: the sealed secret of an unfinished rotation, for a person who asks for it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use cutover::ClientSecret;
use cutover::engine::{RecoverError, Recovered, recover};
use serde::Serialize;

use crate::args::Export;
use crate::connect::{self, Vendors};
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;

#[derive(Debug, Serialize)]
struct Document {
    command: &'static str,
    exit_code: u8,
    target: String,
    vendor: String,
    kind: String,
    attempt: String,
    phase: &'static str,
    /// Which request for a secret this was the answer to, of how many.
    request: u32,
    asked: u32,
    /// Where the secret is now, in the clear.
    file: String,
    next: String,
}

pub(super) async fn run(context: &Context, args: &Export) -> Result<Exit, CliError> {
    let printer = &context.printer;
    may_be_shown(io::stdout().is_terminal(), args.to_stdout)?;
    if printer.is_json() && args.output.is_none() {
        let problem = "with --json the one thing on stdout is a document, and no document holds a secret";
        return Err(CliError::usage(problem, "write the secret to a file: --output FILE"));
    }
    if let Some(file) = args.output.as_deref().filter(|file| file.symlink_metadata().is_ok()) {
        return Err(there_already(file));
    }
    let config = context.config()?;
    let targets = context.chosen(&config, std::slice::from_ref(&args.target))?;
    let mut jobs = Vendors::profiles(&config).jobs(&targets).await?;
    let nothing = || RecoverError::NothingUnfinished { target: args.target.clone() };
    let job = jobs.pop().ok_or_else(nothing)?;
    let journal =
        connect::journal::open_if_there(&config.journal, &context.printer).await?.ok_or_else(nothing)?.journal();
    let recovered = recover(journal.as_ref(), &job).await?;
    match &args.output {
        Some(file) => to_new_file(file, &recovered.secret)?,
        None => to_stdout(&recovered.secret)?,
    }
    let place = args.output.as_ref().map_or_else(|| "stdout".to_owned(), |file| file.display().to_string());
    tracing::warn!(
        target = %args.target, attempt = %recovered.attempt, phase = recovered.phase.name(), place,
        "the sealed secret of an unfinished rotation was exported"
    );
    let next = format!("{} resume {}", context.program(), args.target);
    say(context, &recovered, args, &place, &next);
    if printer.is_json() {
        printer.document(&Document {
            command: "export",
            exit_code: Exit::Done.code(),
            target: args.target.to_string(),
            vendor: job.target().vendor().to_string(),
            kind: job.target().kind().to_string(),
            attempt: recovered.attempt.to_string(),
            phase: recovered.phase.name(),
            request: recovered.issue,
            asked: recovered.asked,
            file: place,
            next,
        });
    }
    Ok(Exit::Done)
}

/// Whether what goes to stdout may be seen by whoever looks at the screen, or reads its scrollback later.
fn may_be_shown(is_terminal: bool, said: u8) -> Result<(), CliError> {
    if is_terminal && said == 1 {
        let problem = "stdout is a terminal: the secret would stay on the screen and in its scrollback";
        return Err(CliError::usage(problem, "write it to a file with --output FILE, or say --to-stdout twice"));
    }
    Ok(())
}

fn say(context: &Context, recovered: &Recovered, args: &Export, place: &str, next: &str) {
    let (printer, target) = (&context.printer, &args.target);
    let care = if args.output.is_some() { "; only you can read it. Delete it when you are done" } else { "" };
    printer.warn(format_args!("the new secret of {target} was written to {place} in the clear{care}"));
    if recovered.issue < recovered.asked {
        printer.warn(format_args!(
            "it is the answer to request {} of {}; a later request may have ended it at the vendor",
            recovered.issue, recovered.asked
        ));
    }
    printer.note(format_args!(
        "the rotation stays {}, as it was, and the vendor was not asked about it; `{next}` goes on",
        recovered.phase.name()
    ));
}

/// Writes the secret past the buffer of the standard library, which nobody would wipe. A newline follows on a terminal
/// only.
fn to_stdout(secret: &ClientSecret) -> Result<(), CliError> {
    let failed = || CliError::system("the secret cannot be written to stdout");
    let mut out = stdout().map_err(failed())?;
    out.write_all(secret.expose().as_bytes()).map_err(failed())?;
    if out.is_terminal() {
        out.write_all(b"\n").map_err(failed())?;
    }
    Ok(())
}

#[cfg(unix)]
fn stdout() -> io::Result<File> {
    use std::os::fd::AsFd as _;
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

#[cfg(windows)]
fn stdout() -> io::Result<File> {
    use std::os::windows::io::AsHandle as _;
    Ok(File::from(io::stdout().as_handle().try_clone_to_owned()?))
}

/// Writes the secret to a file that is made for it, and that only its owner can read from its first moment. What was
/// begun and failed is taken away again.
fn to_new_file(path: &Path, secret: &ClientSecret) -> Result<(), CliError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => there_already(path),
        _ => CliError::file("made", path)(error),
    })?;
    let written = file.write_all(secret.expose().as_bytes()).and_then(|()| file.sync_all());
    written.map_err(|error| {
        let _it_is_partial = fs::remove_file(path);
        CliError::file("written to", path)(error)
    })
}

fn there_already(path: &Path) -> CliError {
    CliError::usage(format!("{} is there already, and export replaces no file", path.display()), "name a new file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_shows_a_secret_only_to_whoever_says_it_twice() {
        assert!(may_be_shown(true, 1).is_err());
        for (is_terminal, said) in [(true, 2), (true, 3), (true, 0), (false, 1), (false, 2)] {
            assert!(may_be_shown(is_terminal, said).is_ok(), "{is_terminal} {said}");
        }
    }
}
