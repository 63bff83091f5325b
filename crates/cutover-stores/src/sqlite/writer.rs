//! The one that writes: operations that wait at the same time share one transaction, one commit, one sync of the disk.
//!
//! # How
//!
//! Callers put operations into a queue and wait for an answer. A thread takes everything that is queued, applies it in
//! order inside one transaction, takes what was queued meanwhile, and commits when nothing more waits. Only then does
//! anybody hear of a success. It never waits for company: an operation that comes alone is committed at once, and the
//! longer a commit takes, the more of them share the next one.
//!
//! A commit is synced when an operation in it has to be [durable](Durability::Now). The others are visible to every
//! reader at once and outlive this process; a power cut may take them until the next synced commit, which makes all
//! before it durable too, since the log is one file. When nothing follows for a while, they are synced by themselves.
//!
//! # When something fails
//!
//! An operation that is refused (the lease was lost, say) has written nothing by then, so the others go on as if it had
//! not been there. That is a rule for operations and not a savepoint around each, which would cost as much as they do;
//! debug builds check it. An error of the database may leave half an operation behind, or have ended the transaction:
//! then everything is undone and each is tried again in a transaction of its own, so that only the one that cannot be
//! done fails. What state an error leaves a connection in is not known, so another one is opened.
//!
//! A sync that fails is told once, and what was not on the disk then may never get there, although it can still be read.
//! A log with such a hole ends before it, whatever is written behind. So after a failed sync everything that was not
//! synced is written anew, into the file, before anything else is.
//!
//! # Who may vanish
//!
//! A caller that is dropped before its operation has begun withdraws it; later it is committed and nobody is told. The
//! thread is nobody's task, so a runtime that shuts down does not cut a commit short. A panic in an operation is an
//! error to all who share its transaction, of which nothing is committed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, RecvError, RecvTimeoutError, Sender, TryRecvError, channel};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqliteConnection};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::failure::Failure;
use crate::commits::Commits;

/// So that whoever came first is not kept waiting while ever more join.
const TOGETHER_MAX: usize = 1024;

/// Something that is done to the database in a transaction which it may share with others.
///
/// It may be applied more than once, if what was done before is undone. Whatever it is refused with, other than an error
/// of the database, must come before the first thing it writes.
pub(super) trait Operation: Send + Sync + 'static {
    type Output: Send + 'static;

    fn apply(&self, connection: &mut SqliteConnection) -> impl Future<Output = Result<Self::Output, Failure>> + Send;
}

/// A change that says nothing: shows that the database can be written to, and syncs what came before it.
pub(super) struct Probe;

impl Operation for Probe {
    type Output = ();

    async fn apply(&self, connection: &mut SqliteConnection) -> Result<(), Failure> {
        sqlx::query("INSERT INTO probe (one, count) VALUES (1, 1) ON CONFLICT (one) DO UPDATE SET count = count + 1")
            .execute(connection)
            .await?;
        Ok(())
    }
}

/// What has to be true before the caller of an operation hears that it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// It outlives a power cut.
    Now,
    /// It outlives this process, and a power cut once something that follows it does.
    WithNext,
}

/// How a writer works.
#[derive(Clone, Copy, Debug)]
pub(super) struct Habits {
    /// Whether operations share commits; otherwise each has one of its own, and that is synced.
    pub(super) share: bool,
    /// After how long without work that which is not synced yet is synced by itself.
    pub(super) quiet: Duration,
}

/// The queue's end that callers have. Dropping it ends the thread once the queue is empty.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Sender<Errand>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    operations: AtomicU64,
    commits: AtomicU64,
    synced: AtomicU64,
    closed: AtomicBool,
}

/// What a caller can want.
enum Errand {
    Change(Box<dyn Change>),
    /// The log written back into the file and emptied.
    Checkpoint(oneshot::Sender<Result<(), Failure>>),
    /// The end.
    Close(oneshot::Sender<Result<(), Failure>>),
}

