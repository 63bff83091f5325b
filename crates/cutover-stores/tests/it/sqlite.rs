//! The SQLite journal on a real disk: crashes, wiping, leases of the dead.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cutover_core::{Attempt, ReplyKeeper as _, ReplySlot};
use cutover_engine::contract::journal::{self, Fixture};
use cutover_engine::{Event, Journal, JournalError, Phase};
use cutover_stores::{SealingKey, SealingKeys, SqliteJournal, SqliteOptions};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::journal_contract::{BODY, TTL, at, begin, reply, started, target};

const KEY: [u8; 32] = *b"an-unsafe-key-that-is-for-tests!";
const SECRET: &str = "cutover-canary-5c1f0e";
/// Tells the test binary that it is the worker to be killed, and where its journal is.
const WORKER: &str = "CUTOVER_STORES_TEST_WORKER";

/// How many leases it holds, besides that of its attempt.
const LEASES: usize = 64;

fn keys() -> SealingKeys {
    SealingKeys::new(SealingKey::from_bytes(&KEY))
}

async fn open(path: &Path) -> SqliteJournal {
    SqliteJournal::open(path, keys(), SqliteOptions::default()).await.expect("a journal")
}

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.db");
    (folder, path)
}

/// What is on the disk: all files whose names begin like the journal's.
///
/// Read by another process: a process that closes a database file of its own loses its locks on it.
fn on_disk(path: &Path) -> Vec<u8> {
    let script = "for file in \"$0\" \"$0-wal\" \"$0-shm\"; do [ -e \"$file\" ] && cat \"$file\"; done; true";
    Command::new("sh").args(["-c", script]).arg(path).output().expect("a shell").stdout
}

/// The journal as a machine that lost its power now would find it.
fn copy(path: &Path, to: &TempDir) -> PathBuf {
    let copy = to.path().join("journal.db");
    let script = "cp \"$0\" \"$1\"; [ -e \"$0-wal\" ] && cp \"$0-wal\" \"$1-wal\"; true";
    let copied = Command::new("sh").args(["-c", script]).arg(path).arg(&copy).status().expect("a shell");
    assert!(copied.success());
    copy
}

/// A copy with what has to be in it.
struct Copy {
    _folder: TempDir,
    path: PathBuf,
    phase: Phase,
}

impl Copy {
    fn of(path: &Path, phase: Phase) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { path: copy(path, &folder), _folder: folder, phase }
    }
}

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

/// Journals in one folder, each in a file of its own.
struct Files {
    folder: TempDir,
    made: std::sync::atomic::AtomicU32,
}

impl Files {
    fn last(&self) -> PathBuf {
        self.folder.path().join(format!("{}.db", self.made.load(std::sync::atomic::Ordering::SeqCst)))
    }
}

#[async_trait]
impl Fixture for Files {
    async fn fresh(&self) -> Arc<dyn Journal> {
        self.made.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Arc::new(open(&self.last()).await)
    }

    async fn reopened(&self) -> Option<Arc<dyn Journal>> {
        Some(Arc::new(open(&self.last()).await))
    }
}

#[tokio::test]
async fn an_sqlite_journal_keeps_the_contract() {
    let files = Files { folder: folder().0, made: std::sync::atomic::AtomicU32::new(0) };
    let report = journal::check(&files).await;
    report.assert();
    assert_eq!(report.not_asked().count(), 0, "{report}");
}

#[tokio::test]
async fn every_step_survives_a_power_cut_right_after_it() {
    let (_folder, path) = folder();
    let journal = open(&path).await;
    let target = target("t1");
    let (lease, attempt) = begin(&journal, &target, at(0)).await;
    let slot = ReplySlot::of(&attempt);
    let mut phases = Vec::new();
    for event in [None, Some(Event::Staged), Some(Event::Verified), Some(Event::Promoted), Some(Event::Completed)] {
        match &event {
            None => journal.keep(&slot, &reply(BODY)).await.expect("kept"),
            Some(event) => journal.append(&lease, &target, &attempt, event, at(1)).await.expect("recorded"),
        }
        let elsewhere = tempfile::tempdir().expect("a folder");
        let found = open(&copy(&path, &elsewhere)).await;
        let recorded = found.unfinished(None).await.expect("readable").remove(0);
        assert_eq!(recorded.attempt, attempt);
        assert_eq!(found.recall(&slot).await.expect("readable"), Some(reply(BODY)));
        phases.push(recorded.state().expect("in order").phase());
    }
    assert_eq!(phases, [Phase::Kept, Phase::Staged, Phase::Verified, Phase::Promoted, Phase::Completed]);
}

