//! `cutover rotate`: new secrets for targets.

use cutover::engine::Event;
use cutover::{Clock as _, SystemClock};
use jiff::Timestamp;

use crate::args::Rotate;
use crate::config::{Config, TargetConfig};
use crate::connect::{self, Vendors};
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::rotations::{Work, over};

/// How many of a target's latest rotations are looked through for one that ended well.
const LOOK_BACK: u32 = 50;

pub(super) async fn run(context: &Context, args: &Rotate) -> Result<Exit, CliError> {
    let config = context.config()?;
    let now = SystemClock.now();
    let since = args.not_since.map_or(now, |not_since| not_since.at(now));
    let mut targets = context.chosen(&config, &args.targets)?;
    if args.not_since.is_some() {
        let chosen = targets.len();
        targets = not_rotated_since(context, &config, targets, since).await?;
        let left_out = chosen - targets.len();
        context.printer.note(format_args!("{left_out} of {chosen} were rotated since {since:.0} and are left out"));
    }
    let jobs = Vendors::new(&config, &context.printer).jobs(&targets).await?;
    let opened = connect::journal::open(&config.journal, &context.printer).await?;
    let work = Work::Rotate { take_over: args.take_over, caution: args.limits.of(jobs.len()) };
    let telling = over(context, &jobs, opened.journal(), work, args.pace).await;
    opened.close().await;
    let rest = args.all.then(|| format!("{} rotate --all --not-since {since:.3}", context.program()));
    Ok(telling.conclude(rest.as_deref()))
}

/// Those of the targets whose latest rotation that ended well was before `since`, or that never had one.
async fn not_rotated_since<'c>(
    context: &Context,
    config: &Config,
    targets: Vec<&'c TargetConfig>,
    since: Timestamp,
) -> Result<Vec<&'c TargetConfig>, CliError> {
    let Some(opened) = connect::journal::open_if_there(&config.journal, &context.printer).await? else {
        return Ok(targets);
    };
    let journal = opened.journal();
    let mut wanted = Vec::with_capacity(targets.len());
    for target in targets {
        let history = journal.history(Some(target.target.id()), LOOK_BACK).await?;
        let mut entries = history.iter().filter_map(|recorded| recorded.entries.last());
        if !entries.any(|last| matches!(last.event, Event::Finished) && since <= last.at) {
            wanted.push(target);
        }
    }
    Ok(wanted)
}
