//! Workers on one journal, and what stops the line for all of them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use cutover_core::{
    Attempt, Call, ClientSecret, Issued, Kept, NotSent, Observation, Refused, Reply, RotateError, RotationProfile,
    SecretRotator, SystemClock, Target, TargetId, Unreadable, Verdict,
};
use cutover_engine::{Caution, Engine, Event, Halt, Job, Journal as _, JournalError, MemoryDestination};
use cutover_stores::{DueOnly, Left, PostgresJournal, SharedWork};
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::with_postgres::{LONG, open, options, schema};
use crate::journal_contract::{at, begin, target};

/// Nothing here takes this long unless it hangs.
const DEADLINE: Duration = Duration::from_secs(60);

/// A vendor that gives each request another secret, unless it is told otherwise.
#[derive(Debug)]
struct Vendor {
    profile: RotationProfile,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Whose secrets were asked for, in this order.
    asked: Vec<String>,
    /// Whose requests are refused.
    refused: BTreeSet<String>,
    /// Whose answers make no sense.
    garbled: BTreeSet<String>,
    /// Whose requests get no answer before they are let through.
    held_up: BTreeSet<String>,
}

impl Vendor {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(&self, operation: &'static str, target: &Target) -> Call {
        Call::new(self.profile.vendor().clone(), operation).on(target.id())
    }
}

#[async_trait]
impl SecretRotator for Vendor {
    fn profile(&self) -> &RotationProfile {
        &self.profile
    }

    async fn issue(&self, target: &Target, attempt: &Attempt) -> Result<Reply, RotateError> {
        let name = target.id().as_str();
        self.seen().asked.push(name.to_owned());
        while self.seen().held_up.contains(name) {
            tokio::task::yield_now().await;
        }
        if self.seen().refused.contains(name) {
            return Err(Refused::new(self.call("issue", target), 400).into());
        }
        Ok(Reply::new(200, true, Zeroizing::new(attempt.id().to_string().into_bytes())))
    }

    fn read(&self, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        let text = String::from_utf8_lossy(kept.reply().expose_body()).into_owned();
        if self.seen().garbled.contains(target.id().as_str()) {
            return Err(Unreadable::new(self.call("read", target), 200, "it makes no sense").into());
        }
        Ok(Issued::new(ClientSecret::new(&text)))
    }

    async fn complete(&self, target: &Target, _: &Kept) -> Result<(), RotateError> {
        Err(NotSent::misuse(self.call("complete", target), "there is nothing to complete").into())
    }

    async fn cancel(&self, target: &Target) -> Result<(), RotateError> {
        Err(NotSent::misuse(self.call("cancel", target), "there is nothing to cancel").into())
    }

    async fn inspect(&self, _: &Target) -> Result<Observation, RotateError> {
        Ok(Observation::default())
    }

    async fn verify(&self, _: &Target, _: &ClientSecret) -> Result<Verdict, RotateError> {
        Ok(Verdict::Accepted)
    }
}

/// A fleet of targets `t0`, `t1`, ... at one vendor, on a journal of its own.
struct Fleet {
    schema: String,
    vendor: Arc<Vendor>,
    jobs: Vec<Job>,
}

impl Fleet {
    fn of(count: usize, told: Seen) -> Self {
        let first = target("t0");
        let hour = Duration::from_secs(3600);
        let profile = RotationProfile::replay(first.vendor().clone(), first.kind().clone(), hour, Duration::ZERO);
        let vendor = Arc::new(Vendor { profile, seen: Mutex::new(told) });
        let job = |nth| {
            let vendor: Arc<dyn SecretRotator> = vendor.clone();
            Job::new(target(&format!("t{nth}")), vendor).to(Arc::new(MemoryDestination::new("memory", None)))
        };
        let jobs = (0..count).map(job).collect();
        Self { schema: schema(), vendor, jobs }
    }

    async fn journal(&self) -> Arc<PostgresJournal> {
        Arc::new(open(options(&self.schema)).await)
    }

    /// One worker: how it ended, and of how many targets it told.
    async fn work(&self, at_once: usize, caution: Caution) -> (Left, usize) {
        let (clock, journal) = (Arc::new(SystemClock), self.journal().await);
        let work = SharedWork::new(Arc::clone(&journal), clock.clone(), |journal| Engine::new(journal, clock));
        let mut told = 0;
        let tell = |_, result: Option<&_>| told += usize::from(result.is_some());
        let work = work.at_once(at_once).with_caution(caution);
        let left = work.run(&self.jobs, || Timestamp::UNIX_EPOCH, tell).await.expect("a journal");
        journal.close().await.expect("open still");
        (left, told)
    }

    fn asked(&self) -> Vec<String> {
        self.vendor.seen().asked.clone()
    }
}

