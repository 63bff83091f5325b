//! `cutover completions`: a completion script.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::args::Args;
use crate::context::Context;
use crate::exit::Exit;

pub(super) fn run(context: &Context, shell: Shell) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "cutover", &mut script);
    context.printer.raw(&String::from_utf8_lossy(&script));
    Exit::Done
}
