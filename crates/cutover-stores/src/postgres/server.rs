//! Statements to the server, each tried again where that is safe.
//!
//! Every change of the journal is one statement, so it is done or not whatever becomes of the line, it costs one round
//! trip, and a worker that stands still never holds a lock. Which statements commit together is the server's affair: it
//! syncs its log once for all that wait for it.
//!
//! When no answer comes, the statement may have been done all the same. So each knows how to look whether an earlier try
//! of it was, and does so before it is sent again.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use cutover_core::{Clock as _, SystemClock};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Instrument as _;

use super::failure::{Failure, Mending};
use crate::commits::Commits;

/// The first pause before another try; it doubles.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// How often a statement is sent again at once because of somebody else's write.
const CONFLICTS_MAX: u32 = 20;

/// One statement, or a few that belong together, with what makes it safe to send it again.
pub(super) trait Statement: Send + Sync + 'static {
    type Output: Send + 'static;

    /// What it writes, for the count.
    fn writes(&self) -> Writes {
        Writes::Nothing
    }

    /// How long tries go on while the server cannot be reached, where the journal was told `given`.
    fn patience(&self, given: Duration) -> Duration {
        given
    }

    /// Sends it. `again` says that an earlier try may have been done.
    fn send(
        &self,
        connection: &mut PgConnection,
        again: bool,
    ) -> impl Future<Output = Result<Self::Output, Failure>> + Send;
}

/// What a statement writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writes {
    Nothing,
    /// A commit that is on the disk before anybody is told.
    Synced,
    /// A commit that gets there with the next one.
    WithNext,
}

/// How long anything may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) connect: Duration,
    /// For the answer to a statement; longer than the server itself gives it.
    pub(super) answer: Duration,
    /// How long tries go on while the server cannot be reached.
    pub(super) patience: Duration,
}

/// The server, with a few connections that are used in turn.
#[derive(Debug)]
pub(super) struct Server {
    // Never shown: it holds the password.
    options: Hidden<PgConnectOptions>,
    limits: Limits,
    turns: Arc<Semaphore>,
    idle: Mutex<Vec<PgConnection>>,
    closed: AtomicBool,
    operations: AtomicU64,
    commits: AtomicU64,
    synced: AtomicU64,
}

/// Something that `Debug` does not show.
pub(super) struct Hidden<T>(pub(super) T);

impl<T> std::fmt::Debug for Hidden<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[hidden]")
    }
}

impl Server {
    /// A server that is connected to when it is first needed, over `connections` connections at most.
    pub(super) fn new(options: PgConnectOptions, connections: usize, limits: Limits) -> Self {
        Self {
            options: Hidden(options),
            limits,
            turns: Arc::new(Semaphore::new(connections.max(1))),
            idle: Mutex::default(),
            closed: AtomicBool::new(false),
            operations: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            synced: AtomicU64::new(0),
        }
    }

    /// Does `statement` once, however often it has to be tried. Whoever drops this before its turn has come withdraws
    /// it; afterwards it is done all the same.
    pub(super) async fn run<S: Statement>(self: &Arc<Self>, statement: S) -> Result<S::Output, Failure> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| closed())?;
        let server = Arc::clone(self);
        // In a task of its own, so that no connection is left in the middle of an answer.
        let done = tokio::spawn(async move { server.tried(&statement, turn).await }.in_current_span());
        match done.await {
            Ok(result) => result,
            Err(_) => Err(Failure::Unusable("its work was cut off".to_owned())),
        }
    }

    /// Closes every connection that is not in use, and gives out no more.
    pub(super) async fn close(&self) {
        self.closed.store(true, SeqCst);
        let idle = self.idle.lock().map(|mut idle| std::mem::take(&mut *idle)).unwrap_or_default();
        for connection in idle {
            // One that is broken is closed as well.
            let _closed = tokio::time::timeout(self.limits.connect, connection.close()).await;
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(SeqCst)
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    pub(super) fn commits(&self) -> Commits {
        Commits {
            operations: self.operations.load(SeqCst),
            commits: self.commits.load(SeqCst),
            synced: self.synced.load(SeqCst),
        }
    }

    /// A connection of its own, which is not one of those that are used in turn.
    pub(super) async fn connect(&self) -> Result<PgConnection, Failure> {
        if self.is_closed() {
            return Err(closed());
        }
        match tokio::time::timeout(self.limits.connect, self.options.0.connect()).await {
            Ok(connected) => Ok(connected?),
            Err(_) => Err(Failure::Silent),
        }
    }

    async fn tried<S: Statement>(&self, statement: &S, _turn: OwnedSemaphorePermit) -> Result<S::Output, Failure> {
        let (mut again, mut waited, mut pause, mut conflicts) = (false, Duration::ZERO, PAUSE, 0);
        loop {
            let (connected, sent) = self.once(statement, again).await;
            let failure = match sent {
                Ok(output) => {
                    self.count(statement.writes());
                    return Ok(output);
                }
                Err(failure) => failure,
            };
            let mending = failure.mending();
            // A connection that did not come about carried no statement.
            again |= connected && mending == Mending::LookFirst;
            match mending {
                Mending::None => return Err(failure),
                Mending::AtOnce if conflicts < CONFLICTS_MAX => conflicts += 1,
                Mending::AtOnce => return Err(failure),
                Mending::Again | Mending::LookFirst => {
                    if statement.patience(self.limits.patience) <= waited || self.is_closed() {
                        return Err(if again { unknown(failure) } else { failure });
                    }
                    tracing::debug!(?mending, "a statement to the journal is tried again");
                    SystemClock.sleep(pause).await;
                    waited += pause;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    /// One try; and whether there was a connection for it.
    async fn once<S: Statement>(&self, statement: &S, again: bool) -> (bool, Result<S::Output, Failure>) {
        let idle = self.idle.lock().ok().and_then(|mut idle| idle.pop());
        let mut connection = match idle {
            Some(connection) => connection,
            None => match self.connect().await {
                Ok(connection) => connection,
                Err(failure) => return (false, Err(failure)),
            },
        };
        let sent = tokio::time::timeout(self.limits.answer, statement.send(&mut connection, again)).await;
        let sent = sent.unwrap_or(Err(Failure::Silent));
        let keep = sent.as_ref().err().is_none_or(Failure::leaves_connection);
        if let Ok(mut idle) = self.idle.lock() {
            if keep && !self.is_closed() {
                idle.push(connection);
            } else if !keep {
                // What broke one has most likely broken them all.
                idle.clear();
            }
        }
        (true, sent)
    }

    fn count(&self, writes: Writes) {
        if writes != Writes::Nothing {
            self.operations.fetch_add(1, SeqCst);
            self.commits.fetch_add(1, SeqCst);
            self.synced.fetch_add(u64::from(writes == Writes::Synced), SeqCst);
        }
    }
}

fn closed() -> Failure {
    Failure::Unusable("it was closed".to_owned())
}

/// A statement of which nobody could find out any more whether it was done.
fn unknown(failure: Failure) -> Failure {
    match failure {
        Failure::Silent => Failure::Unusable(
            "the server does not answer, and whether it did what it was asked last is not known".to_owned(),
        ),
        other => other,
    }
}
