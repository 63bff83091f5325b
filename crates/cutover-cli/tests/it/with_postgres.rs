//! Several workers on one journal at a real server.

use std::fs;

use tokio::process::Command;

use crate::support::{Ran, Vendors, run};

/// Where the journal is, as the configuration names it.
const URL: &str = "CUTOVER_JOURNAL_URL";

/// Vendors whose configuration has its journal at the server, in a schema of its own.
async fn vendors(targets: usize, faults: &[&str]) -> Vendors {
    let vendors = Vendors::of(targets, faults).await;
    let file = vendors.folder().join("cutover.toml");
    let text = fs::read_to_string(&file).expect("a configuration");
    let name = vendors.folder().file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let schema: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let journal = format!(
        "[journal]\npostgres = {{ env = \"{URL}\" }}\nschema = \"cli_{}_{schema}\"\nkey = {{ file = \"shared.key\" }}\n",
        std::process::id()
    );
    let rest = text
        .split_once("[journal]")
        .map_or((text.as_str(), ""), |(before, after)| (before, after.find("\n[").map_or("", |at| &after[at..])));
    fs::write(&file, format!("{}{journal}{}", rest.0, rest.1)).expect("a folder of our own");
    vendors
}

fn command(vendors: &Vendors, arguments: &[&str]) -> Command {
    let mut command = vendors.command(arguments);
    command.env(URL, std::env::var("CUTOVER_TEST_POSTGRES").expect("a PostgreSQL server: run `cargo xtask test`"));
    command
}

async fn ran(vendors: &Vendors, arguments: &[&str]) -> Ran {
    run(command(vendors, arguments)).await
}

