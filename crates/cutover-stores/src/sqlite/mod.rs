//! A journal in an SQLite file: nothing to install, one machine.

mod failure;
mod leases;
mod records;
mod rekey;
mod replies;
mod reserve;
mod schema;
mod workers;
mod writer;

use std::fmt;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cutover_core::{Attempt, Clock, KeepError, Reply, ReplyKeeper, ReplySlot, SystemClock, Target, TargetId};
use cutover_engine::{Event, Journal, JournalError, Lease, Recorded};
use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, SqlitePool};

use self::failure::Failure;
use self::leases::Taken;
use self::reserve::Reserve;
use self::workers::{Dead, Worker};
use self::writer::{Durability, Habits, Operation, Probe, Writer};
use crate::commits::Commits;
use crate::disk;
use crate::record::{Kept, NewEntry, Which};
use crate::sealing::SealingKeys;

/// How many may read at the same time; SQLite lets readers and the writer work beside each other.
const READERS: u32 = 4;
/// Long, because a fleet queues here: only a reader that stands still should ever run into it.
const READER_PATIENCE: Duration = Duration::from_secs(300);

/// What an SQLite journal may be told.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// How long to wait for another process that is writing.
    pub busy_timeout: Duration,
    /// Whether to make the file, and its folder, when it is missing.
    pub create: bool,
    /// Says when a reply was kept.
    pub clock: Arc<dyn Clock>,
    /// Whether what waits to be written at the same time shares a commit. Without, everything is committed and synced by
    /// itself: for measuring what sharing gains.
    pub shared_commits: bool,
    /// After how long without work that which is committed and not yet synced is synced by itself.
    pub sync_after: Duration,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            // Longer than any disk takes for a commit, shorter than a person waits without asking.
            busy_timeout: Duration::from_secs(10),
            create: true,
            clock: Arc::new(SystemClock),
            shared_commits: true,
            // Long for a computer, so that what follows comes before it; short for whoever pulls a plug.
            sync_after: Duration::from_secs(1),
        }
    }
}

/// A journal in an SQLite file, with its replies and idempotency keys sealed.
///
/// Every change is in the write-ahead log before its call returns, and events and replies are on the disk; changes that
/// wait at the same time get there together. What was [noted](Journal::note), and leases, which no worker on this
/// machine outlives, get there with the next of them, or by themselves when nothing follows. Beside the file stand
/// SQLite's own (`-wal`, `-shm`), a folder `-workers` that shows which workers live, and a file `-reserve` that sets
/// disk space aside. Several journals, in one process or in several on one machine, can have the same file open.
///
/// Dropping a future of a method withdraws a change that has not begun; one that has is committed all the same.
pub struct SqliteJournal {
    path: PathBuf,
    keys: SealingKeys,
    clock: Arc<dyn Clock>,
    opened: Metadata,
    writer: Writer,
    readers: SqlitePool,
    worker: Arc<Worker>,
    reserve: Arc<Reserve>,
}

impl SqliteJournal {
    /// Opens the journal at `path`, and makes it when it is missing and `options` allow that.
    ///
    /// # Errors
    /// [`JournalError::Unavailable`] when the file cannot be used; [`JournalError::Unreadable`] when it is no journal,
    /// or one of a later version.
    pub async fn open(path: impl AsRef<Path>, keys: SealingKeys, options: SqliteOptions) -> Result<Self, JournalError> {
        let path = path.as_ref().to_owned();
        Self::open_at(&path, keys, options).await.map_err(|failure| failure.for_journal(&path))
    }

    async fn open_at(path: &Path, keys: SealingKeys, options: SqliteOptions) -> Result<Self, Failure> {
        let (given, create) = (path.to_owned(), options.create);
        let (path, worker, opening) = tokio::task::spawn_blocking(move || {
            let path = prepare_file(&given, create)?;
            let worker = Worker::register(&path)?;
            // SQLite does not wait when two switch to write-ahead logging at once, so they take turns here.
            let opening = worker.opening()?;
            Ok::<_, io::Error>((path, worker, opening))
        })
        .await??;
        let connect = connect_options(&path, options.busy_timeout);
        let habits = Habits { share: options.shared_commits, quiet: options.sync_after };
        let mut connection = connect.connect().await?;
        schema::prepare(&mut connection).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(READER_PATIENCE)
            .test_before_acquire(false)
            .connect_lazy_with(connect.clone().pragma("query_only", "ON"));
        let journal = Self {
            opened: fs::metadata(&path)?,
            reserve: Arc::new(Reserve::of(&path)),
            writer: Writer::start(connection, connect, habits)?,
            path,
            keys,
            clock: options.clock,
            readers,
            worker: Arc::new(worker),
        };
        drop(opening);
        journal.bury_the_dead().await?;
        Ok(journal)
    }

