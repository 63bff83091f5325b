//! The statements about replies.

use cutover_core::{Reply, ReplySlot};
use cutover_engine::Event;
use jiff::Timestamp;
use sqlx::{Row as _, SqliteConnection};

use super::failure::Failure;
use super::{Operation, records};
use crate::sealing::{Purpose, SealContext, SealingKeys};

/// Keeps a reply of an attempt that has not ended, whatever has become of the lease.
pub(super) struct Keep<'a> {
    pub(super) keys: &'a SealingKeys,
    pub(super) slot: &'a ReplySlot,
    pub(super) reply: &'a Reply,
    pub(super) at: Timestamp,
}

impl Operation for Keep<'_> {
    type Output = ();

    async fn apply(&self, connection: &mut SqliteConnection) -> Result<(), Failure> {
        let attempt = sqlx::query("SELECT seq, ended FROM attempts WHERE id = ?1 AND target = ?2")
            .bind(self.slot.attempt().to_string())
            .bind(self.slot.target().as_str())
            .fetch_optional(&mut *connection)
            .await?;
        let Some(attempt) = attempt else {
            return Err(Failure::Unusable("the attempt was never begun".to_owned()));
        };
        let (seq, ended): (i64, bool) = (attempt.try_get(0)?, attempt.try_get(1)?);
        match recall(connection, self.keys, self.slot).await? {
            Some(kept) if kept == *self.reply => return Ok(()),
            Some(_) => return Err(Failure::Unusable("another reply is kept in its place".to_owned())),
            None => {}
        }
        if ended {
            // What is sealed is wiped with the end of the attempt; nothing would ever wipe this.
            return Err(Failure::Unusable("the attempt has ended".to_owned()));
        }
        let sealed = self.keys.seal(&SealContext::of(Purpose::Reply, self.slot), &self.reply.encode());
        sqlx::query("INSERT INTO replies (attempt, issue, reply) VALUES (?1, ?2, ?3)")
            .bind(seq)
            .bind(i64::from(self.slot.issue()))
            .bind(sealed)
            .execute(&mut *connection)
            .await?;
        // A reply that comes after the attempt has asked again is kept all the same. The event would say of the later
        // request what is true of this one only.
        if is_latest(connection, seq, self.slot.issue()).await? {
            records::insert_event(connection, seq, &Event::ReplyKept, self.at).await?;
        }
        Ok(())
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
    let sealed: &[u8] = row.try_get(0)?;
    let unreadable = |why: String| Failure::Unreadable(format!("the reply kept for {}: {why}", slot.target()));
    let opened = keys.open(&SealContext::of(Purpose::Reply, slot), sealed);
    let opened = opened.map_err(|error| unreadable(error.to_string()))?;
    Reply::decode(&opened).map(Some).map_err(|error| unreadable(error.to_string()))
}

async fn is_latest(connection: &mut SqliteConnection, seq: i64, issue: u32) -> Result<bool, Failure> {
    let row = sqlx::query("SELECT max(issue) FROM issues WHERE attempt = ?1").bind(seq).fetch_one(connection).await?;
    Ok(row.try_get::<Option<i64>, _>(0)? == Some(i64::from(issue)))
}
