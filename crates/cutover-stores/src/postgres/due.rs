//! Which targets are left for one worker of several.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use cutover_core::{Attempt, KeepError, Reply, ReplyKeeper, ReplySlot, Target, TargetId};
use cutover_engine::{Event, Journal, JournalError, Lease, Recorded};
use jiff::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};

use super::PostgresJournal;
use super::failure::Failure;
use super::server::Statement;

/// A target that is unfinished, or was not rotated since some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The target.
    pub target: TargetId,
    /// Whether a worker has it in hand, as far as the journal knows.
    pub in_hand: bool,
    /// Whether a rotation of it is unfinished.
    pub unfinished: bool,
}

/// Looks which of the targets are due.
pub(super) struct LookUp {
    pub(super) targets: Vec<String>,
    pub(super) since: Timestamp,
}

impl Statement for LookUp {
    type Output = Vec<Due>;

    async fn send(&self, connection: &mut PgConnection, _again: bool) -> Result<Vec<Due>, Failure> {
        let rows = sqlx::query(
            "SELECT wanted.target, coalesce(clock_timestamp() < expires_at AND holder IS NOT NULL, false), open
             FROM unnest($1::text[]) WITH ORDINALITY AS wanted (target, nth)
             LEFT JOIN leases ON leases.target = wanted.target
             CROSS JOIN LATERAL (
                SELECT EXISTS (SELECT 1 FROM attempts WHERE target = wanted.target AND NOT ended) AS open
             ) AS unfinished
             WHERE open OR NOT EXISTS (
                SELECT 1 FROM attempts WHERE target = wanted.target AND $2::text::timestamptz <= finished_at
             )
             ORDER BY nth",
        )
        .bind(&self.targets)
        .bind(self.since.to_string())
        .fetch_all(connection)
        .await?;
        dues(&rows)
    }
}

/// Rows of a target, whether a worker has it in hand, and whether it is unfinished.
pub(super) fn dues(rows: &[PgRow]) -> Result<Vec<Due>, Failure> {
    let due = |row: &PgRow| -> Result<Due, Failure> {
        let target: String = row.try_get(0)?;
        let target = TargetId::new(target).map_err(|_| Failure::Unreadable("a target has no valid name".to_owned()))?;
        Ok(Due { target, in_hand: row.try_get(1)?, unfinished: row.try_get(2)? })
    };
    rows.iter().map(due).collect()
}

/// Looks which targets have an unfinished rotation that nobody has in hand: what a dead worker left, or a live one gave
/// up.
pub(super) struct LookForLeft;

impl Statement for LookForLeft {
    type Output = Vec<String>;

    async fn send(&self, connection: &mut PgConnection, _again: bool) -> Result<Vec<String>, Failure> {
        let left = sqlx::query_scalar(
            "SELECT target FROM attempts LEFT JOIN leases USING (target)
             WHERE NOT ended AND (holder IS NULL OR expires_at <= clock_timestamp()) ORDER BY seq",
        );
        Ok(left.fetch_all(connection).await?)
    }
}

/// A journal for one worker of several: it gives out no lease on a target that another worker has rotated meanwhile, or
/// with which more targets would be unfinished than may be.
///
/// Looking at the journal first is not enough. Between the look and the lease another worker may rotate the target and
/// give it back; then it would be rotated twice. Or another one may take the last place. So here the look comes after the
/// lease, which others see by then: of two that take the last place at once, one sees the other, or each does.
pub struct DueOnly {
    journal: Arc<PostgresJournal>,
    bounds: Mutex<Bounds>,
    refused: Mutex<BTreeMap<TargetId, Refused>>,
}

#[derive(Clone, Copy, Debug)]
struct Bounds {
    since: Timestamp,
    unfinished_max: Option<usize>,
}

/// Why a lease was given back at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    Rotated,
    NoRoom,
}

impl DueOnly {
    /// Counts a target as due when it is unfinished or was not rotated since then.
    pub fn new(journal: Arc<PostgresJournal>, since: Timestamp) -> Self {
        let bounds = Bounds { since, unfinished_max: None };
        Self { journal, bounds: Mutex::new(bounds), refused: Mutex::default() }
    }

