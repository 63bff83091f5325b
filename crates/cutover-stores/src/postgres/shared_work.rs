//! What one worker of several does: whatever is due and free, until nothing is left.

mod round;

use std::sync::Arc;
use std::time::Duration;

use cutover_core::Clock;
use cutover_engine::{Caution, Engine, EngineError, Gate, Halt, Job, JournalError, Next, Outcome, UnderWay};
use jiff::Timestamp;

use self::round::{Round, Seen};
use super::{DueOnly, PostgresJournal};

/// How often a worker looks again while others have the rest in hand: how late it finds that one of them died.
const LOOK: Duration = Duration::from_secs(1);
/// How often a worker looks that does not end when nothing is left.
const WATCH: Duration = Duration::from_secs(10);

/// One worker of several over one journal.
///
/// A target is worked on when it is unfinished, or was not rotated since a time that is the same for all workers; and
/// when nobody has it in hand. No worker waits for another: each goes through the targets in an order of its own and
/// passes over what others have. What a dead worker left goes before everything else once its lease is free: readers may
/// have no good secret until then.
///
/// ```no_run
/// use std::sync::Arc;
///
/// use cutover_core::{ClientSecret, SystemClock};
/// use cutover_engine::{Engine, Job};
/// use cutover_stores::{PostgresJournal, PostgresOptions, SealingKeys, SharedWork, key_file};
/// use jiff::Timestamp;
///
/// async fn work(url: &ClientSecret, jobs: &[Job], since: Timestamp) -> Result<(), Box<dyn std::error::Error>> {
///     let keys = SealingKeys::new(key_file::load("/etc/cutover/sealing.key".as_ref())?);
///     let journal = Arc::new(PostgresJournal::open(url, keys, PostgresOptions::default()).await?);
///     let clock = Arc::new(SystemClock);
///     let work = SharedWork::new(Arc::clone(&journal), clock.clone(), |journal| Engine::new(journal, clock));
///     work.at_once(16).run(jobs, || since, |_, _| {}).await?;
///     journal.close().await?;
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct SharedWork {
    journal: Arc<PostgresJournal>,
    due: Arc<DueOnly>,
    engine: Engine,
    clock: Arc<dyn Clock>,
    at_once: usize,
    watch: bool,
    caution: Caution,
}

/// How a worker's work came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Nothing is due any more but what did not come out well here.
    Nothing,
    /// It began no further target, for this reason.
    Halted(Halt),
}

impl SharedWork {
    /// A worker. `engine` makes the engine over the journal that it is given.
    ///
    /// It is a worker from [`run`](Self::run) on, ends when nothing is left, and works on one target at a time.
    pub fn new(
        journal: Arc<PostgresJournal>,
        clock: Arc<dyn Clock>,
        engine: impl FnOnce(Arc<DueOnly>) -> Engine,
    ) -> Self {
        let due = Arc::new(DueOnly::new(Arc::clone(&journal), Timestamp::MIN));
        let engine = engine(Arc::clone(&due));
        Self { journal, due, engine, clock, at_once: 1, watch: false, caution: Caution::default() }
    }

    /// The same worker on so many targets at once; at least one. One that only waits until a time has passed leaves its
    /// place to another.
    #[must_use]
    pub fn at_once(mut self, at_once: usize) -> Self {
        self.at_once = at_once.max(1);
        self
    }

    /// The same worker, which looks again and again instead of ending when nothing is left. What did not come out well
    /// it tries again, after a minute at first and an hour at last.
    #[must_use]
    pub fn watching(mut self) -> Self {
        self.watch = true;
        self
    }

    /// The same worker, which stops the line when `caution` says so. Each worker has to be told the same.
    ///
    /// - `canaries`: while one of the first of the jobs is due, no worker begins any of the others. Who finds that one of
    ///   them did not come out well halts.
    /// - `unfinished_max` counts what any worker has unfinished or in hand, as [`DueOnly::set_unfinished_max`] says. While
    ///   that is so many, no worker begins another target; it halts once so many stand still that it cannot take up.
    /// - `failures_max` counts what did not come out well here, and the targets of which another worker's attempt ended
    ///   without a new secret after this one began. What fails before the vendor is asked leaves no record, and counts at
    ///   its own worker alone.
    ///
    /// One that is [watching](Self::watching) does not halt because of canaries or of what stands still, but waits.
    #[must_use]
    pub fn with_caution(mut self, caution: Caution) -> Self {
        self.due.set_unfinished_max(caution.unfinished_max);
        self.caution = caution;
        self
    }

