//! The contract, kept by the simulated journal and by the real one, and broken by ones that are wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cutover_crash::{Bench, Fate};
use cutover_engine::Journal;
use cutover_stores::{SealingKey, SealingKeys, SqliteJournal, SqliteOptions};

use crate::contract::{Powered, power_cuts};

/// The simulated journal; its disk knows what was synced.
struct Simulated(Bench);

impl Simulated {
    fn wrong(scenario: &str) -> Self {
        Self(Bench::of(scenario.parse().expect("a scenario")))
    }
}

#[async_trait]
impl Powered for Simulated {
    async fn open(&mut self) -> Arc<dyn Journal> {
        self.0.open()
    }

    fn promised(&mut self) {}

    fn cut(&mut self, journal: Arc<dyn Journal>, fate: Fate) {
        drop(journal);
        self.0.cut(fate);
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.bytes()
    }
}

/// An SQLite file with its log. Of what is written to them, that counts as synced which was there when an operation that
/// has to be durable was acknowledged.
struct Sqlite {
    folder: tempfile::TempDir,
    opened: u32,
    synced: Files,
    /// How many commits had been synced when the last promise was made.
    syncs: u64,
    journal: Option<Arc<SqliteJournal>>,
}

#[derive(Clone, Default)]
struct Files {
    file: Vec<u8>,
    log: Vec<u8>,
}

impl Files {
    fn of(path: &Path) -> Self {
        // One that is not there yet is empty.
        Self { file: fs::read(path).unwrap_or_default(), log: fs::read(log(path)).unwrap_or_default() }
    }
}

fn log(path: &Path) -> PathBuf {
    path.with_extension("db-wal")
}

impl Sqlite {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder, opened: 0, synced: Files::default(), syncs: 0, journal: None }
    }

    /// Each process opens a copy, so that nothing that the one before still does can reach it.
    fn path(&self) -> PathBuf {
        self.folder.path().join(format!("journal-{}.db", self.opened))
    }
}

#[async_trait]
impl Powered for Sqlite {
    async fn open(&mut self) -> Arc<dyn Journal> {
        let keys = SealingKeys::new(SealingKey::from_bytes(b"an-unsafe-key-that-is-for-tests!"));
        // Nothing is to be synced that was not promised.
        let options = SqliteOptions { sync_after: Duration::from_secs(3600), ..SqliteOptions::default() };
        let journal = Arc::new(SqliteJournal::open(self.path(), keys, options).await.expect("it opens"));
        // Opening makes the tables, durably.
        (self.synced, self.syncs) = (Files::of(&self.path()), journal.commits().synced);
        self.journal = Some(Arc::clone(&journal));
        journal
    }

    fn promised(&mut self) {
        let synced = self.journal.as_ref().expect("open").commits().synced;
        assert!(self.syncs < synced, "a promise without a sync");
        (self.synced, self.syncs) = (Files::of(&self.path()), synced);
    }

    fn cut(&mut self, journal: Arc<dyn Journal>, fate: Fate) {
        let written = Files::of(&self.path());
        let left = match fate {
            Fate::Lost => self.synced.clone(),
            Fate::Kept => written,
            Fate::Torn => {
                let since = written.log.strip_prefix(self.synced.log.as_slice()).expect("a log only grows here");
                Files { log: [&self.synced.log, &since[..since.len() / 2]].concat(), ..written }
            }
        };
        drop(journal);
        self.opened += 1;
        fs::write(self.path(), &left.file).expect("a copy");
        fs::write(log(&self.path()), &left.log).expect("a copy");
    }

    fn bytes(&self) -> Vec<u8> {
        let Files { file, log } = Files::of(&self.path());
        [file, log].concat()
    }
}

#[tokio::test]
async fn the_simulated_journal_loses_in_a_power_cut_what_it_may_and_no_more() {
    let (wrong, cuts) = power_cuts(|| Simulated::wrong("m2m/d1")).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cuts > 50, "only {cuts}");
}

#[tokio::test]
async fn an_sqlite_journal_loses_in_a_power_cut_what_it_may_and_no_more() {
    let (wrong, cuts) = power_cuts(Sqlite::new).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cuts > 50, "only {cuts}");
}

#[tokio::test]
async fn the_contract_is_broken_by_journals_that_promise_more_than_they_do() {
    for name in ["keep_acked_early", "keep_forgotten", "intent_acked_early", "key_lost", "wiped_early", "stored_plain"]
    {
        let (wrong, _) = power_cuts(|| Simulated::wrong(&format!("m2m/d1/wrong={name}"))).await;
        assert!(!wrong.is_empty(), "{name} keeps the contract");
    }
}