#[tokio::test]
async fn who_shares_a_commit_hears_of_it_only_once_it_survives_a_power_cut() {
    let (_folder, path) = folder();
    let journal = Arc::new(open(&path).await);
    let mut begun = Vec::new();
    for number in 0..24 {
        let target = target(&format!("t{number}"));
        let (lease, attempt) = begin(&*journal, &target, at(0)).await;
        begun.push((target, lease, attempt));
    }
    let before = journal.commits();
    let told: Vec<_> = begun
        .into_iter()
        .map(|(target, lease, attempt)| {
            let (journal, path) = (Arc::clone(&journal), path.clone());
            tokio::spawn(async move {
                let slot = ReplySlot::of(&attempt);
                journal.keep(&slot, &reply(BODY)).await.expect("kept");
                let kept = Copy::of(&path, Phase::Kept);
                journal.append(&lease, &target, &attempt, &Event::Staged, at(1)).await.expect("recorded");
                (target, slot, [kept, Copy::of(&path, Phase::Staged)])
            })
        })
        .collect();
    for told in told {
        let (target, slot, copies) = told.await.expect("no panic");
        for Copy { _folder, path, phase } in copies {
            let found = open(&path).await;
            let recorded = found.unfinished(Some(target.id())).await.expect("readable").remove(0);
            assert!(recorded.entries.len() > 1, "{:?}", recorded.entries);
            assert_eq!(recorded.state().expect("in order").phase(), phase);
            assert_eq!(found.recall(&slot).await.expect("readable"), Some(reply(BODY)));
        }
    }
    assert_eq!(journal.commits().operations - before.operations, 48);
}

#[tokio::test]
async fn what_was_noted_is_lost_from_the_end_on_until_an_event_has_to_be_durable() {
    let (_folder, path) = folder();
    // Nothing is synced by itself meanwhile.
    let patient = SqliteOptions { sync_after: Duration::from_secs(3600), ..SqliteOptions::default() };
    let journal = SqliteJournal::open(&path, keys(), patient).await.expect("a journal");
    let target = target("t1");
    let (lease, attempt) = begin(&journal, &target, at(0)).await;
    journal.keep(&ReplySlot::of(&attempt), &reply(BODY)).await.expect("kept");
    let log = path.with_extension("db-wal");
    let length = || fs::metadata(&log).expect("a log").len();
    let (kept, before) = (length(), journal.commits());
    for event in [Event::Staged, Event::Verified] {
        journal.note(&lease, &target, &attempt, &event, at(1)).await.expect("recorded");
    }
    let verified = length();
    let noted = journal.commits();
    assert_eq!((noted.commits - before.commits, noted.synced), (2, before.synced));
    journal.append(&lease, &target, &attempt, &Event::Promoted, at(2)).await.expect("recorded");
    assert_eq!(journal.commits().synced - noted.synced, 1);
    for (left, phases) in [
        (kept, [Phase::Kept].as_slice()),
        (kept + (verified - kept) / 2, &[Phase::Kept, Phase::Staged]),
        (verified, &[Phase::Verified]),
        (length(), &[Phase::Promoted]),
    ] {
        let elsewhere = tempfile::tempdir().expect("a folder");
        let cut = copy(&path, &elsewhere);
        fs::File::options().write(true).open(cut.with_extension("db-wal")).expect("a log").set_len(left).expect("cut");
        let found = open(&cut).await;
        let recorded = found.unfinished(None).await.expect("readable").remove(0);
        let phase = recorded.state().expect("in order").phase();
        assert!(phases.contains(&phase), "{left} bytes left: {phase:?}");
        assert_eq!(found.recall(&ReplySlot::of(&attempt)).await.expect("readable"), Some(reply(BODY)));
    }
}

