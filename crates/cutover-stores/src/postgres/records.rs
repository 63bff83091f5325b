//! The statements about attempts and events.

use cutover_core::{Attempt, AttemptId, IdempotencyKey, Target, TargetId};
use cutover_engine::{Entry, Event, Lease, Recorded};
use jiff::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::failure::Failure;
use super::leases;
use super::server::{Statement, Writes};
use crate::sealing::{Purpose, SealContext, SealingKeys};

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

/// Records an event. Everything in it is plain or sealed already.
pub(super) struct Append {
    lease: Lease,
    id: String,
    event: Written,
    ends: bool,
    finishes: bool,
    begins: Option<Begins>,
    writes: Writes,
}

/// An event as it is written down.
pub(super) struct Written {
    pub(super) name: &'static str,
    pub(super) at: String,
    pub(super) json: String,
    /// By which an earlier try is found again.
    pub(super) mark: String,
}

/// What an attempt's request for a secret adds to its event.
struct Begins {
    description: String,
    issue: i32,
    sealed_key: Vec<u8>,
    key_born: String,
}

impl Append {
    pub(super) fn new(
        keys: &SealingKeys,
        lease: &Lease,
        target: &Target,
        attempt: &Attempt,
        event: &Event,
        at: Timestamp,
        writes: Writes,
    ) -> Result<Self, Failure> {
        if lease.target() != target.id() || attempt.target() != target.id() {
            return Err(Failure::Unusable("lease, target and attempt do not belong together".to_owned()));
        }
        let begins =
            matches!(event, Event::IssueStarted { .. }).then(|| Begins::new(keys, target, attempt)).transpose()?;
        Ok(Self {
            lease: lease.clone(),
            id: attempt.id().to_string(),
            event: Written::new(event, at)?,
            ends: event.ends(),
            finishes: matches!(event, Event::Finished),
            begins,
            writes,
        })
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
        .bind(self.lease.target().as_str())
        .bind(leases::number(self.lease.fence()))
        .bind(&self.id)
        .bind(&self.event.mark)
        .bind(&self.event.at)
        .bind(&self.event.json)
        .bind(&begins.description)
        .bind(begins.issue)
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
        .bind(self.lease.target().as_str())
        .bind(leases::number(self.lease.fence()))
        .bind(&self.id)
        .bind(&self.event.mark)
        .bind(&self.event.at)
        .bind(&self.event.json)
        .bind(self.ends)
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
        if again && self.event.is_there(connection).await? {
            return Ok(());
        }
        let done = match &self.begins {
            Some(begins) => self.begin(begins, connection).await?,
            None => self.go_on(connection).await?,
        };
        if done {
            return Ok(());
        }
        leases::check(connection, &self.lease).await?;
        Err(Failure::Unusable(format!("{} of an attempt that was never begun, or has ended", self.event.name)))
    }
}

impl Begins {
    fn new(keys: &SealingKeys, target: &Target, attempt: &Attempt) -> Result<Self, Failure> {
        let description = serde_json::to_string(target)
            .map_err(|_| Failure::Unusable("the target cannot be written down".to_owned()))?;
        let context = SealContext {
            purpose: Purpose::IdempotencyKey,
            target: target.id(),
            attempt: attempt.id(),
            issue: attempt.issue(),
        };
        let sealed_key = keys.seal(&context, attempt.key().as_header_value().as_bytes());
        Ok(Self {
            description,
            issue: issue_number(attempt.issue())?,
            sealed_key,
            key_born: attempt.key_born().to_string(),
        })
    }
}

impl Written {
    pub(super) fn new(event: &Event, at: Timestamp) -> Result<Self, Failure> {
        let name = event.name();
        let json =
            serde_json::to_string(event).map_err(|_| Failure::Unusable(format!("{name} cannot be written down")))?;
        Ok(Self { name, at: at.to_string(), json, mark: fresh_mark() })
    }

    /// Whether an earlier try has recorded it.
    pub(super) async fn is_there(&self, connection: &mut PgConnection) -> Result<bool, Failure> {
        let there = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM events WHERE mark = $1::text::uuid)");
        Ok(there.bind(&self.mark).fetch_one(connection).await?)
    }
}

/// A mark that nothing else has.
pub(super) fn fresh_mark() -> String {
    Uuid::new_v4().to_string()
}

/// The number of a request as the server has numbers.
pub(super) fn issue_number(issue: u32) -> Result<i32, Failure> {
    i32::try_from(issue).map_err(|_| Failure::Unusable("a request has too high a number".to_owned()))
}

/// Which attempts are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which {
    /// Those that have not ended.
    Unfinished,
    /// The latest ones.
    Latest(u32),
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
        query.fetch_all(connection).await?.iter().map(Row::of).collect()
    }
}

/// An attempt as the server has it: what is sealed is sealed still.
pub(super) struct Row {
    id: String,
    description: String,
    issue: Option<i32>,
    key: Option<Vec<u8>>,
    key_born: Option<String>,
    at: Vec<String>,
    events: Vec<String>,
}

impl Row {
    fn of(row: &PgRow) -> Result<Self, Failure> {
        Ok(Self {
            id: row.try_get(0)?,
            description: row.try_get(1)?,
            issue: row.try_get(2)?,
            key: row.try_get(3)?,
            key_born: row.try_get(4)?,
            at: row.try_get(5)?,
            events: row.try_get(6)?,
        })
    }

    /// Makes sense of it.
    pub(super) fn open(self, keys: &SealingKeys) -> Result<Recorded, Failure> {
        let damaged = |what: &str| Failure::Unreadable(format!("the attempt {} has {what}", self.id));
        let target: Target =
            serde_json::from_str(&self.description).map_err(|_| damaged("a target that cannot be read"))?;
        let id: AttemptId = self.id.parse().map_err(|_| damaged("no valid id"))?;
        let issue = self.issue.ok_or_else(|| damaged("no request for a secret"))?;
        let issue = u32::try_from(issue).map_err(|_| damaged("a request without a valid number"))?;
        let key = match &self.key {
            // Wiped with the end of the attempt: a fresh one that was never sent.
            None => IdempotencyKey::fresh(),
            Some(sealed) => {
                let context = SealContext { purpose: Purpose::IdempotencyKey, target: target.id(), attempt: id, issue };
                let opened = keys.open(&context, sealed);
                let opened = opened
                    .map_err(|error| Failure::Unreadable(format!("the idempotency key of {}: {error}", target.id())))?;
                key(&opened).ok_or_else(|| damaged("no valid idempotency key"))?
            }
        };
        let born = time(self.key_born.as_deref().unwrap_or_default())?;
        let attempt = Attempt::recorded(id, target.id().clone(), issue, key, born);
        let entry = |(at, event): (&String, &String)| -> Result<Entry, Failure> {
            let event = serde_json::from_str(event)
                .map_err(|_| Failure::Unreadable("it has an event that this version does not know".to_owned()))?;
            Ok(Entry { at: time(at)?, event })
        };
        let entries = self.at.iter().zip(&self.events).map(entry).collect::<Result<_, _>>()?;
        Ok(Recorded { target, attempt, entries })
    }
}

fn key(bytes: &Zeroizing<Vec<u8>>) -> Option<IdempotencyKey> {
    IdempotencyKey::new(std::str::from_utf8(bytes).ok()?).ok()
}

/// A time as the journal writes it.
fn time(text: &str) -> Result<Timestamp, Failure> {
    text.parse().map_err(|_| Failure::Unreadable("a time cannot be read".to_owned()))
}
