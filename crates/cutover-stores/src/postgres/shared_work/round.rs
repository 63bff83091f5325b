//! How far a worker has come, and what it finds to do next.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use cutover_core::TargetId;
use cutover_engine::{Caution, Ending, EngineError, Gate, Job, JournalError, Outcome, Progress};
use jiff::{SignedDuration, Timestamp};

use super::{LOOK, SharedWork};

/// How many targets are looked up together: a few times as many as are worked on at once, since what was free when it
/// was looked up is soon taken by others. Where nothing is found it doubles.
const WINDOW: usize = 32;
const WINDOW_MAX: usize = 1024;
/// When a worker that watches tries again what did not come out well; it doubles each time.
const AGAIN: Duration = Duration::from_secs(60);
const AGAIN_MAX: Duration = Duration::from_secs(3600);

/// What a look found.
pub(super) enum Seen {
    /// Targets that are due and free.
    Due,
    /// None, but some that are due are in the hands of others or under way here.
    InHand,
    /// None before one of those that are rotated first is mended.
    CanaryFailed,
    /// Nothing is due, but for what is put off.
    Nothing,
}

/// How far a worker has come.
pub(super) struct Round {
    /// Where the journal ended when it began.
    began: i64,
    random: [u8; 8],
    ids: Vec<TargetId>,
    by_id: BTreeMap<String, usize>,
    /// When it was last looked for what others left unfinished.
    left_at: Option<Timestamp>,
    /// The targets in an order that no other worker has.
    order: Vec<usize>,
    cursor: usize,
    window: usize,
    /// What is due and free, and whether it is unfinished.
    pub(super) queue: VecDeque<(usize, bool)>,
    pub(super) under_way: BTreeSet<usize>,
    /// What did not come out well: how often, and until when it is left alone; for ever without a time.
    put_off: BTreeMap<usize, (u32, Option<Timestamp>)>,
    failures: usize,
    /// What was told not to be due.
    told: BTreeSet<usize>,
}

impl Round {
    pub(super) fn new(jobs: &[Job], began: i64) -> Self {
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
            began,
            random,
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

    pub(super) fn too_many(&self, failures_max: Option<usize>) -> Option<usize> {
        failures_max.filter(|max| *max <= self.failures).map(|_| self.failures)
    }

    /// Whether one more target is begun, by what all workers have unfinished and failed at.
    pub(super) async fn gate(&self, work: &SharedWork) -> Result<Gate, JournalError> {
        let Caution { failures_max, unfinished_max, .. } = work.caution;
        let mut so_far = Progress::default();
        if failures_max.is_some() {
            so_far.through.failed = self.failures + self.failed_elsewhere(work).await?.len();
            so_far.begun = so_far.through.failed;
        }
        if unfinished_max.is_some() {
            let now = work.clock.now();
            so_far.begun += self.under_way.len();
            for open in work.journal.open_targets().await? {
                match self.by_id.get(open.target.as_str()) {
                    Some(nth) if self.under_way.contains(nth) => {}
                    // It is taken up here next.
                    Some(nth) if !self.is_put_off(*nth, now) => so_far.begun += 1,
                    _ if open.in_hand || !open.unfinished => so_far.begun += 1,
                    _ => so_far.standing += 1,
                }
            }
        }
        // These come first anyway: see `look_at_canaries`.
        Ok(Caution { canaries: 0, ..work.caution }.gate(so_far))
    }

    /// Those of its targets that other workers failed at since it began.
    async fn failed_elsewhere(&self, work: &SharedWork) -> Result<BTreeSet<usize>, JournalError> {
        let failed = work.journal.failed_after(self.began).await?;
        let failed = failed.iter().filter_map(|target| self.by_id.get(target).copied());
        Ok(failed.filter(|nth| !self.put_off.contains_key(nth)).collect())
    }

    /// How long to wait after another worker was a moment faster: for each worker another time, so that they do not meet
    /// again.
    pub(super) fn a_while(&mut self) -> Duration {
        let mut hasher = DefaultHasher::new();
        self.random.hash(&mut hasher);
        self.random = hasher.finish().to_ne_bytes();
        LOOK / 2 + Duration::from_millis(u64::from_ne_bytes(self.random) % 1000)
    }

    /// Whether it came out not well a short while ago, or for good.
    fn is_put_off(&self, nth: usize, now: Timestamp) -> bool {
        self.put_off.get(&nth).is_some_and(|(_, until)| until.is_none_or(|until| now < until))
    }

    /// Puts what others left unfinished before everything else, if that was not looked for just now.
    pub(super) async fn look_for_left(&mut self, work: &SharedWork) -> Result<(), JournalError> {
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
    pub(super) async fn look(
        &mut self,
        work: &SharedWork,
        since: Timestamp,
        tell: &mut impl FnMut(usize, Option<&Result<Outcome, EngineError>>),
    ) -> Result<Seen, JournalError> {
        if let Some(seen) = self.look_at_canaries(work, since).await? {
            return Ok(seen);
        }
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

    /// What there is to do about the canaries; `None` when none of them is due.
    async fn look_at_canaries(&mut self, work: &SharedWork, since: Timestamp) -> Result<Option<Seen>, JournalError> {
        let canaries = &self.ids[..work.caution.canaries.min(self.ids.len())];
        if canaries.is_empty() {
            return Ok(None);
        }
        let due = work.journal.due(canaries, since).await?;
        if due.is_empty() {
            return Ok(None);
        }
        let now = work.clock.now();
        // Whoever watches tries again what somebody else failed at.
        let failed = if work.watch { BTreeSet::new() } else { self.failed_elsewhere(work).await? };
        for due in due {
            let Some(nth) = self.by_id.get(due.target.as_str()).copied() else { continue };
            if due.in_hand || self.under_way.contains(&nth) {
                continue;
            }
            if self.is_put_off(nth, now) || (failed.contains(&nth) && !due.unfinished) {
                self.queue.clear();
                return Ok(Some(Seen::CanaryFailed));
            }
            self.queue.push_back((nth, due.unfinished));
        }
        Ok(Some(if self.queue.is_empty() { Seen::InHand } else { Seen::Due }))
    }

    /// Remembers what came of a target; `now` where it is tried again later.
    pub(super) fn came_out(&mut self, nth: usize, result: &Result<Outcome, EngineError>, now: Option<Timestamp>) {
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
