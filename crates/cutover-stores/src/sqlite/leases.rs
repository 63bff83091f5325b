//! The statements about leases.

use std::time::Duration;

use cutover_core::TargetId;
use cutover_engine::{JournalError, Lease};
use jiff::Timestamp;
use sqlx::{Row as _, SqliteConnection};

use super::Operation;
use super::failure::Failure;

/// Takes the lease on a target.
pub(super) struct Take<'a> {
    pub(super) target: &'a TargetId,
    pub(super) holder: &'a str,
    pub(super) now: Timestamp,
    pub(super) ttl: Duration,
}

impl Operation for Take<'_> {
    type Output = Lease;

    async fn apply(&self, connection: &mut SqliteConnection) -> Result<Lease, Failure> {
        let fence = match row(connection, self.target).await? {
            Some(Row { holder: Some(_), expires_at: Some(until), .. }) if self.now < until => {
                return Err(Failure::Answer(JournalError::Busy { target: self.target.clone(), until: Some(until) }));
            }
            Some(Row { fence, .. }) => fence + 1,
            None => 1,
        };
        sqlx::query(
            "INSERT INTO leases (target, fence, holder, expires_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (target) DO UPDATE SET fence = ?2, holder = ?3, expires_at = ?4",
        )
        .bind(self.target.as_str())
        .bind(fence)
        .bind(self.holder)
        .bind(end(self.now, self.ttl).to_string())
        .execute(connection)
        .await?;
        let fence = u64::try_from(fence).map_err(|_| Failure::Unreadable("a fence is negative".to_owned()))?;
        Ok(Lease::new(self.target.clone(), fence))
    }
}

/// Keeps a lease for longer.
pub(super) struct Renew<'a> {
    pub(super) lease: &'a Lease,
    pub(super) holder: &'a str,
    pub(super) now: Timestamp,
    pub(super) ttl: Duration,
}

impl Operation for Renew<'_> {
    type Output = ();

    async fn apply(&self, connection: &mut SqliteConnection) -> Result<(), Failure> {
        check(connection, self.lease).await?;
        sqlx::query("UPDATE leases SET holder = ?2, expires_at = ?3 WHERE target = ?1")
            .bind(self.lease.target().as_str())
            .bind(self.holder)
            .bind(end(self.now, self.ttl).to_string())
            .execute(connection)
            .await?;
        Ok(())
    }
}

/// Gives a lease back, unless it was lost already.
pub(super) struct Release<'a> {
    pub(super) lease: &'a Lease,
}

impl Operation for Release<'_> {
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
pub(super) struct ReleaseAllOf<'a> {
    pub(super) holder: &'a str,
}

impl Operation for ReleaseAllOf<'_> {
    type Output = ();

    async fn apply(&self, connection: &mut SqliteConnection) -> Result<(), Failure> {
        sqlx::query("UPDATE leases SET holder = NULL, expires_at = NULL WHERE holder = ?1")
            .bind(self.holder)
            .execute(connection)
            .await?;
        Ok(())
    }
}

/// Shows that nobody has taken the lease over.
pub(super) async fn check(connection: &mut SqliteConnection, lease: &Lease) -> Result<(), Failure> {
    match row(connection, lease.target()).await? {
        Some(row) if row.fence == number(lease.fence()) => Ok(()),
        Some(_) | None => Err(Failure::Answer(JournalError::Fenced { target: lease.target().clone() })),
    }
}

/// Who holds the lease on a target at `now`, if anybody.
pub(super) async fn holder(
    connection: &mut SqliteConnection,
    target: &TargetId,
    now: Timestamp,
) -> Result<Option<String>, Failure> {
    let row = row(connection, target).await?;
    Ok(row.filter(|row| row.expires_at.is_some_and(|until| now < until)).and_then(|row| row.holder))
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
    let expires_at = expires_at.map(|text| super::records::time(&text)).transpose()?;
    Ok(Some(Row { fence: found.try_get(0)?, holder: found.try_get(1)?, expires_at }))
}

/// A fence as SQLite has numbers. None is ever given out that does not fit.
fn number(fence: u64) -> i64 {
    i64::try_from(fence).unwrap_or(-1)
}

/// The end of a lease; a lease too long for the calendar lasts until its end.
fn end(now: Timestamp, ttl: Duration) -> Timestamp {
    now.checked_add(ttl).unwrap_or(Timestamp::MAX)
}
