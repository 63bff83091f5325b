//! Places in databases, as the contract of destinations wants them.

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use cutover_core::{ClientSecret, TargetId};
use cutover_engine::Destination;
use cutover_engine::contract::destination::{Fixture, How, Seen, Trouble};

use super::faulty::{Faults, Faulty};
use crate::column::database::{Cell, Database, Given, Row};
use crate::column::envelope::{Head, Kind, Sealer};
use crate::column::layout::Layout;
use crate::column::read::{Caching, Reader};
use crate::column::{Column, ColumnDestination, ColumnOptions, ColumnStore};
use crate::sealing::{SealingKey, SealingKeys};

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Server {
    #[cfg(feature = "sqlite")]
    Sqlite,
    #[cfg(feature = "postgres")]
    Postgres,
}

/// Where the secret stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// In the table of ours.
    Ours,
    /// In a table with columns for everything.
    Whole,
    /// In one column of bytes that must not be null; the rest beside.
    Bytes,
    /// In a row that is not there at first; the rest beside.
    Inserted,
}

/// Places of one form in one database.
pub(super) struct Sites {
    server: Server,
    form: Form,
    #[cfg(feature = "sqlite")]
    folder: tempfile::TempDir,
    made: AtomicU32,
    faults: Faults,
    key: [u8; 32],
    /// Those of the first process, of the next, and of whoever looks on and is never disturbed.
    stores: Vec<ColumnStore>,
    /// With a schema of this test's own.
    #[cfg(feature = "postgres")]
    url: String,
}

#[cfg(feature = "sqlite")]
const SQLITE: &str = "CREATE TABLE clients (id TEXT PRIMARY KEY, other TEXT, secret TEXT, next TEXT, was TEXT, v TEXT);
    CREATE TABLE bytes (a INTEGER, b TEXT, secret BLOB NOT NULL, UNIQUE (a, b));";
#[cfg(feature = "postgres")]
const POSTGRES: &str = "CREATE TABLE clients (id varchar(40) PRIMARY KEY, other text, secret text, next text, was text,
    v varchar(60)); CREATE TABLE bytes (a bigint, b text, secret bytea NOT NULL, UNIQUE (a, b));";

impl Sites {
    pub(super) async fn new(server: Server, form: Form) -> Self {
        #[cfg(feature = "postgres")]
        let url = if server == Server::Postgres { schema_of_its_own().await } else { String::new() };
        let mut sites = Self {
            server,
            form,
            #[cfg(feature = "sqlite")]
            folder: tempfile::tempdir().expect("a folder"),
            made: AtomicU32::new(0),
            faults: Faults::default(),
            key: [7; 32],
            stores: Vec::new(),
            #[cfg(feature = "postgres")]
            url,
        };
        sites.prepare().await;
        sites.stores = vec![sites.store(&sites.faults), sites.store(&sites.faults), sites.store(&Faults::default())];
        sites
    }