#[tokio::test]
async fn a_rotation_syncs_the_disk_three_times() {
    let (_folder, path) = folder();
    let patient = SqliteOptions { sync_after: Duration::from_secs(3600), ..SqliteOptions::default() };
    let journal = SqliteJournal::open(&path, keys(), patient).await.expect("a journal");
    let target = target("t1");
    let before = journal.commits();
    let lease = journal.lease(target.id(), at(0), TTL).await.expect("free");
    journal.preflight().await.expect("room");
    let attempt = Attempt::new(target.id().clone(), at(0));
    journal.append(&lease, &target, &attempt, &started(&attempt, false), at(0)).await.expect("recorded");
    journal.keep(&ReplySlot::of(&attempt), &reply(BODY)).await.expect("kept");
    let verdict = cutover_core::Verdict::Refused;
    for event in [Event::Staged, Event::Verified, Event::Promoted, Event::Completed, Event::OldChecked { verdict }] {
        if event.is_found_again() {
            journal.note(&lease, &target, &attempt, &event, at(1)).await.expect("recorded");
        } else {
            journal.append(&lease, &target, &attempt, &event, at(1)).await.expect("recorded");
        }
    }
    journal.note(&lease, &target, &attempt, &Event::Finished, at(1)).await.expect("recorded");
    journal.release(&lease).await.expect("given back");
    assert_eq!(journal.commits().synced - before.synced, 3);
}

#[tokio::test]
async fn a_log_that_was_cut_anywhere_is_a_beginning_of_what_happened() {
    let (_folder, path) = folder();
    let journal = open(&path).await;
    journal.checkpoint().await.expect("nobody reads");
    let target = target("t1");
    let (lease, attempt) = begin(&journal, &target, at(0)).await;
    let slot = ReplySlot::of(&attempt);
    journal.keep(&slot, &reply(BODY)).await.expect("kept");
    for event in [Event::Staged, Event::RolledBack] {
        journal.append(&lease, &target, &attempt, &event, at(1)).await.expect("recorded");
    }
    let whole = tempfile::tempdir().expect("a folder");
    let whole = fs::read(copy(&path, &whole).with_extension("db-wal")).expect("a log");
    let mut seen = Vec::new();
    for length in (0..=whole.len()).step_by(1999) {
        let elsewhere = tempfile::tempdir().expect("a folder");
        let cut = copy(&path, &elsewhere);
        fs::write(cut.with_extension("db-wal"), &whole[..length]).expect("written");
        let found = open(&cut).await;
        let recorded = found.history(None, 10).await.expect("readable").pop();
        let kept = found.recall(&slot).await.expect("readable").is_some();
        let events: Vec<_> = recorded.iter().flat_map(|recorded| &recorded.entries).map(|entry| &entry.event).collect();
        let all = [&started(&attempt, false), &Event::ReplyKept, &Event::Staged, &Event::RolledBack];
        assert_eq!(events, all[..events.len()], "cut at {length}");
        assert_eq!(kept, (2..4).contains(&events.len()), "cut at {length}, after {} events", events.len());
        seen.push(events.len());
    }
    seen.dedup();
    assert!(seen.is_sorted() && seen.first() == Some(&0) && 3 <= seen.len(), "{seen:?}");
}

#[tokio::test]
async fn nothing_secret_is_on_the_disk_unsealed_and_nothing_sealed_after_the_end() {
    let (_folder, path) = folder();
    let journal = open(&path).await;
    let target = target("t1");
    let (lease, attempt) = begin(&journal, &target, at(0)).await;
    journal.keep(&ReplySlot::of(&attempt), &reply(BODY)).await.expect("kept");
    let raw = raw_seals(&path);
    assert_eq!(raw.len(), 2, "a key and a reply");
    let before = on_disk(&path);
    assert!(raw.iter().all(|sealed| holds(&before, sealed)), "the sealed bytes are what is looked for");
    for secret in [BODY.as_bytes(), SECRET.as_bytes(), attempt.key().as_header_value().as_bytes(), &KEY] {
        assert!(!holds(&before, secret));
    }
    journal.append(&lease, &target, &attempt, &Event::RolledBack, at(1)).await.expect("recorded");
    journal.checkpoint().await.expect("nobody reads");
    let after = on_disk(&path);
    assert!(raw.iter().all(|sealed| !holds(&after, sealed)), "wiped");
    assert!(raw.iter().all(|sealed| !holds(&after, &sealed[sealed.len() / 2..])), "wiped in all its parts");
    assert!(journal.recall(&ReplySlot::of(&attempt)).await.expect("readable").is_none());
    let recorded = journal.history(None, 1).await.expect("readable").remove(0);
    assert_ne!(recorded.attempt.key(), attempt.key(), "a fresh key that was never sent");
}

