//! `cutover init`: a commented configuration to fill in.

use std::fs::OpenOptions;
use std::io::{self, Write as _};

use serde::Serialize;

use crate::config::template;
use crate::context::{Context, for_shell};
use crate::error::CliError;
use crate::exit::Exit;

#[derive(Debug, Serialize)]
struct Document {
    command: &'static str,
    exit_code: u8,
    file: String,
    next: String,
}

pub(super) fn run(context: &Context, force: bool) -> Result<Exit, CliError> {
    let file = context.file();
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let written = options.open(file).and_then(|mut file| file.write_all(template::COMMENTED.as_bytes()));
    match written {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let problem = format!("{} is there already", file.display());
            return Err(CliError::usage(problem, "--force replaces it; --config names another file"));
        }
        written => written.map_err(CliError::file("written", file))?,
    }
    let next = format!("fill in {}, then {} check", for_shell(file), context.program());
    if context.printer.is_json() {
        let (command, exit_code) = ("init", Exit::Done.code());
        context.printer.document(&Document { command, exit_code, file: file.display().to_string(), next });
    } else {
        context.printer.step(format_args!("Wrote {}.", file.display()));
        context.printer.step(format_args!("Next: {next}"));
    }
    Ok(Exit::Done)
}
