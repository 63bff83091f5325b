//! Disks and files that take nothing: found out before a vendor hears of anything.

use std::fs;
use std::sync::Arc;

use cutover::engine::{Ending, Engine, EngineError, Failure, JournalError};

use crate::child::squeezed;
use crate::site::ClientKind;
use crate::world::{World, told};

#[tokio::test]
async fn a_disk_without_room_for_the_journal_is_found_out_before_the_vendor_is_called() {
    // From no room at all to room for everything but the reserve that a journal sets aside. How large a block is differs
    // from one shell to the next.
    for blocks in [0, 16, 64, 200] {
        let world = World::on_sockets().await;
        let (client, job) = world.client(ClientKind::M2m, 0);
        let output = squeezed(&world, &client, 0, blocks).await;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let complained = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{blocks} blocks: {:?} {said} {complained}", output.status);
        let ended = ["ends: no journal", "ends: error: the journal", "ends: nothing_changed: the journal"];
        assert!(ended.iter().any(|ended| said.contains(ended)), "{blocks} blocks: {said}");
        assert_eq!(world.issues(ClientKind::M2m), 0, "{blocks} blocks: a secret was asked for");
        assert!(world.emulator.log().is_empty(), "{blocks} blocks: the vendor was called");

        let outcome = world.engine().rotate(&job).await.expect("the journal works");
        assert!(matches!(outcome.ending, Ending::Rotated), "{blocks} blocks: {}", told(&outcome));
        world.assert_rotated(&client, "with room").await;
    }
}

#[tokio::test]
async fn a_journal_that_is_read_only_is_found_out_before_the_vendor_is_called() {
    let world = World::on_sockets().await;
    let (client, job) = world.client(ClientKind::M2m, 0);
    world.journal().close().await.expect("closed");
    let path = world.site.journal_path();
    let mut bytes = fs::read(&path).expect("the journal");
    // By its header a database can forbid writing, whoever asks: permissions stop nobody who runs as root.
    bytes[18] = 3;
    fs::write(&path, bytes).expect("the journal");
    let clock = Arc::clone(&world.link(client.kind).clock);
    let journal = world.site.journal(&clock).await.expect("it can be read");
    let refused = Engine::new(Arc::new(journal), clock).rotate(&job).await.expect_err("read-only");
    assert!(matches!(refused, EngineError::Journal(JournalError::Unavailable { .. })), "{refused:?}");
    assert!(world.emulator.log().is_empty(), "a vendor was called");
}

#[tokio::test]
async fn a_destination_that_cannot_be_written_is_found_out_before_the_vendor_is_called() {
    let world = World::on_sockets().await;
    for kind in ClientKind::ALL {
        // Where a folder should be stands a file, which stops root as well.
        let mut client = world.site.client(kind, 0);
        fs::write(world.site.folder().join("in-the-way"), "x").expect("a writable folder");
        client.file = world.site.folder().join("in-the-way").join("secret.json");
        let job = client.job(world.site.rotator(kind, world.link(kind)));
        let outcome = world.engine().rotate(&job).await.expect("the journal works");
        let Ending::NothingChanged(Failure::Destination(_)) = &outcome.ending else { panic!("{}", told(&outcome)) };
        assert_eq!(world.rows(&client).await.attempts, 0);
    }
    assert!(world.emulator.log().is_empty(), "a vendor was called");
}

#[tokio::test]
async fn a_journal_that_was_moved_away_meanwhile_is_found_out_before_the_vendor_is_called() {
    let world = World::on_sockets().await;
    let (_, job) = world.client(ClientKind::App, 0);
    let path = world.site.journal_path();
    fs::rename(&path, path.with_extension("elsewhere")).expect("the journal is there");
    let outcome = world.engine().rotate(&job).await;
    let refused = match &outcome {
        Ok(outcome) => matches!(outcome.ending, Ending::NothingChanged(Failure::Journal(_))),
        Err(_) => true,
    };
    assert!(refused, "{outcome:?}");
    assert!(world.emulator.log().is_empty(), "a vendor was called");
}
