//! Columns at a real PostgreSQL server, and lines to it that break.

mod proxy;

use cutover_core::ClientSecret;
use cutover_engine::{Destination as _, Label};
use cutover_stores::read::{Caching, Match, Reader};
use cutover_stores::{Column, ColumnOptions, ColumnStore};
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgConnection};

use self::proxy::Proxy;
use super::{keys, promote, shown, some, target, version};

/// A schema of this test's own on the server.
struct Schema {
    url: String,
    name: String,
}

impl Schema {
    async fn new(tables: &str) -> Self {
        let url = std::env::var("CUTOVER_TEST_POSTGRES").expect("a server: run these with `cargo xtask test`");
        let schema = Self { url, name: format!("t{}", uuid::Uuid::new_v4().simple()) };
        let mut connection = schema.connect().await;
        let statements = format!("CREATE SCHEMA {0}; SET search_path = {0}; {tables}", schema.name);
        sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut connection).await.expect("tables");
        schema
    }

    async fn connect(&self) -> PgConnection {
        let options: sqlx::postgres::PgConnectOptions = self.url.parse().expect("a URL");
        options.options([("search_path", &self.name)]).connect().await.expect("a server")
    }

    async fn run(&self, statements: &'static str) {
        sqlx::raw_sql(statements).execute(&mut self.connect().await).await.expect("a statement");
    }

    /// The URL by way of another address, if one is given, and as another user.
    fn url(&self, through: Option<&Proxy>, user: Option<&str>) -> ClientSecret {
        let mut url = self.url.clone();
        let at = |url: &str| -> (usize, usize) {
            let begin = url.find('@').map_or_else(|| url.find("//").expect("a URL") + 2, |at| at + 1);
            (begin, begin + url[begin..].find('/').unwrap_or(url.len() - begin))
        };
        if let Some(proxy) = through {
            let (begin, end) = at(&url);
            url.replace_range(begin..end, &proxy.address().to_string());
        }
        if let Some(user) = user {
            let begin = url.find("//").expect("a URL") + 2;
            let (end, _) = at(&url);
            url.replace_range(begin..end, &format!("{user}@"));
        }
        let separator = if url.contains('?') { '&' } else { '?' };
        ClientSecret::new(&format!("{url}{separator}options[search_path]={}", self.name))
    }

    fn server(&self) -> std::net::SocketAddr {
        let begin = self.url.find('@').map_or_else(|| self.url.find("//").expect("a URL") + 2, |at| at + 1);
        let end = begin + self.url[begin..].find('/').unwrap_or(self.url.len() - begin);
        self.url[begin..end].parse().expect("an address")
    }

    fn store(&self) -> ColumnStore {
        self.store_at(&self.url(None, None))
    }

    fn store_at(&self, url: &ClientSecret) -> ColumnStore {
        ColumnStore::postgres(url, keys(), ColumnOptions::default()).expect("a URL")
    }
}

fn column(table: &str, column: &str, row: &[(&str, &str)]) -> Column {
    let column = Column::of(table, column).expect("names");
    row.iter().fold(column, |column, (name, value)| column.row(name, value).expect("a name"))
}

