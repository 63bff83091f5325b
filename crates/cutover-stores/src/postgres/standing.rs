//! What all workers together have unfinished, and what they failed at: by which each of them stops the line.

use cutover_engine::JournalError;
use sqlx::PgConnection;

use super::PostgresJournal;
use super::due::{Due, dues};
use super::failure::Failure;
use super::server::Statement;

impl PostgresJournal {
    /// The targets that are unfinished or in somebody's hands.
    pub(super) async fn open_targets(&self) -> Result<Vec<Due>, JournalError> {
        self.run(LookForOpen).await
    }

    /// Where the journal ends now.
    pub(super) async fn end(&self) -> Result<i64, JournalError> {
        self.run(LookForEnd).await
    }

    /// The targets of attempts after `end` that ended without a new secret, unless a later one brought one.
    pub(super) async fn failed_after(&self, end: i64) -> Result<Vec<String>, JournalError> {
        self.run(LookForFailed { end }).await
    }
}

struct LookForOpen;

impl Statement for LookForOpen {
    type Output = Vec<Due>;

    async fn send(&self, connection: &mut PgConnection, _again: bool) -> Result<Vec<Due>, Failure> {
        let open = sqlx::query(
            "SELECT target, coalesce(in_hand, false), coalesce(unfinished, false)
             FROM (SELECT DISTINCT target, true AS unfinished FROM attempts WHERE NOT ended) AS attempts
             FULL JOIN (
                SELECT target, true AS in_hand FROM leases WHERE holder IS NOT NULL AND clock_timestamp() < expires_at
             ) AS leases USING (target)",
        );
        dues(&open.fetch_all(connection).await?)
    }
}

struct LookForEnd;

impl Statement for LookForEnd {
    type Output = i64;

    async fn send(&self, connection: &mut PgConnection, _again: bool) -> Result<i64, Failure> {
        Ok(sqlx::query_scalar("SELECT coalesce(max(seq), 0) FROM attempts").fetch_one(connection).await?)
    }
}

struct LookForFailed {
    end: i64,
}

impl Statement for LookForFailed {
    type Output = Vec<String>;

    async fn send(&self, connection: &mut PgConnection, _again: bool) -> Result<Vec<String>, Failure> {
        let failed = sqlx::query_scalar(
            "SELECT DISTINCT target FROM attempts WHERE $1 < seq AND ended AND finished_at IS NULL AND NOT EXISTS (
                SELECT 1 FROM attempts AS later
                WHERE later.target = attempts.target AND attempts.seq < later.seq AND later.finished_at IS NOT NULL
             )",
        );
        Ok(failed.bind(self.end).fetch_all(connection).await?)
    }
}