    async fn prepare(&self) {
        match self.server {
            #[cfg(feature = "sqlite")]
            Server::Sqlite => {
                use sqlx::ConnectOptions as _;
                let options = sqlx::sqlite::SqliteConnectOptions::new()
                    .filename(self.file())
                    .create_if_missing(true)
                    .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal);
                let mut connection = options.connect().await.expect("a database");
                sqlx::raw_sql(SQLITE).execute(&mut connection).await.expect("tables");
                sqlx::Connection::close(connection).await.expect("closed");
            }
            #[cfg(feature = "postgres")]
            Server::Postgres => {
                let mut session = self.store(&Faults::default()).inner.database.begin().await.expect("a server");
                for statement in POSTGRES.split(';').filter(|part| !part.trim().is_empty()) {
                    session.execute(statement, &[]).await.expect("tables");
                }
                session.commit().await.expect("tables");
            }
        }
    }

    fn keys(&self) -> SealingKeys {
        SealingKeys::new(SealingKey::from_bytes(&self.key))
    }

    fn store(&self, faults: &Faults) -> ColumnStore {
        let (options, faults) = (ColumnOptions::default(), faults.clone());
        let database: Box<dyn Database> = match self.server {
            #[cfg(feature = "sqlite")]
            Server::Sqlite => {
                let path = self.file();
                Box::new(Faulty { database: crate::column::sqlite::SqliteDatabase::new(&path, &options), faults })
            }
            #[cfg(feature = "postgres")]
            Server::Postgres => {
                let url = ClientSecret::new(&self.url);
                let database = crate::column::postgres::PostgresDatabase::new(&url, &options).expect("a URL");
                Box::new(Faulty { database, faults })
            }
        };
        ColumnStore::of("app".to_owned(), database, self.keys(), options)
    }

    fn number(&self) -> u32 {
        self.made.load(Ordering::SeqCst)
    }

    #[cfg(feature = "sqlite")]
    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("app.db")
    }

    fn column(&self, target: &TargetId, row: &str) -> Column {
        let row = format!("{row}{}", self.number());
        match self.form {
            Form::Ours => Column::ours(target),
            Form::Whole => Column::of("clients", "secret")
                .and_then(|column| column.row("id", &row)?.pending("next")?.previous("was")?.version("v"))
                .expect("names"),
            Form::Bytes => Column::of("bytes", "secret")
                .and_then(|column| column.row("a", &self.number().to_string())?.row("b", &row))
                .expect("names"),
            Form::Inserted => {
                Column::of("clients", "secret").and_then(|column| column.row("id", &row)).expect("names").inserted()
            }
        }
    }

    fn target(&self, row: &str) -> TargetId {
        TargetId::new(format!("{row}{}", self.number())).expect("valid")
    }

    /// The destination of a row in the first process.
    pub(super) fn open(&self, row: &str) -> ColumnDestination {
        self.open_in(&self.stores[0], row)
    }

    /// The destination of the same row for another target.
    pub(super) fn of_target(&self, target: &TargetId) -> ColumnDestination {
        self.stores[0].destination(target.clone(), self.column(target, "row"))
    }

    fn open_in(&self, store: &ColumnStore, row: &str) -> ColumnDestination {
        let target = self.target(row);
        let column = self.column(&target, row);
        store.destination(target, column)
    }

    /// A statement as its user would make it.
    pub(super) async fn raw(&self, sql: &str) -> Vec<Row> {
        let mut session = self.stores[0].inner.database.begin().await.expect("a database");
        let rows = session.fetch(sql, &[]).await.expect("a statement");
        session.commit().await.expect("committed");
        rows
    }

    /// Puts back what `SELECT secret` gave, for the row of the first destination.
    pub(super) async fn restore(&self, mut before: Vec<Row>) {
        let Some(Cell::Text(secret)) = before.pop().and_then(|mut row| row.pop()) else { panic!("a text") };
        let mut session = self.stores[0].inner.database.begin().await.expect("a database");
        let given = [Given::Text(Some(secret.expose()))];
        session.execute("UPDATE clients SET secret = $1, next = NULL", &given).await.expect("updated");
        session.commit().await.expect("committed");
        let destination = self.open("row");
        // What is previous was overwritten by the test, so the rotation is made again.
        let _ = self.raw("UPDATE clients SET was = NULL").await;
        let next = cutover_engine::Version::new(cutover_core::AttemptId::fresh(), 1);
        destination.stage(next, &ClientSecret::new("new")).await.expect("staged");
        destination.promote(next).await.expect("promoted");
    }

    /// Whether a trial version stands where what is pending does.
    pub(super) async fn has_dry(&self) -> bool {
        let pending = self.open("row").contents().await.expect("readable").pending;
        pending.is_some_and(|pending| pending.head().kind == Kind::Dry)
    }

    /// The row, with a secret in it or not, as it is before Cutover writes.
    async fn make_row(&self, current: Option<&str>, row: &str) {
        let destination = self.open(row);
        let (store, column) = (self.stores[2].clone(), destination.column().clone());
        if self.form == Form::Ours {
            store.prepare().await.expect("tables");
        }
        let database = &*store.inner.database;
        let layout = Layout::find(database, &column).await.expect("readable").expect("there");
        let mut session = database.begin().await.expect("a database");
        if self.form != Form::Inserted || current.is_some() {
            session.execute(&layout.insert, &layout.key()).await.expect("inserted");
        }
        if let Some(current) = current {
            let keys = self.keys();
            let sealer = Sealer { keys: &keys, target: destination.target(), place: &layout.place };
            let sealed = sealer.seal(Head { kind: Kind::Current, version: None }, current);
            let (text, bytes) = (sealed.to_text(), sealed.to_bytes());
            let mut given = vec![match self.form {
                Form::Bytes => Given::Bytes(Some(&bytes)),
                _ => Given::Text(Some(&text)),
            }];
            given.extend(layout.key());
            session.execute(&layout.update(&[&layout.cells.current]), &given).await.expect("updated");
        }
        session.commit().await.expect("committed");
    }
}