    /// The file, as it was found behind any links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the log back into the file and empties it, so that nothing wiped is left in it.
    ///
    /// # Errors
    /// When the file cannot be written to, or somebody is reading it.
    pub async fn checkpoint(&self) -> Result<(), JournalError> {
        self.writer.checkpoint().await.map_err(|failure| failure.for_journal(&self.path))
    }

    /// What was written here since the journal was opened, and in how many commits.
    pub fn commits(&self) -> Commits {
        self.writer.commits()
    }

    /// Gives back every lease that was taken here and closes the file. Afterwards nothing else works.
    ///
    /// A journal that is dropped without this is closed too; its leases are free once another journal opens.
    ///
    /// # Errors
    /// When the leases cannot be given back.
    pub async fn close(&self) -> Result<(), JournalError> {
        self.closed().await.map_err(|failure| failure.for_journal(&self.path))
    }

    async fn closed(&self) -> Result<(), Failure> {
        if self.writer.is_closed() {
            return Ok(());
        }
        // Durable, and so is everything before: without the worker's file nobody could prove any more that it is gone.
        self.write(leases::ReleaseAllOf { holder: self.worker.id().to_owned() }).await?;
        let worker = Arc::clone(&self.worker);
        tokio::task::spawn_blocking(move || worker.sign_off()).await??;
        self.readers.close().await;
        self.writer.close().await
    }

    /// Does something so that it outlives a power cut.
    async fn write<O: Operation>(&self, operation: O) -> Result<O::Output, Failure> {
        self.writer.run(Durability::Now, operation).await
    }

    /// Does something so that it outlives a power cut once something that follows does.
    async fn pass<O: Operation>(&self, operation: O) -> Result<O::Output, Failure> {
        self.writer.run(Durability::WithNext, operation).await
    }

    async fn record(&self, entry: Result<NewEntry, String>, durability: Durability) -> Result<(), JournalError> {
        let record = async { self.writer.run(durability, entry.map_err(Failure::Unusable)?).await };
        record.await.map_err(|failure: Failure| failure.for_journal(&self.path))
    }

    /// Reads something at one point in time.
    async fn records(&self, target: Option<&TargetId>, which: Which) -> Result<Vec<Recorded>, JournalError> {
        let read = async {
            let mut reader = self.readers.begin().await?;
            records::read(&mut reader, &self.keys, target, which).await
        };
        read.await.map_err(|failure: Failure| failure.for_journal(&self.path))
    }

    async fn take(&self, target: &TargetId, now: Timestamp, ttl: Duration) -> Result<Lease, Failure> {
        let take = || leases::Take { target: target.clone(), holder: self.worker.id().to_owned(), now, ttl };
        let mut taken = self.pass(take()).await?;
        if let Taken::By(holder, _) = &taken
            && holder != self.worker.id()
        {
            let (folder, holder) = (self.worker.folder().to_owned(), holder.clone());
            if let Some(dead) = tokio::task::spawn_blocking(move || Dead::prove(&folder, &holder)).await? {
                self.bury(dead).await?;
            }
            // Without a proof too: somebody else may have buried it since the lease was looked at, and the proof with it.
            taken = self.pass(take()).await?;
        }
        match taken {
            Taken::Lease(lease) => Ok(lease),
            Taken::By(_, until) => {
                Err(Failure::Answer(JournalError::Busy { target: target.clone(), until: Some(until) }))
            }
        }
    }

    async fn bury_the_dead(&self) -> Result<(), Failure> {
        let worker = Arc::clone(&self.worker);
        for dead in tokio::task::spawn_blocking(move || worker.dead()).await?? {
            self.bury(dead).await?;
        }
        Ok(())
    }

    async fn bury(&self, dead: Dead) -> Result<(), Failure> {
        tracing::info!(journal = %self.path.display(), worker = dead.id(), "a worker died; its leases are free");
        self.write(leases::ReleaseAllOf { holder: dead.id().to_owned() }).await?;
        tokio::task::spawn_blocking(move || dead.bury()).await??;
        Ok(())
    }

    async fn probe(&self) -> Result<(), Failure> {
        match fs::metadata(&self.path) {
            Ok(there) if disk::is_same(&there, &self.opened) => {}
            _ => return Err(Failure::Unusable("it was moved or replaced while it was open".to_owned())),
        }
        let reserve = Arc::clone(&self.reserve);
        tokio::task::spawn_blocking(move || reserve.fill()).await??;
        self.pass(Probe).await
    }

