//! `cutover work`: one worker of several on one journal.

use crate::args::Work;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;

#[cfg(feature = "postgres")]
pub(super) use shared::run;

#[cfg(not(feature = "postgres"))]
pub(super) async fn run(_: &Context, _: &Work) -> Result<Exit, CliError> {
    let hint = "build it with the feature postgres";
    Err(CliError::usage("this program was built without PostgreSQL, which workers share a journal in", hint))
}

#[cfg(feature = "postgres")]
mod shared {
    use std::sync::Arc;

    use cutover::engine::Halt;
    use cutover::stores::{Left, SharedWork};
    use cutover::{Clock as _, SystemClock};

    use super::{CliError, Context, Exit, Work};
    use crate::connect::journal::Opened;
    use crate::connect::{self, Vendors};
    use crate::interrupt;
    use crate::rotations::{self, Telling};

    pub(in crate::commands) async fn run(context: &Context, args: &Work) -> Result<Exit, CliError> {
        let config = context.config()?;
        let printer = &context.printer;
        let targets = context.chosen(&config, &args.targets)?;
        if config.journal.file().is_some() {
            return Err(CliError::usage(
                format!("the journal {} is a file, which workers cannot share", config.journal.place),
                "name a database in [journal], postgres = { env = \"CUTOVER_JOURNAL_URL\" }; one worker is `cutover rotate`",
            ));
        }
        let jobs = Vendors::new(&config, printer).jobs(&targets).await?;
        let opened = connect::journal::open(&config.journal, printer).await?;
        let Opened::Postgres(journal) = &opened else { return Err(CliError::usage("this journal is a file", "")) };

        let mut telling = Telling::of(context, &jobs, rotations::Work::Share);
        let mut stop = None;
        let work = SharedWork::new(Arc::clone(journal), Arc::new(SystemClock), |journal| {
            let engine = rotations::engine(journal, &telling, args.take_over, args.pace);
            stop = Some(engine.stop_flag());
            engine
        });
        let stop = stop.unwrap_or_default();
        let mut work = work.at_once(args.pace.at_once).with_caution(args.limits.of(jobs.len()));
        if args.watch {
            work = work.watching();
        }
        interrupt::watch(stop.clone(), printer.clone(), format!("{} work", context.program()));
        let mut elsewhere = 0_usize;
        let since = || args.not_since.at(SystemClock.now());
        let left = work
            .run(&jobs, since, |nth, result| {
                if let Some(result) = result {
                    telling.came_out(nth, result);
                } else {
                    elsewhere += 1;
                    telling.passed_over(nth);
                }
            })
            .await;
        drop(work);
        opened.close().await;
        let halt = match left? {
            Left::Nothing | Left::Halted(Halt::Stopped) => None,
            Left::Halted(why) => Some(why),
        };
        if !printer.is_json() && telling.count() == 0 && halt.is_none() {
            printer.step("Nothing was left to do here.");
        }
        if 0 < elsewhere {
            printer.note(format_args!("{elsewhere} of {} were rotated before, or by other workers", jobs.len()));
        }
        Ok(telling.stopped_by(halt).conclude(None))
    }
}
