//! The statements about attempts and events.

use std::collections::BTreeMap;

use cutover_core::{Attempt, IdempotencyKey, Target, TargetId};
use cutover_engine::{Entry, Event, Lease, Recorded};
use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};
use zeroize::Zeroizing;

use super::failure::Failure;
use super::leases;
use super::writer::Operation;
use crate::sealing::{Purpose, SealContext, SealingKeys};

/// Shows that the database can be written to.
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

/// Records an event. Everything in it is plain or sealed already.
pub(super) struct Append {
    lease: Lease,
    id: String,
    event: Written,
    ends: bool,
    begins: Option<Begins>,
}

/// An event as it is written down.
pub(super) struct Written {
    pub(super) name: &'static str,
    pub(super) at: String,
    pub(super) json: String,
}

/// What an attempt's request for a secret adds to its event.
struct Begins {
    description: String,
    issue: u32,
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
    ) -> Result<Self, Failure> {
        if lease.target() != target.id() || attempt.target() != target.id() {
            return Err(Failure::Unusable("lease, target and attempt do not belong together".to_owned()));
        }
        let begins =
            matches!(event, Event::IssueStarted { .. }).then(|| Begins::new(keys, target, attempt)).transpose()?;
        let (id, event, ends) = (attempt.id().to_string(), Written::new(event, at)?, event.ends());
        Ok(Self { lease: lease.clone(), id, event, ends, begins })
    }

    /// Records a request for a secret, and with the first one the attempt.
    async fn begin(&self, begins: &Begins, connection: &mut SqliteConnection) -> Result<(), Failure> {
        // The update changes nothing and gives back the row that is there.
        let row = sqlx::query(
            "INSERT INTO attempts (id, target, description)
             SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM leases WHERE target = ?2 AND fence = ?4)
             ON CONFLICT (id) DO UPDATE SET id = excluded.id RETURNING seq",
        )
        .bind(&self.id)
        .bind(self.lease.target().as_str())
        .bind(&begins.description)
        .bind(leases::number(self.lease.fence()))
        .fetch_all(&mut *connection)
        .await?;
        let Some(row) = row.first() else { return self.refused(connection).await };
        // Again under the same number only when the caller repeats an append of which it never learnt the outcome.
        sqlx::query(
            "INSERT OR REPLACE INTO issues (attempt, issue, key, key_born) VALUES (?1, ?4, ?5, ?6);
             INSERT INTO events (attempt, ordinal, at, event)
             VALUES (?1, (SELECT coalesce(max(ordinal), 0) + 1 FROM events WHERE attempt = ?1), ?2, ?3)",
        )
        .bind(row.try_get::<i64, _>(0)?)
        .bind(&self.event.at)
        .bind(&self.event.json)
        .bind(i64::from(begins.issue))
        .bind(&begins.sealed_key)
        .bind(&begins.key_born)
        .execute(connection)
        .await?;
        Ok(())
    }

    /// Why nothing was written.
    async fn refused(&self, connection: &mut SqliteConnection) -> Result<(), Failure> {
        leases::check(connection, &self.lease).await?;
        Err(Failure::Unusable(format!("{} of an attempt that was never begun", self.event.name)))
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
        Ok(Self { description, issue: attempt.issue(), sealed_key, key_born: attempt.key_born().to_string() })
    }
}

impl Written {
    pub(super) fn new(event: &Event, at: Timestamp) -> Result<Self, Failure> {
        let name = event.name();
        let json =
            serde_json::to_string(event).map_err(|_| Failure::Unusable(format!("{name} cannot be written down")))?;
        Ok(Self { name, at: at.to_string(), json })
    }
}

impl Operation for Append {
    type Output = ();

    async fn apply(&self, connection: &mut SqliteConnection) -> Result<(), Failure> {
        if let Some(begins) = &self.begins {
            return self.begin(begins, connection).await;
        }
        let rows = sqlx::query(
            "INSERT INTO events (attempt, ordinal, at, event)
             SELECT seq, (SELECT coalesce(max(ordinal), 0) + 1 FROM events WHERE attempt = seq), ?4, ?5
             FROM attempts JOIN leases ON leases.target = ?1 AND leases.fence = ?2
             WHERE attempts.id = ?3 AND attempts.target = ?1 RETURNING attempt",
        )
        .bind(self.lease.target().as_str())
        .bind(leases::number(self.lease.fence()))
        .bind(&self.id)
        .bind(&self.event.at)
        .bind(&self.event.json)
        .fetch_all(&mut *connection)
        .await?;
        match rows.first() {
            None => self.refused(connection).await,
            Some(row) if self.ends => end(connection, row.try_get(0)?).await,
            Some(_) => Ok(()),
        }
    }
}

/// Wipes what an attempt has sealed.
async fn end(connection: &mut SqliteConnection, seq: i64) -> Result<(), Failure> {
    sqlx::query(
        "UPDATE attempts SET ended = 1 WHERE seq = ?1;
         UPDATE issues SET key = NULL WHERE attempt = ?1;
         DELETE FROM replies WHERE attempt = ?1",
    )
    .bind(seq)
    .execute(connection)
    .await?;
    Ok(())
}

/// Which attempts are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which {
    /// Those that have not ended.
    Unfinished,
    /// The latest ones.
    Latest(u32),
}

