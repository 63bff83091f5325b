//! From the command line to the exit code.

use std::io::Write as _;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use cutover::chain;
use tokio::runtime::Runtime;

use crate::args::{Args, Global};
use crate::commands;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::logs;
use crate::print::Printer;

/// Reads the command line, does what it says, and gives the exit code.
pub(crate) fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) if error.use_stderr() && std::env::args_os().any(|argument| argument == "--json") => {
            return unusable(&error);
        }
        Err(error) if error.use_stderr() => {
            Printer::new(&Global::default()).usage(&error);
            return Exit::Usage.into();
        }
        Err(help_or_version) => {
            // A reader that is gone needs neither.
            let _nobody_reads = help_or_version.print();
            return Exit::Done.into();
        }
    };
    let printer = Printer::new(&args.global);
    let name = commands::name(&args.command);
    let done = logs::start(&args.global, &printer).and_then(|()| {
        let runtime = Runtime::new().map_err(CliError::system("the program cannot start its threads"))?;
        let context = Context::new(&args.global, printer.clone());
        let done = runtime.block_on(commands::run(&context, args.command));
        // A credential command or a name look-up that still hangs is nobody's business any more.
        runtime.shutdown_background();
        done
    });
    done.unwrap_or_else(|error| failed(&printer, name, &error)).into()
}

/// A command line that makes no sense, told to a program.
fn unusable(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    let said = text.split("\n\n").next().unwrap_or_default();
    let said = said.strip_prefix("error: ").unwrap_or(said).split_whitespace().collect::<Vec<_>>().join(" ");
    let error = CliError::usage(said, "--help says what there is");
    let known = |name: &String| Args::command().get_subcommands().any(|command| command.get_name() == name);
    let command = std::env::args().skip(1).find(known).unwrap_or_default();
    // A reader that is gone needs nothing.
    let document = serde_json::to_string(&error.document(&command)).unwrap_or_default();
    let _nobody_reads = writeln!(std::io::stdout(), "{document}");
    error.exit().into()
}

fn failed(printer: &Printer, command: &str, error: &CliError) -> Exit {
    if printer.is_json() {
        printer.document(&error.document(command));
    } else {
        let hint = error.hint().map(|hint| format!("\n  {hint}")).unwrap_or_default();
        printer.error(format_args!("{}{hint}", chain(error)));
    }
    error.exit()
}
