//! One database, its connections and keys, for all the columns in it.

use std::sync::Arc;

use async_trait::async_trait;
use cutover_core::TargetId;

use super::database::{ColumnOptions, Database, Dialect, Given, Row, Session};
use super::envelope::{Content, Sealer};
use super::failure::Failure;
use super::layout::{self, MAKE_BESIDE_TABLE, MAKE_OWN_TABLE};
use super::place::{BESIDE_TABLE, OWN_TABLE};
use crate::sealing::{SealingKey, SealingKeys};

/// A database with secrets in its columns. Clones share its connections, and so do all destinations in it.
#[derive(Clone, Debug)]
pub struct ColumnStore {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) name: String,
    pub(super) database: Box<dyn Database>,
    pub(super) keys: SealingKeys,
    pub(super) options: ColumnOptions,
}

impl ColumnStore {
    /// The SQLite database at `path`, which has to be there: it is its owner's, and so is the way in which it keeps its
    /// changes. Opened when it is first needed.
    #[cfg(feature = "sqlite")]
    pub fn sqlite(path: impl AsRef<std::path::Path>, keys: SealingKeys, options: ColumnOptions) -> Self {
        let path = path.as_ref();
        let database = Box::new(super::sqlite::SqliteDatabase::new(path, &options));
        Self::of(path.display().to_string(), database, keys, options)
    }

    /// The PostgreSQL database at `url`, connected to when it is first needed.
    ///
    /// TLS with a certificate that is checked, unless the URL says `sslmode=` otherwise or the server is on this
    /// machine.
    ///
    /// # Errors
    /// When it is no such URL.
    #[cfg(feature = "postgres")]
    pub fn postgres(
        url: &cutover_core::ClientSecret,
        keys: SealingKeys,
        options: ColumnOptions,
    ) -> Result<Self, ColumnError> {
        let database = super::postgres::PostgresDatabase::new(url, &options)?;
        Ok(Self::of(database.shown().to_owned(), Box::new(database), keys, options))
    }

    /// A store that is named and never opened: for telling of a rotation without beginning one. Everything that is
    /// asked of it is an error.
    pub fn unopened(name: &str) -> Self {
        let keys = SealingKeys::new(SealingKey::generate());
        Self::of(name.to_owned(), Box::new(Unopened), keys, ColumnOptions::default())
    }

    pub(super) fn of(name: String, database: Box<dyn Database>, keys: SealingKeys, options: ColumnOptions) -> Self {
        Self { inner: Arc::new(Inner { name, database, keys, options }) }
    }

