//! What it promises, over lines that break and with servers that die.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cutover_core::{Attempt, ClientSecret, ReplyKeeper as _, ReplySlot, TargetId};
use cutover_engine::contract::journal::{self, Fixture};
use cutover_engine::{Event, Journal, JournalError, Phase};
use cutover_stores::{DueOnly, LeaseClock, PostgresJournal, PostgresOptions, SealingKey, SealingKeys};
use sqlx::{Connection as _, PgConnection};
use tokio::sync::watch;
use uuid::Uuid;

use super::cluster::Cluster;
use super::proxy::{Lost, Proxy};
use crate::journal_contract::{BODY, TTL, at, begin, reply, started, target};

const KEY: [u8; 32] = *b"an-unsafe-key-that-is-for-tests!";
/// Long enough that no test waits for it, short enough to be told from a hang.
pub(super) const LONG: Duration = Duration::from_secs(600);
/// How often a condition is looked at before it counts as never true.
const LOOKS: usize = 20_000;

fn server() -> String {
    std::env::var("CUTOVER_TEST_POSTGRES").expect("a PostgreSQL server: run `cargo xtask test`")
}

fn keys() -> SealingKeys {
    SealingKeys::new(SealingKey::from_bytes(&KEY))
}

/// A schema that nobody else has.
pub(super) fn schema() -> String {
    format!("t_{}", Uuid::new_v4().simple())
}

pub(super) fn options(schema: &str) -> PostgresOptions {
    PostgresOptions { schema: schema.to_owned(), ..PostgresOptions::default() }
}

async fn open_at(url: &str, options: PostgresOptions) -> PostgresJournal {
    PostgresJournal::open(&ClientSecret::new(url), keys(), options).await.expect("a journal")
}

pub(super) async fn open(options: PostgresOptions) -> PostgresJournal {
    open_at(&server(), options).await
}

/// The same server by another address.
fn through(proxy: &Proxy) -> String {
    let url = server();
    let (start, rest) = url.split_once('@').expect("a user in the URL");
    let (_, path) = rest.split_once('/').expect("a database in the URL");
    format!("{start}@{}/{path}?sslmode=disable", proxy.address)
}

async fn proxy() -> Proxy {
    let url = server();
    let host = url.split_once('@').and_then(|(_, rest)| rest.split_once('/')).expect("a host in the URL").0;
    Proxy::to(host.to_owned()).await
}

async fn raw(sql: &str, schema: &str) -> Vec<String> {
    let mut connection = PgConnection::connect(&server()).await.expect("a connection");
    let sql = sql.replace("THIS", schema);
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(&mut connection).await.expect("a statement")
}

