//! The statements about replies.

use cutover_core::{Reply, ReplySlot};
use cutover_engine::Event;
use jiff::Timestamp;
use sqlx::{PgConnection, Row as _};

use super::failure::Failure;
use super::records::{fresh_mark, issue_number};
use super::server::{Statement, Writes};
use crate::record::{Kept, Written, seal_reply};
use crate::sealing::SealingKeys;

/// Keeps a reply of an attempt that has not ended, whatever has become of the lease. What it holds is sealed already.
pub(super) struct Keep {
    slot: ReplySlot,
    issue: i32,
    sealed: Vec<u8>,
    event: Written,
    /// By which its event is told from others.
    mark: String,
}

impl Keep {
    pub(super) fn new(keys: &SealingKeys, slot: &ReplySlot, reply: &Reply, at: Timestamp) -> Result<Self, Failure> {
        let event = Written::new(&Event::ReplyKept, at).map_err(Failure::Unusable)?;
        let (issue, sealed) = (issue_number(slot.issue())?, seal_reply(keys, slot, reply));
        Ok(Self { slot: slot.clone(), issue, sealed, event, mark: fresh_mark() })
    }
}

impl Statement for Keep {
    type Output = Kept;

    fn writes(&self) -> Writes {
        Writes::Synced
    }

    async fn send(&self, connection: &mut PgConnection, _again: bool) -> Result<Kept, Failure> {
        // A reply that comes after the attempt has asked again is kept all the same. The event would say of the later
        // request what is true of this one only.
        let kept: Option<bool> = sqlx::query_scalar(
            "WITH one AS (
                UPDATE attempts SET entries = entries + 1 WHERE id = $1 AND target = $2 AND NOT ended
                    AND EXISTS (SELECT 1 FROM issues WHERE attempt = seq AND issue = $3 AND reply IS NULL)
                RETURNING seq, entries, asked
            ),
            kept AS (
                UPDATE issues SET reply = $4 FROM one WHERE attempt = seq AND issue = $3 AND reply IS NULL
                RETURNING seq, entries, asked = $3 AS latest
            ),
            told AS (
                INSERT INTO events (attempt, ordinal, mark, at, event)
                SELECT seq, entries, $5::text::uuid, $6, $7 FROM kept WHERE latest
            )
            SELECT latest FROM kept",
        )
        .bind(self.slot.attempt().to_string())
        .bind(self.slot.target().as_str())
        .bind(self.issue)
        .bind(&self.sealed)
        .bind(&self.mark)
        .bind(&self.event.at)
        .bind(&self.event.json)
        .fetch_optional(&mut *connection)
        .await?;
        if kept.is_some() {
            return Ok(Kept::Now);
        }
        let row = sqlx::query(
            "SELECT ended, issue IS NULL, reply FROM attempts
             LEFT JOIN issues ON attempt = seq AND issue = $3 WHERE id = $1 AND target = $2",
        )
        .bind(self.slot.attempt().to_string())
        .bind(self.slot.target().as_str())
        .bind(self.issue)
        .fetch_optional(connection)
        .await?;
        let Some(row) = row else { return Err(Failure::Unusable("the attempt was never begun".to_owned())) };
        let (ended, unasked, there): (bool, bool, Option<Vec<u8>>) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        match there {
            // The same one, from an earlier try, or another.
            Some(there) => Ok(Kept::Before(there)),
            // What is sealed is wiped with the end of the attempt; nothing would ever wipe this.
            None if ended => Err(Failure::Unusable("the attempt has ended".to_owned())),
            None if unasked => Err(Failure::Unusable("this request was never begun".to_owned())),
            None => Err(Failure::Unusable("somebody else was in the way of a reply".to_owned())),
        }
    }
}

/// Gives back what was kept, sealed.
pub(super) struct Recall {
    pub(super) slot: ReplySlot,
}

impl Statement for Recall {
    type Output = Option<Vec<u8>>;

    async fn send(&self, connection: &mut PgConnection, _again: bool) -> Result<Option<Vec<u8>>, Failure> {
        let found: Option<Vec<u8>> = sqlx::query_scalar(
            "SELECT reply FROM issues JOIN attempts ON attempt = seq
             WHERE id = $1 AND target = $2 AND issue = $3 AND reply IS NOT NULL",
        )
        .bind(self.slot.attempt().to_string())
        .bind(self.slot.target().as_str())
        .bind(issue_number(self.slot.issue())?)
        .fetch_optional(connection)
        .await?;
        Ok(found)
    }
}
