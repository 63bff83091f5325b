//! The tables, which version of them a schema has, and which key seals what is in them.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection, Row as _};

use super::failure::Failure;
use super::server::Statement;

/// The version of the tables below.
const VERSION: i32 = 1;

const OPENING_PATIENCE: Duration = Duration::from_secs(2);

/// What a journal of this version has. Deliberately absent: any secret or idempotency key that is not sealed.
const TABLES: &str = "
    CREATE TABLE journal (
        one integer PRIMARY KEY DEFAULT 1 CHECK (one = 1),
        version integer NOT NULL,
        key text NOT NULL -- the id of the key that seals
    );
    CREATE TABLE attempts (
        seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        id text NOT NULL UNIQUE,
        target text NOT NULL,
        description text NOT NULL, -- the target, as JSON
        asked integer NOT NULL, -- the number of the latest request
        entries integer NOT NULL, -- the ordinal of the latest event
        ended boolean NOT NULL DEFAULT false,
        finished_at timestamptz -- when it ended with a new secret everywhere
    );
    CREATE INDEX attempts_of_target ON attempts (target, seq);
    CREATE INDEX attempts_unfinished ON attempts (target, seq) WHERE NOT ended;
    CREATE INDEX attempts_finished ON attempts (target, finished_at) WHERE finished_at IS NOT NULL;
    CREATE TABLE events (
        attempt bigint NOT NULL REFERENCES attempts (seq),
        ordinal integer NOT NULL,
        mark uuid NOT NULL CONSTRAINT events_mark UNIQUE, -- by which a try that was not answered is found again
        at text NOT NULL,
        event text NOT NULL, -- as JSON
        PRIMARY KEY (attempt, ordinal)
    );
    CREATE TABLE issues (
        attempt bigint NOT NULL REFERENCES attempts (seq),
        issue integer NOT NULL,
        key bytea, -- sealed; wiped when the attempt ends
        key_born text NOT NULL,
        reply bytea, -- sealed; wiped when the attempt ends
        PRIMARY KEY (attempt, issue)
    );
    CREATE TABLE leases (
        target text PRIMARY KEY,
        fence bigint NOT NULL,
        holder bigint, -- the worker; null when free
        mark uuid, -- of the try that took it
        expires_at timestamptz
    );
    CREATE INDEX leases_of_holder ON leases (holder) WHERE holder IS NOT NULL;
    CREATE TABLE workers (
        id bigint PRIMARY KEY, -- also the advisory lock that its session holds
        name text NOT NULL,
        since timestamptz NOT NULL DEFAULT clock_timestamp(),
        silent_since timestamptz -- when somebody first found its session gone
    );
    CREATE TABLE probes (
        place integer PRIMARY KEY,
        count bigint NOT NULL
    );
";

/// The tables above, in the order in which another program's are looked for.
const NAMES: [&str; 7] = ["journal", "attempts", "events", "issues", "leases", "workers", "probes"];

/// Looks at the schema, and makes the tables where they are missing and that is wanted.
pub(super) struct Prepare {
    pub(super) schema: String,
    pub(super) create: bool,
    /// The id of the key that seals.
    pub(super) key: String,
    /// The ids of the keys that only open.
    pub(super) older: Vec<String>,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Journal,
    /// Nothing, and nothing was made.
    Nothing,
}

impl Statement for Prepare {
    type Output = Found;

    /// Whoever opens a journal is told soon that there is no server, most likely because its name is wrong.
    fn patience(&self, given: Duration) -> Duration {
        given.min(OPENING_PATIENCE)
    }

    async fn send(&self, connection: &mut PgConnection, _again: bool) -> Result<Found, Failure> {
        let mut transaction = connection.begin().await?;
        // One at a time; over when the transaction is.
        sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('cutover journal ' || $1, 0))")
            .bind(&self.schema)
            .execute(&mut *transaction)
            .await?;
        let found = self.prepared(&mut transaction).await?;
        transaction.commit().await?;
        Ok(found)
    }
}

