//! The statements about attempts and events.

use cutover_core::TargetId;
use cutover_engine::Event;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::failure::Failure;
use super::leases;
use super::server::{Statement, Writes};
use crate::record::{Begins, Issue, NewEntry, Row, Which};

/// Shows that the database can be written to.
pub(super) struct Probe;

impl Statement for Probe {
    type Output = ();

    fn writes(&self) -> Writes {
        Writes::WithNext
    }

    async fn send(&self, connection: &mut PgConnection, _again: bool) -> Result<(), Failure> {
        // Not all in one place, so that workers do not wait for each other.
        sqlx::query(
            "WITH mode AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
             INSERT INTO probes (place, count) SELECT pg_backend_pid() % 64, 1 FROM mode
             ON CONFLICT (place) DO UPDATE SET count = probes.count + 1",
        )
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// Records an event.
pub(super) struct Append {
    entry: NewEntry,
    /// By which an earlier try is found again.
    mark: String,
    finishes: bool,
    writes: Writes,
}

impl Append {
    pub(super) fn new(entry: NewEntry, event: &Event, writes: Writes) -> Self {
        Self { entry, mark: fresh_mark(), finishes: matches!(event, Event::Finished), writes }
    }

    /// What `synchronous_commit` is while it is committed. A commit that waits for the disk waits for all of the log
    /// before it, so those that do not wait get there with the next one that does.
    fn mode(&self) -> &'static str {
        if self.writes == Writes::WithNext { "off" } else { "on" }
    }

    /// Records a request for a secret, and with the first one the attempt. Says whether it did.
    async fn begin(&self, begins: &Begins, connection: &mut PgConnection) -> Result<bool, Failure> {
        let done: Option<bool> = sqlx::query_scalar(
            "WITH mode AS MATERIALIZED (SELECT set_config('synchronous_commit', $1, true)),
            held AS MATERIALIZED (
                SELECT target FROM leases, mode WHERE target = $2 AND fence = $3 FOR SHARE OF leases
            ),
            one AS (
                INSERT INTO attempts (id, target, description, asked, entries) SELECT $4, target, $8, $9, 1 FROM held
                ON CONFLICT (id) DO UPDATE SET asked = excluded.asked, entries = attempts.entries + 1
                WHERE attempts.target = excluded.target AND NOT attempts.ended
                RETURNING seq, entries
            ),
            asked AS (
                -- Again under the same number only when the caller repeats an append of which it never learnt the
                -- outcome.
                INSERT INTO issues (attempt, issue, key, key_born) SELECT seq, $9, $10, $11 FROM one
                ON CONFLICT (attempt, issue) DO UPDATE SET key = excluded.key, key_born = excluded.key_born
            )
            INSERT INTO events (attempt, ordinal, mark, at, event) SELECT seq, entries, $5::text::uuid, $6, $7 FROM one
            RETURNING true",
        )
        .bind(self.mode())
        .bind(self.entry.lease.target().as_str())
        .bind(leases::number(self.entry.lease.fence()))
        .bind(&self.entry.attempt)
        .bind(&self.mark)
        .bind(&self.entry.event.at)
        .bind(&self.entry.event.json)
        .bind(&begins.description)
        .bind(issue_number(begins.issue)?)
        .bind(&begins.sealed_key)
        .bind(&begins.key_born)
        .fetch_optional(connection)
        .await?;
        Ok(done.is_some())
    }

    /// Records any other event, and wipes what is sealed when it is the last one. Says whether it did.
    async fn go_on(&self, connection: &mut PgConnection) -> Result<bool, Failure> {
        // The row of the attempt is locked first and by everybody, so a reply is there before the end or refused after
        // it. It lies in a row that was there before, where the end finds it even if it was written meanwhile.
        let done: Option<bool> = sqlx::query_scalar(
            "WITH mode AS MATERIALIZED (SELECT set_config('synchronous_commit', $1, true)),
            held AS MATERIALIZED (
                SELECT target FROM leases, mode WHERE target = $2 AND fence = $3 FOR SHARE OF leases
            ),
            one AS (
                UPDATE attempts SET entries = entries + 1, ended = $8,
                    finished_at = CASE WHEN $9 THEN $6::text::timestamptz END
                FROM held WHERE id = $4 AND attempts.target = held.target AND NOT ended RETURNING seq, entries
            ),
            wiped AS (
                UPDATE issues SET key = NULL, reply = NULL FROM one WHERE $8 AND attempt = seq
            )
            INSERT INTO events (attempt, ordinal, mark, at, event) SELECT seq, entries, $5::text::uuid, $6, $7 FROM one
            RETURNING true",
        )
        .bind(self.mode())
        .bind(self.entry.lease.target().as_str())
        .bind(leases::number(self.entry.lease.fence()))
        .bind(&self.entry.attempt)
        .bind(&self.mark)
        .bind(&self.entry.event.at)
        .bind(&self.entry.event.json)
        .bind(self.entry.ends)
        .bind(self.finishes)
        .fetch_optional(connection)
        .await?;
        Ok(done.is_some())
    }
}

impl Statement for Append {
    type Output = ();