fn outcomes(ran: &Ran) -> usize {
    let document = ran.document();
    let targets = document["targets"].as_array().expect("targets");
    assert!(targets.iter().all(|target| target["outcome"] == "rotated"), "{document}");
    targets.len()
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test starts one"]
async fn workers_on_one_journal_rotate_each_target_once() {
    let vendors = vendors(4, &[]).await;
    // The first one makes the journal and its key.
    let all = ran(&vendors, &["list", "--json"]).await.document()["targets"].as_array().expect("targets").len();
    assert_eq!(ran(&vendors, &["check"]).await.code, Some(0));
    let work = ["work", "--all", "--not-since", "1h", "--at-once", "2", "--json"];
    let (one, other) = tokio::join!(ran(&vendors, &work), ran(&vendors, &work));
    for ran in [&one, &other] {
        assert_eq!((ran.code, ran.document()["command"].as_str()), (Some(0), Some("work")), "{ran:?}");
    }
    assert_eq!(outcomes(&one) + outcomes(&other), all);
    // Nothing is left for a third one, and all of it is in the journal once.
    let third = ran(&vendors, &["work", "--all", "--not-since", "1h"]).await;
    assert!(third.code == Some(0) && third.written().contains("Nothing was left to do"), "{third:?}");
    let history = ran(&vendors, &["history", "--limit", "1000", "--json"]).await.document();
    assert_eq!(history["attempts"].as_array().map(Vec::len), Some(all));
    assert_eq!(ran(&vendors, &["verify", "--quiet"]).await.code, Some(0));
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test starts one"]
async fn a_worker_goes_on_with_what_was_left_and_says_what_failed() {
    let vendors = vendors(0, &["stytch.m2m.rotate#1=429:3600", "hopae.rotate#*=html:200"]).await;
    let stopped = ran(&vendors, &["rotate", "stytch-m2m", "--json"]).await;
    assert_eq!(stopped.target("stytch-m2m")["outcome"], "held", "{stopped:?}");
    let worked = ran(&vendors, &["work", "stytch-m2m", "zitadel-api", "--not-since", "1h", "--json"]).await;
    assert_eq!(worked.target("zitadel-api")["outcome"], "rotated", "{worked:?}");
    // What is unfinished counts as due, whatever time is given.
    let resumed = worked.target("stytch-m2m");
    assert!(resumed["outcome"] == "rotated" || resumed["outcome"] == "held", "{resumed}");
    let failed = ran(&vendors, &["work", "hopae-app", "--not-since", "1h"]).await;
    assert!(matches!(failed.code, Some(1 | 4)), "{failed:?}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test starts one"]
async fn a_worker_that_stops_the_line_says_why_and_does_not_end_well() {
    let vendors = vendors(0, &["stytch.m2m.start#*=429:3600", "stytch.connected_app.rotate#*=429:3600"]).await;
    let work = ["work", "stytch-m2m", "zitadel-api", "--not-since", "1h", "--canary", "1"];
    let stopped = ran(&vendors, &[&work[..], &["--json"]].concat()).await;
    let why = "a target that was to be rotated first was not rotated";
    assert_eq!((stopped.code, &stopped.document()["line_stopped"]), (Some(1), &why.into()), "{stopped:?}");
    assert_eq!(stopped.target("stytch-m2m")["outcome"], "nothing_changed");
    assert_eq!(stopped.document()["targets"].as_array().map(Vec::len), Some(1), "of the other one nothing is said");
    let text = ran(&vendors, &work).await;
    assert!(text.stderr.contains(&format!("warning: the line was stopped: {why}")), "{text:?}");

    // Another worker has left one unfinished, of which these know nothing.
    let held = ran(&vendors, &["rotate", "stytch-connected-app", "--json"]).await;
    assert_eq!(held.target("stytch-connected-app")["outcome"], "held", "{held:?}");
    let work = ["work", "zitadel-api", "zitadel-oidc", "--not-since", "1h", "--json", "--max-unfinished"];
    let stopped = ran(&vendors, &[&work[..], &["1"]].concat()).await;
    let why = "another target stands still half-rotated";
    assert_eq!((stopped.code, &stopped.document()["line_stopped"]), (Some(1), &why.into()), "{stopped:?}");
    let done = ran(&vendors, &[&work[..], &["2"]].concat()).await;
    assert_eq!((done.code, outcomes(&done)), (Some(0), 2), "{done:?}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test starts one"]
async fn a_shared_journal_never_gets_a_second_key() {
    let vendors = vendors(0, &[]).await;
    assert_eq!(ran(&vendors, &["rotate", "stytch-m2m"]).await.code, Some(0));
    let key = vendors.folder().join("shared.key");
    fs::rename(&key, vendors.folder().join("kept")).expect("it was made");
    for arguments in [&["status"][..], &["work", "--all", "--not-since", "1h"]] {
        let refused = ran(&vendors, arguments).await;
        assert!(refused.code == Some(2) && refused.stderr.contains("is not in shared.key"), "{refused:?}");
        assert!(!key.exists(), "none is made");
    }
    fs::write(&key, "0123456789abcdef".repeat(4)).expect("a folder of our own");
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("our own file");
    let refused = ran(&vendors, &["status"]).await;
    assert!(refused.code == Some(1) && refused.stderr.contains("it was made with the key"), "{refused:?}");
    let mut nowhere = command(&vendors, &["status"]);
    let nowhere = run({
        nowhere.env_remove(URL);
        nowhere
    })
    .await;
    assert!(nowhere.code == Some(2) && nowhere.stderr.contains("journal.postgres"), "{nowhere:?}");
}

#[tokio::test]
async fn a_journal_in_a_file_is_not_shared() {
    let vendors = Vendors::with(&[]).await;
    let refused = vendors.run(&["work", "--all", "--not-since", "1h"]).await;
    assert!(refused.code == Some(2) && refused.stderr.contains("cannot share"), "{refused:?}");
    let refused = vendors.run(&["work", "--all"]).await;
    assert!(refused.code == Some(2) && refused.stderr.contains("--not-since"), "{refused:?}");
}
