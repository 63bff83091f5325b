//! What is asked of a database, whichever it is.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use cutover_core::ClientSecret;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Encode, Type};
use zeroize::Zeroizing;

use super::failure::Failure;

/// What the connections to a database may be told.
#[derive(Clone, Debug)]
pub struct ColumnOptions {
    /// How long one call may take, waiting for a connection included.
    pub timeout: Duration,
    /// How long to wait for somebody else's lock.
    pub lock_timeout: Duration,
    /// How many connections to PostgreSQL at most. SQLite has one that writes and four that read.
    pub connections: u32,
}

impl Default for ColumnOptions {
    fn default() -> Self {
        Self {
            // Longer than a failover of most servers takes to be noticed, shorter than a person waits without asking.
            timeout: Duration::from_secs(30),
            lock_timeout: Duration::from_secs(10),
            // A fleet's rotations share them, and a server has a hundred by default for everybody.
            connections: 8,
        }
    }
}

/// A database that statements with `$1`, `$2`, … are sent to.
///
/// Every statement is made in this crate; names of tables and columns in it come from the database's own catalogue and
/// are quoted.
#[async_trait]
pub(crate) trait Database: fmt::Debug + Send + Sync {
    /// Which one it is.
    fn dialect(&self) -> Dialect;

    /// The rows of one statement that changes nothing, in one point in time.
    async fn read(&self, sql: &str, given: &[Given<'_>]) -> Result<Vec<Row>, Failure>;

    /// A transaction that may write, on a connection of its own. One that is dropped changes nothing.
    async fn begin(&self) -> Result<Box<dyn Session>, Failure>;

    /// Closes every connection.
    async fn close(&self);
}

/// One transaction.
#[async_trait]
pub(crate) trait Session: Send {
    /// The rows of one statement.
    async fn fetch(&mut self, sql: &str, given: &[Given<'_>]) -> Result<Vec<Row>, Failure>;

    /// Does one statement, and says how many rows it was done to.
    async fn execute(&mut self, sql: &str, given: &[Given<'_>]) -> Result<u64, Failure>;

    /// Makes the changes last: they outlive a power cut once this returns.
    async fn commit(self: Box<Self>) -> Result<(), Failure>;

    /// Ends the transaction without its changes.
    async fn undo(self: Box<Self>) -> Result<(), Failure>;
}

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    #[cfg(feature = "sqlite")]
    Sqlite,
    #[cfg(feature = "postgres")]
    Postgres,
}

impl Dialect {
    /// One of those there are, where it makes no difference.
    #[cfg(feature = "sqlite")]
    pub(crate) const ANY: Self = Self::Sqlite;
    #[cfg(not(feature = "sqlite"))]
    pub(crate) const ANY: Self = Self::Postgres;
}

/// A row of what was found.
pub(crate) type Row = Vec<Cell>;

/// What is in one column of a row.
pub(crate) enum Cell {
    Null,
    /// Wiped on drop: it may be a secret that was there before this program.
    Text(ClientSecret),
    /// The same.
    Bytes(Zeroizing<Vec<u8>>),
}

impl Cell {
    /// The text of a cell that holds none of anybody's secrets.
    pub(crate) fn plain_text(&self) -> Result<&str, Failure> {
        match self {
            Self::Text(text) => Ok(text.expose()),
            Self::Null | Self::Bytes(_) => Err(Failure::lasting("the database's catalogue has an unexpected form")),
        }
    }
}

/// What goes into a statement beside its text: never a secret that is not sealed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Given<'a> {
    Text(Option<&'a str>),
    Bytes(Option<&'a [u8]>),
}

/// A statement of this crate with what goes into it.
pub(crate) fn bound<'q, DB: sqlx::Database>(sql: &str, given: &[Given<'_>]) -> Query<'q, DB, DB::Arguments>
where
    Option<String>: Encode<'q, DB> + Type<DB>,
    Option<Vec<u8>>: Encode<'q, DB> + Type<DB>,
{
    // Made in this crate: names out of the catalogue, quoted, and nothing else that came from outside.
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for given in given {
        query = match given {
            Given::Text(text) => query.bind(text.map(str::to_owned)),
            Given::Bytes(bytes) => query.bind(bytes.map(<[u8]>::to_vec)),
        };
    }
    query
}
