//! A table of the user's own, right and wrong.

use cutover_core::ClientSecret;
use cutover_engine::{Destination as _, Label};
use cutover_stores::Column;

use super::{App, promote, shown, some, target, version};

const TABLES: &str = "
    CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT, secret TEXT, short INTEGER, made TEXT AS ('x'));
    INSERT INTO clients VALUES (1, 'a', NULL, 0), (2, 'b', NULL, 0), (3, 'b', NULL, 0);
    CREATE VIEW seen AS SELECT * FROM clients;
    CREATE TABLE guarded (id TEXT, secret TEXT CHECK (length(secret) < 20));
    INSERT INTO guarded VALUES ('1', NULL);
    CREATE TABLE changed (id TEXT, secret TEXT);
    INSERT INTO changed VALUES ('1', NULL);
    CREATE TRIGGER upper AFTER UPDATE ON changed BEGIN UPDATE changed SET secret = upper(secret); END;
";

fn column(table: &str, column: &str, row: &[(&str, &str)]) -> Column {
    let column = Column::of(table, column).expect("names");
    row.iter().fold(column, |column, (name, value)| column.row(name, value).expect("a name"))
}

#[tokio::test]
async fn what_is_in_the_way_is_said_before_anything_happens() {
    let app = App::new(TABLES).await;
    let store = app.store();
    let one = [("id", "1")];
    for (column, said) in [
        (column("nowhere", "secret", &one), "there is no table nowhere"),
        (column("clients", "sekret", &one), "the table clients has no column sekret"),
        (column("clients", "secret", &[("nr", "1")]), "the table clients has no column nr"),
        (column("clients", "short", &one), "has the type INTEGER; it has to be text or bytes"),
        (column("clients", "made", &one), "has the type TEXT; it has to be text or bytes"),
        (column("clients", "secret", &[]), "nothing says which row it is"),
        (column("clients", "secret", &[("id", "9")]), "there is no such row"),
        (column("clients", "secret", &[("name", "b")]), "more than one row is meant"),
        (column("other.clients", "secret", &one), "one schema, main"),
        (column("seen", "secret", &one), "seen is a view"),
        (column("guarded", "secret", &one), "a rule of the table forbids it"),
        (column("changed", "secret", &one), "did not read back unchanged"),
    ] {
        let name = column.shown();
        let error = store.destination(target(), column).preflight().await.expect_err(said);
        assert!(error.to_string().contains(said), "{name}: {error}");
        assert!(!error.is_transient(), "{name}: {error}");
    }
    let nowhere = cutover_stores::ColumnStore::sqlite(
        app.path.with_file_name("nowhere.db"),
        super::keys(),
        cutover_stores::ColumnOptions::default(),
    );
    let error = nowhere.destination(target(), Column::ours(&target())).preflight().await.expect_err("no database");
    assert!(error.to_string().contains("there is no such database"), "{error}");
    assert!(!app.path.with_file_name("nowhere.db").exists(), "none was made");
}

#[tokio::test]
async fn names_are_found_in_any_case_and_other_rows_stay_as_they_are() {
    let app = App::new(TABLES).await;
    let store = app.store();
    let destination = store.destination(target(), column("Clients", "SECRET", &[("ID", "2")]));
    promote(&destination, 1, "new").await;
    let same = store.destination(target(), column("main.clients", "secret", &[("id", "2")]));
    assert_eq!(shown(&same).await, some(["new", "", ""]), "it opens however it is written");
    for id in ["1", "3"] {
        let other = store.destination(target(), column("clients", "secret", &[("id", id)]));
        assert_eq!(shown(&other).await, some(["", "", ""]));
    }
}

#[tokio::test]
async fn a_secret_that_is_not_sealed_is_refused_or_taken_over_and_never_put_back_unsealed() {
    let app = App::new(TABLES).await;
    app.run("UPDATE clients SET secret = 'from-before' WHERE id = 1").await;
    let store = app.store();
    let plain = column("clients", "secret", &[("id", "1")]);
    let refusing = store.destination(target(), plain.clone());
    let error = refusing.preflight().await.expect_err("unsealed").to_string();
    assert!(error.contains("not sealed") && error.contains("plaintext = \"adopt\""), "{error}");
    assert_eq!(shown(&refusing).await, some(["from-before", "", ""]));

    let adopting = store.destination(target(), plain.clone().adopting_plaintext());
    promote(&adopting, 1, "new").await;
    assert_eq!(shown(&adopting).await, some(["new", "", "from-before"]));
    assert_eq!(adopting.labels().await.expect("readable").previous.expect("there").version, None);
    adopting.roll_back(version(1)).await.expect("rolled back");
    assert_eq!(shown(&adopting).await, some(["from-before", "", ""]));
    refusing.preflight().await.expect("it is sealed now");

    // Somebody writes one in the middle of a rotation: the new secret gets to its readers all the same.
    refusing.stage(version(2), &ClientSecret::new("newer")).await.expect("staged");
    app.run("UPDATE clients SET secret = 'by-hand' WHERE id = 1").await;
    refusing.promote(version(2)).await.expect("promoted");
    assert_eq!(shown(&refusing).await, some(["newer", "", "by-hand"]));
}

#[tokio::test]
async fn what_somebody_wrote_after_a_promotion_is_not_rolled_back() {
    let app = App::new(TABLES).await;
    let destination = app.store().destination(target(), column("clients", "secret", &[("id", "1")]));
    promote(&destination, 1, "new").await;
    app.run("UPDATE clients SET secret = 'by-hand' WHERE id = 1").await;
    destination.roll_back(version(1)).await.expect("nothing of it is in use");
    assert_eq!(shown(&destination).await, some(["by-hand", "", ""]));
}

#[tokio::test]
async fn a_database_that_somebody_keeps_locked_is_trouble_that_passes() {
    use sqlx::{ConnectOptions as _, Connection as _};
    let app = App::new(TABLES).await;
    let options = cutover_stores::ColumnOptions {
        lock_timeout: std::time::Duration::from_millis(20),
        ..cutover_stores::ColumnOptions::default()
    };
    let store = cutover_stores::ColumnStore::sqlite(&app.path, super::keys(), options);
    let destination = store.destination(target(), column("clients", "secret", &[("id", "1")]));
    destination.stage(version(1), &ClientSecret::new("new")).await.expect("free");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&app.path);
    let mut other = options.connect().await.expect("a database");
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.expect("free");
    let error = destination.promote(version(1)).await.expect_err("it is locked");
    assert!(error.is_transient() && error.to_string().contains("keeps it locked"), "{error}");
    other.close().await.expect("closed");
    destination.promote(version(1)).await.expect("free again");
    assert_eq!(destination.read(Label::Current).await.expect("readable"), Some(ClientSecret::new("new")));
}