    async fn keep_once_or_twice(&self, slot: &ReplySlot, reply: &Reply) -> Result<(), Failure> {
        let keep = || replies::Keep::new(&self.keys, slot, reply, self.clock.now());
        let done = match self.write(keep()?).await {
            Err(failure) if failure.may_be_full() => {
                let reserve = Arc::clone(&self.reserve);
                if !tokio::task::spawn_blocking(move || reserve.spend()).await?? {
                    return Err(failure);
                }
                tracing::warn!(journal = %self.path.display(), "the disk is full; its reserve is spent on a reply");
                self.write(keep()?).await?
            }
            other => other?,
        };
        match done {
            Kept::Now => Ok(()),
            Kept::Before(there) if replies::opened(&self.keys, slot, &there)? == *reply => Ok(()),
            Kept::Before(_) => Err(Failure::Unusable("another reply is kept in its place".to_owned())),
        }
    }
}

#[async_trait]
impl ReplyKeeper for SqliteJournal {
    async fn keep(&self, slot: &ReplySlot, reply: &Reply) -> Result<(), KeepError> {
        self.keep_once_or_twice(slot, reply).await.map_err(|failure| failure.for_keeper(&self.path))
    }

    async fn recall(&self, slot: &ReplySlot) -> Result<Option<Reply>, KeepError> {
        let recall = async {
            let mut reader = self.readers.acquire().await?;
            replies::recall(&mut reader, &self.keys, slot).await
        };
        recall.await.map_err(|failure: Failure| failure.for_keeper(&self.path))
    }
}

#[async_trait]
impl Journal for SqliteJournal {
    async fn preflight(&self) -> Result<(), JournalError> {
        self.probe().await.map_err(|failure| failure.for_journal(&self.path))
    }

    async fn lease(&self, target: &TargetId, now: Timestamp, ttl: Duration) -> Result<Lease, JournalError> {
        self.take(target, now, ttl).await.map_err(|failure| failure.for_journal(&self.path))
    }

    async fn renew(&self, lease: &Lease, now: Timestamp, ttl: Duration) -> Result<(), JournalError> {
        let renew = leases::Renew { lease: lease.clone(), holder: self.worker.id().to_owned(), now, ttl };
        self.pass(renew).await.map_err(|failure| failure.for_journal(&self.path))
    }

    async fn release(&self, lease: &Lease) -> Result<(), JournalError> {
        self.pass(leases::Release { lease: lease.clone() }).await.map_err(|failure| failure.for_journal(&self.path))
    }

    async fn append(
        &self,
        lease: &Lease,
        target: &Target,
        attempt: &Attempt,
        event: &Event,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        let entry = NewEntry::new(&self.keys, lease, target, attempt, event, at);
        self.record(entry, Durability::Now).await
    }

    async fn note(
        &self,
        lease: &Lease,
        target: &Target,
        attempt: &Attempt,
        event: &Event,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        let entry = NewEntry::new(&self.keys, lease, target, attempt, event, at);
        self.record(entry, Durability::WithNext).await
    }

    async fn unfinished(&self, target: Option<&TargetId>) -> Result<Vec<Recorded>, JournalError> {
        self.records(target, Which::Unfinished).await
    }

    async fn history(&self, target: Option<&TargetId>, limit: u32) -> Result<Vec<Recorded>, JournalError> {
        self.records(target, Which::Latest(limit)).await
    }
}

impl fmt::Debug for SqliteJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteJournal").field("path", &self.path).field("keys", &self.keys).finish_non_exhaustive()
    }
}

fn connect_options(path: &Path, busy_timeout: Duration) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(busy_timeout)
        // Writing the log back costs three syncs. With SQLite's own 1000 pages that is a tenth of a sync more for every
        // rotation; with these a fiftieth, for a log of 16 MiB that is read in an instant when the journal is opened.
        .pragma("wal_autocheckpoint", "4000")
        .pragma("secure_delete", "ON")
        // macOS leaves data in the drive's own cache without these; elsewhere they change nothing.
        .pragma("fullfsync", "ON")
        .pragma("checkpoint_fullfsync", "ON")
        .disable_statement_logging()
}

/// Makes the file private and durable, and says where it really is.
///
/// Never opens a file that may be open as a database already: closing it again would take away the locks that SQLite
/// holds on it for this process.
fn prepare_file(path: &Path, create: bool) -> io::Result<PathBuf> {
    let folder = disk::folder_of(path);
    if create && !disk::exists(path) {
        disk::create_private_folders(folder)?;
        match disk::create_private(path).and_then(|file| file.sync_all()) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => disk::sync_folder(folder)?,
        }
    }
    // SQLite puts its other files beside the real one, and so does the rest of this module.
    let path = fs::canonicalize(path)?;
    let metadata = fs::metadata(&path)?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    #[cfg(unix)]
    if disk::mode(&metadata) & 0o077 != 0 {
        let private = std::os::unix::fs::PermissionsExt::from_mode(disk::mode(&metadata) & 0o700);
        fs::set_permissions(&path, private)?;
    }
    Ok(path)
}

#[cfg(test)]
mod tests;
