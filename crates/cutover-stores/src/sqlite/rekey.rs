//! Sealing anew, row by row, while others write.

use cutover_core::{AttemptId, TargetId};
use sqlx::{Row as _, SqliteConnection};

use super::SqliteJournal;
use super::failure::Failure;
use super::writer::Operation;
use crate::sealing::{Purpose, SealContext, SealingKeys};

/// What a table of the journal holds sealed.
#[derive(Clone, Copy)]
enum Kept {
    Replies,
    Keys,
}

impl Kept {
    const ALL: [Self; 2] = [Self::Replies, Self::Keys];

    fn purpose(self) -> Purpose {
        match self {
            Self::Replies => Purpose::Reply,
            Self::Keys => Purpose::IdempotencyKey,
        }
    }

    fn select(self) -> &'static str {
        match self {
            Self::Replies => {
                "SELECT seq, id, target, issue, reply FROM replies JOIN attempts ON attempts.seq = replies.attempt
                 ORDER BY seq, issue"
            }
            Self::Keys => {
                "SELECT seq, id, target, issue, key FROM issues JOIN attempts ON attempts.seq = issues.attempt
                 WHERE key IS NOT NULL ORDER BY seq, issue"
            }
        }
    }

    fn update(self) -> &'static str {
        match self {
            Self::Replies => "UPDATE replies SET reply = ?3 WHERE attempt = ?1 AND issue = ?2 AND reply = ?4",
            Self::Keys => "UPDATE issues SET key = ?3 WHERE attempt = ?1 AND issue = ?2 AND key = ?4",
        }
    }
}

/// Puts new sealed bytes in the place of old ones, if those are still there.
struct Swap {
    kept: Kept,
    seq: i64,
    issue: i64,
    old: Vec<u8>,
    new: Vec<u8>,
}

impl Operation for Swap {
    type Output = u64;

    async fn apply(&self, connection: &mut SqliteConnection) -> Result<u64, Failure> {
        let done = sqlx::query(self.kept.update())
            .bind(self.seq)
            .bind(self.issue)
            .bind(&self.new)
            .bind(&self.old)
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
    pub async fn rekey(&self) -> Result<u64, cutover_engine::JournalError> {
        let rekeyed = async {
            let mut done = 0;
            for kept in Kept::ALL {
                let found = {
                    let mut reader = self.readers.acquire().await?;
                    sqlx::query(kept.select()).fetch_all(&mut *reader).await?
                };
                for row in found {
                    let (seq, issue, old): (i64, i64, Vec<u8>) = (row.try_get(0)?, row.try_get(3)?, row.try_get(4)?);
                    if SealingKeys::key_of(&old) == Some(self.keys.current().id()) {
                        continue;
                    }
                    let new = self.reseal(kept, row.try_get(1)?, row.try_get(2)?, issue, &old)?;
                    done += self.write(Swap { kept, seq, issue, old, new }).await?;
                }
            }
            Ok(done)
        };
        let done = rekeyed.await.map_err(|failure: Failure| failure.for_journal(&self.path))?;
        if done > 0
            && let Err(error) = self.checkpoint().await
        {
            // The log keeps what the old key sealed until somebody empties it; that is not worth failing for.
            tracing::warn!(%error, "the journal's log still holds what was sealed with the old key");
        }
        Ok(done)
    }

    fn reseal(&self, kept: Kept, id: &str, target: &str, issue: i64, old: &[u8]) -> Result<Vec<u8>, Failure> {
        let damaged = || Failure::Unreadable(format!("the attempt {id} has no valid name"));
        let attempt: AttemptId = id.parse().map_err(|_| damaged())?;
        let target = TargetId::new(target).map_err(|_| damaged())?;
        let issue = u32::try_from(issue).map_err(|_| damaged())?;
        let context = SealContext { purpose: kept.purpose(), target: &target, attempt, issue };
        let opened = self.keys.open(&context, old);
        let opened = opened.map_err(|error| Failure::Unreadable(format!("what is sealed for {target}: {error}")))?;
        Ok(self.keys.seal(&context, &opened))
    }
}