/// Reads attempts with all they have, oldest first. Needs a transaction around it to see one state of things.
pub(super) async fn read(
    connection: &mut SqliteConnection,
    keys: &SealingKeys,
    target: Option<&TargetId>,
    which: Which,
) -> Result<Vec<Recorded>, Failure> {
    let query = match (which, target) {
        (Which::Unfinished, None) => {
            sqlx::query("SELECT seq, id, description FROM attempts WHERE ended = 0 ORDER BY seq DESC")
        }
        (Which::Unfinished, Some(target)) => {
            sqlx::query("SELECT seq, id, description FROM attempts WHERE ended = 0 AND target = ?1 ORDER BY seq DESC")
                .bind(target.as_str())
        }
        (Which::Latest(limit), None) => {
            sqlx::query("SELECT seq, id, description FROM attempts ORDER BY seq DESC LIMIT ?1").bind(i64::from(limit))
        }
        (Which::Latest(limit), Some(target)) => {
            sqlx::query("SELECT seq, id, description FROM attempts WHERE target = ?1 ORDER BY seq DESC LIMIT ?2")
                .bind(target.as_str())
                .bind(i64::from(limit))
        }
    };
    let mut rows = query.fetch_all(&mut *connection).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    rows.reverse();
    let seqs = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<i64>, _>>()?;
    let wanted = serde_json::to_string(&seqs).map_err(|_| Failure::Unusable("too many attempts".to_owned()))?;
    let mut entries = entries(connection, &wanted).await?;
    let mut issues = issues(connection, &wanted).await?;
    let mut recorded = Vec::with_capacity(rows.len());
    for (row, seq) in rows.iter().zip(seqs) {
        let id: String = row.try_get(1)?;
        let damaged = |what: &str| Failure::Unreadable(format!("the attempt {id} has {what}"));
        let target: Target =
            serde_json::from_str(row.try_get(2)?).map_err(|_| damaged("a target that cannot be read"))?;
        let issue = issues.remove(&seq).ok_or_else(|| damaged("no request for a secret"))?;
        let attempt = attempt(keys, &target, id.parse().map_err(|_| damaged("no valid id"))?, issue)?;
        recorded.push(Recorded { target, attempt, entries: entries.remove(&seq).unwrap_or_default() });
    }
    Ok(recorded)
}

async fn entries(connection: &mut SqliteConnection, wanted: &str) -> Result<BTreeMap<i64, Vec<Entry>>, Failure> {
    let rows = sqlx::query(
        "SELECT attempt, at, event FROM events WHERE attempt IN (SELECT value FROM json_each(?1))
         ORDER BY attempt, ordinal",
    )
    .bind(wanted)
    .fetch_all(connection)
    .await?;
    let mut entries: BTreeMap<i64, Vec<Entry>> = BTreeMap::new();
    for row in rows {
        let event = serde_json::from_str(row.try_get(2)?)
            .map_err(|_| Failure::Unreadable("it has an event that this version does not know".to_owned()))?;
        entries.entry(row.try_get(0)?).or_default().push(Entry { at: time(row.try_get(1)?)?, event });
    }
    Ok(entries)
}

/// The latest request of an attempt.
struct Issue {
    number: u32,
    key: Option<Vec<u8>>,
    key_born: Timestamp,
}

async fn issues(connection: &mut SqliteConnection, wanted: &str) -> Result<BTreeMap<i64, Issue>, Failure> {
    let rows = sqlx::query(
        "SELECT attempt, issue, key, key_born FROM issues WHERE attempt IN (SELECT value FROM json_each(?1))
         ORDER BY attempt, issue",
    )
    .bind(wanted)
    .fetch_all(connection)
    .await?;
    let issue = |row: &SqliteRow| -> Result<(i64, Issue), Failure> {
        let number: i64 = row.try_get(1)?;
        let number =
            u32::try_from(number).map_err(|_| Failure::Unreadable("a request has no valid number".to_owned()))?;
        Ok((row.try_get(0)?, Issue { number, key: row.try_get(2)?, key_born: time(row.try_get(3)?)? }))
    };
    rows.iter().map(issue).collect()
}

fn attempt(keys: &SealingKeys, target: &Target, id: cutover_core::AttemptId, issue: Issue) -> Result<Attempt, Failure> {
    let key = match issue.key {
        // Wiped with the end of the attempt: a fresh one that was never sent.
        None => IdempotencyKey::fresh(),
        Some(sealed) => {
            let context =
                SealContext { purpose: Purpose::IdempotencyKey, target: target.id(), attempt: id, issue: issue.number };
            let opened = keys.open(&context, &sealed);
            let opened = opened
                .map_err(|error| Failure::Unreadable(format!("the idempotency key of {}: {error}", target.id())))?;
            key(&opened).ok_or_else(|| Failure::Unreadable(format!("{} has no valid idempotency key", target.id())))?
        }
    };
    Ok(Attempt::recorded(id, target.id().clone(), issue.number, key, issue.key_born))
}

fn key(bytes: &Zeroizing<Vec<u8>>) -> Option<IdempotencyKey> {
    IdempotencyKey::new(std::str::from_utf8(bytes).ok()?).ok()
}

/// A time as the journal writes it.
pub(super) fn time(text: &str) -> Result<Timestamp, Failure> {
    text.parse().map_err(|_| Failure::Unreadable("a time cannot be read".to_owned()))
}
