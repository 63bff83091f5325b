//! `cargo xtask conformance`: every rule on every emulated vendor.

use std::io::Write as _;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser};
use cutover_conformance::cli::{self, Failed};
use cutover_conformance::{kills, mutants};

const PROGRAM: &str = "cargo xtask conformance";

const EXIT_CODES: &str = "\
Exit codes:
  0  every promise that applies was held
  1  a promise was broken, or something is not as expected
  2  wrong usage; nothing was checked
  4  nothing was broken, and a subject could not be set up";

/// Check the rules that vendors, adapters and engines have to hold.
#[derive(Parser)]
#[command(name = PROGRAM, bin_name = PROGRAM, max_term_width = 80, after_help = EXIT_CODES)]
struct Arguments {
    #[command(flatten)]
    args: cli::Args,
    /// Try every mutant and write conformance/kills.json, the record that reports show where none was tried
    #[arg(long, conflicts_with_all = ["list", "subject", "rules", "mutants"])]
    write_kills: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // There is no other --json here, as there is in `cutover`.
    let command = Arguments::command().mut_arg("json_file", |arg| arg.visible_alias("json"));
    let parsed = command.try_get_matches().and_then(|matches| Arguments::from_arg_matches(&matches));
    let args = match parsed {
        Ok(Arguments { write_kills: true, .. }) => return write_kills().await,
        Ok(arguments) => arguments.args,
        Err(error) => {
            // Help comes this way too. A reader that is gone needs none.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    match cli::run(&args, PROGRAM, cli::progress_line().as_deref()).await {
        Ok(found) => {
            // A reader that has gone away, such as `head`, is no failure of the suite.
            let _ = write!(std::io::stdout(), "{}", found.text(cli::colours()));
            ExitCode::from(found.code())
        }
        Err(failed) => {
            complain(&failed);
            ExitCode::from(failed.code())
        }
    }
}

async fn write_kills() -> ExitCode {
    let record = kills::record(&mutants::run().await);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/kills.json");
    match std::fs::write(path, record) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&Failed::NotSetUp(format!("{path}: {error}")));
            ExitCode::from(4)
        }
    }
}

fn complain(failed: &Failed) {
    let text = match failed {
        Failed::Usage { problem, hint } => format!("error: {problem}\n  {hint}"),
        Failed::NotSetUp(why) => format!("error: {why}"),
        Failed::Interrupted => "stopped; what was made at vendors is removed".to_owned(),
    };
    // A closed standard error leaves nobody to tell.
    let _ = writeln!(std::io::stderr(), "{text}");
}
