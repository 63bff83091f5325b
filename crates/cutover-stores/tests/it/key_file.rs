//! The sealing key in a file.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use cutover_stores::key_file::{Created, KeyFileError, load, load_or_create};

#[test]
fn a_key_is_made_once_for_its_owner_only_and_found_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("made/on/the/way/key");
    let (key, created) = load_or_create(&path).expect("made");
    assert_eq!(created, Created::Now);
    assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(folder.path().join("made")).expect("there").permissions().mode() & 0o777, 0o700);
    let (again, created) = load_or_create(&path).expect("found");
    assert_eq!((again.id(), created), (key.id(), Created::Before));
    assert_eq!(fs::read_dir(path.parent().expect("a folder")).expect("there").count(), 1, "nothing else is left");
}

#[test]
fn many_who_come_at_once_end_with_the_same_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("key");
    let loaded: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..16).map(|_| scope.spawn(|| load_or_create(&path).expect("a key"))).collect();
        workers.into_iter().map(|worker| worker.join().expect("no panic")).collect()
    });
    let made = loaded.iter().filter(|(_, created)| *created == Created::Now).count();
    assert_eq!(made, 1);
    assert!(loaded.iter().all(|(key, _)| key.id() == loaded[0].0.id()));
    assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 1, "nothing else is left");
}

#[test]
fn a_key_that_others_may_read_is_refused_with_the_remedy() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("key");
    load_or_create(&path).expect("made");
    for mode in [0o640, 0o604, 0o620] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
        let error = load_or_create(&path).expect_err("exposed");
        assert!(matches!(error, KeyFileError::Exposed { .. }), "{error:?}");
        let said = error.to_string();
        assert!(said.contains(&format!("{mode:04o}")) && said.contains("chmod 600"), "{said}");
    }
}

#[test]
fn a_file_without_a_key_is_refused_without_being_quoted() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("key");
    for content in ["", "s3cr3t-but-no-key", "\u{fffd}s3cr3t", &"s3cr3t".repeat(2000)] {
        fs::write(&path, content).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
        let error = load_or_create(&path).expect_err("no key");
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        assert!(!format!("{error} {source} {error:?}").contains("s3cr3t"), "{error}");
        assert_eq!(fs::read_to_string(&path).expect("there"), content, "it stays as it was");
    }
}

#[test]
fn what_is_no_file_is_an_error_and_not_a_new_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = load(&folder.path().join("missing")).expect_err("missing");
    assert!(error.to_string().contains("does not exist"), "{error}");
    let link = folder.path().join("link");
    symlink(folder.path().join("nowhere"), &link).expect("a link");
    load_or_create(&link).expect_err("a link to nowhere");
    let below = folder.path().join("file");
    fs::write(&below, "").expect("written");
    load_or_create(&below.join("key")).expect_err("below a file");
}
