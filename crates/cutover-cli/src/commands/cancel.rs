//! `cutover cancel`: unfinished rotations go back to the old secret, where the vendor allows that.

use crate::args::Cancel;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::rotations::{Work, take_up};

pub(super) async fn run(context: &Context, args: &Cancel) -> Result<Exit, CliError> {
    take_up(context, &args.targets, Work::RollBack, args.pace).await
}
