//! What cannot be reached from outside: a database that runs full or cannot be written to, and who shares a commit.

mod together;

use super::*;
use crate::sealing::SealingKey;
use cutover_core::{ClientId, Kind, Vendor};
use cutover_engine::{Before, Hold};
use sqlx::SqliteConnection;
use zeroize::Zeroizing;

fn target() -> Target {
    Target::new(
        TargetId::new("billing").expect("valid"),
        Vendor::from_static("acme"),
        Kind::from_static("m2m"),
        ClientId::new("client").expect("valid"),
    )
}

async fn journal(folder: &tempfile::TempDir) -> SqliteJournal {
    let keys = SealingKeys::new(SealingKey::generate());
    SqliteJournal::open(folder.path().join("journal.db"), keys, SqliteOptions::default()).await.expect("a new journal")
}

async fn begun(journal: &SqliteJournal) -> Attempt {
    let (target, now) = (target(), Timestamp::UNIX_EPOCH);
    let lease = journal.lease(target.id(), now, Duration::from_secs(60)).await.expect("free");
    let attempt = Attempt::new(target.id().clone(), now);
    let event = Event::IssueStarted { issue: 1, repeats: false, before: Before::default(), sent: now };
    journal.append(&lease, &target, &attempt, &event, now).await.expect("room");
    attempt
}

fn reply() -> Reply {
    Reply::new(200, true, Zeroizing::new(vec![b'x'; 60_000]))
}

/// Statements on the writing connection as it is now.
struct Raw(&'static str);

impl Operation for Raw {
    type Output = ();

    async fn apply(&self, connection: &mut SqliteConnection) -> Result<(), Failure> {
        sqlx::raw_sql(self.0).execute(connection).await?;
        Ok(())
    }
}

/// Lets the database grow no further.
async fn fill_up(journal: &SqliteJournal) {
    journal.write(Raw("PRAGMA max_page_count = 1")).await.expect("a setting");
}

async fn forbid_writing(journal: &SqliteJournal) {
    journal.write(Raw("PRAGMA query_only = ON")).await.expect("a setting");
}

#[tokio::test]
async fn a_reply_is_kept_from_the_reserve_when_the_disk_has_filled_up_since() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = journal(&folder).await;
    journal.preflight().await.expect("room");
    assert!(journal.reserve.is_filled());
    let attempt = begun(&journal).await;
    fill_up(&journal).await;
    let slot = ReplySlot::of(&attempt);
    journal.keep(&slot, &reply()).await.expect("the reserve has room");
    assert!(!journal.reserve.is_filled());
    assert_eq!(journal.recall(&slot).await.expect("readable"), Some(reply()));
    journal.preflight().await.expect("room again");
    assert!(journal.reserve.is_filled());
}

#[tokio::test]
async fn a_full_disk_is_called_full_and_the_next_call_works_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = journal(&folder).await;
    let attempt = begun(&journal).await;
    fill_up(&journal).await;
    let error = journal.keep(&ReplySlot::of(&attempt), &reply()).await.expect_err("no room and no reserve");
    assert!(error.to_string().contains("the disk is full"), "{error}");
    journal.keep(&ReplySlot::of(&attempt), &reply()).await.expect("room again");
    let entries = &journal.unfinished(None).await.expect("readable")[0].entries;
    assert_eq!(entries.len(), 2, "{entries:?}");
}

#[tokio::test]
async fn a_journal_that_cannot_be_written_to_fails_preflight() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = journal(&folder).await;
    forbid_writing(&journal).await;
    let error = journal.preflight().await.expect_err("only read");
    assert!(matches!(&error, JournalError::Unavailable { .. }), "{error:?}");
    assert!(error.to_string().contains("it cannot be written to, only read"), "{error}");
}

#[tokio::test]
async fn a_journal_that_was_deleted_while_open_fails_preflight() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = journal(&folder).await;
    fs::rename(journal.path(), folder.path().join("elsewhere.db")).expect("moved");
    let error = journal.preflight().await.expect_err("moved away");
    assert!(error.to_string().contains("moved or replaced"), "{error}");
}

#[tokio::test]
async fn a_dropped_write_is_never_half_done_and_blocks_no_later_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = journal(&folder).await;
    let attempt = begun(&journal).await;
    let (slot, reply) = (ReplySlot::of(&attempt), reply());
    // Polled once, twice, … and dropped in the middle each time.
    for polls in 1..40 {
        let mut keep = Box::pin(journal.keep(&slot, &reply));
        for _ in 0..polls {
            let done = std::future::poll_fn(|context| std::task::Poll::Ready(keep.as_mut().poll(context).is_ready()));
            if done.await {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    journal.keep(&slot, &reply).await.expect("nothing is in its way");
    assert_eq!(journal.recall(&slot).await.expect("readable"), Some(reply));
    let entries = &journal.unfinished(None).await.expect("readable")[0].entries;
    assert_eq!(entries.iter().filter(|entry| entry.event == Event::ReplyKept).count(), 1);
}
