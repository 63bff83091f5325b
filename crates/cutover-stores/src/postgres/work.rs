//! What one worker of several does: whatever is due and free, until nothing is left.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use cutover_core::{Clock, TargetId};
use cutover_engine::{Ending, Engine, EngineError, Job, JournalError, Next, Outcome, UnderWay};
use jiff::{SignedDuration, Timestamp};

use super::{DueOnly, PostgresJournal};

/// How many targets are looked up together: a few times as many as are worked on at once, since what was free when it
/// was looked up is soon taken by others. Where nothing is found it doubles.
const WINDOW: usize = 32;
const WINDOW_MAX: usize = 1024;
/// How often a worker looks again while others have the rest in hand: how late it finds that one of them died.
const LOOK: Duration = Duration::from_secs(1);
/// How often a worker looks that does not end when nothing is left.
const WATCH: Duration = Duration::from_secs(10);
/// When such a worker tries again what did not come out well; it doubles each time.
const AGAIN: Duration = Duration::from_secs(60);
const AGAIN_MAX: Duration = Duration::from_secs(3600);

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
    failures_max: Option<usize>,
}

/// How a worker's work came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Nothing is due any more but what did not come out well here.
    Nothing,
    /// So many targets did not come out well that no further one was begun.
    Failures(usize),
    /// It was asked to stop.
    Stopped,
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
        Self { journal, due, engine, clock, at_once: 1, watch: false, failures_max: None }
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

    /// The same worker, which begins no further target once so many did not come out well here.
    #[must_use]
    pub fn failures_max(mut self, failures: usize) -> Self {
        self.failures_max = Some(failures);
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
        let mut round = Round::new(jobs);
        let mut under_way = UnderWay::new(&self.engine, self.at_once);
        let mut pause = None;
        let mut end = None;
        loop {
            while end.is_none() && pause.is_none() && under_way.has_room() {
                if stop.is_set() {
                    end = Some(Ok(Left::Stopped));
                } else if let Some(failures) = round.too_many(self.failures_max) {
                    end = Some(Ok(Left::Failures(failures)));
                } else if let Err(error) = round.look_for_left(self).await {
                    (pause, end) = self.no_journal(error);
                } else if let Some((nth, unfinished)) = round.queue.pop_front() {
                    round.under_way.insert(nth);
                    let job = &jobs[nth];
                    let engine = under_way.engine().clone();
                    under_way.begin(async move { (nth, self.one(&engine, job, unfinished).await) });
                } else {
                    let since = since();
                    self.due.set_since(since);
                    match round.look(self, since, &mut tell).await {
                        Ok(Seen::Due) => {}
                        Ok(Seen::InHand) => pause = Some(LOOK),
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
                    let Next::Through((nth, result)) = next else { continue };
                    round.under_way.remove(&nth);
                    if let Some(result) = result {
                        round.came_out(nth, &result, self.watch.then(|| self.clock.now()));
                        tell(nth, Some(&result));
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

    /// Works on one target; `None` when another worker has it, or has done it.
    async fn one(&self, engine: &Engine, job: &Job, unfinished: bool) -> Option<Result<Outcome, EngineError>> {
        let result = if unfinished { engine.resume(job).await.transpose()? } else { engine.rotate(job).await };
        match result {
            Err(EngineError::Journal(JournalError::Busy { .. })) => {
                self.due.was_rotated(job.target().id());
                None
            }
            // Somebody took it over, or left it unfinished since it was looked up: found again where it is due.
            Err(EngineError::Journal(JournalError::Fenced { .. }) | EngineError::Unfinished { .. }) => None,
            result => Some(result),
        }
    }
}

/// What a look found.
enum Seen {
    /// Targets that are due and free.
    Due,
    /// None, but some that are due are in the hands of others or under way here.
    InHand,
    /// Nothing is due, but for what is put off.
    Nothing,
}

/// How far a worker has come.
struct Round {
    ids: Vec<TargetId>,
    by_id: BTreeMap<String, usize>,
    /// When it was last looked for what others left unfinished.
    left_at: Option<Timestamp>,
    /// The targets in an order that no other worker has.
    order: Vec<usize>,
    cursor: usize,
    window: usize,
    /// What is due and free, and whether it is unfinished.
    queue: VecDeque<(usize, bool)>,
    under_way: BTreeSet<usize>,
    /// What did not come out well: how often, and until when it is left alone; for ever without a time.
    put_off: BTreeMap<usize, (u32, Option<Timestamp>)>,
    failures: usize,
    /// What was told not to be due.
    told: BTreeSet<usize>,
}

impl Round {
    fn new(jobs: &[Job]) -> Self {
        let ids: Vec<TargetId> = jobs.iter().map(|job| job.target().id().clone()).collect();
        let mut random = [0; 8];
        // Without it all workers have the same order, which is slower and not wrong.
        let _an_order_will_do = getrandom::fill(&mut random);
        let mut order: Vec<usize> = (0..ids.len()).collect();
        order.sort_by_cached_key(|nth| {
            let mut hasher = DefaultHasher::new();
            (random, nth).hash(&mut hasher);
            hasher.finish()
        });
        let by_id = ids.iter().enumerate().map(|(nth, id)| (id.as_str().to_owned(), nth)).collect();
        Self {
            ids,
            by_id,
            left_at: None,
            order,
            cursor: 0,
            window: WINDOW,
            queue: VecDeque::new(),
            under_way: BTreeSet::new(),
            put_off: BTreeMap::new(),
            failures: 0,
            told: BTreeSet::new(),
        }
    }

    fn too_many(&self, failures_max: Option<usize>) -> Option<usize> {
        failures_max.filter(|max| *max <= self.failures).map(|_| self.failures)
    }

    /// Whether it came out not well a short while ago, or for good.
    fn is_put_off(&self, nth: usize, now: Timestamp) -> bool {
        self.put_off.get(&nth).is_some_and(|(_, until)| until.is_none_or(|until| now < until))
    }

    /// Puts what others left unfinished before everything else, if that was not looked for just now.
    async fn look_for_left(&mut self, work: &SharedWork) -> Result<(), JournalError> {
        let now = work.clock.now();
        let since = self.left_at.map(|at| now.duration_since(at));
        if since.is_some_and(|since| !since.is_negative() && since < SignedDuration::from_secs(1)) {
            return Ok(());
        }
        self.left_at = Some(now);
        for target in work.journal.left().await?.iter().rev() {
            let Some(nth) = self.by_id.get(target).copied() else { continue };
            if !self.under_way.contains(&nth) && !self.is_put_off(nth, now) {
                self.queue.retain(|(queued, _)| *queued != nth);
                self.queue.push_front((nth, true));
            }
        }
        Ok(())
    }

    /// Looks at window after window until something is found, or all were looked at.
    async fn look(
        &mut self,
        work: &SharedWork,
        since: Timestamp,
        tell: &mut impl FnMut(usize, Option<&Result<Outcome, EngineError>>),
    ) -> Result<Seen, JournalError> {
        let now = work.clock.now();
        let (mut looked, mut in_hand) = (0, !self.under_way.is_empty());
        while looked < self.order.len() {
            let length = self.window.min(self.order.len() - looked);
            let window: Vec<usize> =
                (0..length).map(|step| self.order[(self.cursor + step) % self.order.len()]).collect();
            (self.cursor, looked) = ((self.cursor + length) % self.order.len(), looked + length);
            let is_wanted = |nth: &usize| !self.under_way.contains(nth) && !self.is_put_off(*nth, now);
            let window: Vec<usize> = window.into_iter().filter(is_wanted).collect();
            if window.is_empty() {
                continue;
            }
            let ids: Vec<TargetId> = window.iter().map(|nth| self.ids[*nth].clone()).collect();
            let mut due = work.journal.due(&ids, since).await?.into_iter().peekable();
            for nth in window {
                match due.next_if(|due| due.target == self.ids[nth]) {
                    Some(due) if due.in_hand => in_hand = true,
                    Some(due) => self.queue.push_back((nth, due.unfinished)),
                    None if self.told.insert(nth) => tell(nth, None),
                    None => {}
                }
            }
            if !self.queue.is_empty() {
                self.window = WINDOW;
                return Ok(Seen::Due);
            }
            self.window = (self.window * 2).min(WINDOW_MAX);
        }
        Ok(if in_hand { Seen::InHand } else { Seen::Nothing })
    }

    /// Remembers what came of a target; `now` where it is tried again later.
    fn came_out(&mut self, nth: usize, result: &Result<Outcome, EngineError>, now: Option<Timestamp>) {
        if result.as_ref().is_ok_and(|outcome| matches!(outcome.ending, Ending::Rotated)) {
            self.put_off.remove(&nth);
            self.told.insert(nth);
            return;
        }
        self.failures += 1;
        let tried = self.put_off.get(&nth).map_or(0, |(tried, _)| *tried);
        let pause = AGAIN.saturating_mul(1 << tried.min(10)).min(AGAIN_MAX);
        let until = now.map(|now| now.checked_add(pause).unwrap_or(Timestamp::MAX));
        self.put_off.insert(nth, (tried + 1, until));
    }
}
