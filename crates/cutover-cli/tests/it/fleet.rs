//! Many targets: killed, stopped, refused, and what is left to do.

use std::process::Stdio;

use futures_util::{StreamExt as _, stream};

use crate::support::{Vendors, signal, written_lines};

/// How many targets each of the three vendors has.
const EACH: usize = 68;
/// The same, where it needs no more to see what is said.
const FEW: usize = 24;

/// How many targets have another secret than at first, once every one of them was tried from outside.
async fn every_destination_has_a_good_secret(vendors: &Vendors, each: usize) -> usize {
    let every = vendors.every();
    assert_eq!(every.len(), 3 * each);
    let rotated = stream::iter(&every).map(|(name, target)| async move {
        let delivered = vendors.delivered(name);
        assert!(vendors.accepts(target, &delivered).await, "{name}: what applications read is refused");
        let is_new = delivered != target.first_secret;
        if is_new {
            let old = vendors.accepts(target, &target.first_secret).await;
            assert!(!old, "{name}: the first secret works still");
        }
        usize::from(is_new)
    });
    rotated.buffer_unordered(16).fold(0, async |sum, one| sum + one).await
}

/// Rotates what is left, kills that after so many targets, and resumes.
async fn dies_after(vendors: &Vendors, began: &str, targets: usize) {
    let mut command = vendors.command(&["rotate", "--all", "--not-since", began]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    written_lines(&mut child, targets).await;
    child.kill().await.expect("it runs");

    let status = vendors.run(&["status", "--limit", "0", "--json"]).await;
    let open = status.document()["attempts"].as_array().map_or(0, Vec::len);
    let resumed = vendors.run(&["resume", "--json"]).await;
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    let document = resumed.document();
    let targets = document["targets"].as_array().expect("targets");
    assert_eq!(targets.len(), open, "{document}");
    // One that was killed before its request was on its way has changed nothing, and may say so.
    assert!(targets.iter().all(|one| one["outcome"] == "rotated" && one["resumed"] == true), "{document}");
}

#[tokio::test]
async fn a_fleet_that_is_killed_again_and_again_loses_no_secret_and_is_brought_to_its_end() {
    let vendors = Vendors::of(EACH, &[]).await;
    let began = "2026-01-01T00:00Z";
    let mut before = 0;
    // Among the first vendor's, where the second one's begin, among the third one's, and near the end.
    for targets in [9, EACH - 8, EACH - 28, 20] {
        dies_after(&vendors, began, targets).await;
        let rotated = every_destination_has_a_good_secret(&vendors, EACH).await;
        // The last vendor's wait until they have settled, and leave their places to others: all are under way at once.
        assert!(before + targets <= rotated && rotated <= 3 * EACH, "{rotated} after {before} and {targets}");
        before = rotated;
    }
    let rest = vendors.run(&["rotate", "--all", "--not-since", began]).await;
    assert_eq!(rest.code, Some(0), "{rest:?}");
    let left_out = format!("{before} of {} were rotated since", 3 * EACH);
    assert!(rest.stderr.contains(&left_out), "{left_out:?} is not in {}", rest.stderr);
    assert_eq!(every_destination_has_a_good_secret(&vendors, EACH).await, 3 * EACH);

    let nothing = vendors.run(&["rotate", "--all", "--not-since", "1h", "--json"]).await;
    assert_eq!((nothing.code, &nothing.document()["targets"]), (Some(0), &serde_json::json!([])), "{nothing:?}");
}

#[tokio::test]
async fn a_fleet_that_is_stopped_says_once_how_to_go_on() {
    let vendors = Vendors::of(FEW, &[]).await;
    let mut command = vendors.command(&["rotate", "--all"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    written_lines(&mut child, 5).await;
    signal("INT", child.id().expect("it runs"));
    let output = child.wait_with_output().await.expect("it ran");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    let (_, recap) = stderr.rsplit_once("not begun").expect("most were not begun");
    assert!(recap.contains("the line was stopped: the run was asked to stop first"), "{recap}");
    assert!(recap.contains("rotate --all --not-since 20") && recap.lines().count() < 20, "{recap}");

    let next = recap.lines().find_map(|line| line.split_once("--not-since ")).map(|(_, since)| since.trim().to_owned());
    let resumed = vendors.run(&["resume"]).await;
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    let rest = vendors.run(&["rotate", "--all", "--not-since", &next.expect("a command to copy")]).await;
    assert_eq!(rest.code, Some(0), "{rest:?}");
    assert_eq!(every_destination_has_a_good_secret(&vendors, FEW).await, 3 * FEW);
    let history = vendors.run(&["status", "--limit", "1000", "--json"]).await;
    let attempts = history.document()["attempts"].as_array().map_or(0, Vec::len);
    assert_eq!(attempts, 3 * FEW, "each was rotated once");
}

#[tokio::test]
async fn the_same_reason_is_given_in_full_three_times_and_summed_up() {
    let vendors = Vendors::of(FEW, &["hopae.rotate#*=429:3600"]).await;
    let ran = vendors.run(&["rotate", "--all"]).await;
    assert_eq!(ran.code, Some(3), "{ran:?}");
    // That the vendor said no, and that it need not be asked again so soon, in one call or another.
    let in_full = ran.stdout.matches("Nothing was changed; the secret in use stays as it is.").count();
    assert!((3..=9).contains(&in_full), "{}", ran.stdout);
    assert_eq!(ran.stdout.matches("nothing changed  as hopae-app-").count(), FEW - in_full, "{}", ran.stdout);
    assert!(ran.stdout.lines().count() < 3 * FEW + 40, "{}", ran.stdout);
    let recap = ran.stderr.lines().filter(|line| line.contains("nothing changed: hopae-app-")).count();
    assert!((1..=3).contains(&recap) && ran.stderr.contains("too many requests"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("checking journal"), "steps of so many: {}", ran.stderr);

    let json = vendors.run(&["rotate", "--all", "--not-since", "1h", "--json"]).await;
    let document = json.document();
    let targets = document["targets"].as_array().expect("targets");
    assert_eq!((json.code, targets.len()), (Some(1), FEW), "{document}");
    assert!(targets.iter().all(|one| one["message"].is_string()), "{document}");
}