impl Prepare {
    async fn prepared(&self, connection: &mut PgConnection) -> Result<Found, Failure> {
        let there: Vec<String> = sqlx::query_scalar(
            "SELECT c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = $1 AND c.relname = ANY ($2)",
        )
        .bind(&self.schema)
        .bind(NAMES.map(str::to_owned).to_vec())
        .fetch_all(&mut *connection)
        .await?;
        if there.iter().any(|name| name == "journal") {
            self.fits(connection).await?;
            return Ok(Found::Journal);
        }
        if !there.is_empty() {
            return Err(self.foreign());
        }
        if !self.create {
            return Ok(Found::Nothing);
        }
        let exists: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1)")
                .bind(&self.schema)
                .fetch_one(&mut *connection)
                .await?;
        if !exists {
            // The name was checked: it needs no quotes.
            let create = format!("CREATE SCHEMA {}", self.schema);
            sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&mut *connection).await?;
        }
        sqlx::raw_sql(TABLES).execute(&mut *connection).await?;
        sqlx::query("INSERT INTO journal (version, key) VALUES ($1, $2)")
            .bind(VERSION)
            .bind(&self.key)
            .execute(connection)
            .await?;
        Ok(Found::Journal)
    }

    /// Whether the journal that is there is one of this version and of one of the keys at hand.
    async fn fits(&self, connection: &mut PgConnection) -> Result<(), Failure> {
        let row = sqlx::query("SELECT version, key FROM journal").fetch_optional(&mut *connection).await;
        let row = match row {
            Ok(row) => row.ok_or_else(|| self.foreign())?,
            Err(error) if super::failure::code(&error).is_some_and(|code| code == "42703") => {
                return Err(self.foreign());
            }
            Err(error) => return Err(error.into()),
        };
        let (version, key): (i32, String) = (row.try_get(0)?, row.try_get(1)?);
        if VERSION < version {
            return Err(Failure::Unreadable(format!(
                "a later version of this program made it (form {version}; this version knows {VERSION}); use that version"
            )));
        }
        if key == self.key {
            return Ok(());
        }
        if !self.older.contains(&key) {
            return Err(self.another_key(&key, sealed(connection).await?));
        }
        // The old key is at hand too: from now on this one seals.
        tracing::info!(from = key, to = self.key, "the journal is sealed with another key from now on");
        sqlx::query("UPDATE journal SET key = $1").bind(&self.key).execute(connection).await?;
        Ok(())
    }

    fn another_key(&self, key: &str, sealed: bool) -> Failure {
        let (mine, schema) = (&self.key, &self.schema);
        Failure::Unreadable(if sealed {
            format!(
                "what is sealed in it needs the key {key}, and the key here is {mine}; give every worker the same key"
            )
        } else {
            format!(
                "it was made with the key {key}, and the key here is {mine}; give every worker the same key, or, since \
                 nothing is sealed in it now, change it for all: UPDATE {schema}.journal SET key = '{mine}'"
            )
        })
    }

    fn foreign(&self) -> Failure {
        Failure::Unreadable(format!(
            "the schema {} has tables of another program; give the journal a schema of its own",
            self.schema
        ))
    }
}

/// Asks for the id of the key that seals in a journal, if there is one.
pub(super) struct SealedWith {
    pub(super) schema: String,
}

impl Statement for SealedWith {
    type Output = Option<String>;

    fn patience(&self, given: Duration) -> Duration {
        given.min(OPENING_PATIENCE)
    }

    async fn send(&self, connection: &mut PgConnection, _again: bool) -> Result<Option<String>, Failure> {
        let there: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
            .bind(format!("{}.journal", self.schema))
            .fetch_one(&mut *connection)
            .await?;
        if !there {
            return Ok(None);
        }
        match sqlx::query_scalar("SELECT key FROM journal").fetch_optional(connection).await {
            Ok(key) => Ok(key),
            // Somebody else's: opening it says so.
            Err(error) if super::failure::code(&error).is_some_and(|code| code == "42703") => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether anything is sealed.
async fn sealed(connection: &mut PgConnection) -> Result<bool, Failure> {
    let sealed = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM attempts WHERE NOT ended)");
    Ok(sealed.fetch_one(connection).await?)
}
