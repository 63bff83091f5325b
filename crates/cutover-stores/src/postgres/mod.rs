//! A journal in a PostgreSQL schema: several workers on several machines.

mod connect;
mod due;
mod failure;
mod leases;
mod records;
mod rekey;
mod replies;
mod schema;
mod server;
mod shared_work;
mod standing;
mod workers;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cutover_core::{
    Attempt, ClientSecret, Clock, KeepError, Reply, ReplyKeeper, ReplySlot, SystemClock, Target, TargetId,
};
use cutover_engine::{Event, Journal, JournalError, Lease, Recorded};
use jiff::Timestamp;
use tokio::sync::OnceCell;

pub use self::due::{Due, DueOnly};
use self::failure::Failure;
use self::leases::{Now, Taken};
use self::records::Read;
use self::schema::{Found, Prepare};
use self::server::{Limits, Server, Statement, Writes};
pub use self::shared_work::{Left, SharedWork};
use self::workers::{Bury, Worker};
use crate::commits::Commits;
use crate::record::{Kept, NewEntry, Which, open_reply};
use crate::sealing::SealingKeys;

/// Whose clock says when a lease ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseClock {
    /// The server's. The clocks of several machines differ; there is one server.
    Server,
    /// The one of whoever calls: for simulated time.
    Caller,
}

/// What a PostgreSQL journal may be told.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// The schema that its tables are in: lower-case letters, digits and underscores.
    pub schema: String,
    /// Whether to make the schema and the tables when they are missing.
    pub create: bool,
    /// How many statements are under way at the same time. One more connection shows that the worker lives.
    pub connections: usize,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long the server may take for a statement before it gives it up.
    pub statement_timeout: Duration,
    /// How long statements are tried again while the server cannot be reached: as long as it takes to restart.
    pub patience: Duration,
    /// How long the session of a worker has to be gone before its leases are taken from it.
    ///
    /// A process that died and one that only lost its line look the same to the server. Whoever only lost it comes back
    /// within this time, or has ended what it was doing at a vendor: so it is longer than a call may take.
    pub dead_after: Duration,
    /// Whose clock says when a lease ends.
    pub lease_clock: LeaseClock,
    /// Says when a reply was kept.
    pub clock: Arc<dyn Clock>,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            schema: "cutover".to_owned(),
            create: true,
            // Each waits for the disk most of the time, and the server's sync serves all that wait.
            connections: 8,
            connect_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(20),
            patience: Duration::from_secs(15),
            // The longest call to a vendor; a quarter of a lease.
            dead_after: Duration::from_secs(30),
            lease_clock: LeaseClock::Server,
            clock: Arc::new(SystemClock),
        }
    }
}

/// A journal in a PostgreSQL schema, with its replies and idempotency keys sealed.
///
/// Every change is one statement, committed and on the server's disk before its call returns; what was
/// [noted](Journal::note) and leases that were given back get there with the next one, since the server's log has one
/// order. Leases are as durable as events, for workers outlive the server.
///
/// A line that breaks is no failure: the statement is tried again, and where it may have been done already, that is
/// looked at first. A lease ends by the server's clock; the `now` that callers give is not used, unless
/// [`LeaseClock::Caller`] is asked for.
///
/// With its first lease a journal becomes a worker, which the server knows to live by a session of its own.
///
/// Dropping a future of a method withdraws a change that has not begun; one that has is done all the same.
pub struct PostgresJournal {
    place: String,
    keys: SealingKeys,
    clock: Arc<dyn Clock>,
    lease_clock: LeaseClock,
    dead_after: Duration,
    server: Arc<Server>,
    worker: OnceCell<Worker>,
}

impl PostgresJournal {
    /// Opens the journal at `url`, and makes its tables when they are missing and `options` allow that.
    ///
    /// A server on another machine has to show a certificate that is valid for its name, unless the URL has an
    /// `sslmode` of its own.
    ///
    /// # Errors
    /// [`JournalError::Unavailable`] when the server cannot be used; [`JournalError::Unreadable`] when the schema is
    /// another program's or of a later version, or when it is sealed with a key that is not among `keys`.
    pub async fn open(url: &ClientSecret, keys: SealingKeys, options: PostgresOptions) -> Result<Self, JournalError> {
        let opened = Self::open_if_there(url, keys, options).await?;
        opened.ok_or_else(|| JournalError::Unavailable { reason: "there is no journal yet".to_owned(), source: None })
    }

