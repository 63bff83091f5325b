//! SQLite, as a database whose other tables belong to somebody else.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use cutover_core::ClientSecret;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteRow, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Row as _, Sqlite, SqliteConnection, SqlitePool, TypeInfo as _, ValueRef as _};
use zeroize::Zeroizing;

use super::database::{Cell, ColumnOptions, Database, Dialect, Given, Row, Session, bound};
use super::failure::Failure;
use crate::sqlite_code::Code;

/// How many may read at the same time.
const READERS: u32 = 4;

/// A database file that is there already: one connection that writes, so that who waits here waits in a queue and not
/// by trying again and again.
#[derive(Debug)]
pub(crate) struct SqliteDatabase {
    path: PathBuf,
    writer: SqlitePool,
    readers: SqlitePool,
}

impl SqliteDatabase {
    pub(crate) fn new(path: &Path, options: &ColumnOptions) -> Self {
        // The way in which the file keeps its changes (a log or a rollback journal) is its owner's and stays.
        let connect = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            // With a rollback journal only this syncs the folder too, without which a commit can come undone.
            .synchronous(SqliteSynchronous::Extra)
            .busy_timeout(options.lock_timeout)
            .pragma("secure_delete", "ON")
            .pragma("fullfsync", "ON")
            .disable_statement_logging();
        let pool = |connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(options.timeout)
                .test_before_acquire(false)
        };
        Self {
            path: path.to_owned(),
            writer: pool(1).connect_lazy_with(connect.clone()),
            readers: pool(READERS).connect_lazy_with(connect.pragma("query_only", "ON")),
        }
    }

    fn failure(&self, error: sqlx::Error) -> Failure {
        failure(error).about(&self.path.display().to_string())
    }
}

#[async_trait]
impl Database for SqliteDatabase {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn read(&self, sql: &str, given: &[Given<'_>]) -> Result<Vec<Row>, Failure> {
        let mut connection = self.readers.acquire().await.map_err(|error| self.failure(error))?;
        fetch(&mut connection, sql, given).await.map_err(|error| error.about(&self.path.display().to_string()))
    }

    async fn begin(&self) -> Result<Box<dyn Session>, Failure> {
        let connection = self.writer.acquire().await.map_err(|error| self.failure(error))?;
        let mut session = SqliteSession { connection, ended: false, path: self.path.clone() };
        session.raw("BEGIN IMMEDIATE").await?;
        Ok(Box::new(session))
    }

    async fn close(&self) {
        self.writer.close().await;
        self.readers.close().await;
    }
}

struct SqliteSession {
    connection: PoolConnection<Sqlite>,
    ended: bool,
    path: PathBuf,
}

impl SqliteSession {
    async fn raw(&mut self, sql: &'static str) -> Result<(), Failure> {
        let done = sqlx::raw_sql(sql).execute(&mut *self.connection).await;
        done.map_err(|error| failure(error).about(&self.path.display().to_string()))?;
        Ok(())
    }
}

impl Drop for SqliteSession {
    fn drop(&mut self) {
        if !self.ended {
            // Closing it ends what it has begun.
            self.connection.close_on_drop();
        }
    }
}

#[async_trait]
impl Session for SqliteSession {
    async fn fetch(&mut self, sql: &str, given: &[Given<'_>]) -> Result<Vec<Row>, Failure> {
        let rows = fetch(&mut self.connection, sql, given).await;
        rows.map_err(|error| error.about(&self.path.display().to_string()))
    }

    async fn execute(&mut self, sql: &str, given: &[Given<'_>]) -> Result<u64, Failure> {
        let done = bound(sql, given).execute(&mut *self.connection).await;
        let done = done.map_err(|error| failure(error).about(&self.path.display().to_string()))?;
        Ok(done.rows_affected())
    }

    async fn commit(mut self: Box<Self>) -> Result<(), Failure> {
        self.raw("COMMIT").await?;
        self.ended = true;
        Ok(())
    }

    async fn undo(mut self: Box<Self>) -> Result<(), Failure> {
        self.raw("ROLLBACK").await?;
        self.ended = true;
        Ok(())
    }
}

async fn fetch(connection: &mut SqliteConnection, sql: &str, given: &[Given<'_>]) -> Result<Vec<Row>, Failure> {
    let rows = bound(sql, given).fetch_all(connection).await.map_err(failure)?;
    rows.iter().map(|row| (0..row.len()).map(|nth| cell(row, nth)).collect()).collect()
}

fn cell(row: &SqliteRow, nth: usize) -> Result<Cell, Failure> {
    let value = row.try_get_raw(nth).map_err(failure)?;
    if value.is_null() {
        return Ok(Cell::Null);
    }
    match value.type_info().name() {
        "TEXT" => Ok(Cell::Text(ClientSecret::new(row.try_get(nth).map_err(failure)?))),
        "BLOB" => Ok(Cell::Bytes(Zeroizing::new(row.try_get::<&[u8], _>(nth).map_err(failure)?.to_vec()))),
        _ => Err(Failure::lasting("a column holds a number where a text belongs")),
    }
}

fn failure(error: sqlx::Error) -> Failure {
    match Code::of(&error) {
        Some(code) if code.passes() => Failure::passing(code.sentence()),
        Some(code) => Failure::lasting(code.sentence()),
        None => Failure::from(error),
    }
}
