//! The statements about replies.

use cutover_core::{Reply, ReplySlot};
use cutover_engine::Event;
use jiff::Timestamp;
use sqlx::{Row as _, SqliteConnection};

use super::failure::Failure;
use super::records::Written;
use super::writer::Operation;
use crate::sealing::{Purpose, SealContext, SealingKeys};

/// Keeps a reply of an attempt that has not ended, whatever has become of the lease. What it holds is sealed already.
pub(super) struct Keep {
    slot: ReplySlot,
    sealed: Vec<u8>,
    event: Written,
}

/// What came of it.
pub(super) enum Done {
    Kept,
    /// This one, sealed, is kept in its place already.
    There(Vec<u8>),
}

impl Keep {
    pub(super) fn new(keys: &SealingKeys, slot: &ReplySlot, reply: &Reply, at: Timestamp) -> Result<Self, Failure> {
        let sealed = keys.seal(&SealContext::of(Purpose::Reply, slot), &reply.encode());
        Ok(Self { slot: slot.clone(), sealed, event: Written::new(&Event::ReplyKept, at)? })
    }
}

impl Operation for Keep {
    type Output = Done;

    async fn apply(&self, connection: &mut SqliteConnection) -> Result<Done, Failure> {
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
            return Ok(Done::There(there));
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
        Ok(Done::Kept)
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
    open(keys, slot, row.try_get(0)?).map(Some)
}

/// Opens a sealed reply.
pub(super) fn open(keys: &SealingKeys, slot: &ReplySlot, sealed: &[u8]) -> Result<Reply, Failure> {
    let unreadable = |why: String| Failure::Unreadable(format!("the reply kept for {}: {why}", slot.target()));
    let opened = keys.open(&SealContext::of(Purpose::Reply, slot), sealed);
    let opened = opened.map_err(|error| unreadable(error.to_string()))?;
    Reply::decode(&opened).map_err(|error| unreadable(error.to_string()))
}
