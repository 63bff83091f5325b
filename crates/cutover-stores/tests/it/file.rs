//! The file destination on a real disk.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cutover_core::{AttemptId, ClientSecret};
use cutover_engine::{Destination, Label, Version};
use cutover_stores::FileDestination;

const VERSION: Version = Version::new(AttemptId::from_bits(1), 1);

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o777
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
}

fn names(folder: &Path) -> Vec<String> {
    let name = |file: std::io::Result<fs::DirEntry>| file.expect("there").file_name().into_string().expect("text");
    fs::read_dir(folder).expect("there").map(name).collect()
}

/// A whole rotation to `secret`, as the engine does it.
async fn rotate(destination: &FileDestination, secret: &str) {
    destination.preflight().await.expect("it can be written to");
    destination.stage(VERSION, &ClientSecret::new(secret)).await.expect("staged");
    destination.promote(VERSION).await.expect("promoted");
    let current = destination.read(Label::Current).await.expect("readable");
    assert_eq!(current, Some(ClientSecret::new(secret)));
    destination.forget_previous(VERSION).await.expect("forgotten");
}

#[tokio::test]
async fn a_missing_file_is_made_for_its_owner_only_and_so_is_its_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, made) in [("a/b/x.json", "{\"key\": \"new\"}\n"), ("c/x.env", "key=new\n")] {
        let path = folder.path().join(name);
        let destination = match name.ends_with("json") {
            true => FileDestination::json(&path, "key").expect("a key"),
            false => FileDestination::dotenv(&path, "key").expect("a variable"),
        };
        assert_eq!(destination.read(Label::Current).await.expect("nothing there"), None);
        destination.preflight().await.expect("it can be made");
        assert!(!path.parent().expect("a folder").exists(), "preflight leaves nothing behind");
        destination.roll_back(VERSION).await.expect("nothing to do");
        destination.promote(VERSION).await.expect_err("nothing pending");
        rotate(&destination, "new").await;
        assert_eq!(fs::read_to_string(&path).expect("there"), made);
        assert_eq!((mode(&path), mode(path.parent().expect("a folder"))), (0o600, 0o700));
        assert_eq!(names(path.parent().expect("a folder")).len(), 1, "nothing else is left");
    }
}

#[tokio::test]
async fn what_stands_beside_the_file_during_a_rotation_is_for_its_owner_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.env");
    write(&path, "KEY=old\n", 0o600);
    let destination = FileDestination::dotenv(&path, "KEY").expect("a variable");
    destination.stage(VERSION, &ClientSecret::new("new")).await.expect("staged");
    let beside: Vec<PathBuf> =
        names(folder.path()).iter().filter(|name| *name != "x.env").map(|name| folder.path().join(name)).collect();
    let [sidecar] = beside.as_slice() else { panic!("{beside:?}") };
    let name = sidecar.file_name().expect("a name").to_string_lossy().into_owned();
    assert!(name.starts_with('.') && name.ends_with(".cutover"), "{name}");
    assert_eq!(mode(sidecar), 0o600);
}

#[tokio::test]
async fn a_file_keeps_its_mode_and_one_open_to_too_many_is_refused_before_anything_happens() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.env");
    write(&path, "KEY=old\n", 0o640);
    let destination = FileDestination::dotenv(&path, "KEY").expect("a variable");
    let error = destination.preflight().await.expect_err("the group can read it").to_string();
    assert!(error.contains("mode 0640") && error.contains("allowed 0600"), "{error}");
    for (before, allowed) in [(0o640, 0o640), (0o600, 0o640), (0o400, 0o640), (0o644, 0o644)] {
        write(&path, "KEY=old\n", before);
        rotate(&destination.clone().with_mode(allowed), "new").await;
        assert_eq!(mode(&path), before);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
    }
    // Opened to others between preflight and promotion: never wider than allowed.
    write(&path, "KEY=old\n", 0o600);
    destination.preflight().await.expect("private");
    destination.stage(VERSION, &ClientSecret::new("new")).await.expect("staged");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("set");
    destination.promote(VERSION).await.expect("promoted");
    assert_eq!(mode(&path), 0o600);
}

#[tokio::test]
async fn a_link_survives_and_the_file_it_leads_to_is_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let (real, link) = (folder.path().join("real/x.env"), folder.path().join("x.env"));
    fs::create_dir(folder.path().join("real")).expect("a folder");
    write(&real, "KEY=old\n", 0o600);
    symlink("real/x.env", &link).expect("a link");
    rotate(&FileDestination::dotenv(&link, "KEY").expect("a variable"), "new").await;
    assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
    assert_eq!(fs::read_to_string(&real).expect("there"), "KEY=new\n");
    symlink("nowhere", folder.path().join("broken")).expect("a link");
    let broken = FileDestination::dotenv(folder.path().join("broken"), "KEY").expect("a variable");
    let error = broken.preflight().await.expect_err("no file").to_string();
    assert!(error.contains("a link that leads nowhere"), "{error}");
}

#[tokio::test]
async fn several_secrets_of_one_file_are_rotated_at_once_and_none_is_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.json");
    write(&path, "{\"other\": [1, 2.50, \"x\"]}\n", 0o600);
    let destinations: Vec<_> =
        (0..8).map(|index| Arc::new(FileDestination::json(&path, &format!("key{index}")).expect("a key"))).collect();
    let rotations =
        destinations.iter().cloned().map(|destination| tokio::spawn(async move { rotate(&destination, "new").await }));
    for rotation in rotations.collect::<Vec<_>>() {
        rotation.await.expect("rotated");
    }
    let text = fs::read_to_string(&path).expect("there");
    assert!(text.starts_with("{\"other\": [1, 2.50, \"x\"],"), "{text}");
    assert!((0..8).all(|index| text.contains(&format!("\"key{index}\": \"new\""))), "{text}");
    assert_eq!(names(folder.path()), ["x.json"]);
}

