//! What is not as it should be: each message says what happened, what is live, and what to do.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::Vendors;

/// A rotation that was killed while the vendor's answer was on its way.
async fn unfinished() -> Vendors {
    let vendors = Vendors::with(&["hopae.rotate#1=hold_answer"]).await;
    let mut child = vendors.start(&["rotate", "hopae-app"]);
    vendors.acted("hopae", "rotate").await;
    child.kill().await.expect("it runs");
    vendors
}

#[tokio::test]
async fn a_check_names_a_rotation_that_has_not_ended() {
    let vendors = unfinished().await;
    let checked = vendors.run(&["check"]).await;
    assert_eq!(checked.code, Some(3), "{checked:?}");
    assert!(checked.stdout.contains("has not ended (it is issuing)"), "{checked:?}");
    assert!(checked.stdout.contains("resume hopae-app") && checked.stderr.contains("5 ok, 1 failed"), "{checked:?}");
    assert_eq!(vendors.run(&["resume"]).await.code, Some(0));
    assert_eq!(vendors.run(&["check"]).await.code, Some(0));
}

#[tokio::test]
async fn another_key_is_told_from_a_damaged_journal_and_the_right_one_goes_on() {
    let vendors = unfinished().await;
    let key = vendors.folder().join("cutover.key");
    let right = std::fs::read_to_string(&key).expect("a key");
    let changed = if right.starts_with('A') { "B" } else { "A" };
    for (wrong, said) in
        [(format!("{changed}{}", &right[1..]), "which is not configured"), ("no key".to_owned(), "does not hold a key")]
    {
        std::fs::write(&key, wrong).expect("our own file");
        for command in ["status", "resume"] {
            let ran = vendors.run(&[command]).await;
            assert!(ran.code != Some(0) && ran.stderr.contains(said), "{ran:?}");
            assert!(ran.stderr.contains("from its backup") || ran.stderr.contains("from the backup"), "{ran:?}");
        }
    }
    std::fs::write(&key, right).expect("our own file");
    assert_eq!(vendors.run(&["resume"]).await.code, Some(0));
    vendors.assert_rotated("hopae-app").await;
}

#[tokio::test]
async fn a_journal_that_is_none_says_so_before_any_vendor_is_asked() {
    let vendors = Vendors::with(&[]).await;
    assert_eq!(vendors.run(&["check"]).await.code, Some(0));
    let journal = vendors.folder().join("cutover.db");
    std::fs::write(&journal, "not a database, and long enough to be looked at as one").expect("our own folder");
    let ran = vendors.run(&["rotate", "hopae-app"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("no SQLite database") && ran.stderr.contains("no vendor was asked"), "{ran:?}");
    std::fs::remove_file(&journal).expect("our own file");
    std::fs::create_dir(&journal).expect("our own folder");
    let ran = vendors.run(&["rotate", "hopae-app"]).await;
    assert!(ran.code == Some(1) && ran.stderr.contains("is a folder"), "{ran:?}");
    let target = vendors.target("hopae-app");
    assert!(vendors.accepts(&target, &target.first_secret).await, "it was rotated all the same");
}

#[tokio::test]
async fn a_destination_that_breaks_after_the_secret_was_made_says_what_readers_have() {
    let vendors = Vendors::with(&["hopae.rotate#1=delay:1500"]).await;
    let child = vendors.command(&["rotate", "hopae-app"]);
    let ran = tokio::spawn(crate::support::run(child));
    vendors.acted("hopae", "rotate").await;
    let file = vendors.folder().join("secrets/hopae-app.json");
    std::fs::rename(&file, file.with_extension("aside")).expect("our own file");
    std::fs::create_dir(&file).expect("our own folder");
    let ran = ran.await.expect("it ran");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for part in
        ["held", "sealed in the journal", "Readers still have the old secret, which is dead", "resume hopae-app"]
    {
        assert!(ran.stdout.contains(part), "{part:?} is not in {}", ran.stdout);
    }
    let status = vendors.run(&["status"]).await;
    assert!(status.stdout.contains("Readers still have the old secret, which is dead"), "{status:?}");
    std::fs::remove_dir(&file).expect("our own folder");
    std::fs::rename(file.with_extension("aside"), &file).expect("our own file");
    assert_eq!(vendors.run(&["resume"]).await.code, Some(0));
    vendors.assert_rotated("hopae-app").await;
}

#[tokio::test]
async fn a_key_that_others_can_read_is_not_used() {
    let vendors = unfinished().await;
    let key = vendors.folder().join("cutover.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("our own file");
    let ran = vendors.run(&["resume"]).await;
    assert!(ran.code == Some(2) && ran.stderr.contains("chmod 600"), "{ran:?}");
}

#[tokio::test]
async fn a_program_that_calls_it_wrongly_gets_a_document_too() {
    let vendors = Vendors::with(&[]).await;
    for (arguments, command, said) in [
        (vec!["rotate", "--json"], "rotate", "not provided: <TARGET>"),
        (vec!["--json", "rotate", "--al"], "rotate", "unexpected argument '--al'"),
        (vec!["rotate", "--all", "--not-since", "yesterday", "--json"], "rotate", "2026-01-31T12:00Z"),
        (vec!["frobnicate", "--json"], "", "unrecognized"),
    ] {
        let ran = vendors.run(&arguments).await;
        let document = ran.document();
        assert_eq!((ran.code, &document["command"], &document["exit_code"]), (Some(2), &command.into(), &2.into()));
        assert!(document["error"]["message"].as_str().is_some_and(|message| message.contains(said)), "{document}");
        assert_eq!(ran.stderr, "");
    }
}

#[tokio::test]
async fn a_folder_is_no_configuration() {
    let vendors = Vendors::with(&[]).await;
    let ran = vendors.run(&["--config", ".", "list"]).await;
    assert!(ran.code == Some(2) && ran.stderr.contains("this is a folder"), "{ran:?}");
}
