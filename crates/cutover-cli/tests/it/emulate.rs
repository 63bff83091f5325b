//! `cutover emulate`, and rotations by a second process.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::{Vendors, cutover, run, signal};

const NAMES: [&str; 6] =
    ["stytch-m2m", "stytch-connected-app", "hopae-app", "zitadel-api", "zitadel-oidc", "zitadel-machine-user"];

#[tokio::test]
async fn every_target_is_rotated_by_a_second_process_and_seen_so_from_outside() {
    let vendors = Vendors::with(&[]).await;
    let checked = vendors.run(&["check", "--json"]).await;
    assert_eq!(checked.code, Some(0), "{checked:?}");
    let rotated = vendors.run(&["rotate", "--all", "--json"]).await;
    assert_eq!(rotated.code, Some(0), "{rotated:?}");
    for name in NAMES {
        let report = rotated.target(name);
        assert_eq!(report["outcome"], "rotated", "{report}");
        assert_eq!((&report["new_secret"], &report["old_secret"]), (&"accepted".into(), &"refused".into()), "{report}");
        vendors.assert_rotated(name).await;
    }
    let verified = vendors.run(&["verify", "--json"]).await;
    assert_eq!(verified.code, Some(0), "{verified:?}");
    assert_eq!(verified.target("hopae-app")["destinations"][0]["secret"], "accepted");
    let again = vendors.run(&["rotate", "--json", "stytch-m2m", "stytch-m2m"]).await;
    assert_eq!((again.code, again.document()["targets"].as_array().map(Vec::len)), (Some(0), Some(1)), "{again:?}");
}

#[tokio::test]
async fn what_is_written_is_for_its_owner_alone() {
    let vendors = Vendors::with(&[]).await;
    assert_eq!(vendors.run(&["rotate", "stytch-m2m"]).await.code, Some(0));
    let mut folders = vec![vendors.folder().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let mode = path.metadata().expect("it is there").permissions().mode();
            assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
}

#[tokio::test]
async fn a_signal_ends_the_vendors_in_good_order() {
    for name in ["TERM", "INT"] {
        let vendors = Vendors::with(&[]).await;
        signal(name, vendors.pid());
        assert_eq!(vendors.ended().await, Some(0), "after SIG{name}");
    }
}

#[tokio::test]
async fn a_configuration_is_replaced_only_by_force_and_only_if_it_was_written_here() {
    let vendors = Vendors::with(&[]).await;
    let again = vendors.run(&["emulate", "--write-config", "."]).await;
    assert_eq!(again.code, Some(2), "{again:?}");
    assert!(again.stderr.contains("--force"), "{again:?}");
    let own = "# somebody's own\n";
    std::fs::write(vendors.folder().join("cutover.toml"), own).expect("a folder of our own");
    let forced = vendors.run(&["emulate", "--write-config", ".", "--force"]).await;
    assert_eq!(forced.code, Some(2), "{forced:?}");
    assert_eq!(std::fs::read_to_string(vendors.folder().join("cutover.toml")).expect("it is there"), own);
}

#[tokio::test]
async fn what_cannot_be_emulated_is_a_wrong_usage() {
    for (arguments, said) in [
        (vec!["--listen", "0.0.0.0:0"], "loopback"),
        (vec!["--fault", "stytch.m2m.strat#1=lose_answer"], "no operation"),
        (vec!["--fault", "nonsense"], "is not a fault"),
        (vec!["--behaviour", "stytch.no_such=x"], "no behaviour"),
        (vec!["--behaviour", "nonsense"], "NAME=VALUE"),
    ] {
        let ran = run(cutover(Path::new("/"), ["emulate"].iter().chain(&arguments))).await;
        assert_eq!(ran.code, Some(2), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(said), "{arguments:?}: {ran:?}");
    }
}

#[tokio::test]
async fn every_behaviour_is_listed_with_its_values_and_what_the_vendor_says() {
    let listed = run(cutover(Path::new("/"), ["emulate", "--list-behaviours", "--json"])).await;
    assert_eq!(listed.code, Some(0), "{listed:?}");
    let behaviours = listed.document()["behaviours"].as_array().cloned().expect("a list");
    assert!(behaviours.len() >= 25, "only {} behaviours", behaviours.len());
    for behaviour in behaviours {
        assert!(behaviour["citation"].as_str().is_some_and(|citation| citation.len() > 20), "{behaviour}");
        let values = behaviour["values"].as_array().expect("values");
        assert!(!values.is_empty() && behaviour["name"].as_str().is_some_and(|name| name.contains('.')), "{behaviour}");
    }
    let set = ["emulate", "--list-behaviours", "--behaviour", "stytch.start_while_pending=replace"];
    let set = run(cutover(Path::new("/"), set)).await;
    assert!(set.stdout.contains("stytch.start_while_pending = replace | error"), "{set:?}");
}
