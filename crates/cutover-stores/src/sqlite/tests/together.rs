//! Operations that share a commit.

use std::collections::BTreeSet;

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::*;

/// Keeps the writer inside a transaction until it is let go.
#[derive(Clone)]
struct Stop {
    begun: Arc<Semaphore>,
    go: Arc<Semaphore>,
}

impl Operation for Stop {
    type Output = ();

    async fn apply(&self, _: &mut SqliteConnection) -> Result<(), Failure> {
        self.begun.add_permits(1);
        drop(self.go.acquire().await.expect("never closed"));
        Ok(())
    }
}

/// Writes half of what it wants, and falls over.
struct Panics;

impl Operation for Panics {
    type Output = ();

    async fn apply(&self, connection: &mut SqliteConnection) -> Result<(), Failure> {
        Raw("UPDATE attempts SET ended = 1").apply(connection).await?;
        panic!("a bug in an operation");
    }
}

const BROKEN: Raw = Raw("UPDATE attempts SET ended = 1; INSERT INTO nowhere VALUES (1)");

struct Place {
    _folder: tempfile::TempDir,
    journal: Arc<SqliteJournal>,
    lease: Lease,
    attempt: Attempt,
}

impl Place {
    /// A journal with an attempt that was begun.
    async fn new() -> Self {
        Self::with(SqliteOptions::default()).await
    }

    async fn with(options: SqliteOptions) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let keys = SealingKeys::new(SealingKey::generate());
        let journal = SqliteJournal::open(folder.path().join("journal.db"), keys, options).await.expect("a journal");
        let attempt = begun(&journal).await;
        Self { _folder: folder, journal: Arc::new(journal), lease: Lease::new(target().id().clone(), 1), attempt }
    }

    /// Stops the writer in the middle of a transaction. What is written from now on waits behind it.
    async fn stop(&self) -> (Stop, JoinHandle<Result<(), Failure>>) {
        let stop = Stop { begun: Arc::new(Semaphore::new(0)), go: Arc::new(Semaphore::new(0)) };
        let stopped = self.write(stop.clone());
        drop(stop.begun.acquire().await.expect("never closed"));
        (stop, stopped)
    }

    fn write<O: Operation>(&self, operation: O) -> JoinHandle<Result<O::Output, Failure>> {
        let journal = Arc::clone(&self.journal);
        tokio::spawn(async move { journal.write(operation).await })
    }

    /// Records a hold with this sentence.
    fn hold(&self, sentence: &str, lease: &Lease) -> JoinHandle<Result<(), JournalError>> {
        let (journal, lease, attempt) = (Arc::clone(&self.journal), lease.clone(), self.attempt.clone());
        let event = Event::Held(Hold { sentence: sentence.to_owned(), person: false });
        tokio::spawn(async move { journal.append(&lease, &target(), &attempt, &event, Timestamp::UNIX_EPOCH).await })
    }

    /// The sentences of the holds that are recorded, in order; the attempt must not have ended.
    async fn held(&self) -> Vec<String> {
        let recorded = self.journal.unfinished(None).await.expect("readable").remove(0);
        let sentence = |entry: cutover_engine::Entry| match entry.event {
            Event::Held(hold) => Some(hold.sentence),
            _ => None,
        };
        recorded.entries.into_iter().filter_map(sentence).collect()
    }
}

/// Lets everything that was spawned put what it wants into the queue: the runtime of these tests has one thread.
async fn queued() {
    tokio::task::yield_now().await;
}

#[tokio::test]
async fn what_waits_at_the_same_time_shares_one_commit_and_keeps_its_order() {
    let place = Place::new().await;
    let before = place.journal.commits();
    let (stop, stopped) = place.stop().await;
    let sentences: Vec<_> = (0..100).map(|number| format!("number {number}")).collect();
    let holds: Vec<_> = sentences.iter().map(|sentence| place.hold(sentence, &place.lease)).collect();
    queued().await;
    stop.go.add_permits(1);
    stopped.await.expect("no panic").expect("done");
    for hold in holds {
        hold.await.expect("no panic").expect("recorded");
    }
    let after = place.journal.commits();
    assert_eq!((after.commits - before.commits, after.synced - before.synced), (1, 1));
    assert_eq!(after.operations - before.operations, 101);
    assert_eq!(place.held().await, sentences);
}

