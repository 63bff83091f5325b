//! A journal in an SQLite file: nothing to install, one machine.

mod failure;
mod leases;
mod records;
mod replies;
mod reserve;
mod schema;
mod workers;

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
use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqliteConnection, SqlitePool};
use tokio::sync::Mutex;

use self::failure::Failure;
use self::records::Which;
use self::reserve::Reserve;
use self::workers::{Dead, Worker};
use crate::disk;
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
}

impl Default for SqliteOptions {
    fn default() -> Self {
        // Longer than any disk takes for a commit, shorter than a person waits without asking.
        Self { busy_timeout: Duration::from_secs(10), create: true, clock: Arc::new(SystemClock) }
    }
}

/// A journal in an SQLite file, with its replies and idempotency keys sealed.
///
/// Every change is in the write-ahead log, and that on the disk, before its call returns. Beside the file stand
/// SQLite's own (`-wal`, `-shm`), a folder `-workers` that shows which workers live, and a file `-reserve` that sets
/// disk space aside. Several journals, in one process or in several on one machine, can have the same file open.
///
/// Dropping a future of a method undoes what it had not committed yet.
pub struct SqliteJournal {
    path: PathBuf,
    keys: SealingKeys,
    clock: Arc<dyn Clock>,
    opened: Metadata,
    writer: Mutex<Writer>,
    readers: SqlitePool,
    worker: Arc<Worker>,
    reserve: Arc<Reserve>,
}

/// The one connection that writes.
struct Writer {
    options: SqliteConnectOptions,
    /// Not there after an error: what state that left it in is not known.
    connection: Option<SqliteConnection>,
    closed: bool,
}

/// Something that is done to the database in one transaction.
trait Operation {
    type Output;

    fn apply(&self, connection: &mut SqliteConnection) -> impl Future<Output = Result<Self::Output, Failure>> + Send;
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
            writer: Mutex::new(Writer { options: connect, connection: Some(connection), closed: false }),
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
        self.checkpointed().await.map_err(|failure| failure.for_journal(&self.path))
    }

    async fn checkpointed(&self) -> Result<(), Failure> {
        let mut writer = self.writer.lock().await;
        let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(writer.connected().await?).await?;
        match row.try_get::<i64, _>(0)? {
            0 => Ok(()),
            _ => Err(Failure::Unusable("somebody is reading it, so its log cannot be emptied".to_owned())),
        }
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
        if self.writer.lock().await.closed {
            return Ok(());
        }
        self.write(&leases::ReleaseAllOf { holder: self.worker.id() }).await?;
        let worker = Arc::clone(&self.worker);
        tokio::task::spawn_blocking(move || worker.sign_off()).await??;
        self.readers.close().await;
        let mut writer = self.writer.lock().await;
        writer.closed = true;
        if let Some(connection) = writer.connection.take() {
            connection.close().await?;
        }
        Ok(())
    }

    /// Does something in one transaction of its own.
    async fn write<O: Operation>(&self, operation: &O) -> Result<O::Output, Failure> {
        let mut writer = self.writer.lock().await;
        let result = transact(writer.connected().await?, operation).await;
        if matches!(result, Err(Failure::Sql(_))) {
            writer.connection = None;
        }
        result
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
        let mut reader = self.readers.acquire().await?;
        let holder = leases::holder(&mut reader, target, now).await?;
        drop(reader);
        if let Some(holder) = holder.filter(|holder| holder != self.worker.id()) {
            let folder = self.worker.folder().to_owned();
            let dead = tokio::task::spawn_blocking(move || Dead::prove(&folder, &holder)).await?;
            if let Some(dead) = dead {
                self.bury(dead).await?;
            }
        }
        self.write(&leases::Take { target, holder: self.worker.id(), now, ttl }).await
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
        self.write(&leases::ReleaseAllOf { holder: dead.id() }).await?;
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
        self.write(&records::Probe).await
    }

    async fn keep_once_or_twice(&self, slot: &ReplySlot, reply: &Reply) -> Result<(), Failure> {
        let keep = replies::Keep { keys: &self.keys, slot, reply, at: self.clock.now() };
        match self.write(&keep).await {
            Err(failure) if failure.may_be_full() => {
                let reserve = Arc::clone(&self.reserve);
                if !tokio::task::spawn_blocking(move || reserve.spend()).await?? {
                    return Err(failure);
                }
                tracing::warn!(journal = %self.path.display(), "the disk is full; its reserve is spent on a reply");
                self.write(&keep).await
            }
            other => other,
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
        let renew = leases::Renew { lease, holder: self.worker.id(), now, ttl };
        self.write(&renew).await.map_err(|failure| failure.for_journal(&self.path))
    }

    async fn release(&self, lease: &Lease) -> Result<(), JournalError> {
        self.write(&leases::Release { lease }).await.map_err(|failure| failure.for_journal(&self.path))
    }

    async fn append(
        &self,
        lease: &Lease,
        target: &Target,
        attempt: &Attempt,
        event: &Event,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        let append = records::Append { keys: &self.keys, lease, target, attempt, event, at };
        self.write(&append).await.map_err(|failure| failure.for_journal(&self.path))
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

impl Writer {
    async fn connected(&mut self) -> Result<&mut SqliteConnection, Failure> {
        if self.closed {
            return Err(Failure::Unusable("it was closed".to_owned()));
        }
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.options.connect().await?,
        };
        Ok(self.connection.insert(connection))
    }
}

async fn transact<O: Operation>(connection: &mut SqliteConnection, operation: &O) -> Result<O::Output, Failure> {
    // At once a writer: a reader that becomes one cannot wait for another writer.
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let output = operation.apply(&mut transaction).await?;
    transaction.commit().await?;
    Ok(output)
}

fn connect_options(path: &Path, busy_timeout: Duration) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(busy_timeout)
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