    /// As [`open`](Self::open); `None` where there are no tables and none are to be made.
    ///
    /// # Errors
    /// Those of `open`.
    pub async fn open_if_there(
        url: &ClientSecret,
        keys: SealingKeys,
        options: PostgresOptions,
    ) -> Result<Option<Self>, JournalError> {
        let (server, place) = server(url, &options)?;
        let journal = Self {
            place,
            clock: options.clock,
            lease_clock: options.lease_clock,
            dead_after: options.dead_after,
            server,
            worker: OnceCell::new(),
            keys,
        };
        let prepare = Prepare {
            schema: options.schema,
            create: options.create,
            key: journal.keys.current().id().to_string(),
            older: journal.keys.older().map(|key| key.id().to_string()).collect(),
        };
        let found = journal.run(prepare).await?;
        Ok((found == Found::Journal).then_some(journal))
    }

    /// The id of the key that seals in the journal at `url`; `None` where there is no journal yet. Needs no key.
    ///
    /// # Errors
    /// [`JournalError::Unavailable`] when the server cannot be used.
    pub async fn sealed_with(url: &ClientSecret, options: &PostgresOptions) -> Result<Option<String>, JournalError> {
        let (server, place) = server(url, options)?;
        let asked = server.run(schema::SealedWith { schema: options.schema.clone() }).await;
        server.close().await;
        asked.map_err(|failure| failure.for_journal(&place))
    }

    /// Becomes a worker now, and not with the first lease: one that only waits finds others that are gone, too.
    ///
    /// # Errors
    /// [`JournalError::Unavailable`] when the server cannot be used.
    pub async fn join(&self) -> Result<(), JournalError> {
        self.worker().await.map(drop).map_err(|failure| failure.for_journal(&self.place))
    }

    /// Where it is, for people: server, database and schema, without user and password.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Those of `targets` that are unfinished or were not rotated since `since`, in their order.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn due(&self, targets: &[TargetId], since: Timestamp) -> Result<Vec<Due>, JournalError> {
        let targets = targets.iter().map(|target| target.as_str().to_owned()).collect();
        self.run(due::LookUp { targets, since }).await
    }

    /// The targets of unfinished rotations that nobody has in hand, oldest first.
    async fn left(&self) -> Result<Vec<String>, JournalError> {
        self.run(due::LookForLeft).await
    }

    /// What was written here since the journal was opened. Each commit is counted, although the server syncs its log
    /// once for all commits that wait for it.
    pub fn commits(&self) -> Commits {
        self.server.commits()
    }

    /// Gives back every lease that was taken here and closes all connections. Afterwards nothing else works.
    ///
    /// A journal that is dropped without this leaves its leases to whoever finds its session gone.
    ///
    /// # Errors
    /// When the leases cannot be given back.
    pub async fn close(&self) -> Result<(), JournalError> {
        if self.server.is_closed() {
            return Ok(());
        }
        if let Some(worker) = self.worker.get() {
            self.run(workers::SignOff { id: worker.id() }).await?;
            worker.sign_off();
        }
        self.server.close().await;
        Ok(())
    }

    async fn run<S: Statement>(&self, statement: S) -> Result<S::Output, JournalError> {
        self.server.run(statement).await.map_err(|failure| failure.for_journal(&self.place))
    }

    async fn worker(&self) -> Result<&Worker, Failure> {
        self.worker.get_or_try_init(|| Worker::sign_on(Arc::clone(&self.server), self.dead_after)).await
    }

    fn now(&self, given: Timestamp) -> Now {
        match self.lease_clock {
            LeaseClock::Server => Now::Server,
            LeaseClock::Caller => Now::Given(given),
        }
    }

    async fn take(&self, target: &TargetId, now: Timestamp, ttl: Duration) -> Result<Lease, Failure> {
        let me = self.worker().await?.id();
        let take = || leases::Take {
            target: target.clone(),
            holder: me,
            mark: records::fresh_mark(),
            now: self.now(now),
            ttl,
        };
        let mut taken = self.server.run(take()).await?;
        if let Taken::By(holder, _) = taken
            && holder != me
        {
            let bury = Bury { by: me, holder: Some(holder), dead_after: self.dead_after };
            let dead = self.server.run(bury).await?;
            workers::tell(&dead);
            if !dead.is_empty() {
                taken = self.server.run(take()).await?;
            }
        }
        let busy = |until| Err(Failure::Answer(JournalError::Busy { target: target.clone(), until }));
        match taken {
            Taken::Lease(lease) => Ok(lease),
            Taken::By(_, until) => busy(Some(until)),
            Taken::InHand => busy(None),
        }
    }

    async fn kept(&self, slot: &ReplySlot, reply: &Reply) -> Result<(), Failure> {
        let keep = replies::Keep::new(&self.keys, slot, reply, self.clock.now())?;
        match self.server.run(keep).await? {
            Kept::Now => Ok(()),
            Kept::Before(there) if self.opened(slot, &there)? == *reply => Ok(()),
            Kept::Before(_) => Err(Failure::Unusable("another reply is kept in its place".to_owned())),
        }
    }

    fn opened(&self, slot: &ReplySlot, sealed: &[u8]) -> Result<Reply, Failure> {
        open_reply(&self.keys, slot, sealed).map_err(Failure::Unreadable)
    }

    async fn recorded(
        &self,
        lease: &Lease,
        target: &Target,
        attempt: &Attempt,
        event: &Event,
        (at, writes): (Timestamp, Writes),
    ) -> Result<(), JournalError> {
        let entry = NewEntry::new(&self.keys, lease, target, attempt, event, at);
        let entry = entry.map_err(|what| Failure::Unusable(what).for_journal(&self.place))?;
        self.run(records::Append::new(entry, event, writes)).await
    }

    async fn read(&self, target: Option<&TargetId>, which: Which) -> Result<Vec<Recorded>, JournalError> {
        let rows = self.run(Read { target: target.cloned(), which }).await?;
        let opened: Result<_, String> = rows.into_iter().map(|row| row.open(&self.keys)).collect();
        opened.map_err(|what| Failure::Unreadable(what).for_journal(&self.place))
    }
}

