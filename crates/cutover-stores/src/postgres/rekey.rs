//! Sealing anew, piece by piece, while workers go on.

use cutover_engine::JournalError;
use sqlx::{PgConnection, Row as _};

use super::PostgresJournal;
use super::failure::Failure;
use super::server::{Statement, Writes};
use crate::record::Sealed;
use crate::sealing::Purpose;

/// Something sealed, with where it stands.
struct Piece {
    seq: i64,
    issue: i32,
    sealed: Sealed,
}

/// Everything that is sealed.
struct List;

impl Statement for List {
    type Output = Vec<Piece>;

    async fn send(&self, connection: &mut PgConnection, _again: bool) -> Result<Vec<Piece>, Failure> {
        let rows = sqlx::query(
            "SELECT seq, id, target, issue, key, reply FROM issues JOIN attempts ON attempt = seq
             WHERE key IS NOT NULL OR reply IS NOT NULL ORDER BY seq, issue",
        )
        .fetch_all(connection)
        .await?;
        let mut pieces = Vec::new();
        for row in rows {
            for (purpose, column) in [(Purpose::IdempotencyKey, 4), (Purpose::Reply, 5)] {
                let Some(bytes) = row.try_get::<Option<Vec<u8>>, _>(column)? else { continue };
                let (seq, attempt, target, issue) =
                    (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get::<i32, _>(3)?);
                let sealed = Sealed { purpose, target, attempt, issue: issue.into(), bytes };
                pieces.push(Piece { seq, issue, sealed });
            }
        }
        Ok(pieces)
    }
}

/// Puts new sealed bytes in the place of old ones, if those are still there.
struct Swap {
    piece: Piece,
    new: Vec<u8>,
}

impl Statement for Swap {
    type Output = u64;

    fn writes(&self) -> Writes {
        Writes::Synced
    }

    async fn send(&self, connection: &mut PgConnection, _again: bool) -> Result<u64, Failure> {
        let statement = match self.piece.sealed.purpose {
            Purpose::Reply => "UPDATE issues SET reply = $3 WHERE attempt = $1 AND issue = $2 AND reply = $4",
            _ => "UPDATE issues SET key = $3 WHERE attempt = $1 AND issue = $2 AND key = $4",
        };
        let done = sqlx::query(statement)
            .bind(self.piece.seq)
            .bind(self.piece.issue)
            .bind(&self.new)
            .bind(&self.piece.sealed.bytes)
            .execute(connection)
            .await?;
        Ok(done.rows_affected())
    }
}

impl PostgresJournal {
    /// Seals anew, under the key that seals, everything in the journal that another key has sealed, and says how much
    /// that was. Workers may go on meanwhile, if they have both keys: each piece is exchanged only if it is still what
    /// it was. Done again it does what is left.
    ///
    /// # Errors
    /// When something cannot be opened with any of the keys, or not be written. What came before it is done.
    pub async fn rekey(&self) -> Result<u64, JournalError> {
        let mut done = 0;
        for piece in self.run(List).await? {
            let new = piece.sealed.anew(&self.keys).map_err(Failure::Unreadable);
            if let Some(new) = new.map_err(|failure| failure.for_journal(&self.place))? {
                done += self.run(Swap { piece, new }).await?;
            }
        }
        Ok(done)
    }
}
