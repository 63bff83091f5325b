//! `cutover resume`: unfinished rotations go on.

use crate::args::Resume;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::rotations::{Work, take_up};

pub(super) async fn run(context: &Context, args: &Resume) -> Result<Exit, CliError> {
    take_up(context, &args.targets, Work::Resume, args.pace).await
}
