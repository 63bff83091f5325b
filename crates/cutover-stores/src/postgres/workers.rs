//! Which workers live, as the server knows it.
//!
//! Each worker holds an advisory lock in a session of its own for as long as it lives. When its process dies, the
//! operating system closes the line, the server ends the session, and whoever can take the lock knows that it is gone.
//! A worker that lives and only lost the line looks the same. So it is given a while to come back before its leases are
//! taken from it; and if it comes back later, what it does is refused by the fence of whoever has them then.

use std::sync::Arc;
use std::time::Duration;

use cutover_core::{Clock as _, SystemClock};
use sqlx::{PgConnection, Row as _};
use tokio::task::JoinHandle;

use super::failure::{Failure, Mending};
use super::leases::micros;
use super::server::{Server, Statement, Writes};

/// How often a worker makes sure of its session, and looks for others that are gone.
const LOOK: Duration = Duration::from_secs(1);
/// How long that may take before the line counts as broken.
const LOOK_MAX: Duration = Duration::from_secs(5);
/// The pause before a session that was lost is begun anew.
const PAUSE: Duration = Duration::from_millis(200);

/// This journal as a worker. Dropping it ends its session.
#[derive(Debug)]
pub(super) struct Worker {
    id: i64,
    session: JoinHandle<()>,
}

impl Worker {
    /// Begins a session that shows that this worker lives.
    pub(super) async fn sign_on(server: Arc<Server>, dead_after: Duration) -> Result<Self, Failure> {
        let limits = server.limits();
        let mut waited = Duration::ZERO;
        let (me, first) = loop {
            // A new one each time: what became of the one before is not known.
            let me = Me { id: fresh_id()?, name: name(), dead_after };
            match me.begin_anew(&server).await {
                Ok(first) => break (me, first),
                Err(failure) if failure.mending() == Mending::None || limits.patience <= waited => return Err(failure),
                Err(_) => SystemClock.sleep(PAUSE).await,
            }
            waited += PAUSE;
        };
        let id = me.id;
        let session = tokio::spawn(async move { me.live(&server, first).await });
        Ok(Self { id, session })
    }

    pub(super) fn id(&self) -> i64 {
        self.id
    }

    /// Ends the session.
    pub(super) fn sign_off(&self) {
        self.session.abort();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.session.abort();
    }
}

struct Me {
    id: i64,
    name: String,
    dead_after: Duration,
}

struct Session {
    connection: PgConnection,
    /// The server's process.
    pid: i32,
}

impl Me {
    /// Session after session, until the task is aborted.
    async fn live(&self, server: &Server, first: Session) {
        let mut session = Some(first);
        loop {
            match session.take() {
                Some(mut held) => {
                    SystemClock.sleep(LOOK.min(self.dead_after.max(PAUSE))).await;
                    match self.look(&mut held).await {
                        Ok(()) => session = Some(held),
                        Err(failure) => {
                            tracing::warn!(
                                worker = self.id,
                                ?failure,
                                "the session that shows that this worker lives broke"
                            );
                        }
                    }
                }
                None => match self.begin_anew(server).await {
                    Ok(begun) => {
                        tracing::info!(worker = self.id, "the server knows again that this worker lives");
                        session = Some(begun);
                    }
                    Err(failure) => {
                        tracing::debug!(worker = self.id, ?failure, "no session yet");
                        SystemClock.sleep(PAUSE).await;
                    }
                },
            }
        }
    }

    async fn begin_anew(&self, server: &Server) -> Result<Session, Failure> {
        let mut connection = server.connect().await?;
        let begun = tokio::time::timeout(LOOK_MAX, self.begin(&mut connection)).await;
        let pid = begun.unwrap_or(Err(Failure::Silent))?;
        Ok(Session { connection, pid })
    }

