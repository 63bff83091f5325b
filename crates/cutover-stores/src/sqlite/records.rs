//! The statements about attempts and events.

use std::collections::BTreeMap;

use cutover_core::{Attempt, IdempotencyKey, ReplySlot, Target, TargetId};
use cutover_engine::{Entry, Event, Lease, Recorded};
use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};
use zeroize::Zeroizing;

use super::failure::Failure;
use super::{Operation, leases};
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

/// Records an event.
pub(super) struct Append<'a> {
    pub(super) keys: &'a SealingKeys,
    pub(super) lease: &'a Lease,
    pub(super) target: &'a Target,
    pub(super) attempt: &'a Attempt,
    pub(super) event: &'a Event,
    pub(super) at: Timestamp,
}

impl Operation for Append<'_> {
    type Output = ();

    async fn apply(&self, connection: &mut SqliteConnection) -> Result<(), Failure> {
        leases::check(connection, self.lease).await?;
        if self.lease.target() != self.target.id() || self.attempt.target() != self.target.id() {
            return Err(Failure::Unusable("lease, target and attempt do not belong together".to_owned()));
        }
        let begins = matches!(self.event, Event::IssueStarted { .. });
        let seq = match (seq(connection, self.attempt).await?, begins) {
            (Some(seq), _) => seq,
            (None, true) => self.begin(connection).await?,
            (None, false) => {
                let name = self.event.name();
                return Err(Failure::Unusable(format!("{name} of an attempt that was never begun")));
            }
        };
        if begins {
            self.record_key(connection, seq).await?;
        }
        insert_event(connection, seq, self.event, self.at).await?;
        if self.event.ends() {
            end(connection, seq).await?;
        }
        Ok(())
    }
}

impl Append<'_> {
    async fn begin(&self, connection: &mut SqliteConnection) -> Result<i64, Failure> {
        let description = serde_json::to_string(self.target)
            .map_err(|_| Failure::Unusable("the target cannot be written down".to_owned()))?;
        let row = sqlx::query("INSERT INTO attempts (id, target, description) VALUES (?1, ?2, ?3) RETURNING seq")
            .bind(self.attempt.id().to_string())
            .bind(self.target.id().as_str())
            .bind(description)
            .fetch_one(connection)
            .await?;
        Ok(row.try_get(0)?)
    }

    async fn record_key(&self, connection: &mut SqliteConnection, seq: i64) -> Result<(), Failure> {
        let slot = ReplySlot::of(self.attempt);
        let context = SealContext::of(Purpose::IdempotencyKey, &slot);
        let sealed = self.keys.seal(&context, self.attempt.key().as_header_value().as_bytes());
        // Again under the same number only when the caller repeats an append of which it never learnt the outcome.
        sqlx::query("INSERT OR REPLACE INTO issues (attempt, issue, key, key_born) VALUES (?1, ?2, ?3, ?4)")
            .bind(seq)
            .bind(i64::from(self.attempt.issue()))
            .bind(sealed)
            .bind(self.attempt.key_born().to_string())
            .execute(connection)
            .await?;
        Ok(())
    }
}

/// The row of an attempt, if it was begun.
async fn seq(connection: &mut SqliteConnection, attempt: &Attempt) -> Result<Option<i64>, Failure> {
    let row = sqlx::query("SELECT seq FROM attempts WHERE id = ?1")
        .bind(attempt.id().to_string())
        .fetch_optional(connection)
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Puts an event behind those that an attempt has.
pub(super) async fn insert_event(
    connection: &mut SqliteConnection,
    seq: i64,
    event: &Event,
    at: Timestamp,
) -> Result<(), Failure> {
    let event = serde_json::to_string(event)
        .map_err(|_| Failure::Unusable(format!("{} cannot be written down", event.name())))?;
    sqlx::query(
        "INSERT INTO events (attempt, ordinal, at, event)
         VALUES (?1, (SELECT coalesce(max(ordinal), 0) + 1 FROM events WHERE attempt = ?1), ?2, ?3)",
    )
    .bind(seq)
    .bind(at.to_string())
    .bind(event)
    .execute(connection)
    .await?;
    Ok(())
}

/// Wipes what an attempt has sealed.
async fn end(connection: &mut SqliteConnection, seq: i64) -> Result<(), Failure> {
    sqlx::query("UPDATE attempts SET ended = 1 WHERE seq = ?1").bind(seq).execute(&mut *connection).await?;
    sqlx::query("UPDATE issues SET key = NULL WHERE attempt = ?1").bind(seq).execute(&mut *connection).await?;
    sqlx::query("DELETE FROM replies WHERE attempt = ?1").bind(seq).execute(connection).await?;
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