    /// The same database under another name, as it stands in the names of its destinations.
    ///
    /// # Panics
    /// Never for a store that was just made: it takes the only handle on it.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            name.clone_into(&mut inner.name);
        }
        self
    }

    /// How it is named.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Makes the tables of ours where they are missing: `cutover_secrets`, for secrets without a table of their user's
    /// own, and `cutover_columns`, for what has no column in a user's table.
    ///
    /// A destination's preflight does this by itself for the one that it needs. Called by itself where whoever rotates
    /// must not make tables: [`SCHEMA`](Self::SCHEMA) has the statements for whoever may.
    ///
    /// # Errors
    /// When they are missing and cannot be made.
    pub async fn prepare(&self) -> Result<(), ColumnError> {
        self.make(OWN_TABLE).await?;
        self.make(BESIDE_TABLE).await?;
        Ok(())
    }

    /// The statements that make the tables of ours.
    pub const SCHEMA: [&str; 2] = [MAKE_OWN_TABLE, MAKE_BESIDE_TABLE];

    /// The targets that have a row in `cutover_secrets`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn targets(&self) -> Result<Vec<TargetId>, ColumnError> {
        let database = &*self.inner.database;
        if !layout::exists(database, OWN_TABLE).await? {
            return Ok(Vec::new());
        }
        let rows = database.read("SELECT target FROM cutover_secrets ORDER BY target", &[]).await?;
        let mut targets = Vec::with_capacity(rows.len());
        for row in rows {
            let text = row.first().ok_or_else(|| Failure::lasting("a row is empty"))?.plain_text()?;
            let target = TargetId::new(text);
            targets.push(target.map_err(|_| Failure::lasting("a row of cutover_secrets is of no target"))?);
        }
        Ok(targets)
    }

    /// Seals anew what stands in `cutover_columns` under another key than the one that seals, row by row, each only if
    /// nobody has changed it meanwhile: for the columns that no configuration names any more too.
    ///
    /// # Errors
    /// When a row cannot be read, opened or written. Rows before it are done.
    pub async fn rekey_beside(&self) -> Result<u64, ColumnError> {
        let Inner { database, keys, .. } = &*self.inner;
        if !layout::exists(&**database, BESIDE_TABLE).await? {
            return Ok(0);
        }
        let rows =
            database.read("SELECT place, target, pending, previous FROM cutover_columns ORDER BY place", &[]).await?;
        let mut done = 0;
        for row in rows {
            let [place, target, pending, previous] =
                <[_; 4]>::try_from(row).map_err(|_| Failure::lasting("a row of cutover_columns has another form"))?;
            let (place, target) = (place.plain_text()?.to_owned(), target.plain_text()?.to_owned());
            let target =
                TargetId::new(target).map_err(|_| Failure::lasting("a row of cutover_columns is of no target"))?;
            let sealer = Sealer { keys, target: &target, place: &place };
            for (column, cell) in [("pending", pending), ("previous", previous)] {
                let Content::Sealed(old) = Content::of(cell)? else { continue };
                if sealer.stays_sealed(&old) {
                    continue;
                }
                let new = sealer.reseal(&old, old.head()).map_err(|error| Failure::from(error).about(&place))?;
                let (new, old) = (new.to_text(), old.to_text());
                let update = format!("UPDATE cutover_columns SET {column} = $1 WHERE place = $2 AND {column} = $3");
                let given = [new.as_str(), &place, &old].map(|text| Given::Text(Some(text)));
                let mut session = database.begin().await?;
                done += session.execute(&update, &given).await?;
                session.commit().await?;
            }
        }
        Ok(done)
    }

    /// Closes the connections. Afterwards nothing else works.
    pub async fn close(&self) {
        self.inner.database.close().await;
    }

    /// Makes a table of ours, if it is missing.
    pub(super) async fn make(&self, table: &str) -> Result<(), Failure> {
        let database = &*self.inner.database;
        if layout::exists(database, table).await? {
            return Ok(());
        }
        let statement = if table == OWN_TABLE { MAKE_OWN_TABLE } else { MAKE_BESIDE_TABLE };
        let made = async {
            let mut session = database.begin().await?;
            session.execute(statement, &[]).await?;
            session.commit().await
        };
        match made.await {
            Ok(()) => Ok(()),
            // Two that make it at the same moment are in each other's way in PostgreSQL, whatever the statement says.
            Err(_) if layout::exists(database, table).await? => Ok(()),
            Err(failure) => {
                let what =
                    format!("the table {table} is missing and cannot be made; somebody who may has to: {statement}");
                Err(failure.about(&what))
            }
        }
    }
}

/// A database that is not to be asked anything.
#[derive(Debug)]
struct Unopened;

fn unopened<T>() -> Result<T, Failure> {
    Err(Failure::lasting("the database was not opened"))
}

#[async_trait]
impl Database for Unopened {
    fn dialect(&self) -> Dialect {
        Dialect::ANY
    }

    async fn read(&self, _: &str, _: &[Given<'_>]) -> Result<Vec<Row>, Failure> {
        unopened()
    }

    async fn begin(&self) -> Result<Box<dyn Session>, Failure> {
        unopened()
    }

    async fn close(&self) {}
}

/// Why a database could not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{sentence}")]
pub struct ColumnError {
    sentence: String,
    transient: bool,
}

impl ColumnError {
    /// Whether the same may do a moment later.
    pub fn is_transient(&self) -> bool {
        self.transient
    }
}

impl ColumnError {
    pub(super) fn unsealed() -> Self {
        Failure::lasting("the column holds a secret that is not sealed").into()
    }
}

impl From<Failure> for ColumnError {
    fn from(failure: Failure) -> Self {
        Self { sentence: failure.sentence().to_owned(), transient: failure.may_pass() }
    }
}
