//! `cutover work`: one worker of several on one journal.

use crate::args::Work;
use crate::commands::Context;
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

    use cutover::engine::{Engine, Options};
    use cutover::stores::{Left, SharedWork};
    use cutover::{Clock as _, SystemClock};

    use super::{CliError, Context, Exit, Work};
    use crate::commands::rotate::telling::Telling;
    use crate::commands::rotate::{self, conclude};
    use crate::connect::journal::Opened;
    use crate::connect::{self, Vendors};
    use crate::exit::Part;
    use crate::interrupt;
    use crate::progress::Progress;
    use crate::report::{About, Report};

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

        let names = || jobs.iter().map(|job| job.target().id().as_str());
        let progress = Arc::new(Progress::new(printer, names()));
        let options =
            Options { take_over: args.take_over, call_interval: args.pace.call_interval(), ..Options::default() };
        let mut stop = None;
        let work = SharedWork::new(Arc::clone(journal), Arc::new(SystemClock), |journal| {
            let engine =
                Engine::new(journal, Arc::new(SystemClock)).with_options(options).with_observer(progress.clone());
            stop = Some(engine.stop_flag());
            engine
        });
        let stop = stop.unwrap_or_default();
        let mut work = work.at_once(args.pace.at_once);
        if args.watch {
            work = work.watching();
        }
        if let Some(failures) = args.max_failures {
            work = work.failures_max(failures.of(jobs.len()));
        }
        interrupt::watch(stop.clone(), printer.clone(), format!("{} work", context.program()));
        let (mut told, mut elsewhere) = (Vec::new(), 0_usize);
        let mut telling = Telling::new(printer, names());
        let since = || args.not_since.at(SystemClock.now());
        let left = work
            .run(&jobs, since, |nth, result| {
                progress.through(jobs[nth].target().id());
                let Some(result) = result else {
                    elsewhere += 1;
                    return;
                };
                let about = About { job: jobs[nth].clone(), program: context.program() };
                let (report, part) = (Report::of(&about, result), Part::of(result));
                telling.tell(&report, part);
                told.push((nth, report, part));
            })
            .await;
        drop(work);
        opened.close().await;
        told.sort_by_key(|(nth, ..)| *nth);
        let told: Vec<_> = told.into_iter().map(|(_, report, part)| (report, part)).collect();
        match left? {
            Left::Failures(count) => printer.warn(format_args!("the line was stopped: {count} were not rotated here")),
            Left::Nothing | Left::Stopped => {}
        }
        if !printer.is_json() && told.is_empty() {
            printer.step("Nothing was left to do here.");
        }
        if 0 < elsewhere {
            printer.note(format_args!("{elsewhere} of {} were rotated before, or by other workers", jobs.len()));
        }
        Ok(conclude(context, rotate::Work::Share, told, None))
    }
}