    /// Works on the jobs' targets until nothing is left. `since` says from when on a target counts as rotated.
    ///
    /// `tell` hears what came of each target that was worked on here, and `None` once of each that is not due, or not
    /// due any more, because it was rotated elsewhere or before.
    ///
    /// # Errors
    /// When the journal cannot be used. What was under way has come to its end before.
    pub async fn run(
        &self,
        jobs: &[Job],
        since: impl Fn() -> Timestamp,
        mut tell: impl FnMut(usize, Option<&Result<Outcome, EngineError>>),
    ) -> Result<Left, JournalError> {
        self.journal.join().await?;
        let stop = self.engine.stop_flag();
        let mut round = Round::new(jobs, self.journal.end().await?);
        let mut under_way = UnderWay::new(&self.engine, self.at_once);
        let mut pause = None;
        let mut end = None;
        loop {
            while end.is_none() && pause.is_none() && under_way.has_room() {
                if stop.is_set() {
                    end = Some(Ok(Left::Halted(Halt::Stopped)));
                } else if let Some(failures) = round.too_many(self.caution.failures_max) {
                    end = Some(Ok(Left::Halted(Halt::Failures(failures))));
                } else if let Err(error) = round.look_for_left(self).await {
                    (pause, end) = self.no_journal(error);
                } else if let Some((nth, unfinished)) = round.queue.front().copied() {
                    // What is unfinished goes on, whatever else there is.
                    let gate = if unfinished { Ok(Gate::Begin) } else { round.gate(self).await };
                    match gate {
                        Ok(Gate::Begin) => {
                            round.queue.pop_front();
                            round.under_way.insert(nth);
                            let (job, engine) = (&jobs[nth], under_way.engine().clone());
                            under_way.begin(async move { (nth, self.one(&engine, job, unfinished).await) });
                        }
                        Ok(gate) => {
                            // Looked at anew when the time has come.
                            round.queue.clear();
                            (pause, end) = self.held_up(gate);
                        }
                        Err(error) => (pause, end) = self.no_journal(error),
                    }
                } else {
                    let since = since();
                    self.due.set_since(since);
                    match round.look(self, since, &mut tell).await {
                        Ok(Seen::Due) => {}
                        Ok(Seen::InHand) => pause = Some(LOOK),
                        Ok(Seen::CanaryFailed) => (pause, end) = self.held_up(Gate::Halt(Halt::CanaryFailed)),
                        Ok(Seen::Nothing) if self.watch => pause = Some(WATCH),
                        // What is under way here may be left unfinished, and is not taken up again: it came out so.
                        Ok(Seen::Nothing) => end = Some(Ok(Left::Nothing)),
                        Err(error) => (pause, end) = self.no_journal(error),
                    }
                }
            }
            if under_way.is_empty()
                && let Some(end) = end
            {
                return end;
            }
            let more = end.is_none() && pause.is_none();
            tokio::select! {
                next = under_way.next(more), if !under_way.is_empty() => {
                    let Next::Through((nth, came)) = next else { continue };
                    round.under_way.remove(&nth);
                    match came {
                        Came::Out(result) => {
                            round.came_out(nth, &result, self.watch.then(|| self.clock.now()));
                            tell(nth, Some(&result));
                            // It may have been what others waited for.
                            pause = None;
                        }
                        Came::Elsewhere => {}
                        Came::TooLate => pause = Some(round.a_while()),
                    }
                }
                () = self.clock.sleep(pause.unwrap_or(LOOK)), if pause.is_some() => pause = None,
            }
        }
    }

    /// What follows when the journal cannot be looked at: a pause, or the end.
    fn no_journal(&self, error: JournalError) -> (Option<Duration>, Option<Result<Left, JournalError>>) {
        if !self.watch {
            return (None, Some(Err(error)));
        }
        tracing::warn!(error = cutover_core::chain(&error), "the journal cannot be looked at");
        (Some(WATCH), None)
    }

    /// What follows when no further target is begun now: a pause, or the end.
    fn held_up(&self, gate: Gate) -> (Option<Duration>, Option<Result<Left, JournalError>>) {
        match gate {
            Gate::Begin | Gate::Wait => (Some(LOOK), None),
            Gate::Halt(Halt::CanaryFailed | Halt::Unfinished(_)) if self.watch => (Some(WATCH), None),
            Gate::Halt(why) => (None, Some(Ok(Left::Halted(why)))),
        }
    }

    /// Works on one target.
    async fn one(&self, engine: &Engine, job: &Job, unfinished: bool) -> Came {
        let result = if unfinished { engine.resume(job).await.transpose() } else { Some(engine.rotate(job).await) };
        match result {
            Some(Err(EngineError::Journal(JournalError::Busy { .. }))) => {
                let target = job.target().id();
                self.due.was_rotated(target);
                if self.due.had_no_room(target) { Came::TooLate } else { Came::Elsewhere }
            }
            // Somebody took it over, or left it unfinished since it was looked up: found again where it is due.
            None | Some(Err(EngineError::Journal(JournalError::Fenced { .. }) | EngineError::Unfinished { .. })) => {
                Came::Elsewhere
            }
            Some(result) => Came::Out(result),
        }
    }
}

/// What came of a target.
enum Came {
    /// It was worked on here.
    Out(Result<Outcome, EngineError>),
    /// Another worker has it, or has done it.
    Elsewhere,
    /// Another worker has taken the last place among those that may be unfinished.
    TooLate,
}
