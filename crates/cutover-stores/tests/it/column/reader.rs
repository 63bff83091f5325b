//! What an application reads.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use cutover_core::{ClientSecret, Clock};
use cutover_engine::{Destination as _, Label};
use cutover_stores::read::{self, Caching, Match, Reader};
use cutover_stores::{Column, ColumnDestination, ColumnOptions, ColumnStore};
use jiff::Timestamp;

use super::{App, keys, promote, target, version};

const TABLE: &str = "CREATE TABLE clients (id TEXT PRIMARY KEY, secret TEXT); INSERT INTO clients (id) VALUES ('1')";

fn column() -> Column {
    Column::of("clients", "secret").and_then(|column| column.row("id", "1")).expect("names")
}

/// A clock that stands still until it is told.
#[derive(Debug)]
struct Hand(Mutex<Timestamp>);

impl Hand {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Timestamp::UNIX_EPOCH)))
    }

    fn pass(&self, millis: u64) {
        let mut now = self.0.lock().expect("no panic");
        *now = now.checked_add(Duration::from_millis(millis)).expect("before the end of time");
    }
}

#[async_trait]
impl Clock for Hand {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("no panic")
    }

    async fn sleep(&self, _: Duration) {}
}

async fn set_up() -> (App, ColumnDestination, Reader) {
    let app = App::new(TABLE).await;
    let destination = app.store().destination(target(), column());
    let reader = Reader::sqlite(&app.path, keys(), target(), column());
    (app, destination, reader)
}

fn secret(text: &str) -> Option<ClientSecret> {
    Some(ClientSecret::new(text))
}

#[tokio::test]
async fn each_label_is_read_and_what_matches_is_told_apart() {
    let (_app, destination, reader) = set_up().await;
    let reader = reader.with_caching(Caching::NONE);
    assert_eq!(reader.current().await.expect("readable"), None);
    assert_eq!(reader.matches(b"").await.expect("readable"), Match::Neither, "no secret is no empty secret");
    promote(&destination, 1, "one").await;
    promote(&destination, 2, "two").await;
    destination.stage(version(3), &ClientSecret::new("three")).await.expect("staged");
    assert_eq!(reader.current().await.expect("readable"), secret("two"));
    assert_eq!(reader.previous().await.expect("readable"), secret("one"));
    assert_eq!(reader.pending().await.expect("readable"), secret("three"));
    for (presented, expected) in [
        ("two", Match::Current),
        ("one", Match::Previous),
        ("three", Match::Neither),
        ("tw", Match::Neither),
        ("two ", Match::Neither),
        ("", Match::Neither),
    ] {
        let found = reader.matches(presented.as_bytes()).await.expect("readable");
        assert_eq!((found, found.is_accepted()), (expected, expected != Match::Neither), "{presented:?}");
    }
    destination.forget_previous(version(2)).await.expect("forgotten");
    assert_eq!(reader.matches(b"one").await.expect("readable"), Match::Neither);
    assert!(!format!("{reader:?}").contains("two"));
}

#[tokio::test]
async fn what_is_known_is_used_for_as_long_as_was_said() {
    let (_app, destination, reader) = set_up().await;
    let clock = Hand::new();
    let reader = reader.with_clock(clock.clone());
    promote(&destination, 1, "one").await;
    assert_eq!(reader.current().await.expect("readable"), secret("one"));
    promote(&destination, 2, "two").await;
    clock.pass(900);
    assert_eq!(reader.current().await.expect("known"), secret("one"), "fresh for 5 s");
    assert_eq!(reader.matches(b"two").await.expect("known"), Match::Neither, "and looked at less than 1 s ago");
    clock.pass(200);
    assert_eq!(reader.matches(b"two").await.expect("readable"), Match::Current, "looked at again for a new one");
    assert_eq!(reader.current().await.expect("known"), secret("two"));
}

#[tokio::test]
async fn what_is_known_outlives_a_database_that_cannot_be_read_for_as_long_as_was_said() {
    use sqlx::{ConnectOptions as _, Connection as _};
    let (app, destination, _) = set_up().await;
    promote(&destination, 1, "one").await;
    let clock = Hand::new();
    let options = ColumnOptions { lock_timeout: Duration::from_millis(20), ..ColumnOptions::default() };
    let store = ColumnStore::sqlite(&app.path, keys(), options);
    let reader = Reader::new(&store, target(), column()).with_clock(clock.clone());
    assert_eq!(reader.current().await.expect("readable"), secret("one"));
    let unknowing = Reader::new(&store, target(), column()).with_clock(clock.clone());

    let other = sqlx::sqlite::SqliteConnectOptions::new().filename(&app.path);
    let mut other = other.connect().await.expect("a database");
    sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut other).await.expect("free");
    clock.pass(304_000);
    assert_eq!(reader.current().await.expect("known"), secret("one"));
    assert_eq!(reader.matches(b"one").await.expect("known"), Match::Current);
    assert!(unknowing.current().await.expect_err("nothing is known").is_transient());
    clock.pass(2_000);
    assert!(reader.current().await.expect_err("too old").is_transient());
    reader.matches(b"one").await.expect_err("an error is no match");
    other.close().await.expect("closed");
    assert_eq!(reader.current().await.expect("there again"), secret("one"));
}

#[tokio::test]
async fn an_unsealed_secret_is_read_only_by_who_accepts_it() {
    let (app, _, reader) = set_up().await;
    app.run("UPDATE clients SET secret = 'from-before'").await;
    let error = reader.current().await.expect_err("unsealed").to_string();
    assert!(error.contains("not sealed") && !error.contains("from-before"), "{error}");
    reader.matches(b"from-before").await.expect_err("unsealed");
    let accepting = reader.accepting_plaintext();
    assert_eq!(accepting.matches(b"from-before").await.expect("accepted"), Match::Current);
}

#[tokio::test]
async fn an_application_may_read_the_column_by_itself() {
    use sqlx::{ConnectOptions as _, Row as _};
    let (app, destination, _) = set_up().await;
    promote(&destination, 1, "one").await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&app.path);
    let mut connection = options.connect().await.expect("a database");
    let row = sqlx::query("SELECT secret FROM clients").fetch_one(&mut connection).await.expect("a row");
    let stored: String = row.try_get(0).expect("a text");
    let place = read::place(&["clients"], "secret", &[("id", "1")]);
    let opened = read::open(&keys(), &target(), &place, Label::Current, stored.as_bytes()).expect("it opens");
    assert_eq!(opened, secret("one"));
    read::open(&keys(), &target(), &place, Label::Previous, stored.as_bytes()).expect_err("another label");
    let other = read::place(&["clients"], "secret", &[("id", "2")]);
    read::open(&keys(), &target(), &other, Label::Current, stored.as_bytes()).expect_err("another row");
    assert_eq!(read::open(&keys(), &target(), &place, Label::Current, b"").expect("nothing"), None);
}