#[async_trait]
impl ReplyKeeper for PostgresJournal {
    async fn keep(&self, slot: &ReplySlot, reply: &Reply) -> Result<(), KeepError> {
        self.kept(slot, reply).await.map_err(|failure| failure.for_keeper(&self.place))
    }

    async fn recall(&self, slot: &ReplySlot) -> Result<Option<Reply>, KeepError> {
        let recall = async {
            let sealed = self.server.run(replies::Recall { slot: slot.clone() }).await?;
            sealed.map(|sealed| self.opened(slot, &sealed)).transpose()
        };
        recall.await.map_err(|failure: Failure| failure.for_keeper(&self.place))
    }
}

#[async_trait]
impl Journal for PostgresJournal {
    async fn preflight(&self) -> Result<(), JournalError> {
        self.run(records::Probe).await
    }

    async fn lease(&self, target: &TargetId, now: Timestamp, ttl: Duration) -> Result<Lease, JournalError> {
        self.take(target, now, ttl).await.map_err(|failure| failure.for_journal(&self.place))
    }

    async fn renew(&self, lease: &Lease, now: Timestamp, ttl: Duration) -> Result<(), JournalError> {
        let holder = self.worker().await.map_err(|failure| failure.for_journal(&self.place))?.id();
        self.run(leases::Renew { lease: lease.clone(), holder, now: self.now(now), ttl }).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), JournalError> {
        self.run(leases::Release { lease: lease.clone() }).await
    }

    async fn append(
        &self,
        lease: &Lease,
        target: &Target,
        attempt: &Attempt,
        event: &Event,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        self.recorded(lease, target, attempt, event, (at, Writes::Synced)).await
    }

    async fn note(
        &self,
        lease: &Lease,
        target: &Target,
        attempt: &Attempt,
        event: &Event,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        self.recorded(lease, target, attempt, event, (at, Writes::WithNext)).await
    }

    async fn unfinished(&self, target: Option<&TargetId>) -> Result<Vec<Recorded>, JournalError> {
        self.read(target, Which::Unfinished).await
    }

    async fn history(&self, target: Option<&TargetId>, limit: u32) -> Result<Vec<Recorded>, JournalError> {
        self.read(target, Which::Latest(limit)).await
    }
}

/// The server at `url`, which is connected to when it is first needed, and where that is.
fn server(url: &ClientSecret, options: &PostgresOptions) -> Result<(Arc<Server>, String), JournalError> {
    let (connect, place) = connect::options(url, &options.schema, options.statement_timeout)
        .map_err(|failure| failure.for_journal("the PostgreSQL journal"))?;
    let limits = Limits {
        connect: options.connect_timeout,
        answer: options.statement_timeout + options.connect_timeout,
        patience: options.patience,
    };
    Ok((Arc::new(Server::new(connect, options.connections, limits)), place))
}

impl fmt::Debug for PostgresJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresJournal").field("place", &self.place).field("keys", &self.keys).finish_non_exhaustive()
    }
}
