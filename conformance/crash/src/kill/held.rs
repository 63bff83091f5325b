//! The journal of all workers: a file, or a schema at a PostgreSQL server.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cutover_core::ClientSecret;
use cutover_emulator::canary;
use cutover_engine::Journal;
use cutover_stores::{PostgresJournal, PostgresOptions, SealingKeys, SqliteJournal, SqliteOptions, key_file};
use serde::{Deserialize, Serialize};
use sqlx::{Connection as _, PgConnection};

/// How long a session has to be gone before its worker counts as dead. Whoever is killed here is dead.
const DEAD_AFTER: Duration = Duration::from_millis(200);

/// A schema at a server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Shared {
    pub(super) url: String,
    pub(super) schema: String,
}

/// An open journal.
#[derive(Clone, Debug)]
pub(super) enum Held {
    File(Arc<SqliteJournal>),
    Shared(Arc<PostgresJournal>),
}

impl Held {
    /// Opens the one in `folder`, where its key is, or the one at a server.
    pub(super) async fn open(folder: &Path, shared: Option<&Shared>) -> Result<Self, String> {
        let (key, _) = key_file::load_or_create(&folder.join("sealing.key")).map_err(|error| error.to_string())?;
        let keys = SealingKeys::new(key);
        Ok(match shared {
            None => {
                let opened = SqliteJournal::open(folder.join("journal.db"), keys, SqliteOptions::default()).await;
                Self::File(Arc::new(opened.map_err(|error| error.to_string())?))
            }
            Some(shared) => {
                let schema = shared.schema.clone();
                let options = PostgresOptions { schema, dead_after: DEAD_AFTER, ..PostgresOptions::default() };
                let opened = PostgresJournal::open(&ClientSecret::new(&shared.url), keys, options).await;
                Self::Shared(Arc::new(opened.map_err(|error| error.to_string())?))
            }
        })
    }

    pub(super) fn journal(&self) -> Arc<dyn Journal> {
        match self {
            Self::File(journal) => journal.clone(),
            Self::Shared(journal) => journal.clone(),
        }
    }

    pub(super) async fn close(&self) -> Result<(), String> {
        let closed = match self {
            Self::File(journal) => journal.close().await,
            Self::Shared(journal) => journal.close().await,
        };
        closed.map_err(|error| error.to_string())
    }
}

impl Shared {
    /// The tables that show a secret to whoever looks into them.
    pub(super) async fn leaks(&self) -> Result<Vec<String>, String> {
        let failed = |error: sqlx::Error| format!("the tables cannot be read: {error}");
        let mut connection = PgConnection::connect(&self.url).await.map_err(failed)?;
        let mut leaks = Vec::new();
        for table in ["attempts", "events", "issues", "leases", "workers"] {
            let text = format!("SELECT t::text FROM {}.{table} t", self.schema);
            let rows: Vec<String> =
                sqlx::query_scalar(sqlx::AssertSqlSafe(text)).fetch_all(&mut connection).await.map_err(failed)?;
            if rows.iter().any(|row| canary::is_in(row)) {
                leaks.push(format!("the table {table}"));
            }
        }
        let sealed = format!(
            "SELECT part FROM {0}.issues, unnest(ARRAY[key, reply]) AS part WHERE part IS NOT NULL",
            self.schema
        );
        let sealed: Vec<Vec<u8>> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(sealed)).fetch_all(&mut connection).await.map_err(failed)?;
        if sealed.iter().any(|part| canary::count_in(part) != 0) {
            leaks.push("something sealed".to_owned());
        }
        Ok(leaks)
    }

    /// Forgets the journal.
    pub(super) async fn drop(&self) -> Result<(), String> {
        let failed = |error: sqlx::Error| format!("the journal cannot be dropped: {error}");
        let mut connection = PgConnection::connect(&self.url).await.map_err(failed)?;
        let drop = format!("DROP SCHEMA IF EXISTS {} CASCADE", self.schema);
        sqlx::raw_sql(sqlx::AssertSqlSafe(drop)).execute(&mut connection).await.map_err(failed)?;
        Ok(())
    }
}