#[async_trait]
impl Fixture for Sites {
    async fn fresh(&self, current: Option<&str>) -> Box<dyn Destination> {
        self.made.fetch_add(1, Ordering::SeqCst);
        self.make_row(current, "row").await;
        Box::new(self.open("row"))
    }

    async fn reopened(&self) -> Option<Box<dyn Destination>> {
        Some(Box::new(self.open_in(&self.stores[1], "row")))
    }

    async fn neighbour(&self) -> Option<Box<dyn Destination>> {
        self.make_row(None, "beside").await;
        Some(Box::new(self.open("beside")))
    }

    fn fail(&self, trouble: Trouble) -> bool {
        if trouble.how == How::StaleRead {
            return false;
        }
        self.faults.fail(trouble);
        true
    }

    fn reached(&self) -> bool {
        self.faults.reached()
    }

    fn mend(&self) {
        self.faults.mend();
    }

    async fn readers_view(&self) -> Seen {
        let target = self.target("row");
        let column = self.column(&target, "row");
        let reader = Reader::new(&self.stores[2], target, column).with_caching(Caching::NONE);
        match reader.current().await.expect("readable") {
            Some(secret) => Seen::Secret(secret),
            None => Seen::Nothing,
        }
    }

    async fn at_rest(&self) -> Option<Vec<Vec<u8>>> {
        // The row and what is beside it; the files of a database are looked at in tests of their own.
        let target = self.target("row");
        let column = self.column(&target, "row");
        let database = &*self.stores[2].inner.database;
        let Some(layout) = Layout::find(database, &column).await.expect("readable") else { return Some(Vec::new()) };
        let mut given = layout.key();
        if layout.needs_beside && layout.has_beside {
            given.push(Given::Text(Some(&layout.place)));
        }
        let rows = database.read(&layout.read, &given).await.expect("readable");
        let bytes = |cell: Cell| match cell {
            Cell::Null => Vec::new(),
            Cell::Text(text) => text.expose().as_bytes().to_vec(),
            Cell::Bytes(bytes) => bytes.to_vec(),
        };
        Some(rows.into_iter().flatten().map(bytes).collect())
    }
}

/// The URL of a server with a schema that no other test uses.
#[cfg(feature = "postgres")]
pub(super) async fn schema_of_its_own() -> String {
    let url = std::env::var("CUTOVER_TEST_POSTGRES").expect("a server: run these with `cargo xtask test`");
    let schema = format!("t{}", uuid::Uuid::new_v4().simple());
    let database = crate::column::postgres::PostgresDatabase::new(&ClientSecret::new(&url), &ColumnOptions::default());
    let database = database.expect("a URL");
    let mut session = database.begin().await.expect("a server");
    session.execute(&format!("CREATE SCHEMA {schema}"), &[]).await.expect("a schema");
    session.commit().await.expect("a schema");
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}options[search_path]={schema}")
}
