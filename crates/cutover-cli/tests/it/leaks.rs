//! No secret in anything that is written, however much of it is asked for.

use std::path::Path;

use cutover_emulator::canary;

use crate::support::{Vendors, cutover, run};

#[tokio::test]
async fn no_secret_is_in_any_output_even_with_every_log_there_is() {
    let vendors = Vendors::with(&[
        "stytch.m2m.start#1=cut_body:400",
        "stytch.connected_app.start#1=drop_field:status_code",
        "hopae.rotate#1=lose_answer",
        "zitadel.app.generate#1=500_after_commit",
        "zitadel.user.secret#1=html:200",
    ])
    .await;
    let everything: [&[&str]; 10] = [
        &["check", "-vv"],
        &["rotate", "--all", "-vv"],
        &["resume", "-vv"],
        &["verify", "-vv", "--json"],
        &["status", "-vv"],
        &["list", "-vv", "--json"],
        &["rotate", "--all", "-v", "--json"],
        &["status", "-vv", "--json"],
        &["history", "-vv"],
        &["explain", "hopae-app", "-vv", "--json"],
    ];
    for log in [None, Some("trace")] {
        for arguments in everything {
            let mut command = vendors.command(arguments);
            command.envs(log.map(|log| ("CUTOVER_LOG", log)));
            let ran = run(command).await;
            assert!(!canary::is_in(&ran.written()), "{arguments:?}: a secret is in {}", ran.written());
            let logs = arguments.contains(&"rotate").then_some("TRACE").filter(|_| log.is_some());
            assert!(logs.is_none_or(|level| ran.stderr.contains(level)), "{arguments:?} has logged nothing");
        }
    }
    for name in ["stytch-m2m", "stytch-connected-app", "hopae-app", "zitadel-api", "zitadel-machine-user"] {
        vendors.assert_rotated(name).await;
    }
}

#[tokio::test]
async fn no_secret_is_in_an_argument_or_in_the_environment_of_a_process() {
    let vendors = Vendors::with(&["hopae.rotate#1=hold_answer"]).await;
    let child = vendors.start(&["rotate", "hopae-app"]);
    vendors.acted("hopae", "rotate").await;
    for pid in [child.id().expect("it runs"), vendors.pid()] {
        for file in ["cmdline", "environ"] {
            // Where there is no /proc there is nothing to read.
            let shown = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            assert!(!canary::is_in(&String::from_utf8_lossy(&shown)), "{file}");
        }
    }
}

#[tokio::test]
async fn no_help_page_names_a_secret() {
    for command in [
        "demo",
        "init",
        "check",
        "explain",
        "list",
        "rotate",
        "resume",
        "cancel",
        "status",
        "history",
        "export",
        "verify",
        "emulate",
        "completions",
    ] {
        let ran = run(cutover(Path::new("/"), [command, "--help"])).await;
        assert_eq!(ran.code, Some(0));
        assert!(!canary::is_in(&ran.written()));
    }
}

#[tokio::test]
async fn no_secret_is_left_in_a_file_that_is_not_for_it() {
    let vendors = Vendors::with(&[]).await;
    assert_eq!(vendors.run(&["rotate", "--all"]).await.code, Some(0));
    let mut folders = vec![vendors.folder().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.ends_with("credentials") && !path.ends_with("secrets") {
                folders.push(path);
            } else if path.is_file() {
                let content = std::fs::read(&path).expect("our own");
                assert_eq!(canary::count_in(&content), 0, "{}", path.display());
            }
        }
    }
}