impl Writer {
    /// Starts the thread with a connection that is open already, and with options by which to open others.
    pub(super) fn start(
        connection: SqliteConnection,
        options: SqliteConnectOptions,
        habits: Habits,
    ) -> std::io::Result<Self> {
        let (queue, errands) = channel();
        let shared = Arc::new(Shared::default());
        let desk = Desk {
            options,
            connection: Some(connection),
            mode: None,
            changes: 0,
            unsynced: false,
            doubtful: false,
            habits,
            shared: Arc::clone(&shared),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        std::thread::Builder::new()
            .name("cutover-journal".to_owned())
            .spawn(move || serve(desk, &errands, &runtime))?;
        Ok(Self { queue, shared })
    }

    /// Does `operation`, and returns once its commit is done.
    pub(super) async fn run<O: Operation>(&self, durability: Durability, operation: O) -> Result<O::Output, Failure> {
        let (answer, answered) = oneshot::channel();
        let change = Waiting { operation, durability, result: None, answer };
        self.ask(Errand::Change(Box::new(change)), answered).await
    }

    /// Writes the log back into the file and empties it.
    pub(super) async fn checkpoint(&self) -> Result<(), Failure> {
        let (answer, answered) = oneshot::channel();
        self.ask(Errand::Checkpoint(answer), answered).await
    }

    /// Closes the file after everything that is queued. Afterwards nothing else works.
    pub(super) async fn close(&self) -> Result<(), Failure> {
        let (answer, answered) = oneshot::channel();
        self.ask(Errand::Close(answer), answered).await
    }

    /// Whether it was closed.
    pub(super) fn is_closed(&self) -> bool {
        self.shared.closed.load(SeqCst)
    }

    /// What was written so far.
    pub(super) fn commits(&self) -> Commits {
        Commits {
            operations: self.shared.operations.load(SeqCst),
            commits: self.shared.commits.load(SeqCst),
            synced: self.shared.synced.load(SeqCst),
        }
    }

    async fn ask<T>(&self, errand: Errand, answered: oneshot::Receiver<Result<T, Failure>>) -> Result<T, Failure> {
        let asked = self.queue.send(errand).is_ok();
        match answered.await {
            Ok(answer) => answer,
            Err(_) if self.is_closed() => Err(Failure::Unusable("it was closed".to_owned())),
            Err(_) if asked => Err(Failure::Unusable("writing was broken off; nothing was changed".to_owned())),
            Err(_) => Err(Failure::Unusable("its writer has stopped".to_owned())),
        }
    }
}

/// An operation whose type is forgotten, with whoever waits for it.
#[async_trait]
trait Change: Send {
    fn durability(&self) -> Durability;

    /// Whether nobody waits any more.
    fn is_withdrawn(&self) -> bool;

    /// Applies it and remembers what came of it; fails with an error of the database only.
    async fn apply(&mut self, connection: &mut SqliteConnection) -> Result<(), Failure>;

    /// Tells what came of it: after the commit.
    fn answer(self: Box<Self>);

    /// Tells that it is not done.
    fn fail(self: Box<Self>, failure: Failure);
}

struct Waiting<O: Operation> {
    operation: O,
    durability: Durability,
    result: Option<Result<O::Output, Failure>>,
    answer: oneshot::Sender<Result<O::Output, Failure>>,
}

#[async_trait]
impl<O: Operation> Change for Waiting<O> {
    fn durability(&self) -> Durability {
        self.durability
    }

    fn is_withdrawn(&self) -> bool {
        self.answer.is_closed()
    }

    async fn apply(&mut self, connection: &mut SqliteConnection) -> Result<(), Failure> {
        self.result = None;
        let before = if cfg!(debug_assertions) { changes(connection).await? } else { 0 };
        let result = self.operation.apply(connection).await;
        match result {
            Err(Failure::Sql(error)) => return Err(Failure::Sql(error)),
            Err(_) if cfg!(debug_assertions) => {
                assert_eq!(before, changes(connection).await?, "an operation was refused after it had written");
            }
            Ok(_) | Err(_) => {}
        }
        self.result = Some(result);
        Ok(())
    }

    fn answer(self: Box<Self>) {
        if let Some(result) = self.result {
            // Whoever is gone does not want to know.
            let _ = self.answer.send(result);
        }
    }

