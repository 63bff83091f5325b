//! Journals under another key, their rotations unfinished.

use cutover_core::ReplySlot;
use cutover_engine::Journal;
use cutover_stores::SealingKeys;

use super::key;
use crate::journal_contract::{BODY, at, begin, reply, target};

/// A journal with an unfinished attempt under the first key, exchanged for the second; `open` opens it, `rekey`
/// exchanges.
async fn is_sealed_anew<J: Journal, F: Future<Output = J>, R: Future<Output = (J, u64)>>(
    open: impl Fn(SealingKeys) -> F,
    rekey: impl Fn(J) -> R,
) {
    let first = open(SealingKeys::new(key(1))).await;
    let target = target("billing");
    let (_, attempt) = begin(&first, &target, at(0)).await;
    let slot = ReplySlot::of(&attempt);
    first.keep(&slot, &reply(BODY)).await.expect("kept");

    let both = open(SealingKeys::new(key(2)).with_older(key(1))).await;
    assert_eq!(both.recall(&slot).await.expect("the old key opens"), Some(reply(BODY)));
    let (both, done) = rekey(both).await;
    assert_eq!(done, 2, "the reply and the idempotency key");
    let (both, done) = rekey(both).await;
    assert_eq!(done, 0, "and nothing again");
    drop(both);

    let second = open(SealingKeys::new(key(2))).await;
    assert_eq!(second.recall(&slot).await.expect("the new key opens"), Some(reply(BODY)));
    let unfinished = second.unfinished(None).await.expect("readable");
    assert_eq!(unfinished[0].attempt.key(), attempt.key());
    first.recall(&slot).await.expect_err("the old key opens nothing any more");
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn a_journal_in_a_file_is_sealed_anew() {
    use cutover_stores::{SqliteJournal, SqliteOptions};
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.db");
    let open = |keys| async { SqliteJournal::open(&path, keys, SqliteOptions::default()).await.expect("a journal") };
    is_sealed_anew(open, |journal| async {
        let done = journal.rekey().await.expect("rekeyed");
        (journal, done)
    })
    .await;
}

#[cfg(feature = "postgres")]
mod with_postgres {
    use cutover_core::ClientSecret;
    use cutover_stores::{PostgresJournal, PostgresOptions};

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo xtask test starts one"]
    async fn a_journal_at_a_server_is_sealed_anew() {
        let url = std::env::var("CUTOVER_TEST_POSTGRES").expect("a server: run these with `cargo xtask test`");
        let (url, schema) = (ClientSecret::new(&url), format!("t{}", uuid::Uuid::new_v4().simple()));
        let options = PostgresOptions { schema, ..PostgresOptions::default() };
        let open = |keys| async { PostgresJournal::open(&url, keys, options.clone()).await.expect("a journal") };
        super::is_sealed_anew(open, |journal| async {
            let done = journal.rekey().await.expect("rekeyed");
            (journal, done)
        })
        .await;
    }
}
