//! What lies on the disk during and after a rotation.

use std::process::Command;

use cutover_core::ClientSecret;
use cutover_engine::Destination as _;
use cutover_stores::Column;

use super::{App, CANARY, promote, target, version};

/// Everything in the folder, read by another process: one that closes a database file of its own loses its locks.
fn on_disk(app: &App) -> Vec<u8> {
    let folder = app.path.parent().expect("a folder");
    Command::new("sh").args(["-c", "cat \"$0\"/*"]).arg(folder).output().expect("a shell").stdout
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn no_secret_lies_on_the_disk_in_plain_text_at_any_step() {
    for mode in ["PRAGMA journal_mode = WAL;", "PRAGMA journal_mode = DELETE;"] {
        let app = App::new("CREATE TABLE clients (id TEXT, secret BLOB); INSERT INTO clients (id) VALUES ('1')").await;
        app.run(mode).await;
        let store = app.store();
        let own = Column::of("clients", "secret").and_then(|column| column.row("id", "1")).expect("names");
        for column in [own, Column::ours(&target())] {
            let destination = store.destination(target(), column);
            promote(&destination, 1, CANARY).await;
            assert!(!has(&on_disk(&app), CANARY), "promoted");
            let next = format!("{CANARY}-next");
            destination.stage(version(2), &ClientSecret::new(&next)).await.expect("staged");
            assert!(!has(&on_disk(&app), CANARY), "staged");
            destination.promote(version(2)).await.expect("promoted");
            destination.forget_previous(version(2)).await.expect("forgotten");
            assert!(!has(&on_disk(&app), CANARY), "forgotten");
        }
        let there = on_disk(&app);
        assert!(has(&there, "cutover:") && has(&there, "CtOv"), "sealed secrets are there, in text and in bytes");
    }
}