    /// Takes the lock, then says so: nobody ever finds a worker without its lock that has just come.
    async fn begin(&self, connection: &mut PgConnection) -> Result<i32, Failure> {
        let row = sqlx::query("SELECT pg_try_advisory_lock($1), pg_backend_pid()");
        let row = row.bind(self.id).fetch_one(&mut *connection).await?;
        if !row.try_get::<bool, _>(0)? {
            // The server holds the session before for alive, or somebody is looking whether it is.
            return Err(Failure::Unusable("an earlier session of this worker has not ended".to_owned()));
        }
        sqlx::query(
            "INSERT INTO workers (id, name) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET silent_since = NULL",
        )
        .bind(self.id)
        .bind(&self.name)
        .execute(connection)
        .await?;
        Ok(row.try_get(1)?)
    }

    /// Makes sure of the session, and buries who is gone.
    async fn look(&self, session: &mut Session) -> Result<(), Failure> {
        let look = async {
            let row = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut session.connection).await;
            let pid: i32 = row?;
            if pid != session.pid {
                let reason = "a pooler in between gives out sessions in turn; workers need one that stays theirs";
                return Err(Failure::Unusable(reason.to_owned()));
            }
            let bury = Bury { by: self.id, holder: None, dead_after: self.dead_after };
            match bury.send(&mut session.connection, false).await {
                Ok(dead) => tell(&dead),
                // Another one buries them too.
                Err(failure) if failure.leaves_connection() => {}
                Err(failure) => return Err(failure),
            }
            Ok(())
        };
        tokio::time::timeout(LOOK_MAX, look).await.unwrap_or(Err(Failure::Silent))
    }
}

/// Frees the leases of workers, or of one, whose sessions have been gone for a while, and gives their ids.
pub(super) struct Bury {
    pub(super) by: i64,
    pub(super) holder: Option<i64>,
    pub(super) dead_after: Duration,
}

impl Statement for Bury {
    type Output = Vec<i64>;

    fn writes(&self) -> Writes {
        Writes::Nothing
    }

    async fn send(&self, connection: &mut PgConnection, _again: bool) -> Result<Vec<i64>, Failure> {
        // Shared, so that those who look do not take each other for the worker; given back with the statement.
        let dead = sqlx::query_scalar(
            "WITH silent AS MATERIALIZED (
                SELECT id FROM workers
                WHERE id <> $1 AND ($2::bigint IS NULL OR id = $2) AND pg_try_advisory_xact_lock_shared(id) ORDER BY id
            ),
            marked AS (
                UPDATE workers SET silent_since = clock_timestamp() FROM silent
                WHERE workers.id = silent.id AND silent_since IS NULL AND 0 < $3
            ),
            dead AS (
                DELETE FROM workers USING silent WHERE workers.id = silent.id
                    AND coalesce(silent_since, CASE WHEN $3 = 0 THEN clock_timestamp() END)
                        <= clock_timestamp() - $3 * interval '1 microsecond'
                RETURNING workers.id
            ),
            freed AS (
                UPDATE leases SET holder = NULL, expires_at = NULL FROM dead WHERE holder = dead.id
            )
            SELECT id FROM dead",
        );
        let dead = dead.bind(self.by).bind(self.holder).bind(micros(self.dead_after)).fetch_all(connection).await?;
        Ok(dead)
    }
}

/// Says who was buried.
pub(super) fn tell(dead: &[i64]) {
    for worker in dead {
        tracing::info!(worker, "a worker is gone; its leases are free");
    }
}

/// Frees every lease of a worker that leaves, and forgets it.
pub(super) struct SignOff {
    pub(super) id: i64,
}

impl Statement for SignOff {
    type Output = ();

    fn writes(&self) -> Writes {
        Writes::Synced
    }

    async fn send(&self, connection: &mut PgConnection, _again: bool) -> Result<(), Failure> {
        sqlx::query(
            "WITH freed AS (UPDATE leases SET holder = NULL, expires_at = NULL WHERE holder = $1)
             DELETE FROM workers WHERE id = $1",
        )
        .bind(self.id)
        .execute(connection)
        .await?;
        Ok(())
    }
}

fn fresh_id() -> Result<i64, Failure> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|_| Failure::Unusable("this machine has no random bytes".to_owned()))?;
    Ok(i64::from_be_bytes(random) & i64::MAX)
}

/// The machine and the process, for people who look at the table.
fn name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("HOSTNAME").ok());
    format!("{} {}", host.as_deref().unwrap_or("?").trim(), std::process::id())
}
