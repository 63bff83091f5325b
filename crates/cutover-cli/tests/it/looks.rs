//! What looks only: `init`, `list` and `status`, before and after anything ran.

use crate::support::{Configured, Vendors, cutover, run};

#[tokio::test]
async fn before_anything_ran_nothing_is_made_and_that_is_said() {
    let vendors = Vendors::with(&[]).await;
    let listed = vendors.run(&["list"]).await;
    assert_eq!(listed.code, Some(0), "{listed:?}");
    assert_eq!(listed.stdout.matches("never rotated").count(), 6, "{listed:?}");
    for (name, class) in [("stytch-m2m", "restart"), ("hopae-app", "replay"), ("zitadel-api", "supersede")] {
        let line = listed.stdout.lines().find(|line| line.starts_with(name)).expect("a line for each");
        assert!(line.contains(class), "{line}");
    }
    let status = vendors.run(&["status"]).await;
    assert!(status.code == Some(0) && status.stdout.contains("Nothing has been rotated yet"), "{status:?}");
    let resumed = vendors.run(&["resume", "--json"]).await;
    assert_eq!((resumed.code, resumed.document()["targets"].as_array().map(Vec::len)), (Some(0), Some(0)));
    let json = vendors.run(&["list", "--json"]).await;
    assert_eq!(json.target("stytch-m2m")["state"], "never_rotated");
    assert_eq!(vendors.run(&["status", "--json"]).await.document()["attempts"], serde_json::json!([]));
    for made in ["cutover.db", "cutover.key"] {
        assert!(!vendors.folder().join(made).exists(), "{made} was made by looking");
    }
}

#[tokio::test]
async fn the_first_rotation_says_that_it_made_a_key() {
    let vendors = Vendors::with(&[]).await;
    let first = vendors.run(&["rotate", "stytch-m2m"]).await;
    assert!(first.stderr.contains("note: made ") && first.stderr.contains("cutover.key"), "{first:?}");
    let second = vendors.run(&["rotate", "stytch-m2m"]).await;
    assert!(!second.stderr.contains("note:"), "{second:?}");
    let status = vendors.run(&["status", "--json"]).await;
    assert_eq!(status.document()["attempts"].as_array().map(Vec::len), Some(2), "{status:?}");
    let latest = vendors.run(&["status", "--limit", "1"]).await;
    assert_eq!(latest.stdout.lines().count(), 1, "{latest:?}");
    let nobody = vendors.run(&["status", "nobody"]).await;
    assert!(nobody.code == Some(0) && nobody.stdout.contains("no record of nobody"), "{nobody:?}");
}

#[tokio::test]
async fn init_writes_a_file_to_fill_in_and_replaces_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let init = run(cutover(folder.path(), ["init"])).await;
    assert!(init.code == Some(0) && init.stderr.contains("cutover check"), "{init:?}");
    let again = run(cutover(folder.path(), ["init"])).await;
    assert!(again.code == Some(2) && again.stderr.contains("--force"), "{again:?}");
    assert_eq!(run(cutover(folder.path(), ["init", "--force"])).await.code, Some(0));
    let listed = run(cutover(folder.path(), ["list"])).await;
    assert!(listed.code == Some(0) && listed.stdout.contains("no targets yet"), "{listed:?}");
    let rotated = run(cutover(folder.path(), ["rotate", "--all"])).await;
    assert!(rotated.code == Some(2) && rotated.stderr.contains("has no targets"), "{rotated:?}");
}

#[tokio::test]
async fn the_file_can_be_named_on_the_command_line_and_in_the_environment() {
    let vendors = Vendors::with(&[]).await;
    let file = vendors.folder().join("cutover.toml");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let mut named = cutover(elsewhere.path(), ["list"]);
    named.arg("--config").arg(&file);
    let mut by_environment = cutover(elsewhere.path(), ["list"]);
    by_environment.env("CUTOVER_CONFIG", &file);
    for command in [named, by_environment] {
        assert_eq!(run(command).await.code, Some(0));
    }
    let missing = Configured::with("").run(&["--config", "no/such.toml", "list", "--json"]).await;
    assert_eq!(missing.code, Some(2), "{missing:?}");
    let error = &missing.document()["error"];
    assert_eq!(error["problems"][0]["problem"], "there is no such file", "{error}");
}
