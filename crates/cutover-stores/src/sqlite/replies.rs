//! The statements about replies.

use cutover_core::{Reply, ReplySlot};
use cutover_engine::Event;
use jiff::Timestamp;
use sqlx::{Row as _, SqliteConnection};

use super::failure::Failure;
use super::writer::Operation;
use crate::record::{Kept, Written, open_reply, seal_reply};
use crate::sealing::SealingKeys;

/// Keeps a reply of an attempt that has not ended, whatever has become of the lease. What it holds is sealed already.
pub(super) struct Keep {
    slot: ReplySlot,
    sealed: Vec<u8>,
    event: Written,
}

impl Keep {
    pub(super) fn new(keys: &SealingKeys, slot: &ReplySlot, reply: &Reply, at: Timestamp) -> Result<Self, Failure> {
        let event = Written::new(&Event::ReplyKept, at).map_err(Failure::Unusable)?;
        Ok(Self { slot: slot.clone(), sealed: seal_reply(keys, slot, reply), event })
    }
}

impl Operation for Keep {
    type Output = Kept;

    async fn apply(&self, connection: &mut SqliteConnection) -> Result<Kept, Failure> {
        let attempt = sqlx::query(
            "SELECT seq, ended, (SELECT max(issue) FROM issues WHERE attempt = seq),
                    (SELECT reply FROM replies WHERE attempt = seq AND issue = ?3)
             FROM attempts WHERE id = ?1 AND target = ?2",
        )
        .bind(self.slot.attempt().to_string())
        .bind(self.slot.target().as_str())
        .bind(i64::from(self.slot.issue()))
        .fetch_optional(&mut *connection)
        .await?;
        let Some(attempt) = attempt else {
            return Err(Failure::Unusable("the attempt was never begun".to_owned()));
        };
        let (seq, ended): (i64, bool) = (attempt.try_get(0)?, attempt.try_get(1)?);
        let (latest, there): (Option<i64>, Option<Vec<u8>>) = (attempt.try_get(2)?, attempt.try_get(3)?);
        if let Some(there) = there {
            return Ok(Kept::Before(there));
        }
        if ended {
            // What is sealed is wiped with the end of the attempt; nothing would ever wipe this.
            return Err(Failure::Unusable("the attempt has ended".to_owned()));
        }
        // A reply that comes after the attempt has asked again is kept all the same. The event would say of the later
        // request what is true of this one only.
        let statements = if latest == Some(i64::from(self.slot.issue())) {
            "INSERT INTO replies (attempt, issue, reply) VALUES (?1, ?2, ?3);
             INSERT INTO events (attempt, ordinal, at, event)
             VALUES (?1, (SELECT coalesce(max(ordinal), 0) + 1 FROM events WHERE attempt = ?1), ?4, ?5)"
        } else {
            "INSERT INTO replies (attempt, issue, reply) VALUES (?1, ?2, ?3)"
        };
        sqlx::query(statements)
            .bind(seq)
            .bind(i64::from(self.slot.issue()))
            .bind(&self.sealed)
            .bind(&self.event.at)
            .bind(&self.event.json)
            .execute(connection)
            .await?;
        Ok(Kept::Now)
    }
}

/// Gives back what was kept.
pub(super) async fn recall(
    connection: &mut SqliteConnection,
    keys: &SealingKeys,
    slot: &ReplySlot,
) -> Result<Option<Reply>, Failure> {
    let row = sqlx::query(
        "SELECT reply FROM replies JOIN attempts ON attempts.seq = replies.attempt
         WHERE attempts.id = ?1 AND attempts.target = ?2 AND replies.issue = ?3",
    )
    .bind(slot.attempt().to_string())
    .bind(slot.target().as_str())
    .bind(i64::from(slot.issue()))
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    opened(keys, slot, row.try_get(0)?).map(Some)
}

/// The reply that was kept so.
pub(super) fn opened(keys: &SealingKeys, slot: &ReplySlot, sealed: &[u8]) -> Result<Reply, Failure> {
    open_reply(keys, slot, sealed).map_err(Failure::Unreadable)
}
