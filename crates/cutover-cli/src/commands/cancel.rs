//! `cutover cancel`: unfinished rotations go back to the old secret, where the vendor allows that.

use super::Context;
use super::resume::take_up;
use super::rotate::Work;
use crate::args::Cancel;
use crate::error::CliError;
use crate::exit::Exit;

pub(super) async fn run(context: &Context, args: &Cancel) -> Result<Exit, CliError> {
    take_up(context, &args.targets, Work::RollBack, args.pace).await
}
