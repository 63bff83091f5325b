//! PostgreSQL, as a database whose other tables belong to somebody else.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use cutover_core::ClientSecret;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgPool, PgPoolOptions, PgRow};
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Row as _, TypeInfo as _, ValueRef as _};
use zeroize::Zeroizing;

use super::database::{Cell, ColumnOptions, Database, Dialect, Given, Row, Session, bound};
use super::failure::Failure;
use crate::postgres_url;

/// A PostgreSQL server, and one database in it.
pub(crate) struct PostgresDatabase {
    /// Host and database: the URL may hold a password.
    shown: String,
    pool: PgPool,
    begin: String,
}

impl fmt::Debug for PostgresDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresDatabase").field("at", &self.shown).finish_non_exhaustive()
    }
}

impl PostgresDatabase {
    /// Connects when it is first needed.
    ///
    /// TLS with a certificate that is checked, unless the URL says otherwise or the server is on this machine.
    pub(crate) fn new(url: &ClientSecret, options: &ColumnOptions) -> Result<Self, Failure> {
        let connect = postgres_url::options(url).map_err(Failure::lasting)?;
        let shown = format!("{}/{}", connect.get_host(), connect.get_database().unwrap_or(connect.get_username()));
        let pool = PgPoolOptions::new().max_connections(options.connections).acquire_timeout(options.timeout);
        Ok(Self { shown, pool: pool.connect_lazy_with(connect), begin: begin(options) })
    }

    /// Host and database.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    async fn acquire(&self) -> Result<PgSession, Failure> {
        let connection = self.pool.acquire().await.map_err(failure)?;
        Ok(PgSession { connection, ended: false })
    }
}

/// Begins a transaction that a lost line or a waiting neighbour cannot hold up for ever, and that is on the disk once
/// it is committed, whatever the server does by default.
fn begin(options: &ColumnOptions) -> String {
    let millis = |of: Duration| of.as_millis().clamp(1, 2_000_000_000);
    format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL lock_timeout = {}; SET LOCAL statement_timeout = {}; \
         SET LOCAL idle_in_transaction_session_timeout = {}; \
         SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'",
        millis(options.lock_timeout),
        millis(options.timeout),
        millis(options.timeout),
    )
}

#[async_trait]
impl Database for PostgresDatabase {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    async fn read(&self, sql: &str, given: &[Given<'_>]) -> Result<Vec<Row>, Failure> {
        let mut session = self.acquire().await?;
        let rows = fetch(&mut session.connection, sql, given).await?;
        session.ended = true;
        Ok(rows)
    }

    async fn begin(&self) -> Result<Box<dyn Session>, Failure> {
        let mut session = self.acquire().await?;
        // Numbers only were put into it.
        sqlx::raw_sql(AssertSqlSafe(self.begin.as_str())).execute(&mut *session.connection).await.map_err(failure)?;
        Ok(Box::new(session))
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

struct PgSession {
    connection: PoolConnection<Postgres>,
    ended: bool,
}

impl Drop for PgSession {
    fn drop(&mut self) {
        if !self.ended {
            // Nobody knows in which state it is; closing it ends what it has begun.
            self.connection.close_on_drop();
        }
    }
}

#[async_trait]
impl Session for PgSession {
    async fn fetch(&mut self, sql: &str, given: &[Given<'_>]) -> Result<Vec<Row>, Failure> {
        fetch(&mut self.connection, sql, given).await
    }

    async fn execute(&mut self, sql: &str, given: &[Given<'_>]) -> Result<u64, Failure> {
        Ok(bound(sql, given).execute(&mut *self.connection).await.map_err(failure)?.rows_affected())
    }

    async fn commit(mut self: Box<Self>) -> Result<(), Failure> {
        sqlx::raw_sql("COMMIT").execute(&mut *self.connection).await.map_err(failure)?;
        self.ended = true;
        Ok(())
    }

    async fn undo(mut self: Box<Self>) -> Result<(), Failure> {
        sqlx::raw_sql("ROLLBACK").execute(&mut *self.connection).await.map_err(failure)?;
        self.ended = true;
        Ok(())
    }
}

async fn fetch(connection: &mut PgConnection, sql: &str, given: &[Given<'_>]) -> Result<Vec<Row>, Failure> {
    let rows = bound(sql, given).fetch_all(connection).await.map_err(failure)?;
    rows.iter().map(|row| (0..row.len()).map(|nth| cell(row, nth)).collect()).collect()
}

fn cell(row: &PgRow, nth: usize) -> Result<Cell, Failure> {
    let value = row.try_get_raw(nth).map_err(failure)?;
    if value.is_null() {
        return Ok(Cell::Null);
    }
    match value.type_info().name() {
        "BYTEA" => Ok(Cell::Bytes(Zeroizing::new(row.try_get::<&[u8], _>(nth).map_err(failure)?.to_vec()))),
        _ => Ok(Cell::Text(ClientSecret::new(row.try_get(nth).map_err(failure)?))),
    }
}

/// The server's own words are told only where they cannot quote a value.
fn failure(error: sqlx::Error) -> Failure {
    let Some(database) = error.as_database_error() else { return Failure::from(error) };
    let code = database.code().unwrap_or_default().into_owned();
    let said = database.message().to_owned();
    let rule = database.constraint().map(|rule| format!(" ({rule})")).unwrap_or_default();
    match code.as_str() {
        // Terminated by an administrator, or the server went down: what was asked last may be done.
        "57P01" | "57P02" | "57P05" | "25P03" => {
            Failure::line_lost(format!("the server ended the connection ({code})"))
        }
        "57P03" => Failure::passing("the server is starting or stopping"),
        "40001" | "40P01" => Failure::passing("another transaction was in the way"),
        "55P03" => Failure::passing("somebody else keeps the row locked"),
        "57014" => Failure::passing("the server did not finish in time"),
        "22001" => Failure::lasting("the column is too short for a sealed secret: make it text"),
        _ => match code.get(..2) {
            Some("08") => Failure::line_lost(format!("the connection broke ({code})")),
            Some("53") => Failure::passing(format!("the server is short of something ({code}): {said}")),
            Some("23") => Failure::lasting(format!("a rule of the table forbids it{rule} ({code})")),
            Some("22") => Failure::lasting(format!("a value does not fit its column's type ({code})")),
            // Permission, authentication, unknown names.
            Some("42" | "28" | "3D" | "3F") => Failure::lasting(format!("{said} ({code})")),
            Some("25") => Failure::lasting(format!("the server takes no changes ({code})")),
            _ => Failure::lasting(format!("the server refused it ({code})")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_said_of_a_database_holds_no_password() {
        let url = ClientSecret::new("postgres://u:hunter2@db.example/app");
        let database = PostgresDatabase::new(&url, &ColumnOptions::default()).expect("a URL");
        assert_eq!(format!("{database:?}"), "PostgresDatabase { at: \"db.example/app\", .. }");
    }
}
