//! Files that are a secret and nothing else.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use cutover_core::{AttemptId, ClientSecret};
use cutover_engine::{Destination, Label, Version};
use cutover_stores::FileDestination;

const VERSION: Version = Version::new(AttemptId::from_bits(1), 1);

fn write(path: &Path, text: &[u8], mode: u32) {
    fs::write(path, text).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o777
}

async fn promoted(destination: &FileDestination, secret: &str) {
    destination.preflight().await.expect("it can be written to");
    destination.stage(VERSION, &ClientSecret::new(secret)).await.expect("staged");
    destination.promote(VERSION).await.expect("promoted");
}

async fn current(destination: &FileDestination) -> Option<String> {
    let current = destination.read(Label::Current).await.expect("readable");
    current.map(|secret| secret.expose().to_owned())
}

#[tokio::test]
async fn the_file_is_the_secret_to_the_byte() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("client_secret");
    for secret in ["new", "two\nlines\n", " blanks ", "\u{feff}mark", "{\"json\": 1}"] {
        write(&path, b"old\n", 0o600);
        let destination = FileDestination::whole(&path);
        assert_eq!(current(&destination).await.as_deref(), Some("old\n"));
        promoted(&destination, secret).await;
        assert_eq!(fs::read(&path).expect("there"), secret.as_bytes());
        destination.roll_back(VERSION).await.expect("rolled back");
        assert_eq!(fs::read(&path).expect("there"), b"old\n");
    }
}

#[tokio::test]
async fn a_line_has_one_newline_and_it_is_no_part_of_the_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("client_secret");
    for (before, old) in [("old\n", "old"), ("old", "old"), ("old\n\n", "old\n")] {
        write(&path, before.as_bytes(), 0o600);
        let destination = FileDestination::whole_line(&path);
        assert_eq!(current(&destination).await.as_deref(), Some(old));
        promoted(&destination, "new").await;
        assert_eq!(fs::read(&path).expect("there"), b"new\n");
        destination.roll_back(VERSION).await.expect("rolled back");
        assert_eq!(current(&destination).await.as_deref(), Some(old));
    }
    fs::remove_file(&path).expect("removed");
    promoted(&FileDestination::whole_line(&path), "ends in a newline\n").await;
    assert_eq!(fs::read(&path).expect("there"), b"ends in a newline\n\n");
    assert_eq!(current(&FileDestination::whole_line(&path)).await.as_deref(), Some("ends in a newline\n"));
}

#[tokio::test]
async fn its_mode_can_be_narrower_and_wider_than_usual() {
    let folder = tempfile::tempdir().expect("a folder");
    for allowed in [0o400, 0o440, 0o600, 0o640, 0o644] {
        let path = folder.path().join(format!("secret-{allowed:o}"));
        let destination = FileDestination::whole(&path).with_mode(allowed);
        promoted(&destination, "new").await;
        assert_eq!(mode(&path), allowed);
        destination.forget_previous(VERSION).await.expect("forgotten");
        let next = Version::new(AttemptId::from_bits(2), 1);
        destination.preflight().await.expect("it can be written to again");
        destination.stage(next, &ClientSecret::new("newer")).await.expect("staged");
        destination.promote(next).await.expect("promoted");
        assert_eq!((fs::read(&path).expect("there"), mode(&path)), (b"newer".to_vec(), allowed));
    }
}

#[tokio::test]
async fn siblings_show_what_is_pending_and_what_was_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("client_secret");
    write(&path, b"old", 0o640);
    let destination = FileDestination::whole(&path).with_mode(0o640).with_visible_siblings();
    let beside = |name: &str| path.with_extension(name);
    let shown = |name: &str| fs::read_to_string(beside(name)).ok();
    destination.preflight().await.expect("it can be written to");
    destination.stage(VERSION, &ClientSecret::new("new")).await.expect("staged");
    assert_eq!((shown("pending").as_deref(), shown("previous")), (Some("new"), None));
    assert_eq!(mode(&beside("pending")), 0o640, "its readers are those of the file");
    destination.promote(VERSION).await.expect("promoted");
    assert_eq!((shown("pending"), shown("previous").as_deref()), (None, Some("old")));
    // Somebody tidied up too early: the next call shows it again.
    fs::remove_file(beside("previous")).expect("removed");
    destination.promote(VERSION).await.expect("repeatable");
    assert_eq!(shown("previous").as_deref(), Some("old"));
    destination.forget_previous(VERSION).await.expect("forgotten");
    assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 1, "nothing is left beside it");
}

#[tokio::test]
async fn siblings_that_are_somebody_elses_are_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("client_secret");
    write(&path, b"old", 0o600);
    write(&folder.path().join("client_secret.previous"), b"theirs", 0o600);
    let destination = FileDestination::whole(&path).with_visible_siblings();
    let said = destination.preflight().await.expect_err("in the way").to_string();
    assert!(said.contains("client_secret.previous is there already"), "{said}");
    fs::remove_file(folder.path().join("client_secret.previous")).expect("removed");
    let link = folder.path().join("link");
    symlink("client_secret", &link).expect("a link");
    let linked = FileDestination::whole(&link);
    linked.preflight().await.expect("a link alone is followed");
    let said = linked.with_visible_siblings().preflight().await.expect_err("a link").to_string();
    assert!(said.contains("is a link"), "{said}");
}

#[tokio::test]
async fn what_cannot_be_a_secret_is_refused_and_not_quoted() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("secret");
    let destination = FileDestination::whole(&path);
    for (text, expected) in [
        (b"s3cr3t\xff".as_slice(), "is not UTF-8 text"),
        (b"age-encryption.org/v1\n-> X25519 s3cr3t", "is encrypted with age"),
        (b"-----BEGIN AGE ENCRYPTED FILE-----\ns3cr3t", "is encrypted with age"),
    ] {
        write(&path, text, 0o600);
        for error in [
            destination.preflight().await,
            destination.stage(VERSION, &ClientSecret::new("new")).await,
            destination.read(Label::Current).await.map(|_| ()),
        ] {
            let said = format!("{:?}", error.expect_err("refused"));
            assert!(said.contains(expected) && !said.contains("s3cr3t"), "{said}");
        }
        assert_eq!(fs::read(&path).expect("there"), text);
    }
    let too_long = fs::File::create(&path).expect("made");
    too_long.set_len(64 * 1024 * 1024).expect("sparse");
    let said = destination.preflight().await.expect_err("too long").to_string();
    assert!(said.contains("is too large"), "{said}");
}

#[tokio::test]
async fn a_pipe_in_place_of_a_file_is_refused_and_not_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("secret");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().expect("run").success());
    FileDestination::whole(&path).preflight().await.expect_err("no file");
}

#[tokio::test]
async fn a_link_in_place_of_the_file_beside_it_is_not_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("secret");
    let destination = FileDestination::whole(&path);
    destination.stage(VERSION, &ClientSecret::new("new")).await.expect("staged");
    let names = fs::read_dir(folder.path()).expect("there").map(|file| file.expect("there").path());
    let sidecar = names.into_iter().find(|name| name.extension().is_some_and(|end| end == "cutover")).expect("staged");
    let elsewhere = folder.path().join("elsewhere");
    fs::rename(&sidecar, &elsewhere).expect("moved");
    symlink(&elsewhere, &sidecar).expect("a link");
    destination.read(Label::Pending).await.expect_err("somebody else put it there");
}