#[tokio::test]
async fn every_obstacle_is_named_before_anything_happens_and_no_value_is() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("folder")).expect("a folder");
    for (name, text) in [
        ("broken.json", "{\"key\": \"s3cr3t"),
        ("number.json", "{\"key\": 5, \"other\": \"s3cr3t\"}"),
        ("list.json", "[\"s3cr3t\"]"),
        ("parent.json", "{\"other\": \"s3cr3t\"}"),
        ("twice.json", "{\"key\": \"s3cr3t\", \"key\": \"s3cr3t\"}"),
        ("twice.env", "key=s3cr3t\nkey=s3cr3t\n"),
        ("open.env", "key=\"s3cr3t\n"),
    ] {
        write(&folder.path().join(name), text, 0o600);
    }
    let json = |name: &str, key: &str| FileDestination::json(folder.path().join(name), key).expect("a key");
    let dotenv = |name: &str| FileDestination::dotenv(folder.path().join(name), "key").expect("a variable");
    let cases = [
        (json("broken.json", "key"), "is not JSON (line 1, column 15) (key)"),
        (json("number.json", "key"), "holds something that is not a string there (key)"),
        (json("list.json", "key"), "has no element key in the list /"),
        (json("parent.json", "/idp/secret"), "has no idp in / (/idp/secret)"),
        (json("twice.json", "key"), "has the key key twice"),
        (dotenv("twice.env"), "sets key twice"),
        (dotenv("open.env"), "opens a quote at key"),
        (json("folder", "key"), "is a folder"),
        (json("list.json/below", "key"), "is not below a folder"),
    ];
    let before = names(folder.path()).len();
    for (destination, expected) in cases {
        let error = destination.preflight().await.expect_err("an obstacle");
        let said = format!("{error} {error:?}");
        assert!(said.contains(expected), "{said}");
        assert!(said.contains(folder.path().to_str().expect("text")), "{said}");
        assert!(!said.contains("s3cr3t"), "{said}");
    }
    assert_eq!(names(folder.path()).len(), before, "nothing is left behind");
}

#[tokio::test]
async fn an_unknown_file_beside_it_is_not_taken_for_ours() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.env");
    write(&path, "KEY=old\n", 0o600);
    let destination = FileDestination::dotenv(&path, "KEY").expect("a variable");
    destination.stage(VERSION, &ClientSecret::new("new")).await.expect("staged");
    let sidecar = names(folder.path()).into_iter().find(|name| name.ends_with(".cutover")).expect("staged");
    for (content, expected) in [("{\"version\": \"9\"}", "a later version"), ("s3cr3t", "damaged")] {
        write(&folder.path().join(&sidecar), content, 0o600);
        for error in [destination.preflight().await, destination.promote(VERSION).await] {
            let said = error.expect_err("unreadable").to_string();
            assert!(said.contains(expected) && said.contains(&sidecar) && !said.contains("s3cr3t"), "{said}");
        }
    }
}

#[tokio::test]
async fn placeholders_are_no_secrets_and_come_back_when_rolled_back() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in
        [("x.json", "{\"KEY\": null, \"b\": 1}"), ("y.json", "{\"KEY\": \"\"}"), ("x.env", "KEY= # set me\n")]
    {
        let path = folder.path().join(name);
        write(&path, text, 0o600);
        let destination = match name.ends_with("json") {
            true => FileDestination::json(&path, "KEY").expect("a key"),
            false => FileDestination::dotenv(&path, "KEY").expect("a variable"),
        };
        assert_eq!(destination.read(Label::Current).await.expect("readable"), None);
        destination.stage(VERSION, &ClientSecret::new("new")).await.expect("staged");
        destination.promote(VERSION).await.expect("promoted");
        assert_eq!(destination.read(Label::Previous).await.expect("readable"), None);
        destination.roll_back(VERSION).await.expect("rolled back");
        assert_eq!(fs::read_to_string(&path).expect("there"), text);
    }
}

#[tokio::test]
async fn the_owner_stays_the_owner() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.env");
    write(&path, "KEY=old\n", 0o600);
    // Only root can give a file away; for everybody else the owner before and after is the same person.
    let given = std::os::unix::fs::chown(&path, Some(12_345), Some(12_346)).is_ok();
    let before = fs::metadata(&path).expect("there");
    assert_eq!(before.uid() == 12_345, given);
    rotate(&FileDestination::dotenv(&path, "KEY").expect("a variable"), "new").await;
    let after = fs::metadata(&path).expect("there");
    assert_eq!((after.uid(), after.gid(), mode(&path)), (before.uid(), before.gid(), 0o600));
}

#[test]
fn keys_and_variables_that_no_file_can_hold_are_refused() {
    for key in ["", "/a~", "/a~9"] {
        FileDestination::json("x.json", key).expect_err("no key");
    }
    for variable in ["", "A B", "1A", "A=B", "ä", "-A"] {
        FileDestination::dotenv(".env", variable).expect_err("no variable");
    }
    assert_eq!(FileDestination::json("x.json", "/a/b").expect("a pointer").name(), "x.json#/a/b");
}
