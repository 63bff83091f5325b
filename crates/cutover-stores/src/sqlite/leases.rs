//! The statements about leases.

use std::time::Duration;

use cutover_core::TargetId;
use cutover_engine::{JournalError, Lease};
use jiff::Timestamp;
use sqlx::{Row as _, SqliteConnection};

use super::failure::Failure;
use super::writer::Operation;
use crate::record::time;

/// Takes the lease on a target, if it is free.
pub(super) struct Take {
    pub(super) target: TargetId,
    pub(super) holder: String,
    pub(super) now: Timestamp,
    pub(super) ttl: Duration,
}

/// What came of it.
pub(super) enum Taken {
    Lease(Lease),
    /// A worker has it, until then.
    By(String, Timestamp),
}

impl Operation for Take {
    type Output = Taken;

    async fn apply(&self, connection: &mut SqliteConnection) -> Result<Taken, Failure> {
        let fence = match row(connection, &self.target).await? {
            Some(Row { holder: Some(holder), expires_at: Some(until), .. }) if self.now < until => {
                return Ok(Taken::By(holder, until));
            }
            Some(Row { fence, .. }) => fence + 1,
            None => 1,
        };
        let lease = u64::try_from(fence).map_err(|_| Failure::Unreadable("a fence is negative".to_owned()))?;
        sqlx::query(
            "INSERT INTO leases (target, fence, holder, expires_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (target) DO UPDATE SET fence = ?2, holder = ?3, expires_at = ?4",
        )
        .bind(self.target.as_str())
        .bind(fence)
        .bind(&self.holder)
        .bind(end(self.now, self.ttl).to_string())
        .execute(connection)
        .await?;
        Ok(Taken::Lease(Lease::new(self.target.clone(), lease)))
    }
}

/// Keeps a lease for longer.
pub(super) struct Renew {
    pub(super) lease: Lease,
    pub(super) holder: String,
    pub(super) now: Timestamp,
    pub(super) ttl: Duration,
}

impl Operation for Renew {
    type Output = ();

    async fn apply(&self, connection: &mut SqliteConnection) -> Result<(), Failure> {
        let renewed = sqlx::query("UPDATE leases SET holder = ?3, expires_at = ?4 WHERE target = ?1 AND fence = ?2")
            .bind(self.lease.target().as_str())
            .bind(number(self.lease.fence()))
            .bind(&self.holder)
            .bind(end(self.now, self.ttl).to_string())
            .execute(connection)
            .await?;
        match renewed.rows_affected() {
            0 => Err(lost(&self.lease)),
            _ => Ok(()),
        }
    }
}

/// Gives a lease back, unless it was lost already.
pub(super) struct Release {
    pub(super) lease: Lease,
}

impl Operation for Release {
    type Output = ();

    async fn apply(&self, connection: &mut SqliteConnection) -> Result<(), Failure> {
        sqlx::query("UPDATE leases SET holder = NULL, expires_at = NULL WHERE target = ?1 AND fence = ?2")
            .bind(self.lease.target().as_str())
            .bind(number(self.lease.fence()))
            .execute(connection)
            .await?;
        Ok(())
    }
}

/// Frees every lease of a worker that is dead or leaves.
pub(super) struct ReleaseAllOf {
    pub(super) holder: String,
}

impl Operation for ReleaseAllOf {
    type Output = ();

    async fn apply(&self, connection: &mut SqliteConnection) -> Result<(), Failure> {
        sqlx::query("UPDATE leases SET holder = NULL, expires_at = NULL WHERE holder = ?1")
            .bind(&self.holder)
            .execute(connection)
            .await?;
        Ok(())
    }
}

/// Shows that nobody has taken the lease over.
pub(super) async fn check(connection: &mut SqliteConnection, lease: &Lease) -> Result<(), Failure> {
    match row(connection, lease.target()).await? {
        Some(row) if row.fence == number(lease.fence()) => Ok(()),
        Some(_) | None => Err(lost(lease)),
    }
}

fn lost(lease: &Lease) -> Failure {
    Failure::Answer(JournalError::Fenced { target: lease.target().clone() })
}

struct Row {
    fence: i64,
    holder: Option<String>,
    expires_at: Option<Timestamp>,
}

async fn row(connection: &mut SqliteConnection, target: &TargetId) -> Result<Option<Row>, Failure> {
    let found = sqlx::query("SELECT fence, holder, expires_at FROM leases WHERE target = ?1")
        .bind(target.as_str())
        .fetch_optional(connection)
        .await?;
    let Some(found) = found else { return Ok(None) };
    let expires_at: Option<String> = found.try_get(2)?;
    let expires_at = expires_at.map(|text| time(&text)).transpose().map_err(Failure::Unreadable)?;
    Ok(Some(Row { fence: found.try_get(0)?, holder: found.try_get(1)?, expires_at }))
}

/// A fence as SQLite has numbers. None is ever given out that does not fit.
pub(super) fn number(fence: u64) -> i64 {
    i64::try_from(fence).unwrap_or(-1)
}

/// The end of a lease; a lease too long for the calendar lasts until its end.
fn end(now: Timestamp, ttl: Duration) -> Timestamp {
    now.checked_add(ttl).unwrap_or(Timestamp::MAX)
}