fn names(numbers: std::ops::Range<usize>) -> BTreeSet<String> {
    numbers.map(|nth| format!("t{nth}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test starts one"]
async fn no_worker_begins_another_target_before_the_canaries_are_rotated() {
    let fleet = Fleet::of(8, Seen::default());
    let caution = Caution { canaries: 2, ..Caution::default() };
    let ((one, _), (other, _)) = tokio::join!(fleet.work(4, caution), fleet.work(4, caution));
    assert_eq!((one, other), (Left::Nothing, Left::Nothing));
    let asked = fleet.asked();
    assert_eq!(asked.len(), 8, "each is rotated once: {asked:?}");
    assert_eq!(asked[..2].iter().cloned().collect::<BTreeSet<_>>(), names(0..2));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test starts one"]
async fn a_canary_that_failed_stops_the_line_of_every_worker() {
    let fleet = Fleet::of(8, Seen { refused: names(0..1), ..Seen::default() });
    let caution = Caution { canaries: 1, ..Caution::default() };
    let ((one, _), (other, _)) = tokio::join!(fleet.work(4, caution), fleet.work(4, caution));
    assert_eq!((one, other), (Left::Halted(Halt::CanaryFailed), Left::Halted(Halt::CanaryFailed)));
    assert!(fleet.asked().iter().all(|asked| asked == "t0"), "{:?}", fleet.asked());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test starts one"]
async fn what_another_worker_failed_at_counts_as_a_failure() {
    let all = names(0..8);
    let fleet = Fleet::of(8, Seen { refused: all.clone(), held_up: all, ..Seen::default() });
    let caution = Caution { failures_max: Some(2), ..Caution::default() };
    let asked = async |count| {
        let so_many = async {
            while fleet.asked().len() < count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, so_many).await.expect("so many are asked for");
    };
    let let_through = |nth: usize| {
        let name = fleet.asked().swap_remove(nth);
        fleet.vendor.seen().held_up.remove(&name);
    };
    let first = async {
        let left = fleet.work(1, caution).await;
        fleet.vendor.seen().held_up.clear();
        left
    };
    let second = async {
        // The first worker has begun.
        asked(1).await;
        fleet.work(1, caution).await
    };
    let order = async {
        // The second one fails and goes on to its next target; then the first one fails.
        asked(2).await;
        let_through(1);
        asked(3).await;
        let_through(0);
    };
    let (first, _, ()) = tokio::join!(first, second, order);
    assert_eq!(first, (Left::Halted(Halt::Failures(2)), 1));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test starts one"]
async fn no_more_targets_stand_still_than_may_be_over_all_workers() {
    let fleet = Fleet::of(8, Seen { garbled: names(0..8), ..Seen::default() });
    let caution = Caution { unfinished_max: Some(3), ..Caution::default() };
    let (one, other, third) = tokio::join!(fleet.work(4, caution), fleet.work(4, caution), fleet.work(1, caution));
    for (left, _) in [one, other, third] {
        assert_eq!(left, Left::Halted(Halt::Unfinished(3)));
    }
    let unfinished = fleet.journal().await.unfinished(None).await.expect("readable");
    assert_eq!(unfinished.len(), 3, "and no fourth one was begun");
    assert_eq!(fleet.asked().into_iter().collect::<BTreeSet<_>>().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test starts one"]
async fn of_workers_that_want_the_last_place_at_once_none_gets_one_too_many() {
    let schema = schema();
    let mut workers = Vec::new();
    for _ in 0..4 {
        let due = DueOnly::new(Arc::new(open(options(&schema)).await), at(0));
        due.set_unfinished_max(Some(3));
        workers.push(due);
    }
    let granted: Mutex<Vec<_>> = Mutex::default();
    let granted_now = || granted.lock().unwrap_or_else(PoisonError::into_inner);
    let tries = workers.iter().enumerate().map(|(worker, due)| {
        let granted_now = &granted_now;
        async move {
            for nth in 0..50 {
                let id = TargetId::new(format!("w{worker}-{nth}")).expect("valid");
                match due.lease(&id, at(0), LONG).await {
                    Ok(lease) => granted_now().push((worker, lease)),
                    Err(JournalError::Busy { .. }) => assert!(due.had_no_room(&id)),
                    Err(other) => panic!("{other}"),
                }
            }
        }
    });
    futures_util::future::join_all(tries).await;
    let mut granted = std::mem::take(&mut *granted_now());
    assert!(granted.len() <= 3, "{} leases", granted.len());
    // Once they do not meet any more, every place is taken.
    for nth in granted.len()..3 {
        let id = TargetId::new(format!("late-{nth}")).expect("valid");
        granted.push((0, workers[0].lease(&id, at(0), LONG).await.expect("there is room")));
    }
    let fourth = target("fourth");
    assert!(workers[1].lease(fourth.id(), at(0), LONG).await.is_err() && workers[1].had_no_room(fourth.id()));

    // What is unfinished already has its place.
    let (worker, lease) = granted.pop().expect("three");
    workers[worker].release(&lease).await.expect("given back");
    let (lease, attempt) = begin(&workers[1], &fourth, at(0)).await;
    workers[1].release(&lease).await.expect("given back");
    let lease = workers[2].lease(fourth.id(), at(0), LONG).await.expect("it counts as unfinished already");
    let fifth = TargetId::new("fifth").expect("valid");
    assert!(workers[3].lease(&fifth, at(0), LONG).await.is_err() && workers[3].had_no_room(&fifth));
    workers[2].append(&lease, &fourth, &attempt, &Event::RolledBack, at(1)).await.expect("recorded");
    workers[2].release(&lease).await.expect("given back");
    workers[3].lease(&fifth, at(0), LONG).await.expect("there is room again");
}
