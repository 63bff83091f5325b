//! `explain`: what can be lost, and where an unfinished rotation stands.

use cutover_emulator::canary;

use crate::support::Vendors;

#[tokio::test]
async fn each_class_says_what_can_be_lost_and_nothing_is_asked_or_made() {
    let vendors = Vendors::with(&[]).await;
    // Neither a vendor's credential nor a journal is needed.
    std::fs::remove_dir_all(vendors.folder().join("credentials")).expect("it is there");
    for (name, class, said) in [
        ("stytch-m2m", "restart", ["Readers are never cut off", "it is cancelled", "cancel stytch-m2m"]),
        ("hopae-app", "replay", ["23 hours", "gives the same secret", "Never: the old secret is dead"]),
        ("zitadel-api", "supersede", ["lost for good", "a secret was made since", "Never: the old secret is dead"]),
        ("zitadel-machine-user", "supersede", ["lost for good", "always waited for", "Never: the old secret is dead"]),
    ] {
        let ran = vendors.run(&["explain", name]).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        for part in said.into_iter().chain([class, "power cut", "When the process dies", "resume "]) {
            assert!(ran.stdout.contains(part), "{part:?} is not in {}", ran.stdout);
        }
        assert!(!ran.stdout.contains("has not ended"), "{ran:?}");
        assert!(!canary::is_in(&ran.written()), "{ran:?}");
    }
    assert!(!vendors.folder().join("cutover.db").exists(), "a journal was made by explaining");
    let nobody = vendors.run(&["explain", "hopae-ap"]).await;
    assert!(nobody.code == Some(2) && nobody.stderr.contains("did you mean hopae-app?"), "{nobody:?}");
}

#[tokio::test]
async fn an_unfinished_rotation_says_where_it_stands_and_what_resuming_does() {
    let vendors = Vendors::with(&["stytch.m2m.start#1=hold_answer", "hopae.rotate#1=hold_answer"]).await;
    for (name, vendor, operation) in [("stytch-m2m", "stytch", "m2m.start"), ("hopae-app", "hopae", "rotate")] {
        let mut child = vendors.start(&["rotate", name]);
        vendors.acted(vendor, operation).await;
        child.kill().await.expect("it runs");
    }
    let hopae = vendors.run(&["explain", "hopae-app"]).await;
    for part in ["It is issuing", "the same request is sent again", "same secret again until", "cannot be taken back"] {
        assert!(hopae.stdout.contains(part), "{part:?} is not in {}", hopae.stdout);
    }
    let rotation = vendors.run(&["explain", "hopae-app", "--json"]).await.document()["rotation"].clone();
    assert_eq!(
        (&rotation["lost_answer"], &rotation["way_back"]),
        (&"same_secret_again".into(), &"closed_by_issue".into())
    );
    assert_eq!(rotation["steps_left"][0], "issue");
    let stytch = vendors.run(&["explain", "stytch-m2m", "--json"]).await.document()["rotation"].clone();
    assert_eq!((&stytch["readers_have"], &stytch["way_back"]), (&"old".into(), &"open".into()), "{stytch}");
    assert!(stytch["else_next"][0].as_str().is_some_and(|next| next.ends_with("cancel stytch-m2m")), "{stytch}");

    assert_eq!(vendors.run(&["resume"]).await.code, Some(0));
    let done = vendors.run(&["explain", "hopae-app", "--json"]).await;
    assert!(done.document()["rotation"].is_null(), "{done:?}");
}

#[tokio::test]
async fn a_held_rotation_says_why_and_offers_its_secret_without_showing_it() {
    let vendors = Vendors::with(&["stytch.m2m.rotate#*=429:3600"]).await;
    assert_eq!(vendors.run(&["rotate", "stytch-m2m"]).await.code, Some(1));
    let ran = vendors.run(&["explain", "stytch-m2m"]).await;
    for part in
        ["It is promoted", "Held: ", "export stytch-m2m --output FILE", "cancel stytch-m2m", "can still be taken back"]
    {
        assert!(ran.stdout.contains(part), "{part:?} is not in {}", ran.stdout);
    }
    assert!(!canary::is_in(&ran.written()), "{ran:?}");
    assert!(!ran.written().contains(&vendors.delivered("stytch-m2m")), "{ran:?}");
}
