//! The `cutover` command line: arguments, printing, exit codes. It has no rules of its own.

mod args;
mod commands;
mod config;
mod connect;
mod context;
mod credential;
mod error;
mod exit;
mod interrupt;
mod logs;
mod print;
mod recorded;
mod report;
mod rotations;
mod run;

use std::process::ExitCode;

fn main() -> ExitCode {
    run::main()
}
