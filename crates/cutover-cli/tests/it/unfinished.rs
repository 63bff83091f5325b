//! A `kill -9` in the middle, and the way back.

use crate::support::Vendors;

/// Starts a rotation, kills it once the vendor has made the secret, and resumes it.
async fn dies_and_comes_back(target: &str, vendor: &str, operation: &str) {
    let vendors = Vendors::with(&[&format!("{vendor}.{operation}#1=hold_answer")]).await;
    let mut child = vendors.start(&["rotate", target]);
    vendors.acted(vendor, operation).await;
    child.kill().await.expect("it runs");

    let again = vendors.run(&["rotate", target]).await;
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.stdout.contains("has not ended") && again.stdout.contains(&format!("resume {target}")), "{again:?}");

    let status = vendors.run(&["status", "--json"]).await;
    let attempt = status.target(target);
    assert_eq!((&attempt["state"], &attempt["unfinished"]), (&"issuing".into(), &true.into()), "{attempt}");
    let listed = vendors.run(&["list", "--json"]).await;
    assert_eq!(listed.target(target)["state"], "unfinished");

    let resumed = vendors.run(&["resume", "--json"]).await;
    let report = resumed.target(target);
    assert_eq!((resumed.code, &report["outcome"], &report["resumed"]), (Some(0), &"rotated".into(), &true.into()));
    assert_eq!(report["asked"], 2, "{report}");
    vendors.assert_rotated(target).await;

    let nothing = vendors.run(&["resume"]).await;
    assert_eq!(nothing.code, Some(0), "{nothing:?}");
    assert!(nothing.stderr.contains("Nothing to resume"), "{nothing:?}");
    let status = vendors.run(&["status", target]).await;
    assert!(status.stdout.contains("rotated") && !status.stdout.contains("Next"), "{status:?}");
}

#[tokio::test]
async fn a_killed_two_phase_rotation_is_resumed() {
    dies_and_comes_back("stytch-connected-app", "stytch", "connected_app.start").await;
}

#[tokio::test]
async fn a_killed_idempotent_rotation_is_resumed() {
    dies_and_comes_back("hopae-app", "hopae", "rotate").await;
}

#[tokio::test]
async fn a_killed_plain_rotation_is_resumed() {
    dies_and_comes_back("zitadel-machine-user", "zitadel", "user.secret").await;
}

#[tokio::test]
async fn an_unfinished_target_that_left_the_configuration_is_not_forgotten() {
    let vendors = Vendors::with(&["hopae.rotate#1=hold_answer"]).await;
    let mut child = vendors.start(&["rotate", "hopae-app"]);
    vendors.acted("hopae", "rotate").await;
    child.kill().await.expect("it runs");
    let file = vendors.folder().join("cutover.toml");
    let text = std::fs::read_to_string(&file).expect("it is there").replace("\"hopae-app\"", "\"renamed\"");
    std::fs::write(file, text).expect("a folder of our own");
    let ran = vendors.run(&["resume"]).await;
    assert!(ran.stderr.contains("hopae-app has an unfinished rotation"), "{ran:?}");
    let status = vendors.run(&["status"]).await;
    assert!(status.stdout.contains("hopae-app"), "{status:?}");
}

#[tokio::test]
async fn a_journal_without_its_key_is_not_given_a_new_one() {
    let vendors = Vendors::with(&[]).await;
    assert_eq!(vendors.run(&["rotate", "stytch-m2m"]).await.code, Some(0));
    let key = vendors.folder().join("cutover.key");
    std::fs::rename(&key, vendors.folder().join("elsewhere")).expect("it is there");
    for arguments in [vec!["rotate", "stytch-m2m"], vec!["resume"], vec!["status"], vec!["list"]] {
        let ran = vendors.run(&arguments).await;
        assert_eq!(ran.code, Some(2), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains("its key"), "{arguments:?}: {ran:?}");
        assert!(!key.exists());
    }
}
