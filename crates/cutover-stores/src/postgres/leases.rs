//! The statements about leases.

use std::time::Duration;

use cutover_core::TargetId;
use cutover_engine::{JournalError, Lease};
use jiff::Timestamp;
use sqlx::{PgConnection, Row as _};

use super::failure::Failure;
use super::server::{Statement, Writes};

/// A hundred years, within what the server can count.
const MICROS_MAX: i64 = 100 * 365 * 86_400 * 1_000_000;
/// How often a lease that was free a moment ago is tried to be taken.
const TAKES_MAX: u32 = 3;

/// From when a lease counts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Now {
    /// As the server's clock says.
    Server,
    /// As the caller says.
    Given(Timestamp),
}

impl Now {
    /// What is bound in its place; null for the server's clock.
    fn bound(self) -> Option<String> {
        match self {
            Self::Server => None,
            Self::Given(at) => Some(at.to_string()),
        }
    }
}

/// Takes the lease on a target, if it is free. Workers never wait for each other here.
pub(super) struct Take {
    pub(super) target: TargetId,
    pub(super) holder: i64,
    /// By which an earlier try is found again.
    pub(super) mark: String,
    pub(super) now: Now,
    pub(super) ttl: Duration,
}

/// What came of it.
pub(super) enum Taken {
    Lease(Lease),
    /// This worker has it, until then.
    By(i64, Timestamp),
    /// Somebody is taking it or giving it back this moment.
    InHand,
}

impl Statement for Take {
    type Output = Taken;

    fn writes(&self) -> Writes {
        Writes::Synced
    }

    async fn send(&self, connection: &mut PgConnection, _again: bool) -> Result<Taken, Failure> {
        for _ in 0..TAKES_MAX {
            // Whoever changes the row at this moment is not waited for.
            let fence: Option<i64> = sqlx::query_scalar(
                "WITH clock AS MATERIALIZED (
                    SELECT coalesce($3::text::timestamptz, clock_timestamp()) AS now
                ),
                free AS MATERIALIZED (
                    SELECT target, now FROM leases, clock WHERE target = $1 AND (holder IS NULL OR expires_at <= now)
                    FOR UPDATE OF leases SKIP LOCKED
                ),
                taken AS (
                    UPDATE leases SET fence = fence + 1, holder = $2, mark = $5::text::uuid,
                        expires_at = free.now + $4 * interval '1 microsecond'
                    FROM free WHERE leases.target = free.target RETURNING fence
                ),
                first AS (
                    INSERT INTO leases (target, fence, holder, mark, expires_at)
                    SELECT $1, 1, $2, $5::text::uuid, now + $4 * interval '1 microsecond' FROM clock
                    WHERE NOT EXISTS (SELECT 1 FROM leases WHERE target = $1)
                    ON CONFLICT (target) DO NOTHING RETURNING fence
                )
                SELECT fence FROM taken UNION ALL SELECT fence FROM first",
            )
            .bind(self.target.as_str())
            .bind(self.holder)
            .bind(self.now.bound())
            .bind(micros(self.ttl))
            .bind(&self.mark)
            .fetch_optional(&mut *connection)
            .await?;
            if let Some(fence) = fence {
                return Ok(Taken::Lease(self.lease(fence)?));
            }
            // Looked at by itself: a later statement sees more than the one before it.
            let row = sqlx::query(
                "SELECT fence, holder, mark = $3::text::uuid, (extract(epoch FROM expires_at) * 1000000)::bigint,
                        coalesce($2::text::timestamptz, clock_timestamp()) < expires_at
                 FROM leases WHERE target = $1",
            )
            .bind(self.target.as_str())
            .bind(self.now.bound())
            .bind(&self.mark)
            .fetch_optional(&mut *connection)
            .await?;
            let Some(row) = row else { continue };
            let (holder, until): (Option<i64>, Option<i64>) = (row.try_get(1)?, row.try_get(3)?);
            let (ours, holds): (Option<bool>, Option<bool>) = (row.try_get(2)?, row.try_get(4)?);
            match (holder, until) {
                // An earlier try, of which no answer came.
                (Some(_), _) if ours == Some(true) => return Ok(Taken::Lease(self.lease(row.try_get(0)?)?)),
                (Some(holder), Some(until)) if holds == Some(true) => {
                    return Ok(Taken::By(holder, Timestamp::from_microsecond(until).unwrap_or(Timestamp::MAX)));
                }
                _ => {}
            }
        }
        Ok(Taken::InHand)
    }
}

impl Take {
    fn lease(&self, fence: i64) -> Result<Lease, Failure> {
        let fence = u64::try_from(fence).map_err(|_| Failure::Unreadable("a fence is negative".to_owned()))?;
        Ok(Lease::new(self.target.clone(), fence))
    }
}

/// Keeps a lease for longer.
pub(super) struct Renew {
    pub(super) lease: Lease,
    pub(super) holder: i64,
    pub(super) now: Now,
    pub(super) ttl: Duration,
}

impl Statement for Renew {
    type Output = ();

    fn writes(&self) -> Writes {
        Writes::Synced
    }

    async fn send(&self, connection: &mut PgConnection, _again: bool) -> Result<(), Failure> {
        let renewed = sqlx::query(
            "UPDATE leases SET holder = $3,
                expires_at = coalesce($4::text::timestamptz, clock_timestamp()) + $5 * interval '1 microsecond'
             WHERE target = $1 AND fence = $2",
        )
        .bind(self.lease.target().as_str())
        .bind(number(self.lease.fence()))
        .bind(self.holder)
        .bind(self.now.bound())
        .bind(micros(self.ttl))
        .execute(connection)
        .await?;
        if renewed.rows_affected() == 0 { Err(lost(&self.lease)) } else { Ok(()) }
    }
}

/// Gives a lease back, unless it was lost already. One whose return is lost in a crash of the server lasts until it
/// ends: so nothing waits for the disk.
pub(super) struct Release {
    pub(super) lease: Lease,
}

impl Statement for Release {
    type Output = ();

    fn writes(&self) -> Writes {
        Writes::WithNext
    }

    async fn send(&self, connection: &mut PgConnection, _again: bool) -> Result<(), Failure> {
        sqlx::query(
            "WITH mode AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
             UPDATE leases SET holder = NULL, expires_at = NULL FROM mode WHERE target = $1 AND fence = $2",
        )
        .bind(self.lease.target().as_str())
        .bind(number(self.lease.fence()))
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// Shows that nobody has taken the lease over.
pub(super) async fn check(connection: &mut PgConnection, lease: &Lease) -> Result<(), Failure> {
    let fence: Option<i64> = sqlx::query_scalar("SELECT fence FROM leases WHERE target = $1")
        .bind(lease.target().as_str())
        .fetch_optional(connection)
        .await?;
    if fence == Some(number(lease.fence())) { Ok(()) } else { Err(lost(lease)) }
}

fn lost(lease: &Lease) -> Failure {
    Failure::Answer(JournalError::Fenced { target: lease.target().clone() })
}

/// A fence as the server has numbers. None is ever given out that does not fit.
pub(super) fn number(fence: u64) -> i64 {
    i64::try_from(fence).unwrap_or(-1)
}

pub(super) fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(MICROS_MAX).min(MICROS_MAX)
}