    /// Counts from another time on.
    pub fn set_since(&self, since: Timestamp) {
        self.bounds().since = since;
    }

    /// Lets no more targets than this be unfinished or about to be, over all workers; what is unfinished is leased all
    /// the same. A worker that stood still for longer than its lease before it asked the vendor is not counted.
    pub fn set_unfinished_max(&self, unfinished_max: Option<usize>) {
        self.bounds().unfinished_max = unfinished_max;
    }

    /// Whether the lease on `target` was refused because it had been rotated; forgets it.
    pub fn was_rotated(&self, target: &TargetId) -> bool {
        self.was_refused(target, Refused::Rotated)
    }

    /// Whether the lease on `target` was refused because too many others are unfinished; forgets it.
    pub fn had_no_room(&self, target: &TargetId) -> bool {
        self.was_refused(target, Refused::NoRoom)
    }

    fn was_refused(&self, target: &TargetId, why: Refused) -> bool {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.get(target) == Some(&why) && refused.remove(target).is_some()
    }

    /// Why the target is to be left alone, now that nobody else can take it.
    async fn refused(&self, target: &TargetId) -> Result<Option<Refused>, JournalError> {
        let Bounds { since, unfinished_max } = *self.bounds();
        let due = self.journal.due(std::slice::from_ref(target), since).await?;
        let Some(due) = due.first() else { return Ok(Some(Refused::Rotated)) };
        match unfinished_max {
            Some(max) if !due.unfinished => {
                let others = self.journal.open_targets().await?.iter().filter(|open| open.target != *target).count();
                Ok((max <= others).then_some(Refused::NoRoom))
            }
            _ => Ok(None),
        }
    }

    fn bounds(&self) -> MutexGuard<'_, Bounds> {
        self.bounds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ReplyKeeper for DueOnly {
    async fn keep(&self, slot: &ReplySlot, reply: &Reply) -> Result<(), KeepError> {
        self.journal.keep(slot, reply).await
    }

    async fn recall(&self, slot: &ReplySlot) -> Result<Option<Reply>, KeepError> {
        self.journal.recall(slot).await
    }
}

#[async_trait]
impl Journal for DueOnly {
    async fn preflight(&self) -> Result<(), JournalError> {
        self.journal.preflight().await
    }

    /// # Errors
    /// [`JournalError::Busy`] without an end also when the target is not due any more, or too many are unfinished;
    /// [`DueOnly::was_rotated`] and [`DueOnly::had_no_room`] tell.
    async fn lease(&self, target: &TargetId, now: Timestamp, ttl: Duration) -> Result<Lease, JournalError> {
        let lease = self.journal.lease(target, now, ttl).await?;
        let refused = self.refused(target).await;
        if let Ok(None) = refused {
            return Ok(lease);
        }
        self.journal.release(&lease).await?;
        if let Some(why) = refused? {
            self.refused.lock().unwrap_or_else(PoisonError::into_inner).insert(target.clone(), why);
        }
        Err(JournalError::Busy { target: target.clone(), until: None })
    }

    async fn renew(&self, lease: &Lease, now: Timestamp, ttl: Duration) -> Result<(), JournalError> {
        self.journal.renew(lease, now, ttl).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), JournalError> {
        self.journal.release(lease).await
    }

    async fn append(
        &self,
        lease: &Lease,
        target: &Target,
        attempt: &Attempt,
        event: &Event,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        self.journal.append(lease, target, attempt, event, at).await
    }

    async fn note(
        &self,
        lease: &Lease,
        target: &Target,
        attempt: &Attempt,
        event: &Event,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        self.journal.note(lease, target, attempt, event, at).await
    }

    async fn unfinished(&self, target: Option<&TargetId>) -> Result<Vec<Recorded>, JournalError> {
        self.journal.unfinished(target).await
    }

    async fn history(&self, target: Option<&TargetId>, limit: u32) -> Result<Vec<Recorded>, JournalError> {
        self.journal.history(target, limit).await
    }
}

impl fmt::Debug for DueOnly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DueOnly")
            .field("journal", &self.journal)
            .field("bounds", &*self.bounds())
            .finish_non_exhaustive()
    }
}