const TABLES: &str = "
    CREATE TABLE \"Clients\" (id bigint PRIMARY KEY, name varchar(20), secret text, bytes bytea, short varchar(100),
        fixed char(200), count int, made text GENERATED ALWAYS AS ('x') STORED);
    INSERT INTO \"Clients\" (id, name) VALUES (1, 'a'), (2, 'b'), (3, 'b');
    CREATE VIEW seen AS SELECT * FROM \"Clients\";
    CREATE TABLE guarded (id uuid PRIMARY KEY, secret text CHECK (length(secret) < 20));
    INSERT INTO guarded VALUES ('00000000-0000-0000-0000-000000000001', NULL);";

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test starts one"]
async fn what_is_in_the_way_is_said_before_anything_happens() {
    let schema = Schema::new(TABLES).await;
    let store = schema.store();
    let one = [("id", "1")];
    let guarded = [("id", "00000000-0000-0000-0000-000000000001")];
    for (column, said) in [
        (column("clients", "secret", &one), "there is no table clients"),
        (column("Clients", "Secret", &one), "the table Clients has no column Secret"),
        (column("Clients", "count", &one), "has the type integer; it has to be text or bytes"),
        (column("Clients", "fixed", &one), "it has to be text or bytes"),
        (column("Clients", "made", &one), "it has to be text or bytes"),
        (column("Clients", "short", &one), "the column is too short for a sealed secret"),
        (column("Clients", "secret", &[("id", "9")]), "there is no such row"),
        (column("Clients", "secret", &[("id", "x")]), "a value does not fit its column's type"),
        (column("Clients", "secret", &[("name", "b")]), "more than one row is meant"),
        (column("nowhere.Clients", "secret", &one), "there is no table nowhere.Clients"),
        (column("seen", "secret", &one), "seen is no table"),
        (column("guarded", "secret", &guarded), "a rule of the table forbids it (guarded_secret_check)"),
    ] {
        let name = column.shown();
        let error = store.destination(target(), column).preflight().await.expect_err(said);
        assert!(error.to_string().contains(said), "{name}: {error}");
        assert!(!error.is_transient(), "{name}: {error}");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test starts one"]
async fn who_may_not_make_tables_is_told_what_has_to_be_made_and_then_needs_no_more() {
    let schema = Schema::new(TABLES).await;
    let user = format!("u{}", schema.name);
    let grants = format!(
        "CREATE ROLE {user} LOGIN; GRANT USAGE ON SCHEMA {0} TO {user};
         GRANT SELECT (id, secret), UPDATE (secret) ON {0}.\"Clients\" TO {user}",
        schema.name
    );
    sqlx::raw_sql(AssertSqlSafe(grants)).execute(&mut schema.connect().await).await.expect("a role");
    let store = schema.store_at(&schema.url(None, Some(&user)));
    let destination = store.destination(target(), column("Clients", "secret", &[("id", "1")]));
    let error = destination.preflight().await.expect_err("it may not make tables").to_string();
    assert!(
        error.contains("CREATE TABLE IF NOT EXISTS cutover_columns") && error.contains("permission denied"),
        "{error}"
    );
    schema.store().prepare().await.expect("the owner may");
    let grant = format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {}.cutover_columns TO {user}", schema.name);
    sqlx::raw_sql(AssertSqlSafe(grant)).execute(&mut schema.connect().await).await.expect("granted");
    promote(&destination, 1, "new").await;
    assert_eq!(shown(&destination).await, some(["new", "", ""]));
    let other = store.destination(target(), column("Clients", "bytes", &[("id", "1")]));
    let error = other.preflight().await.expect_err("it may not read that column").to_string();
    assert!(error.contains("permission denied"), "{error}");
    let drop = format!("DROP OWNED BY {user}; DROP ROLE {user}");
    sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut schema.connect().await).await.expect("dropped");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test starts one"]
async fn an_application_reads_what_a_rotation_writes() {
    let schema = Schema::new(TABLES).await;
    let column = column("Clients", "bytes", &[("id", "2")]);
    let destination = schema.store().destination(target(), column.clone());
    promote(&destination, 1, "one").await;
    promote(&destination, 2, "two").await;
    let reader = Reader::postgres(&schema.url(None, None), keys(), target(), column).expect("a URL");
    let reader = reader.with_caching(Caching::NONE);
    assert_eq!(reader.current().await.expect("readable"), Some(ClientSecret::new("two")));
    assert_eq!(reader.matches(b"one").await.expect("readable"), Match::Previous);
    destination.roll_back(version(2)).await.expect("rolled back");
    assert_eq!(reader.matches(b"one").await.expect("readable"), Match::Current);
    assert_eq!(reader.matches(b"two").await.expect("readable"), Match::Neither);
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test starts one"]
async fn a_row_that_somebody_keeps_locked_is_trouble_that_passes() {
    let schema = Schema::new(TABLES).await;
    let options = ColumnOptions { lock_timeout: std::time::Duration::from_millis(50), ..ColumnOptions::default() };
    let store = ColumnStore::postgres(&schema.url(None, None), keys(), options).expect("a URL");
    let destination = store.destination(target(), column("Clients", "secret", &[("id", "1")]));
    destination.stage(version(1), &ClientSecret::new("new")).await.expect("free");
    let mut other = schema.connect().await;
    sqlx::raw_sql("BEGIN; UPDATE \"Clients\" SET name = 'x' WHERE id = 1").execute(&mut other).await.expect("free");
    let error = destination.promote(version(1)).await.expect_err("it is locked");
    assert!(error.is_transient() && error.to_string().contains("keeps the row locked"), "{error}");
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.expect("ended");
    destination.promote(version(1)).await.expect("free again");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test starts one"]
async fn connections_that_an_administrator_ended_are_made_again() {
    let schema = Schema::new(TABLES).await;
    let store = schema.store();
    let destination = store.destination(target(), column("Clients", "secret", &[("id", "1")]));
    promote(&destination, 1, "one").await;
    schema
        .run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE application_name = 'cutover' AND pid <> pg_backend_pid()",
        )
        .await;
    assert_eq!(shown(&destination).await, some(["one", "", ""]));
}

/// Whatever message of the server is the last to arrive: the call finds out what has become of what it asked.
#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test starts one"]
async fn a_line_that_breaks_at_any_message_is_connected_again_and_nothing_is_done_twice_or_lost() {
    let schema = Schema::new(TABLES).await;
    let proxy = Proxy::start(schema.server());
    let url = schema.url(Some(&proxy), None);
    let calm = schema.store();
    calm.prepare().await.expect("tables");
    let mut cuts = 0;
    for cut in 1..200 {
        schema
            .run("UPDATE \"Clients\" SET secret = NULL, bytes = NULL WHERE id = 3; DELETE FROM cutover_columns")
            .await;
        let column = column("Clients", "secret", &[("id", "3")]);
        let seen = calm.destination(target(), column.clone());
        promote(&seen, 1, "old").await;
        seen.forget_previous(version(1)).await.expect("forgotten");
        let destination = schema.store_at(&url).destination(target(), column);
        proxy.cut_at(cut);
        promote(&destination, 2, "new").await;
        assert_eq!(shown(&seen).await, some(["new", "", "old"]), "cut at message {cut}");
        if cut % 2 == 0 {
            destination.forget_previous(version(2)).await.expect("forgotten");
            assert_eq!(shown(&seen).await, some(["new", "", ""]), "cut at message {cut}");
        } else {
            destination.roll_back(version(2)).await.expect("rolled back");
            assert_eq!(shown(&seen).await, some(["old", "", ""]), "cut at message {cut}");
        }
        assert_eq!(
            destination.read(Label::Current).await.expect("readable"),
            seen.read(Label::Current).await.expect("readable")
        );
        if !proxy.has_cut() {
            break;
        }
        cuts += 1;
    }
    assert!(30 < cuts && cuts < 198, "{cuts} messages");
}
