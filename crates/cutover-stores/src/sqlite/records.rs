//! The statements about attempts and events.

use std::collections::BTreeMap;

use cutover_core::TargetId;
use cutover_engine::Recorded;
use sqlx::{Row as _, SqliteConnection};

use super::failure::Failure;
use super::leases;
use super::writer::Operation;
use crate::record::{Begins, Issue, NewEntry, Row, Which};
use crate::sealing::SealingKeys;

impl Operation for NewEntry {
    type Output = ();

    async fn apply(&self, connection: &mut SqliteConnection) -> Result<(), Failure> {
        if let Some(begins) = &self.begins {
            return begin(self, begins, connection).await;
        }
        let rows = sqlx::query(
            "INSERT INTO events (attempt, ordinal, at, event)
             SELECT seq, (SELECT coalesce(max(ordinal), 0) + 1 FROM events WHERE attempt = seq), ?4, ?5
             FROM attempts JOIN leases ON leases.target = ?1 AND leases.fence = ?2
             WHERE attempts.id = ?3 AND attempts.target = ?1 RETURNING attempt",
        )
        .bind(self.lease.target().as_str())
        .bind(leases::number(self.lease.fence()))
        .bind(&self.attempt)
        .bind(&self.event.at)
        .bind(&self.event.json)
        .fetch_all(&mut *connection)
        .await?;
        match rows.first() {
            None => refused(self, connection).await,
            Some(row) if self.ends => end(connection, row.try_get(0)?).await,
            Some(_) => Ok(()),
        }
    }
}

/// Records a request for a secret, and with the first one the attempt.
async fn begin(entry: &NewEntry, begins: &Begins, connection: &mut SqliteConnection) -> Result<(), Failure> {
    // The update changes nothing and gives back the row that is there.
    let row = sqlx::query(
        "INSERT INTO attempts (id, target, description)
         SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM leases WHERE target = ?2 AND fence = ?4)
         ON CONFLICT (id) DO UPDATE SET id = excluded.id RETURNING seq",
    )
    .bind(&entry.attempt)
    .bind(entry.lease.target().as_str())
    .bind(&begins.description)
    .bind(leases::number(entry.lease.fence()))
    .fetch_all(&mut *connection)
    .await?;
    let Some(row) = row.first() else { return refused(entry, connection).await };
    // Again under the same number only when the caller repeats an append of which it never learnt the outcome.
    sqlx::query(
        "INSERT OR REPLACE INTO issues (attempt, issue, key, key_born) VALUES (?1, ?4, ?5, ?6);
         INSERT INTO events (attempt, ordinal, at, event)
         VALUES (?1, (SELECT coalesce(max(ordinal), 0) + 1 FROM events WHERE attempt = ?1), ?2, ?3)",
    )
    .bind(row.try_get::<i64, _>(0)?)
    .bind(&entry.event.at)
    .bind(&entry.event.json)
    .bind(i64::from(begins.issue))
    .bind(&begins.sealed_key)
    .bind(&begins.key_born)
    .execute(connection)
    .await?;
    Ok(())
}

/// Why nothing was written.
async fn refused(entry: &NewEntry, connection: &mut SqliteConnection) -> Result<(), Failure> {
    leases::check(connection, &entry.lease).await?;
    Err(Failure::Unusable(format!("{} of an attempt that was never begun", entry.event.name)))
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
        let (id, description) = (row.try_get(1)?, row.try_get(2)?);
        let (issue, entries) = (issues.remove(&seq), entries.remove(&seq).unwrap_or_default());
        let row = Row { id, description, issue, entries };
        recorded.push(row.open(keys).map_err(Failure::Unreadable)?);
    }
    Ok(recorded)
}

/// Time and event of the entries of each attempt.
async fn entries(
    connection: &mut SqliteConnection,
    wanted: &str,
) -> Result<BTreeMap<i64, Vec<(String, String)>>, Failure> {
    let rows = sqlx::query(
        "SELECT attempt, at, event FROM events WHERE attempt IN (SELECT value FROM json_each(?1))
         ORDER BY attempt, ordinal",
    )
    .bind(wanted)
    .fetch_all(connection)
    .await?;
    let mut entries: BTreeMap<i64, Vec<(String, String)>> = BTreeMap::new();
    for row in rows {
        entries.entry(row.try_get(0)?).or_default().push((row.try_get(1)?, row.try_get(2)?));
    }
    Ok(entries)
}

/// The latest request of each attempt.
async fn issues(connection: &mut SqliteConnection, wanted: &str) -> Result<BTreeMap<i64, Issue>, Failure> {
    let rows = sqlx::query(
        "SELECT attempt, issue, key, key_born FROM issues WHERE attempt IN (SELECT value FROM json_each(?1))
         ORDER BY attempt, issue",
    )
    .bind(wanted)
    .fetch_all(connection)
    .await?;
    let mut issues = BTreeMap::new();
    for row in rows {
        let issue = Issue { number: row.try_get(1)?, sealed_key: row.try_get(2)?, key_born: row.try_get(3)? };
        issues.insert(row.try_get(0)?, issue);
    }
    Ok(issues)
}