    fn fail(self: Box<Self>, failure: Failure) {
        let _ = self.answer.send(Err(failure));
    }
}

/// What the thread has.
struct Desk {
    options: SqliteConnectOptions,
    /// Not there after an error: what state that left it in is not known.
    connection: Option<SqliteConnection>,
    /// Whether the connection syncs its commits, once it has been told.
    mode: Option<Durability>,
    /// How many rows the connection has changed.
    changes: i64,
    /// Whether something was committed since the last sync.
    unsynced: bool,
    /// Whether a sync failed while something was not synced.
    doubtful: bool,
    habits: Habits,
    shared: Arc<Shared>,
}

/// The thread: errand after errand until nobody can bring any more.
fn serve(mut desk: Desk, errands: &Receiver<Errand>, runtime: &Runtime) {
    loop {
        let errand = match desk.next(errands) {
            Ok(errand) => errand,
            Err(RecvError) => break,
        };
        let done = catch_unwind(AssertUnwindSafe(|| runtime.block_on(desk.see_to(errand, errands))));
        match done {
            Ok(Then::GoOn) => {}
            Ok(Then::Stop) => return,
            Err(panic) => {
                // Never dropped, since that could panic again.
                std::mem::forget(panic);
                tracing::error!("an operation on the journal panicked; what shared its transaction is undone");
                runtime.block_on(desk.disconnect());
            }
        }
    }
    runtime.block_on(desk.disconnect());
}

enum Then {
    GoOn,
    Stop,
}

impl Desk {
    /// The next errand, or `None` when none has come for a while and something is not synced yet.
    fn next(&self, errands: &Receiver<Errand>) -> Result<Option<Errand>, RecvError> {
        if !self.unsynced {
            return errands.recv().map(Some);
        }
        match errands.recv_timeout(self.habits.quiet) {
            Ok(errand) => Ok(Some(errand)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(RecvError),
        }
    }

    async fn see_to(&mut self, errand: Option<Errand>, errands: &Receiver<Errand>) -> Then {
        let Some(mut errand) = errand else {
            self.settle_down().await;
            return Then::GoOn;
        };
        loop {
            match errand {
                Errand::Change(first) => match self.together(first, errands).await {
                    Some(after) => errand = after,
                    None => return Then::GoOn,
                },
                Errand::Checkpoint(answer) => {
                    let _ = answer.send(self.checkpoint().await);
                    return Then::GoOn;
                }
                Errand::Close(answer) => {
                    self.shared.closed.store(true, SeqCst);
                    let _ = answer.send(self.close().await);
                    return Then::Stop;
                }
            }
        }
    }

    /// Does `first` and what else waits in one commit; gives back what was taken from the queue and has to come after.
    async fn together(&mut self, first: Box<dyn Change>, errands: &Receiver<Errand>) -> Option<Errand> {
        let (mut changes, mut after) = (vec![first], None);
        while self.has_room(&changes) && after.is_none() {
            match errands.try_recv() {
                Ok(Errand::Change(change)) => changes.push(change),
                Ok(other) => after = Some(other),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        changes.retain(|change| !change.is_withdrawn());
        if changes.is_empty() {
            return after;
        }
        // Has to be said before the transaction begins.
        let now = !self.habits.share || changes.iter().any(|change| change.durability() == Durability::Now);
        let durability = if now { Durability::Now } else { Durability::WithNext };
        if let Err(failure) = self.begin(durability).await {
            // Somebody else is writing, or the file is gone: it would be the same for each, one long wait after another.
            changes.into_iter().for_each(|change| change.fail(failure.again()));
            return after;
        }
        let mut applied = 0;
        let done = loop {
            if let Err(failure) = self.apply(&mut changes, applied).await {
                break Err(failure);
            }
            applied = changes.len();
            // What came while these were applied need not wait for another commit.
            if !self.has_room(&changes) || after.is_some() {
                break self.commit(durability, applied).await;
            }
            match errands.try_recv() {
                Ok(Errand::Change(change)) if now || change.durability() == Durability::WithNext => {
                    changes.push(change);
                }
                Ok(other) => after = Some(other),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break self.commit(durability, applied).await,
            }
        };
        match done {
            Ok(()) => changes.into_iter().for_each(|change| change.answer()),
            Err(failure) => self.one_by_one(changes, failure).await,
        }
        after
    }

    fn has_room(&self, changes: &[Box<dyn Change>]) -> bool {
        self.habits.share && changes.len() < TOGETHER_MAX
    }

    /// Applies the changes from the `applied`-th on. One whose caller has gone by now is withdrawn.
    async fn apply(&mut self, changes: &mut Vec<Box<dyn Change>>, applied: usize) -> Result<(), Failure> {
        let mut at = applied;
        while at < changes.len() {
            if changes[at].is_withdrawn() {
                drop(changes.remove(at));
                continue;
            }
            changes[at].apply(self.open()?).await?;
            at += 1;
        }
        Ok(())
    }

    /// After a transaction has failed: each of its changes in one of its own, unless it was alone.
    async fn one_by_one(&mut self, mut changes: Vec<Box<dyn Change>>, failure: Failure) {
        self.failed(&failure).await;
        if let [_] = changes.as_slice() {
            changes.into_iter().for_each(|change| change.fail(failure.again()));
            return;
        }
        for mut change in changes.drain(..) {
            let durability = if self.habits.share { change.durability() } else { Durability::Now };
            let done = async {
                self.begin(durability).await?;
                change.apply(self.open()?).await?;
                self.commit(durability, 1).await
            };
            match done.await {
                Ok(()) => change.answer(),
                Err(failure) => {
                    self.failed(&failure).await;
                    change.fail(failure);
                }
            }
        }
    }

    /// Begins a transaction that is a writer from its first moment: a reader that becomes one cannot wait for another.
    async fn begin(&mut self, durability: Durability) -> Result<(), Failure> {
        let begun = async {
            self.say(durability).await?;
            sqlx::query("BEGIN IMMEDIATE").execute(self.open()?).await?;
            Ok(())
        };
        let begun = begun.await;
        if let Err(failure) = &begun {
            self.failed(failure).await;
        }
        begun
    }

    /// Tells the connection whether to sync the commits that follow.
    async fn say(&mut self, durability: Durability) -> Result<(), Failure> {
        self.connect().await?;
        if self.mode != Some(durability) {
            let sql = match durability {
                Durability::Now => "PRAGMA synchronous = FULL",
                Durability::WithNext => "PRAGMA synchronous = NORMAL",
            };
            sqlx::query(sql).execute(self.open()?).await?;
            self.mode = Some(durability);
        }
        Ok(())
    }

    async fn commit(&mut self, durability: Durability, operations: usize) -> Result<(), Failure> {
        let rows = sqlx::query("SELECT total_changes(); COMMIT").fetch_all(self.open()?).await?;
        let changes = rows.first().map_or(Ok(self.changes), |row| row.try_get(0))?;
        self.shared.operations.fetch_add(operations as u64, SeqCst);
        // A commit of nothing neither writes nor syncs.
        if changes != self.changes {
            self.changes = changes;
            self.unsynced = durability == Durability::WithNext;
            self.shared.commits.fetch_add(1, SeqCst);
            self.shared.synced.fetch_add(u64::from(!self.unsynced), SeqCst);
        }
        Ok(())
    }

    /// Nothing has come for a while: syncs what is not synced yet.
    async fn settle_down(&mut self) {
        let settled = async {
            self.begin(Durability::Now).await?;
            Probe.apply(self.open()?).await?;
            self.commit(Durability::Now, 0).await
        };
        if let Err(failure) = settled.await {
            self.failed(&failure).await;
            // Not again and again: the next change that has to be durable does it too.
            self.unsynced = false;
            tracing::warn!(?failure, "what the journal was told last is not synced yet");
        }
    }

    async fn checkpoint(&mut self) -> Result<(), Failure> {
        let emptied = async {
            self.say(Durability::Now).await?;
            empty_log(self.open()?).await
        };
        match emptied.await {
            Ok(()) => {
                self.unsynced = false;
                Ok(())
            }
            Err(failure) => {
                self.failed(&failure).await;
                Err(failure)
            }
        }
    }

    /// Opens a connection if there is none.
    async fn connect(&mut self) -> Result<(), Failure> {
        if self.connection.is_none() {
            let mut connection = self.options.connect().await?;
            if self.doubtful {
                empty_log(&mut connection).await?;
                (self.doubtful, self.unsynced) = (false, false);
            }
            (self.mode, self.changes) = (None, 0);
            self.connection = Some(connection);
        }
        Ok(())
    }

    /// The connection, as it is within a transaction: another one would not be in it.
    fn open(&mut self) -> Result<&mut SqliteConnection, Failure> {
        self.connection.as_mut().ok_or_else(|| Failure::Unusable("its connection was lost".to_owned()))
    }

    async fn failed(&mut self, failure: &Failure) {
        self.doubtful |= self.unsynced && failure.is_of_sync();
        self.disconnect().await;
    }

    async fn close(&mut self) -> Result<(), Failure> {
        match self.connection.take() {
            Some(connection) => Ok(connection.close().await?),
            None => Ok(()),
        }
    }

    /// Closes the connection, which undoes what was not committed, and waits until the locks it held are free.
    async fn disconnect(&mut self) {
        if let Err(failure) = self.close().await {
            tracing::warn!(?failure, "a connection to the journal was not closed in good order");
        }
    }
}

/// Writes the log back into the file, syncs that, and begins a new log.
async fn empty_log(connection: &mut SqliteConnection) -> Result<(), Failure> {
    let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(connection).await?;
    match row.try_get::<i64, _>(0)? {
        0 => Ok(()),
        _ => Err(Failure::Unusable("somebody is reading it, so its log cannot be emptied".to_owned())),
    }
}

/// How many rows the connection has changed since it was opened.
async fn changes(connection: &mut SqliteConnection) -> Result<i64, Failure> {
    Ok(sqlx::query("SELECT total_changes()").fetch_one(connection).await?.try_get(0)?)
}

#[cfg(test)]
mod tests;
