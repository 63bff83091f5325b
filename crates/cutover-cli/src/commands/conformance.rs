//! `cutover conformance`: the rules that vendors and adapters have to hold.

use std::process;

use cutover_conformance::cli::{self, Args, Failed};

use crate::context::{Context, called};
use crate::error::CliError;
use crate::exit::Exit;
use crate::interrupt::INTERRUPTED;

pub(super) async fn run(context: &Context, args: &Args) -> Result<Exit, CliError> {
    let printer = &context.printer;
    let program = format!("{} conformance", called());
    let line = if printer.is_quiet() { None } else { cli::progress_line() };
    let found = match cli::run(args, &program, line.as_deref()).await {
        Ok(found) => found,
        Err(Failed::Usage { problem, hint }) => return Err(CliError::usage(problem, hint)),
        Err(Failed::NotSetUp(why)) => return Err(CliError::NotSetUp(why)),
        Err(Failed::Interrupted) => {
            printer.stopping("what was made at vendors is removed");
            process::exit(INTERRUPTED);
        }
    };
    let text = if printer.is_json() { found.json() + "\n" } else { found.text(cli::colours()) };
    if !printer.is_quiet() || printer.is_json() || found.code() != 0 {
        printer.raw(&text);
    }
    Ok(match found.code() {
        0 => Exit::Done,
        1 => Exit::Failed,
        _ => Exit::Person,
    })
}