/// The sealed bytes that are on the disk, found by how they begin.
fn raw_seals(path: &Path) -> Vec<Vec<u8>> {
    // Sealed bytes begin with the number of their form and the id of their key.
    let mut begin = vec![1];
    let id = SealingKey::from_bytes(&KEY).id().to_string();
    begin.extend((0..4).map(|byte| u8::from_str_radix(&id[byte * 2..byte * 2 + 2], 16).expect("digits")));
    let bytes = on_disk(path);
    let starts = bytes.windows(begin.len()).enumerate().filter(|(_, window)| *window == begin).map(|(start, _)| start);
    // Long enough to be no chance, short enough for the shorter of the two: header, a key of 36 bytes, tag.
    let mut seals: Vec<_> = starts.map(|start| bytes[start..start + 29 + 36 + 16].to_vec()).collect();
    seals.sort();
    seals.dedup();
    seals
}

#[tokio::test]
async fn without_its_key_a_journal_says_which_key_it_needs() {
    let (_folder, path) = folder();
    let journal = open(&path).await;
    let target = target("t1");
    let (_, attempt) = begin(&journal, &target, at(0)).await;
    let slot = ReplySlot::of(&attempt);
    journal.keep(&slot, &reply(BODY)).await.expect("kept");
    journal.close().await.expect("closed");
    let needed = SealingKey::from_bytes(&KEY).id().to_string();
    let other = SqliteJournal::open(&path, SealingKeys::new(SealingKey::generate()), SqliteOptions::default());
    let other = other.await.expect("a journal all the same");
    let error = other.unfinished(None).await.expect_err("sealed");
    assert!(matches!(error, JournalError::Unreadable { .. }) && error.to_string().contains(&needed), "{error}");
    let error = other.recall(&slot).await.expect_err("sealed");
    assert!(error.to_string().contains(&needed), "{error}");
    other.close().await.expect("closed");
    let both = SealingKeys::new(SealingKey::generate()).with_older(SealingKey::from_bytes(&KEY));
    let both = SqliteJournal::open(&path, both, SqliteOptions::default()).await.expect("a journal");
    assert_eq!(both.recall(&slot).await.expect("readable"), Some(reply(BODY)));
}

#[tokio::test]
async fn two_journals_on_one_file_fence_each_other() {
    let (_folder, path) = folder();
    let (one, other) = (open(&path).await, open(&path).await);
    let target = target("t1");
    let (lost, attempt) = begin(&one, &target, at(0)).await;
    assert!(matches!(other.lease(target.id(), at(1), TTL).await, Err(JournalError::Busy { .. })));
    let taken = other.lease(target.id(), at(61), TTL).await.expect("over");
    let refused = one.append(&lost, &target, &attempt, &Event::RolledBack, at(62)).await;
    assert!(matches!(refused, Err(JournalError::Fenced { .. })), "{refused:?}");
    one.keep(&ReplySlot::of(&attempt), &reply(BODY)).await.expect("kept all the same");
    assert_eq!(other.recall(&ReplySlot::of(&attempt)).await.expect("readable"), Some(reply(BODY)));
    other.append(&taken, &target, &attempt, &Event::Staged, at(63)).await.expect("recorded");
}

#[tokio::test]
async fn a_lease_that_many_want_at_once_goes_to_one() {
    let (_folder, path) = folder();
    let target = target("t1");
    let opening: Vec<_> = (0..6)
        .map(|_| {
            tokio::spawn({
                let path = path.clone();
                async move { open(&path).await }
            })
        })
        .collect();
    let mut journals = Vec::new();
    for journal in opening {
        journals.push(journal.await.expect("opened beside the others"));
    }
    let wanting: Vec<_> = journals
        .into_iter()
        .map(|journal| {
            let id = target.id().clone();
            tokio::spawn(async move { (journal.lease(&id, at(0), TTL).await, journal) })
        })
        .collect();
    let mut given = 0;
    let mut open = Vec::new();
    for want in wanting {
        let (lease, journal) = want.await.expect("no panic");
        given += u32::from(lease.is_ok());
        assert!(matches!(lease, Ok(_) | Err(JournalError::Busy { .. })), "{lease:?}");
        open.push(journal);
    }
    assert_eq!(given, 1);
}

