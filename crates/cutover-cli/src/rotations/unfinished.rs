//! Taking up what has not ended.

use std::collections::BTreeSet;

use cutover::TargetId;

use super::{Telling, Work, over};
use crate::args::Pace;
use crate::config::{Config, TargetConfig};
use crate::connect::{self, Vendors};
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;

/// Takes up the unfinished rotations of the targets of those names, or of all.
///
/// # Errors
/// When configuration, credentials or journal cannot be used.
pub(crate) async fn take_up(context: &Context, names: &[TargetId], work: Work, pace: Pace) -> Result<Exit, CliError> {
    let config = context.config()?;
    let targets = context.chosen(&config, names)?;
    let Some(opened) = connect::journal::open_if_there(&config.journal, &context.printer).await? else {
        return Ok(nothing(context, work));
    };
    let journal = opened.journal();
    let unfinished = journal.unfinished(None).await?;
    let open: BTreeSet<_> = unfinished.iter().map(|recorded| recorded.target.id().clone()).collect();
    orphans(context, &config, &open);
    // Only vendors that are needed are reached, so a missing credential of another one is no obstacle.
    let targets: Vec<&TargetConfig> = targets.into_iter().filter(|target| open.contains(target.target.id())).collect();
    if targets.is_empty() {
        opened.close().await;
        return Ok(nothing(context, work));
    }
    let jobs = Vendors::new(&config, &context.printer).jobs(&targets).await?;
    let telling = over(context, &jobs, journal, work, pace).await;
    opened.close().await;
    Ok(telling.conclude(None))
}

/// Unfinished rotations of targets that are not configured any more: somebody has to know.
fn orphans(context: &Context, config: &Config, open: &BTreeSet<TargetId>) {
    for id in open.iter().filter(|id| !config.targets.iter().any(|target| target.target.id() == *id)) {
        context.printer.warn(format_args!(
            "{id} has an unfinished rotation and is not in {} any more; put it back to go on with it",
            config.file.display()
        ));
    }
}

fn nothing(context: &Context, work: Work) -> Exit {
    if !context.printer.is_json() {
        context.printer.step(format_args!("Nothing to {}: no rotation is unfinished.", work.command()));
    }
    Telling::of(context, &[], work).conclude(None)
}