#[tokio::test]
async fn without_sharing_each_has_a_synced_commit_of_its_own() {
    let place = Place::with(SqliteOptions { shared_commits: false, ..SqliteOptions::default() }).await;
    let before = place.journal.commits();
    let (stop, _stopped) = place.stop().await;
    let holds: Vec<_> = (0..10).map(|number| place.hold(&number.to_string(), &place.lease)).collect();
    queued().await;
    stop.go.add_permits(1);
    for hold in holds {
        hold.await.expect("no panic").expect("recorded");
    }
    assert_eq!(place.journal.commits().synced - before.synced, 10);
}

#[tokio::test]
async fn what_is_refused_or_fails_leaves_alone_what_shares_its_transaction() {
    let place = Place::new().await;
    let other = Lease::new(target().id().clone(), 99);
    for broken in [false, true] {
        let (stop, stopped) = place.stop().await;
        let first = place.hold("first", &place.lease);
        let fenced = place.hold("of another worker", &other);
        let fails = if broken { Some(place.write(BROKEN)) } else { None };
        let last = place.hold("last", &place.lease);
        queued().await;
        stop.go.add_permits(1);
        stopped.await.expect("no panic").expect("done");
        first.await.expect("no panic").expect("recorded");
        last.await.expect("no panic").expect("recorded");
        let fenced = fenced.await.expect("no panic");
        assert!(matches!(fenced, Err(JournalError::Fenced { .. })), "{fenced:?}");
        if let Some(fails) = fails {
            let failed = fails.await.expect("no panic").expect_err("there is no such table");
            assert!(matches!(failed, Failure::Sql(_)), "{failed:?}");
        }
    }
    assert_eq!(place.held().await, ["first", "last", "first", "last"]);
}

#[tokio::test]
async fn a_caller_who_leaves_before_its_turn_withdraws_and_one_who_leaves_later_does_not() {
    let place = Place::new().await;
    let (stop, stopped) = place.stop().await;
    let withdrawn = place.hold("withdrawn", &place.lease);
    let stays = place.hold("stays", &place.lease);
    queued().await;
    withdrawn.abort();
    assert!(withdrawn.await.expect_err("aborted").is_cancelled());
    // This one is in its transaction, and so is what it wrote.
    let later = Stop { begun: Arc::new(Semaphore::new(0)), go: Arc::new(Semaphore::new(0)) };
    let in_it = place.write(Both(Raw("UPDATE attempts SET description = description || ' '"), later.clone()));
    queued().await;
    let before = place.journal.commits();
    stop.go.add_permits(1);
    drop(later.begun.acquire().await.expect("never closed"));
    in_it.abort();
    assert!(in_it.await.expect_err("aborted").is_cancelled());
    later.go.add_permits(1);
    stopped.await.expect("no panic").expect("done");
    stays.await.expect("no panic").expect("recorded");
    assert_eq!(place.held().await, ["stays"]);
    assert_eq!(place.journal.commits().operations - before.operations, 3, "the one that stopped, stays, in it");
}

/// One after the other.
struct Both(Raw, Stop);

impl Operation for Both {
    type Output = ();

    async fn apply(&self, connection: &mut SqliteConnection) -> Result<(), Failure> {
        self.0.apply(connection).await?;
        self.1.apply(connection).await
    }
}

#[tokio::test]
async fn a_panic_undoes_its_transaction_and_the_next_one_works() {
    let place = Place::new().await;
    let (stop, stopped) = place.stop().await;
    let beside = place.hold("beside", &place.lease);
    let panics = place.write(Panics);
    queued().await;
    stop.go.add_permits(1);
    for failed in [stopped, panics] {
        let failed = failed.await.expect("the panic stays where it was").expect_err("undone");
        assert!(matches!(&failed, Failure::Unusable(reason) if reason.contains("nothing was changed")), "{failed:?}");
    }
    beside.await.expect("no panic").expect_err("undone");
    place.hold("after", &place.lease).await.expect("no panic").expect("recorded");
    assert_eq!(place.held().await, ["after"]);
}