/// Asks again and again until it is so.
async fn until<F: Future<Output = bool>>(what: &str, is_so: impl Fn() -> F) {
    for _ in 0..LOOKS {
        if is_so().await {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("never came true: {what}");
}

fn is_fenced<T>(result: &Result<T, JournalError>) -> bool {
    matches!(result, Err(JournalError::Fenced { .. }))
}

struct Fresh {
    schema: std::sync::Mutex<String>,
}

impl Fresh {
    fn options(&self) -> PostgresOptions {
        let schema = self.schema.lock().expect("no panic under this lock").clone();
        PostgresOptions { lease_clock: LeaseClock::Caller, connections: 4, ..options(&schema) }
    }
}

#[async_trait]
impl Fixture for Fresh {
    async fn fresh(&self) -> Arc<dyn Journal> {
        *self.schema.lock().expect("no panic under this lock") = schema();
        Arc::new(open(self.options()).await)
    }

    async fn reopened(&self) -> Option<Arc<dyn Journal>> {
        Some(Arc::new(open(self.options()).await))
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test starts one"]
async fn it_keeps_the_contract_of_journals() {
    journal::check(&Fresh { schema: std::sync::Mutex::default() }).await.assert();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test starts one"]
async fn leases_end_by_the_servers_clock_and_an_old_fence_is_refused_from_then_on() {
    let schema = schema();
    let (one, other) = (open(options(&schema)).await, open(options(&schema)).await);
    let target = target("t1");
    // What the callers' clocks say is far from each other and from the server's.
    let lease = one.lease(target.id(), at(0), LONG).await.expect("free");
    let attempt = Attempt::new(target.id().clone(), at(0));
    one.append(&lease, &target, &attempt, &started(&attempt, false), at(0)).await.expect("recorded");
    let busy = other.lease(target.id(), at(1_000_000_000), LONG).await;
    assert!(matches!(busy, Err(JournalError::Busy { until: Some(_), .. })), "{busy:?}");
    one.renew(&lease, at(0), Duration::from_micros(1)).await.expect("ours");
    let taken = other.lease(target.id(), at(0), LONG).await.expect("it is over");
    assert!(lease.fence() < taken.fence());
    assert!(is_fenced(&one.append(&lease, &target, &attempt, &Event::RolledBack, at(1)).await));
    assert!(is_fenced(&one.note(&lease, &target, &attempt, &Event::Staged, at(1)).await));
    assert!(is_fenced(&one.renew(&lease, at(1), LONG).await));
    one.release(&lease).await.expect("not missed");
    assert!(one.lease(target.id(), at(1), LONG).await.is_err(), "the other one has it still");
    // A reply that comes late is kept all the same.
    one.keep(&ReplySlot::of(&attempt), &reply(BODY)).await.expect("kept");
    let recorded = other.unfinished(None).await.expect("readable").remove(0);
    assert_eq!(recorded.state().expect("in order").phase(), Phase::Kept);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test starts one"]
async fn nobody_waits_for_a_lease_that_somebody_is_changing() {
    let schema = schema();
    let (one, other) = (open(options(&schema)).await, open(options(&schema)).await);
    let (first, second) = (target("t1"), target("t2"));
    for target in [&first, &second] {
        let lease = one.lease(target.id(), at(0), LONG).await.expect("free");
        one.release(&lease).await.expect("given back");
    }
    let mut stands_still = PgConnection::connect(&server()).await.expect("a connection");
    let mut held = stands_still.begin().await.expect("a transaction");
    let lock = format!("SELECT fence FROM {schema}.leases WHERE target = 't1' FOR UPDATE");
    sqlx::query(sqlx::AssertSqlSafe(lock)).execute(&mut *held).await.expect("locked");
    let busy = other.lease(first.id(), at(0), LONG).await;
    assert!(matches!(busy, Err(JournalError::Busy { until: None, .. })), "{busy:?}");
    other.lease(second.id(), at(0), LONG).await.expect("the others are free");
    held.rollback().await.expect("let go");
    other.lease(first.id(), at(0), LONG).await.expect("free again");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test starts one"]
async fn of_many_workers_each_target_has_one() {
    let schema = schema();
    let mut workers = Vec::new();
    for _ in 0..4 {
        workers.push(Arc::new(open(options(&schema)).await));
    }
    let targets: Vec<TargetId> = (0..50).map(|nth| TargetId::new(format!("t{nth}")).expect("valid")).collect();
    let taken = workers.iter().map(|worker| {
        let (worker, targets) = (Arc::clone(worker), targets.clone());
        tokio::spawn(async move {
            let mut taken = Vec::new();
            for target in &targets {
                match worker.lease(target, at(0), LONG).await {
                    Ok(lease) => taken.push(lease),
                    Err(JournalError::Busy { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            taken
        })
    });
    let taken: Vec<_> = taken.collect();
    let mut held = Vec::new();
    for taken in taken {
        held.extend(taken.await.expect("no panic"));
    }
    let of: BTreeSet<&TargetId> = held.iter().map(|lease| lease.target()).collect();
    assert_eq!((held.len(), of.len()), (50, 50), "each once");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test starts one"]
async fn the_lease_of_a_worker_whose_session_ended_can_be_taken_at_once() {
    let schema = schema();
    let at_once = PostgresOptions { dead_after: Duration::ZERO, ..options(&schema) };
    let (one, other) = (open(options(&schema)).await, open(at_once).await);
    let target = target("t1");
    let lease = one.lease(target.id(), at(0), LONG).await.expect("free");
    other.lease(target.id(), at(0), LONG).await.expect_err("it lives");
    drop(one);
    until("the dead worker's lease is free", || async {
        other.lease(target.id(), at(0), LONG).await.is_ok_and(|taken| lease.fence() < taken.fence())
    })
    .await;
    assert_eq!(raw("SELECT id::text FROM THIS.workers", &schema).await.len(), 1, "it is forgotten");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test starts one"]
async fn a_worker_that_lives_and_lost_its_line_is_stopped_by_its_fence() {
    let (schema, proxy) = (schema(), proxy().await);
    let at_once = PostgresOptions { dead_after: Duration::ZERO, ..options(&schema) };
    let (one, other) = (open_at(&through(&proxy), options(&schema)).await, open(at_once).await);
    let target = target("t1");
    let (lost, attempt) = begin(&one, &target, at(0)).await;
    proxy.cut();
    let taken = std::sync::Mutex::new(None);
    until("its lease is taken", || async {
        let lease = other.lease(target.id(), at(0), LONG).await.ok();
        let is_taken = lease.is_some();
        *taken.lock().expect("no panic under this lock") = lease;
        is_taken
    })
    .await;
    let taken = taken.into_inner().expect("no panic under this lock").expect("taken");
    assert!(lost.fence() < taken.fence());
    proxy.mend();
    assert!(is_fenced(&one.append(&lost, &target, &attempt, &Event::RolledBack, at(2)).await));
    assert!(is_fenced(&one.renew(&lost, at(2), LONG).await));
    one.keep(&ReplySlot::of(&attempt), &reply(BODY)).await.expect("its bytes are worth more than its lease");
    let recalled = other.recall(&ReplySlot::of(&attempt)).await.expect("readable");
    assert_eq!(recalled, Some(reply(BODY)));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test starts one"]
async fn a_worker_that_comes_back_in_time_keeps_its_lease() {
    let (schema, proxy) = (schema(), proxy().await);
    let (one, other) = (open_at(&through(&proxy), options(&schema)).await, open(options(&schema)).await);
    let target = target("t1");
    let (lease, attempt) = begin(&one, &target, at(0)).await;
    let silent = || raw("SELECT name FROM THIS.workers WHERE silent_since IS NOT NULL", &schema);
    proxy.shake();
    // The other one looks around every second, and so does the one that lost its line.
    until("its session is back", || async {
        assert!(other.lease(target.id(), at(0), LONG).await.is_err(), "it has time to come back");
        silent().await.is_empty() && one.renew(&lease, at(0), LONG).await.is_ok()
    })
    .await;
    one.append(&lease, &target, &attempt, &Event::RolledBack, at(1)).await.expect("still its own");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test starts one"]
async fn whatever_answer_or_request_is_lost_everything_is_done_once() {
    let (schema, proxy) = (schema(), proxy().await);
    for lost in [Lost::Answer, Lost::Request] {
        let mut broke = proxy.broken();
        for nth in 1.. {
            let one_line = PostgresOptions { connections: 1, ..options(&schema) };
            let journal = open_at(&through(&proxy), one_line).await;
            let target = target(&format!("{lost:?}-{nth}"));
            proxy.break_at(lost, nth);
            let (lease, attempt) = begin(&journal, &target, at(0)).await;
            assert_eq!(lease.fence(), 1, "{lost:?} {nth}: taken once");
            journal.preflight().await.expect("room");
            journal.keep(&ReplySlot::of(&attempt), &reply(BODY)).await.expect("kept");
            journal.note(&lease, &target, &attempt, &Event::Staged, at(1)).await.expect("recorded");
            journal.renew(&lease, at(1), LONG).await.expect("ours");
            journal.append(&lease, &target, &attempt, &Event::Verified, at(1)).await.expect("recorded");
            journal.append(&lease, &target, &attempt, &Event::Promoted, at(1)).await.expect("recorded");
            let recorded = journal.unfinished(Some(target.id())).await.expect("readable").remove(0);
            let names: Vec<_> = recorded.entries.iter().map(|entry| entry.event.name()).collect();
            let way = ["issue_started", "reply_kept", "staged", "verified", "promoted"];
            assert_eq!(names, way, "{lost:?} {nth}");
            journal.append(&lease, &target, &attempt, &Event::RolledBack, at(2)).await.expect("recorded");
            journal.release(&lease).await.expect("given back");
            assert!(journal.unfinished(Some(target.id())).await.expect("readable").is_empty(), "{lost:?} {nth}");
            if proxy.broken() == broke {
                assert!(20 < nth, "{lost:?}: the line broke at {nth} points only");
                break;
            }
            broke = proxy.broken();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test starts one"]
async fn a_server_that_dies_and_comes_back_has_lost_nothing_that_was_acknowledged() {
    let cluster = Cluster::start();
    let url = format!("postgres://cutover@127.0.0.1:{}/postgres", cluster.port);
    let (one, other) = (open_at(&url, options("cutover")).await, open_at(&url, options("cutover")).await);
    let journals = [Arc::new(one), Arc::new(other)];
    let acknowledged = watch::Sender::new(0);
    let work = (0..6).map(|worker| {
        let (journal, acknowledged) = (Arc::clone(&journals[worker % 2]), acknowledged.clone());
        tokio::spawn(async move {
            let mut done = BTreeMap::new();
            for nth in 0..40 {
                let target = target(&format!("t{worker}-{nth}"));
                let (lease, attempt) = begin(journal.as_ref(), &target, at(0)).await;
                journal.keep(&ReplySlot::of(&attempt), &reply(BODY)).await.expect("kept");
                journal.note(&lease, &target, &attempt, &Event::Staged, at(1)).await.expect("recorded");
                journal.append(&lease, &target, &attempt, &Event::Verified, at(1)).await.expect("recorded");
                acknowledged.send_modify(|count| *count += 1);
                done.insert(target.id().clone(), lease);
            }
            done
        })
    });
    let work: Vec<_> = work.collect();
    acknowledged.subscribe().wait_for(|count| 20 <= *count).await.expect("some are done");
    let restarted = tokio::task::spawn_blocking(move || {
        cluster.restart();
        cluster
    });
    let cluster = restarted.await.expect("restarted");
    let mut leases = BTreeMap::new();
    for work in work {
        leases.extend(work.await.expect("nothing was lost"));
    }
    let unfinished = journals[0].unfinished(None).await.expect("readable");
    assert_eq!(unfinished.len(), 240);
    for recorded in &unfinished {
        let names: Vec<_> = recorded.entries.iter().map(|entry| entry.event.name()).collect();
        assert_eq!(names, ["issue_started", "reply_kept", "staged", "verified"], "{}", recorded.target.id());
    }
    // Leases as well: nobody else gets one, and no fence is given out twice.
    for lease in leases.values() {
        journals[0].lease(lease.target(), at(0), TTL).await.expect_err("held");
        assert_eq!(lease.fence(), 1);
    }
    drop(cluster);
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test starts one"]
async fn a_journal_takes_the_key_it_is_sealed_with_and_names_it() {
    let (schema, url) = (schema(), ClientSecret::new(&server()));
    let key = |byte: u8| SealingKey::from_bytes(&[byte; 32]);
    let open = |keys: SealingKeys| PostgresJournal::open(&url, keys, options(&schema));
    let refused = |keys| async { open(keys).await.expect_err("another key").to_string() };
    assert_eq!(PostgresJournal::sealed_with(&url, &options(&schema)).await.expect("a server"), None);
    let journal = open(SealingKeys::new(key(1))).await.expect("new");
    let sealed_with = PostgresJournal::sealed_with(&url, &options(&schema)).await.expect("a server");
    assert_eq!(sealed_with, Some(key(1).id().to_string()));
    let said = refused(SealingKeys::new(key(2))).await;
    assert!(
        said.contains(&format!("made with the key {}", key(1).id())) && said.contains("nothing is sealed"),
        "{said}"
    );
    let (_, attempt) = begin(&journal, &target("t1"), at(0)).await;
    let said = refused(SealingKeys::new(key(2))).await;
    assert!(said.contains(&format!("needs the key {}", key(1).id())), "{said}");
    // Whoever has both goes over to the new one.
    let exchanged = open(SealingKeys::new(key(2)).with_older(key(1))).await.expect("both are at hand");
    assert_eq!(exchanged.unfinished(None).await.expect("readable").remove(0).attempt, attempt);
    let said = refused(SealingKeys::new(key(1))).await;
    assert!(said.contains(&format!("needs the key {}", key(2).id())), "{said}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test starts one"]
async fn a_schema_of_something_else_or_of_a_later_version_is_left_alone() {
    let (foreign, later, none) = (schema(), schema(), schema());
    let opened = |schema: String, create| async move {
        let options = PostgresOptions { create, ..options(&schema) };
        PostgresJournal::open_if_there(&ClientSecret::new(&server()), keys(), options).await
    };
    assert!(opened(none.clone(), false).await.expect("a server").is_none(), "nothing is made");
    assert!(raw("SELECT nspname::text FROM pg_namespace WHERE nspname = 'THIS'", &none).await.is_empty());
    raw("CREATE SCHEMA THIS", &foreign).await;
    raw("CREATE TABLE THIS.events (id int)", &foreign).await;
    let error = opened(foreign, true).await.expect_err("somebody else's").to_string();
    assert!(error.contains("another program"), "{error}");
    opened(later.clone(), true).await.expect("made");
    raw("UPDATE THIS.journal SET version = 99", &later).await;
    let error = opened(later, true).await.expect_err("not known yet").to_string();
    assert!(error.contains("a later version of this program"), "{error}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test starts one"]
async fn nothing_in_the_tables_shows_a_secret_or_a_key_and_the_end_wipes_what_is_sealed() {
    let schema = schema();
    let journal = open(options(&schema)).await;
    let target = target("t1");
    let (lease, attempt) = begin(&journal, &target, at(0)).await;
    journal.keep(&ReplySlot::of(&attempt), &reply(BODY)).await.expect("kept");
    let everything = || async {
        let mut everything = String::new();
        for table in ["attempts", "events", "issues", "leases", "workers"] {
            everything += &raw(&format!("SELECT t::text FROM THIS.{table} t"), &schema).await.join("\n");
        }
        everything
    };
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let (shown, key) = (everything().await, attempt.key().as_header_value().to_owned());
    for secret in ["cutover-canary-5c1f0e", key.as_str()] {
        assert!(!shown.contains(secret) && !shown.contains(&hex(secret)));
    }
    let sealed = "SELECT issue::text FROM THIS.issues WHERE key IS NOT NULL OR reply IS NOT NULL";
    assert_eq!(raw(sealed, &schema).await.len(), 1);
    journal.append(&lease, &target, &attempt, &Event::RolledBack, at(1)).await.expect("recorded");
    assert!(raw(sealed, &schema).await.is_empty());
    let debug = format!("{journal:?}");
    assert!(!debug.contains("postgres://") && debug.contains(&schema), "{debug}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test starts one"]
async fn what_another_worker_rotated_meanwhile_is_not_due_any_more() {
    let schema = schema();
    let journal = Arc::new(open(options(&schema)).await);
    let names = ["rotated", "long ago", "never", "unfinished", "taken back", "in hand"];
    let ids = names.map(|name| TargetId::new(name.replace(' ', "-")).expect("valid"));
    let ended = |id: &TargetId, end: Event, seconds| {
        let (journal, target) = (Arc::clone(&journal), target(id.as_str()));
        async move {
            let (lease, attempt) = begin(journal.as_ref(), &target, at(seconds)).await;
            journal.append(&lease, &target, &attempt, &end, at(seconds)).await.expect("recorded");
            journal.release(&lease).await.expect("given back");
        }
    };
    ended(&ids[0], Event::Finished, 100).await;
    ended(&ids[1], Event::Finished, 99).await;
    let (lease, _) = begin(journal.as_ref(), &target(ids[3].as_str()), at(200)).await;
    journal.release(&lease).await.expect("given back");
    ended(&ids[4], Event::RolledBack, 200).await;
    journal.lease(&ids[5], at(0), LONG).await.expect("free");
    let due = journal.due(&ids, at(100)).await.expect("readable");
    let due: Vec<_> = due.iter().map(|due| (due.target.as_str(), due.in_hand, due.unfinished)).collect();
    let expected = [("long-ago", false, false), ("never", false, false), ("unfinished", false, true)];
    assert_eq!(due[..3], expected);
    assert_eq!(due[3..], [("taken-back", false, false), ("in-hand", true, false)]);

    let only = DueOnly::new(Arc::clone(&journal), at(100));
    only.lease(&ids[2], at(0), LONG).await.expect("due");
    let refused = only.lease(&ids[0], at(0), LONG).await;
    assert!(matches!(refused, Err(JournalError::Busy { until: None, .. })), "{refused:?}");
    assert!(only.was_rotated(&ids[0]) && !only.was_rotated(&ids[0]) && !only.was_rotated(&ids[2]));
    journal.lease(&ids[0], at(0), LONG).await.expect("it was given back");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test starts one"]
async fn what_is_wrong_with_a_server_is_said_without_its_password() {
    let opened = |url: String| async move {
        let options = PostgresOptions { patience: Duration::ZERO, ..options("cutover") };
        let error = PostgresJournal::open(&ClientSecret::new(&url), keys(), options).await.expect_err("no journal");
        let said = cutover_core::chain(&error);
        assert!(!said.contains("hunter2"), "{said}");
        said
    };
    let said = opened("postgres://me:hunter2@127.0.0.1:1/fleet".to_owned()).await;
    assert!(said.contains("PostgreSQL at 127.0.0.1:1, database fleet, schema cutover: the server cannot be"), "{said}");
    let said = opened(server().replace("/postgres", "/nowhere")).await;
    assert!(said.contains("there is no such database"), "{said}");
}
