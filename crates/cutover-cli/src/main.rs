//! The `cutover` command line: arguments, printing, exit codes. It has no rules of its own.

mod args;
mod commands;
mod config;
mod connect;
mod credential;
mod error;
mod exit;
mod interrupt;
mod logs;
mod print;
mod progress;
mod report;
mod run;

use std::process::ExitCode;

fn main() -> ExitCode {
    run::main()
}