#[tokio::test]
async fn while_another_process_writes_all_who_wait_are_told_so_together() {
    let busy_timeout = Duration::from_millis(50);
    let place = Place::with(SqliteOptions { busy_timeout, ..SqliteOptions::default() }).await;
    let mut other = connect_options(place.journal.path(), busy_timeout).connect().await.expect("a connection");
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.expect("nobody writes");
    let holds: Vec<_> = (0..50).map(|number| place.hold(&number.to_string(), &place.lease)).collect();
    let mut told = BTreeSet::new();
    for hold in holds {
        told.insert(hold.await.expect("no panic").expect_err("locked").to_string());
    }
    assert!(told.len() == 1 && told.iter().all(|error| error.contains("another process keeps it locked")), "{told:?}");
    sqlx::query("ROLLBACK").execute(&mut other).await.expect("begun");
    place.hold("free", &place.lease).await.expect("no panic").expect("recorded");
    assert_eq!(place.held().await, ["free"]);
}

#[tokio::test]
async fn a_disk_that_is_full_for_one_is_not_full_for_those_beside_it() {
    let place = Place::new().await;
    place.journal.preflight().await.expect("room");
    fill_up(&place.journal).await;
    let (stop, _stopped) = place.stop().await;
    let beside = place.hold("beside", &place.lease);
    let large = tokio::spawn({
        let (journal, slot) = (Arc::clone(&place.journal), ReplySlot::of(&place.attempt));
        async move { journal.keep(&slot, &reply()).await }
    });
    queued().await;
    stop.go.add_permits(1);
    beside.await.expect("no panic").expect("recorded");
    large.await.expect("no panic").expect("kept");
    let recalled = place.journal.recall(&ReplySlot::of(&place.attempt)).await.expect("readable");
    assert_eq!(recalled, Some(reply()));
    assert_eq!(place.held().await, ["beside"]);
}

#[tokio::test]
async fn what_is_not_synced_is_synced_by_itself_when_nothing_follows() {
    let place = Place::with(SqliteOptions { sync_after: Duration::from_millis(5), ..SqliteOptions::default() }).await;
    let before = place.journal.commits();
    place.journal.writer.run(Durability::WithNext, Probe).await.expect("room");
    assert_eq!(place.journal.commits().commits - before.commits, 1);
    while place.journal.commits().synced == before.synced {
        tokio::task::yield_now().await;
    }
    let settled = place.journal.commits();
    place.journal.writer.run(Durability::Now, Probe).await.expect("room");
    assert_eq!(place.journal.commits().synced - settled.synced, 1, "and only once");
}

#[tokio::test]
async fn what_need_not_be_synced_shares_the_sync_of_what_has_to_be() {
    let place = Place::new().await;
    let before = place.journal.commits();
    let (stop, stopped) = place.stop().await;
    let noted = tokio::spawn({
        let journal = Arc::clone(&place.journal);
        async move { journal.writer.run(Durability::WithNext, Probe).await }
    });
    queued().await;
    stop.go.add_permits(1);
    stopped.await.expect("no panic").expect("done");
    noted.await.expect("no panic").expect("done");
    let after = place.journal.commits();
    assert_eq!((after.commits - before.commits, after.synced - before.synced), (1, 1));
}

#[tokio::test]
async fn an_operation_that_writes_nothing_makes_nothing_durable() {
    let place = Place::new().await;
    place.journal.writer.run(Durability::WithNext, Probe).await.expect("room");
    let before = place.journal.commits();
    place.write(Raw("SELECT 1")).await.expect("no panic").expect("done");
    let after = place.journal.commits();
    assert_eq!((after.commits, after.synced), (before.commits, before.synced));
    assert_eq!(after.operations - before.operations, 1);
}
