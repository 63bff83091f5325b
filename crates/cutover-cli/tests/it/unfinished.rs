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
async fn a_two_phase_rotation_can_be_cancelled_and_an_immediate_one_cannot() {
    let vendors = Vendors::with(&["stytch.m2m.start#1=hold_answer", "hopae.rotate#1=hold_answer"]).await;
    for (name, vendor, operation) in [("stytch-m2m", "stytch", "m2m.start"), ("hopae-app", "hopae", "rotate")] {
        let mut child = vendors.start(&["rotate", name]);
        vendors.acted(vendor, operation).await;
        child.kill().await.expect("it runs");
    }
    let cancelled = vendors.run(&["cancel", "stytch-m2m", "hopae-app", "--json"]).await;
    assert_eq!((cancelled.code, &cancelled.document()["command"]), (Some(3), &"cancel".into()), "{cancelled:?}");
    assert_eq!(cancelled.target("stytch-m2m")["outcome"], "rolled_back", "{cancelled:?}");
    let refused = cancelled.target("hopae-app");
    assert_eq!(refused["outcome"], "failed", "{refused}");
    assert!(refused["next"].as_str().is_some_and(|next| next.ends_with("resume hopae-app")), "{refused}");

    let target = vendors.target("stytch-m2m");
    assert_eq!(vendors.delivered("stytch-m2m"), target.first_secret);
    assert!(vendors.accepts(&target, &target.first_secret).await);
    assert_eq!(vendors.run(&["resume"]).await.code, Some(0));
    vendors.assert_rotated("hopae-app").await;
    let again = vendors.run(&["cancel", "stytch-m2m"]).await;
    assert!(again.code == Some(0) && again.stderr.contains("Nothing to cancel"), "{again:?}");
    assert_eq!(vendors.run(&["cancel"]).await.code, Some(2));
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
