//! `export`: the sealed secret, for whoever asks for it in so many words, and for nobody else.

use cutover_emulator::canary;

use crate::support::Vendors;

/// Vendors with a rotation that is held: the new secret is delivered, and the old one not retired.
async fn held() -> Vendors {
    let vendors = Vendors::with(&["stytch.m2m.rotate#1=429:3600"]).await;
    assert_eq!(vendors.run(&["rotate", "stytch-m2m"]).await.code, Some(1));
    vendors
}

#[tokio::test]
async fn a_held_secret_is_written_to_a_private_file_and_works() {
    let vendors = held().await;
    let ran = vendors.run(&["export", "stytch-m2m", "--output", "out"]).await;
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{ran:?}");
    assert!(ran.stderr.contains("written to out in the clear") && ran.stderr.contains("resume stytch-m2m"), "{ran:?}");
    assert!(!canary::is_in(&ran.written()), "{ran:?}");
    let file = vendors.folder().join("out");
    let secret = std::fs::read_to_string(&file).expect("it was written");
    assert_eq!(secret, vendors.delivered("stytch-m2m"));
    assert!(vendors.accepts(&vendors.target("stytch-m2m"), &secret).await);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&file).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // Nothing has moved: the rotation goes on as if nobody had asked.
    assert_eq!(vendors.run(&["resume"]).await.code, Some(0));
    vendors.assert_rotated("stytch-m2m").await;
}

#[tokio::test]
async fn a_file_that_is_there_is_not_replaced() {
    let vendors = held().await;
    let file = vendors.folder().join("out");
    std::fs::write(&file, "mine").expect("a folder of our own");
    let ran = vendors.run(&["export", "stytch-m2m", "--output", "out"]).await;
    assert!(ran.code == Some(2) && ran.stderr.contains("replaces no file"), "{ran:?}");
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), "mine");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("elsewhere", vendors.folder().join("link")).expect("a folder of our own");
        let ran = vendors.run(&["export", "stytch-m2m", "--output", "link"]).await;
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(!vendors.folder().join("elsewhere").exists());
    }
    let ran = vendors.run(&["export", "stytch-m2m", "--output", "no-folder/out"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
}

#[tokio::test]
async fn stdout_gets_the_secret_and_nothing_else_and_the_log_says_that_it_did() {
    let vendors = held().await;
    let ran = vendors.run(&["export", "stytch-m2m", "--to-stdout", "-v"]).await;
    assert_eq!((ran.code, &ran.stdout), (Some(0), &vendors.delivered("stytch-m2m")));
    assert!(ran.stderr.contains("secret of an unfinished rotation was exported"), "{}", ran.stderr);
    assert!(!canary::is_in(&ran.stderr), "{}", ran.stderr);
}

#[tokio::test]
async fn a_secret_is_given_to_nobody_who_does_not_say_where_to() {
    let vendors = held().await;
    for arguments in [
        vec!["export", "stytch-m2m"],
        vec!["export", "--output", "out"],
        vec!["export", "stytch-m2m", "--to-stdout", "--output", "out"],
        vec!["export", "stytch-m2m", "--to-stdout", "--json"],
        vec!["export", "nobody", "--to-stdout"],
    ] {
        let ran = vendors.run(&arguments).await;
        assert_eq!(ran.code, Some(2), "{arguments:?}: {ran:?}");
        assert!(!canary::is_in(&ran.written()), "{arguments:?}");
    }
    assert!(!vendors.folder().join("out").exists());
}

#[tokio::test]
async fn what_is_not_sealed_is_not_exported_and_that_is_said() {
    let vendors = Vendors::with(&["hopae.rotate#1=hold_answer", "zitadel.app.generate#*=html:200"]).await;
    let never = vendors.run(&["export", "hopae-app", "--to-stdout"]).await;
    assert!(never.code == Some(1) && never.stderr.contains("no unfinished rotation"), "{never:?}");
    let mut child = vendors.start(&["rotate", "hopae-app"]);
    vendors.acted("hopae", "rotate").await;
    child.kill().await.expect("it runs");
    let lost = vendors.run(&["export", "hopae-app", "--to-stdout"]).await;
    assert!(lost.code == Some(1) && lost.stderr.contains("no answer of the vendor"), "{lost:?}");
    assert_eq!(vendors.run(&["rotate", "zitadel-api"]).await.code, Some(4));
    let unread = vendors.run(&["export", "zitadel-api", "--output", "out"]).await;
    assert!(unread.code == Some(1) && unread.stderr.contains("holds no secret that can be read"), "{unread:?}");
    assert!(!vendors.folder().join("out").exists());
}
