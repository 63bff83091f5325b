//! Rotations of many targets: running an engine over them, showing how they go on, and telling what came of each.

mod progress;
mod telling;
mod unfinished;

use std::sync::Arc;

use cutover::SystemClock;
use cutover::engine::{Caution, Ending, Engine, EngineError, Fleet, Job, Journal, Next, Options, Outcome, UnderWay};

use crate::args::Pace;
use crate::context::Context;
use crate::exit::Part;
use crate::interrupt;

pub(crate) use self::telling::Telling;
pub(crate) use self::unfinished::take_up;

/// What is done to each target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// A new rotation.
    Rotate {
        /// Whether somebody else's pending rotation is cancelled.
        take_over: bool,
        /// When no further target is begun.
        caution: Caution,
    },
    /// A new rotation or an unfinished one, of what other workers leave.
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "only a journal in PostgreSQL is shared"))]
    Share,
    /// An unfinished one, where there is one.
    Resume,
    /// The way back from an unfinished one, where there is one.
    RollBack,
}

impl Work {
    /// The command that does it.
    pub(crate) fn command(self) -> &'static str {
        match self {
            Self::Rotate { .. } => "rotate",
            Self::Share => "work",
            Self::Resume => "resume",
            Self::RollBack => "cancel",
        }
    }

    /// What a done target is.
    fn done(self) -> &'static str {
        match self {
            Self::Rotate { .. } | Self::Share | Self::Resume => "rotated",
            Self::RollBack => "rolled back",
        }
    }

    /// What a result is to whoever asked for this.
    fn part(self, result: &Result<Outcome, EngineError>) -> Part {
        match (self, result.as_ref().map(|outcome| &outcome.ending)) {
            (Self::RollBack, Ok(Ending::RolledBack(_))) => Part::Done,
            // Somebody wanted the old secret back and has the new one.
            (Self::RollBack, Ok(Ending::Rotated)) => Part::Failed,
            _ => Part::of(result),
        }
    }
}

/// Does the work on every job's target, and tells what came of each as soon as it is known.
pub(crate) async fn over<'a>(
    context: &'a Context,
    jobs: &'a [Job],
    journal: Arc<dyn Journal>,
    work: Work,
    pace: Pace,
) -> Telling<'a> {
    let mut telling = Telling::of(context, jobs, work);
    let take_over = matches!(work, Work::Rotate { take_over: true, .. });
    let engine = engine(journal, &telling, take_over, pace);
    interrupt::watch(engine.stop_flag(), context.printer.clone(), format!("{} resume", context.program()));
    if let Work::Rotate { caution, .. } = work {
        let fleet = Fleet::new(engine, pace.at_once).with_caution(caution);
        fleet.rotate_and_tell(jobs, |nth, result| telling.came_out(nth, result)).await;
        return telling;
    }
    let mut under_way = UnderWay::new(&engine, pace.at_once);
    let mut left = jobs.iter().enumerate().peekable();
    loop {
        while under_way.has_room()
            && let Some((nth, job)) = left.next()
        {
            let engine = under_way.engine().clone();
            under_way.begin(async move {
                let back = work == Work::RollBack;
                let result = if back { engine.roll_back(job).await } else { engine.resume(job).await };
                (nth, result.transpose())
            });
        }
        match under_way.next(left.peek().is_some()).await {
            Next::Through((nth, Some(result))) => telling.came_out(nth, &result),
            Next::Through((nth, None)) => telling.passed_over(nth),
            Next::Room => {}
            Next::Nothing => return telling,
        }
    }
}

/// The engine that does it and tells how it goes on.
pub(crate) fn engine(journal: Arc<dyn Journal>, telling: &Telling<'_>, take_over: bool, pace: Pace) -> Engine {
    Engine::new(journal, Arc::new(SystemClock))
        .with_options(Options { take_over, call_interval: pace.call_interval(), ..Options::default() })
        .with_observer(telling.observer())
}