    fn writes(&self) -> Writes {
        self.writes
    }

    async fn send(&self, connection: &mut PgConnection, again: bool) -> Result<(), Failure> {
        if again && is_there(&self.mark, connection).await? {
            return Ok(());
        }
        let done = match &self.entry.begins {
            Some(begins) => self.begin(begins, connection).await?,
            None => self.go_on(connection).await?,
        };
        if done {
            return Ok(());
        }
        leases::check(connection, &self.entry.lease).await?;
        Err(Failure::Unusable(format!("{} of an attempt that was never begun, or has ended", self.entry.event.name)))
    }
}

/// Whether an earlier try has recorded it.
async fn is_there(mark: &str, connection: &mut PgConnection) -> Result<bool, Failure> {
    let there = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM events WHERE mark = $1::text::uuid)");
    Ok(there.bind(mark).fetch_one(connection).await?)
}

/// A mark that nothing else has.
pub(super) fn fresh_mark() -> String {
    Uuid::new_v4().to_string()
}

/// The number of a request as the server has numbers.
pub(super) fn issue_number(issue: u32) -> Result<i32, Failure> {
    i32::try_from(issue).map_err(|_| Failure::Unusable("a request has too high a number".to_owned()))
}

/// Reads attempts with all they have, oldest first, as they are at one moment.
pub(super) struct Read {
    pub(super) target: Option<TargetId>,
    pub(super) which: Which,
}

macro_rules! reading {
    ($wanted:literal) => {
        concat!(
            "SELECT wanted.id, description, issue, key, key_born,
                ARRAY (SELECT at FROM events WHERE attempt = seq ORDER BY ordinal),
                ARRAY (SELECT event FROM events WHERE attempt = seq ORDER BY ordinal)
             FROM (SELECT seq, id, description, asked FROM attempts WHERE ",
            $wanted,
            ") AS wanted LEFT JOIN issues ON attempt = seq AND issue = asked ORDER BY seq"
        )
    };
}

impl Statement for Read {
    type Output = Vec<Row>;

    async fn send(&self, connection: &mut PgConnection, _again: bool) -> Result<Vec<Row>, Failure> {
        let target = self.target.as_ref().map(TargetId::as_str);
        let query = match (self.which, target) {
            (Which::Unfinished, None) => sqlx::query(reading!("NOT ended ORDER BY seq")),
            (Which::Unfinished, Some(target)) => {
                sqlx::query(reading!("NOT ended AND target = $1 ORDER BY seq")).bind(target)
            }
            (Which::Latest(limit), None) => {
                sqlx::query(reading!("true ORDER BY seq DESC LIMIT $1")).bind(i64::from(limit))
            }
            (Which::Latest(limit), Some(target)) => {
                sqlx::query(reading!("target = $1 ORDER BY seq DESC LIMIT $2")).bind(target).bind(i64::from(limit))
            }
        };
        query.fetch_all(connection).await?.iter().map(attempt).collect()
    }
}

fn attempt(row: &PgRow) -> Result<Row, Failure> {
    let issue = match row.try_get::<Option<i32>, _>(2)? {
        Some(number) => Some(Issue { number: number.into(), sealed_key: row.try_get(3)?, key_born: row.try_get(4)? }),
        None => None,
    };
    let (at, events): (Vec<String>, Vec<String>) = (row.try_get(5)?, row.try_get(6)?);
    let entries = at.into_iter().zip(events).collect();
    Ok(Row { id: row.try_get(0)?, description: row.try_get(1)?, issue, entries })
}
