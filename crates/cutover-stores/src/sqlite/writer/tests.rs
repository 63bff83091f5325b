//! What the writer does after the disk has failed it.

use std::borrow::Cow;
use std::fmt;

use sqlx::error::{DatabaseError, ErrorKind};

use super::*;

/// What SQLite says when the disk could not be synced.
#[derive(Debug)]
struct NotSynced;

impl fmt::Display for NotSynced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("disk I/O error")
    }
}

impl std::error::Error for NotSynced {}

impl DatabaseError for NotSynced {
    fn message(&self) -> &str {
        "disk I/O error"
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some("1034".into())
    }

    fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
        self
    }

    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

#[tokio::test]
async fn after_a_failed_sync_what_was_not_synced_is_written_anew_before_anything_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, log) = (folder.path().join("journal.db"), folder.path().join("journal.db-wal"));
    std::fs::write(&file, "").expect("written");
    let options = crate::sqlite::connect_options(&file, Duration::from_secs(1));
    let mut connection = options.connect().await.expect("a database");
    crate::sqlite::schema::prepare(&mut connection).await.expect("empty");
    let mut other = options.connect().await.expect("a second one, so that closing the first leaves the log");
    sqlx::query("SELECT * FROM probe").fetch_all(&mut other).await.expect("readable");
    let mut desk = Desk {
        options,
        connection: Some(connection),
        mode: None,
        changes: 0,
        unsynced: false,
        doubtful: false,
        habits: Habits { share: true, quiet: Duration::from_secs(1) },
        shared: Arc::default(),
    };
    let length = || std::fs::metadata(&log).expect("a log").len();
    let failure = Failure::from(sqlx::Error::Database(Box::new(NotSynced)));

    desk.failed(&failure).await;
    desk.begin(Durability::WithNext).await.expect("a new connection");
    assert!(0 < length(), "all in it was synced: it stays");
    Probe.apply(desk.open().expect("connected")).await.expect("room");
    desk.commit(Durability::WithNext, 1).await.expect("room");

    desk.failed(&failure).await;
    desk.begin(Durability::WithNext).await.expect("a new connection");
    assert_eq!(length(), 0, "what was in it is in the file");
    let rows = sqlx::query("SELECT count FROM probe").fetch_all(desk.open().expect("connected")).await;
    assert_eq!(rows.expect("readable").len(), 1);
}
