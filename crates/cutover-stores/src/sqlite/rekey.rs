//! Sealing anew, row by row, while others write.

use cutover_engine::JournalError;
use sqlx::{Row as _, SqliteConnection};

use super::SqliteJournal;
use super::failure::Failure;
use super::writer::Operation;
use crate::record::Sealed;
use crate::sealing::Purpose;

/// A table of the journal that holds something sealed.
#[derive(Clone, Copy)]
struct Table {
    purpose: Purpose,
    select: &'static str,
    update: &'static str,
}

const TABLES: [Table; 2] = [
    Table {
        purpose: Purpose::Reply,
        select: "SELECT seq, id, target, issue, reply FROM replies JOIN attempts ON attempts.seq = replies.attempt
                 ORDER BY seq, issue",
        update: "UPDATE replies SET reply = ?3 WHERE attempt = ?1 AND issue = ?2 AND reply = ?4",
    },
    Table {
        purpose: Purpose::IdempotencyKey,
        select: "SELECT seq, id, target, issue, key FROM issues JOIN attempts ON attempts.seq = issues.attempt
                 WHERE key IS NOT NULL ORDER BY seq, issue",
        update: "UPDATE issues SET key = ?3 WHERE attempt = ?1 AND issue = ?2 AND key = ?4",
    },
];

/// Puts new sealed bytes in the place of old ones, if those are still there.
struct Swap {
    table: Table,
    seq: i64,
    old: Sealed,
    new: Vec<u8>,
}

impl Operation for Swap {
    type Output = u64;

    async fn apply(&self, connection: &mut SqliteConnection) -> Result<u64, Failure> {
        let done = sqlx::query(self.table.update)
            .bind(self.seq)
            .bind(self.old.issue)
            .bind(&self.new)
            .bind(&self.old.bytes)
            .execute(connection)
            .await?;
        Ok(done.rows_affected())
    }
}

impl SqliteJournal {
    /// Seals anew, under the key that seals, everything in the journal that another key has sealed, and says how much
    /// that was. Rotations may go on meanwhile: each piece is exchanged only if it is still what it was, so one that
    /// ended in between is left alone. Done again it does what is left.
    ///
    /// # Errors
    /// When something cannot be opened with any of the keys, or not be written. What came before it is done.
    pub async fn rekey(&self) -> Result<u64, JournalError> {
        let done = self.sealed_anew().await.map_err(|failure| failure.for_journal(&self.path))?;
        if done > 0
            && let Err(error) = self.checkpoint().await
        {
            // The log keeps what the old key sealed until somebody empties it; that is not worth failing for.
            tracing::warn!(%error, "the journal's log still holds what was sealed with the old key");
        }
        Ok(done)
    }

    async fn sealed_anew(&self) -> Result<u64, Failure> {
        let mut done = 0;
        for table in TABLES {
            let found = {
                let mut reader = self.readers.acquire().await?;
                sqlx::query(table.select).fetch_all(&mut *reader).await?
            };
            for row in found {
                let (attempt, target) = (row.try_get(1)?, row.try_get(2)?);
                let (issue, bytes) = (row.try_get(3)?, row.try_get(4)?);
                let old = Sealed { purpose: table.purpose, target, attempt, issue, bytes };
                if let Some(new) = old.anew(&self.keys).map_err(Failure::Unreadable)? {
                    done += self.write(Swap { table, seq: row.try_get(0)?, old, new }).await?;
                }
            }
        }
        Ok(done)
    }
}
