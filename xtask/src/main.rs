//! Every chore of the workspace: `cargo xtask ci` is what CI runs, and all it runs.

mod bench;
mod ci;
mod crash;
mod deps;
mod features;
mod fuzz;
mod logs;
mod run;
mod sdks;
mod services;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Every chore of the workspace")]
struct Args {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Runs all tests, then looks for secrets in every log they wrote
    Test {
        /// Arguments for `cargo test`, such as `-p cutover-core`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Starts the servers that tests need, and runs a command that finds them in its environment
    Serve {
        /// The command, such as `cargo test -p cutover-stores --all-features -- --include-ignored`
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Everything that has to hold before a change lands
    Ci {
        /// Also runs the vendors' own clients, which takes package registries
        #[arg(long)]
        sdks: bool,
    },
    /// Fails when an arrow between the workspace's crates is reversed
    Deps,
    /// Lints every crate with each of its features alone, and with none
    Features,
    /// Checks the rules of `conformance/` against the emulators
    #[command(disable_help_flag = true)]
    Conformance {
        /// Arguments for the suite, such as `--help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Kills rotations at every point there is, and looks what became of them
    #[command(disable_help_flag = true)]
    Crash {
        /// Arguments for the sweep, such as `--help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Measures, as ratios within one run
    Bench {
        /// What to measure
        #[arg(value_enum)]
        what: bench::Bench,
    },
    /// Runs the vendors' own clients, unmodified, against the emulators
    Sdks(sdks::Args),
    /// Gives the vendor clients arbitrary answers, guided by what they reach
    Fuzz(fuzz::Args),
}

/// The suite has exit codes of its own, which whoever called it needs.
fn conformance(args: &[String]) -> ExitCode {
    let suite = &mut run::cargo_command("run");
    match suite.args(["--quiet", "-p", "cutover-conformance", "--"]).args(args).status() {
        Ok(status) => status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from),
        Err(error) => {
            run::complain(&format!("the suite did not start: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Ends as the command does.
fn serve(command: &[String]) -> ExitCode {
    let services = services::Services::start(&services::Service::ALL);
    services.tell_missing();
    let [program, args @ ..] = command else { return ExitCode::FAILURE };
    match services.put_into(std::process::Command::new(program).args(args)).status() {
        Ok(status) => status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from),
        Err(error) => {
            run::complain(&format!("{program} did not start: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn main() -> ExitCode {
    let done = match Args::parse().chore {
        Chore::Test { args } => test::test(&args, test::Unserved::Skip),
        Chore::Serve { command } => return serve(&command),
        Chore::Ci { sdks } => ci::ci(sdks),
        Chore::Deps => deps::deps(),
        Chore::Features => features::features(),
        Chore::Conformance { args } => return conformance(&args),
        Chore::Crash { args } => crash::crash(&args),
        Chore::Bench { what } => bench::bench(what),
        Chore::Sdks(args) => sdks::sdks(&args),
        Chore::Fuzz(args) => fuzz::fuzz(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            run::complain(&error);
            ExitCode::FAILURE
        }
    }
}
