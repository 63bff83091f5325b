//! The tables, and which version of them a file has.

use sqlx::{Row as _, SqliteConnection};

use super::failure::Failure;

/// Stands in the header of every journal, so that another program's database is never taken for one: `CtOv`.
const APPLICATION: i64 = 0x4374_4f76;
/// The version of the tables below.
const VERSION: i64 = 1;

/// What a journal of this version has. Deliberately absent: any secret or idempotency key that is not sealed.
const TABLES: &str = "
    CREATE TABLE attempts (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        target TEXT NOT NULL,
        description TEXT NOT NULL, -- the target, as JSON
        ended INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX attempts_of_target ON attempts (target, seq);
    CREATE INDEX unfinished_attempts ON attempts (target, seq) WHERE ended = 0;
    CREATE TABLE events (
        attempt INTEGER NOT NULL REFERENCES attempts (seq),
        ordinal INTEGER NOT NULL,
        at TEXT NOT NULL,
        event TEXT NOT NULL, -- as JSON
        PRIMARY KEY (attempt, ordinal)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE issues (
        attempt INTEGER NOT NULL REFERENCES attempts (seq),
        issue INTEGER NOT NULL,
        key BLOB, -- sealed; wiped when the attempt ends
        key_born TEXT NOT NULL,
        PRIMARY KEY (attempt, issue)
    ) STRICT;
    CREATE TABLE replies (
        attempt INTEGER NOT NULL REFERENCES attempts (seq),
        issue INTEGER NOT NULL,
        reply BLOB NOT NULL, -- sealed; wiped when the attempt ends
        PRIMARY KEY (attempt, issue)
    ) STRICT;
    CREATE TABLE leases (
        target TEXT PRIMARY KEY,
        fence INTEGER NOT NULL,
        holder TEXT, -- the worker; null when free
        expires_at TEXT
    ) STRICT;
    CREATE INDEX leases_of_holder ON leases (holder) WHERE holder IS NOT NULL;
    CREATE TABLE probe (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        count INTEGER NOT NULL
    ) STRICT;
";

/// Makes the tables in an empty file, and refuses a file that is something else or from a later version.
pub(super) async fn prepare(connection: &mut SqliteConnection) -> Result<(), Failure> {
    use sqlx::Connection as _;
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let application = pragma(&mut transaction, "PRAGMA application_id").await?;
    let version = pragma(&mut transaction, "PRAGMA user_version").await?;
    match (application, version) {
        (APPLICATION, VERSION) => return Ok(()),
        (APPLICATION, later) if VERSION < later => {
            let reason = format!(
                "a later version of this program wrote it (form {later}; this version knows {VERSION}); use that version"
            );
            return Err(Failure::Unreadable(reason));
        }
        (0, 0) if tables(&mut transaction).await? == 0 => {}
        _ => return Err(Failure::Unreadable("it is a database of another program".to_owned())),
    }
    sqlx::raw_sql(TABLES).execute(&mut *transaction).await?;
    sqlx::raw_sql("PRAGMA application_id = 0x43744f76; PRAGMA user_version = 1").execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(())
}

async fn pragma(connection: &mut SqliteConnection, sql: &'static str) -> Result<i64, sqlx::Error> {
    sqlx::query(sql).fetch_one(connection).await?.try_get(0)
}

async fn tables(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query("SELECT count(*) FROM sqlite_schema").fetch_one(connection).await?.try_get(0)
}
