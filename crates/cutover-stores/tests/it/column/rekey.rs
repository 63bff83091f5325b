//! Another key, while rotations go on.

use cutover_core::ClientSecret;
use cutover_engine::Destination as _;
use cutover_stores::{Column, ColumnDestination, ColumnStore, Rekeyed, SealingKeys};

use super::{App, key, keys, promote, shown, some, target, version};

const TABLE: &str = "CREATE TABLE clients (id TEXT PRIMARY KEY, secret TEXT); INSERT INTO clients (id) VALUES ('1')";

fn column() -> Column {
    Column::of("clients", "secret").and_then(|column| column.row("id", "1")).expect("names")
}

fn both() -> SealingKeys {
    SealingKeys::new(key(2)).with_older(key(1))
}

async fn all_done(store: &ColumnStore, destination: &ColumnDestination) -> bool {
    let row = destination.rekey().await.expect("rekeyed");
    row == Rekeyed::default() && store.rekey_beside().await.expect("rekeyed") == 0
}

#[tokio::test]
async fn every_label_is_sealed_anew_and_the_old_key_is_not_needed_any_more() {
    for column in [column(), Column::ours(&target())] {
        let app = App::new(TABLE).await;
        let before = app.store().destination(target(), column.clone());
        promote(&before, 1, "one").await;
        promote(&before, 2, "two").await;
        before.stage(version(3), &ClientSecret::new("three")).await.expect("staged");
        let labels = before.labels().await.expect("readable");

        let store = app.store_with(both());
        let destination = store.destination(target(), column.clone());
        assert_eq!(shown(&destination).await, some(["two", "three", "one"]), "the old key still opens");
        let done = destination.rekey().await.expect("rekeyed");
        assert_eq!(done, Rekeyed { sealed_anew: 3, ..Rekeyed::default() });
        assert!(all_done(&store, &destination).await);

        let after = app.store_with(SealingKeys::new(key(2))).destination(target(), column);
        assert_eq!(shown(&after).await, some(["two", "three", "one"]));
        assert_eq!(after.labels().await.expect("readable"), labels, "no version changes");
        let error = before.read(cutover_engine::Label::Current).await.expect_err("the old key opens nothing");
        assert!(error.to_string().contains(&key(2).id().to_string()), "{error}");
        after.promote(version(3)).await.expect("the rotation goes on");
    }
}

#[tokio::test]
async fn what_no_configuration_names_any_more_is_sealed_anew_in_the_table_beside() {
    let app = App::new(TABLE).await;
    let before = app.store().destination(target(), column());
    promote(&before, 1, "one").await;
    promote(&before, 2, "two").await;
    let store = app.store_with(both());
    assert_eq!(store.rekey_beside().await.expect("rekeyed"), 1);
    assert_eq!(store.rekey_beside().await.expect("rekeyed"), 0);
    let ours = app.store().destination(target(), Column::ours(&target()));
    promote(&ours, 1, "one").await;
    assert_eq!(store.targets().await.expect("readable"), [target()]);
}

#[tokio::test]
async fn an_unsealed_secret_is_sealed_where_that_is_wished_and_told_where_not() {
    let app = App::new(TABLE).await;
    app.run("UPDATE clients SET secret = 'from-before'").await;
    let store = app.store();
    let left = store.destination(target(), column()).rekey().await.expect("looked at");
    assert_eq!(left, Rekeyed { plaintext_left: true, ..Rekeyed::default() });
    let adopting = store.destination(target(), column().adopting_plaintext());
    let done = adopting.rekey().await.expect("sealed");
    assert_eq!(done, Rekeyed { sealed_anew: 1, from_plaintext: 1, plaintext_left: false });
    assert_eq!(adopting.rekey().await.expect("sealed"), Rekeyed::default());
    assert_eq!(shown(&adopting).await, some(["from-before", "", ""]));
}

#[tokio::test(flavor = "multi_thread")]
async fn rotations_go_on_while_keys_are_exchanged_under_them() {
    let app = App::new(TABLE).await;
    let worker = app.store_with(SealingKeys::new(key(1)).with_older(key(2))).destination(target(), column());
    let store = app.store_with(both());
    let rekeying = store.destination(target(), column());
    let rotations = tokio::spawn(async move {
        for attempt in 1..40 {
            let secret = format!("secret-{attempt}");
            promote(&worker, attempt, &secret).await;
            assert_eq!(shown(&worker).await[0].as_deref(), Some(secret.as_str()));
            worker.forget_previous(version(attempt)).await.expect("forgotten");
        }
    });
    let mut sealed = 0;
    while !rotations.is_finished() {
        sealed += rekeying.rekey().await.expect("rekeyed").sealed_anew;
        store.rekey_beside().await.expect("rekeyed");
    }
    rotations.await.expect("no rotation noticed");
    assert!(0 < sealed, "nothing was exchanged while rotations went on");
    rekeying.rekey().await.expect("rekeyed");
    assert!(all_done(&store, &rekeying).await);
    let after = app.store_with(SealingKeys::new(key(2))).destination(target(), column());
    assert_eq!(shown(&after).await, some(["secret-39", "", ""]));
    drop(keys());
}
