//! One exit code for each way to end, and what is said beside it.

use std::process::Stdio;

use crate::support::{Vendors, cutover, run, signal};

#[tokio::test]
async fn a_refused_rotation_fails_and_says_what_happened_and_what_to_do() {
    let vendors = Vendors::with(&["hopae.rotate#*=429:3600"]).await;
    let ran = vendors.run(&["rotate", "hopae-app"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for part in
        ["nothing changed", "too many requests", "stays as it is", "Next: try again later: ", "rotate hopae-app"]
    {
        assert!(ran.stdout.contains(part), "{part:?} is not in {}", ran.stdout);
    }
    let target = vendors.target("hopae-app");
    assert!(vendors.accepts(&target, &target.first_secret).await);
    let json = vendors.run(&["rotate", "hopae-app", "--json"]).await;
    let report = json.target("hopae-app");
    assert_eq!((&report["outcome"], &report["effect"]), (&"nothing_changed".into(), &"not_applied".into()));
    assert_eq!((json.code, &json.document()["exit_code"]), (Some(1), &1.into()));
    assert!(json.stderr.is_empty(), "{json:?}");
}

#[tokio::test]
async fn an_argument_that_makes_no_sense_is_named_with_what_is_expected() {
    let folder = tempfile::tempdir().expect("a folder");
    for (arguments, expected) in [
        (&["status", "--limit", "x"][..], "it has to be a number"),
        (&["emulate", "--listen", "80"], "an address and a port, as in 127.0.0.1:0"),
        (&["export", "billing"], "--to-stdout <TARGET>"),
        (&["check", "billing", "--all"], "cannot be used with '--all'"),
        (&["rotate", "--all", "--not-since", "yesterday"], "a time such as 2026-01-31T12:00Z, or how long ago"),
        (&["work", "--all"], "--not-since <TIME>"),
    ] {
        let ran = run(cutover(folder.path(), arguments)).await;
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.stderr.contains(expected), "{expected} is not in {ran:?}");
    }
    // As it is with `rotate` and `resume`.
    let vendors = Vendors::with(&[]).await;
    assert_eq!(vendors.run(&["verify", "--all", "--quiet"]).await.code, Some(0));
}

#[tokio::test]
async fn some_of_several_failed_is_told_from_all_of_them() {
    let vendors = Vendors::with(&["hopae.rotate#*=429:3600"]).await;
    let ran = vendors.run(&["rotate", "hopae-app", "stytch-m2m", "--json"]).await;
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert_eq!(ran.target("stytch-m2m")["outcome"], "rotated");
}

#[tokio::test]
async fn a_person_is_needed_when_the_vendor_never_answers_usefully() {
    let vendors = Vendors::with(&["hopae.rotate#*=html:200"]).await;
    let ran = vendors.run(&["rotate", "hopae-app", "stytch-m2m", "--json"]).await;
    assert_eq!(ran.code, Some(4), "{ran:?}");
    let report = ran.target("hopae-app");
    assert_eq!((&report["outcome"], &report["person_needed"]), (&"held".into(), &true.into()), "{report}");
    assert!(report["next"].as_str().is_some_and(|next| next.ends_with("resume hopae-app")), "{report}");
}

#[tokio::test]
async fn somebody_elses_pending_rotation_is_theirs_until_it_is_taken_over() {
    let vendors = Vendors::with(&["stytch.m2m.start#1=hold_answer"]).await;
    // Another installation, with a journal of its own, begins and dies.
    let other = tempfile::tempdir().expect("a folder");
    for folder in ["credentials", "secrets"] {
        std::fs::create_dir(other.path().join(folder)).expect("a folder of our own");
    }
    for file in ["cutover.toml", "credentials/stytch-secret", "secrets/stytch-m2m.json"] {
        std::fs::copy(vendors.folder().join(file), other.path().join(file)).expect("a file");
    }
    let mut theirs = cutover(other.path(), ["-q", "rotate", "stytch-m2m"]).spawn().expect("it starts");
    vendors.acted("stytch", "m2m.start").await;
    theirs.kill().await.expect("it runs");
    let ran = vendors.run(&["rotate", "stytch-m2m"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("somebody else's") || ran.stdout.contains("Somebody else's"), "{ran:?}");
    assert!(ran.stdout.contains("rotate --take-over stytch-m2m"), "{ran:?}");
    let ran = vendors.run(&["rotate", "--take-over", "stytch-m2m"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    vendors.assert_rotated("stytch-m2m").await;
}

#[tokio::test]
async fn wrong_usage_is_told_from_failure() {
    let vendors = Vendors::with(&[]).await;
    for (arguments, said) in [
        (vec!["rotate"], "--all"),
        (vec!["rotate", "--all", "stytch-m2m"], "cannot be used with"),
        (vec!["rotate", "stytch-m2n"], "did you mean stytch-m2m?"),
        (vec!["verify", "nobody"], "there are stytch-m2m"),
        (vec!["rotate", "--all", "--at-once", "0"], "from 1 on"),
        (vec!["rotate", "no/slash"], "not valid"),
        (vec!["frobnicate"], "unrecognized"),
    ] {
        let ran = vendors.run(&arguments).await;
        assert_eq!(ran.code, Some(2), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(said), "{arguments:?}: {ran:?}");
    }
    for arguments in [vec!["--help"], vec!["rotate", "--help"], vec!["--version"]] {
        assert_eq!(vendors.run(&arguments).await.code, Some(0), "{arguments:?}");
    }
}

#[tokio::test]
async fn the_first_signal_stops_at_a_safe_point_and_the_second_at_once() {
    let vendors = Vendors::with(&["stytch.m2m.start#1=delay:3000", "hopae.rotate#1=hold_answer"]).await;
    let mut command = vendors.command(&["rotate", "stytch-m2m", "--json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    vendors.acted("stytch", "m2m.start").await;
    signal("INT", child.id().expect("it runs"));
    let output = child.wait_with_output().await.expect("it ran");
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one document");
    assert_eq!((output.status.code(), &document["targets"][0]["outcome"]), (Some(1), &"stopped".into()), "{document}");

    let mut command = vendors.command(&["rotate", "hopae-app"]);
    let child = command.stderr(Stdio::piped()).spawn().expect("it starts");
    vendors.acted("hopae", "rotate").await;
    let pid = child.id().expect("it runs");
    signal("TERM", pid);
    // Two signals that come too fast are one to the system; this one comes until it has been noticed.
    let ended = child.wait_with_output();
    tokio::pin!(ended);
    let output = loop {
        tokio::select! {
            output = &mut ended => break output.expect("it ran"),
            () = tokio::task::yield_now() => signal("TERM", pid),
        }
    };
    assert_eq!(output.status.code(), Some(130));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nothing is lost"));

    let resumed = vendors.run(&["resume", "--json"]).await;
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    for name in ["stytch-m2m", "hopae-app"] {
        vendors.assert_rotated(name).await;
    }
}

#[tokio::test]
async fn a_reader_that_goes_away_is_no_failure() {
    let vendors = Vendors::with(&[]).await;
    for arguments in [vec!["list"], vec!["rotate", "stytch-m2m"], vec!["--help"], vec!["completions", "bash"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = vendors.command(&arguments);
        let output = command.stdout(writer).stderr(Stdio::piped()).output().await.expect("it starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
    vendors.assert_rotated("stytch-m2m").await;
}

#[tokio::test]
async fn a_quiet_run_says_nothing_when_all_is_well() {
    let vendors = Vendors::with(&[]).await;
    let ran = run(vendors.command(&["-q", "rotate", "stytch-m2m"])).await;
    assert_eq!((ran.code, ran.written().as_str()), (Some(0), ""));
}