#[tokio::test]
async fn files_are_for_their_owner_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("made/journal.db");
    let journal = open(&path).await;
    journal.preflight().await.expect("room");
    begin(&journal, &target("t1"), at(0)).await;
    let made = path.parent().expect("a folder");
    let mut checked = 0;
    for file in fs::read_dir(made).expect("there").map(|file| file.expect("there").path()) {
        let mode = fs::metadata(&file).expect("there").permissions().mode() & 0o077;
        assert_eq!(mode, 0, "{}", file.display());
        checked += 1;
    }
    assert!(5 <= checked, "database, log, index, reserve, workers: {checked}");
    assert_eq!(fs::metadata(made).expect("there").permissions().mode() & 0o777, 0o700);
    drop(journal);
    let loose = folder.path().join("loose.db");
    fs::write(&loose, "").expect("written");
    fs::set_permissions(&loose, fs::Permissions::from_mode(0o644)).expect("set");
    open(&loose).await;
    assert_eq!(fs::metadata(&loose).expect("there").permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn what_is_no_journal_is_refused_and_left_alone() {
    let (folder, path) = folder();
    let open =
        |path: PathBuf, create| SqliteJournal::open(path, keys(), SqliteOptions { create, ..SqliteOptions::default() });
    let error = open(path.clone(), false).await.expect_err("missing");
    assert!(error.to_string().contains("does not exist"), "{error}");
    assert!(!path.exists());
    let error = open(folder.path().to_owned(), true).await.expect_err("a folder");
    assert!(error.to_string().contains("is a folder"), "{error}");
    let text = "this is a text and no database at all. ".repeat(40);
    fs::write(&path, &text).expect("written");
    let error = open(path.clone(), true).await.expect_err("a text");
    assert!(matches!(error, JournalError::Unreadable { .. }), "{error:?}");
    assert!(error.to_string().contains("it is no SQLite database"), "{error}");
    assert_eq!(fs::read_to_string(&path).expect("there"), text);
}

#[tokio::test]
async fn a_journal_of_a_later_version_is_refused() {
    let (_folder, path) = folder();
    open(&path).await.close().await.expect("closed");
    // The version stands in four bytes of the file's header.
    let mut bytes = fs::read(&path).expect("there");
    bytes[60..64].copy_from_slice(&7_u32.to_be_bytes());
    fs::write(&path, &bytes).expect("written");
    let error = SqliteJournal::open(&path, keys(), SqliteOptions::default()).await.expect_err("later");
    assert!(matches!(error, JournalError::Unreadable { .. }), "{error:?}");
    assert!(error.to_string().contains("a later version"), "{error}");
    // And another program's database by another four.
    bytes[68..72].copy_from_slice(&7_u32.to_be_bytes());
    fs::write(&path, &bytes).expect("written");
    let error = SqliteJournal::open(&path, keys(), SqliteOptions::default()).await.expect_err("another program's");
    assert!(error.to_string().contains("another program"), "{error}");
}

#[tokio::test]
async fn a_closed_journal_gives_its_leases_back_and_leaves_no_worker() {
    let (folder, path) = folder();
    let journal = open(&path).await;
    journal.lease(target("t1").id(), at(0), TTL).await.expect("free");
    journal.close().await.expect("closed");
    journal.close().await.expect("closed already");
    let error = journal.preflight().await.expect_err("closed");
    assert!(error.to_string().contains("closed"), "{error}");
    assert_eq!(fs::read_dir(folder.path().join("journal.db-workers")).expect("there").count(), 1, "the opening lock");
    assert!(!folder.path().join("journal.db-wal").exists(), "its log is written back");
    open(&path).await.lease(target("t1").id(), at(1), TTL).await.expect("free");
}

/// The program that [`start_worker`] starts: holds a lease with a kept reply, says so, and waits for its end.
#[tokio::test]
async fn worker_to_be_killed() {
    let Some(path) = std::env::var_os(WORKER) else { return };
    let journal = open(Path::new(&path)).await;
    let (lease, attempt) = begin(&journal, &target("t1"), at(0)).await;
    for other in 0..LEASES {
        journal.lease(target(&format!("other-{other}")).id(), at(0), TTL).await.expect("free");
    }
    journal.keep(&ReplySlot::of(&attempt), &reply(BODY)).await.expect("kept");
    journal.note(&lease, &target("t1"), &attempt, &Event::Staged, at(0)).await.expect("recorded");
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nattempt {}", attempt.id()).and_then(|()| out.flush()).expect("somebody listens");
    // The killer holds the other end and never writes.
    let _ = std::io::stdin().lock().read_line(&mut String::new());
}

fn start_worker(path: &Path) -> (Child, String) {
    let mut child = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", "sqlite::worker_to_be_killed", "--nocapture", "--test-threads=1"])
        .env(WORKER, path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this binary runs");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let attempt =
        lines.map(|line| line.expect("text")).find_map(|line| Some(line.strip_prefix("attempt ")?.to_owned()));
    (child, attempt.expect("it says so before it ends"))
}

#[tokio::test]
async fn a_killed_worker_leaves_its_reply_and_what_it_noted_and_its_lease_is_free_at_once() {
    for opened_before in [true, false] {
        let (folder, path) = folder();
        let early = if opened_before { Some(open(&path).await) } else { None };
        let (mut child, attempt) = start_worker(&path);
        let target = target("t1");
        if let Some(early) = &early {
            let busy = early.lease(target.id(), at(1), TTL).await;
            assert!(matches!(busy, Err(JournalError::Busy { .. })), "alive: {busy:?}");
        }
        child.kill().expect("SIGKILL");
        child.wait().expect("dead");
        let journal = match early {
            Some(journal) => journal,
            None => open(&path).await,
        };
        let lease = journal.lease(target.id(), at(1), TTL).await.expect("free at once");
        assert_eq!(lease.fence(), 2);
        let recorded = journal.unfinished(Some(target.id())).await.expect("readable").remove(0);
        assert_eq!(recorded.attempt.id().to_string(), attempt);
        assert_eq!(recorded.state().expect("in order").phase(), Phase::Staged, "noted is enough to outlive a process");
        let kept = journal.recall(&ReplySlot::of(&recorded.attempt)).await.expect("readable");
        assert_eq!(kept, Some(reply(BODY)));
        let workers = fs::read_dir(folder.path().join("journal.db-workers")).expect("there").count();
        assert_eq!(workers, 2, "this one and the opening lock; the dead one is swept away");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_lease_of_a_killed_worker_is_free_at_once_however_many_ask_together() {
    for _ in 0..8 {
        let (_folder, path) = folder();
        let journal = Arc::new(open(&path).await);
        let (mut child, _) = start_worker(&path);
        child.kill().expect("SIGKILL");
        child.wait().expect("dead");
        let mut asked = JoinSet::new();
        for other in 0..LEASES {
            let journal = Arc::clone(&journal);
            asked.spawn(async move {
                // Not all of them in one commit.
                for _ in 0..other {
                    tokio::task::yield_now().await;
                }
                journal.lease(target(&format!("other-{other}")).id(), at(1), TTL).await
            });
        }
        for lease in asked.join_all().await {
            assert_eq!(lease.expect("free").fence(), 2);
        }
    }
}

#[tokio::test]
async fn a_worker_whose_file_is_missing_is_not_taken_for_dead() {
    let (folder, path) = folder();
    let (one, other) = (open(&path).await, open(&path).await);
    let target = target("t1");
    one.lease(target.id(), at(0), TTL).await.expect("free");
    for file in fs::read_dir(folder.path().join("journal.db-workers")).expect("there") {
        fs::remove_file(file.expect("there").path()).expect("removed");
    }
    assert!(matches!(other.lease(target.id(), at(1), TTL).await, Err(JournalError::Busy { .. })));
    other.lease(target.id(), at(60), TTL).await.expect("its time is over");
}

#[tokio::test]
async fn a_journal_that_was_dropped_is_dead_too() {
    let (_folder, path) = folder();
    let (one, other) = (open(&path).await, open(&path).await);
    let target = target("t1");
    one.lease(target.id(), at(0), TTL).await.expect("free");
    drop(one);
    // A process that another test is just starting holds a copy of the worker's lock until it is the other program.
    let freed = async {
        while let Err(error) = other.lease(target.id(), at(1), TTL).await {
            assert!(matches!(error, JournalError::Busy { .. }), "{error}");
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), freed).await.expect("free without waiting for its time");
}

#[tokio::test]
async fn an_event_without_a_beginning_is_refused() {
    let (_folder, path) = folder();
    let journal = open(&path).await;
    let target = target("t1");
    let lease = journal.lease(target.id(), at(0), TTL).await.expect("free");
    let attempt = Attempt::new(target.id().clone(), at(0));
    let error = journal.append(&lease, &target, &attempt, &Event::Staged, at(0)).await.expect_err("never begun");
    assert!(error.to_string().contains("never begun"), "{error}");
    assert!(journal.history(None, 10).await.expect("readable").is_empty());
}
