//! Every example runs and says what its documentation says.

mod application;

use std::process::Command;

fn run(program: &str) -> String {
    let output = Command::new(program).output().expect("the example was built");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program}: {stdout}{stderr}");
    assert!(!cutover_emulator::canary::is_in(&format!("{stdout}{stderr}")), "{program} shows a secret");
    stdout.into_owned()
}

const BOTH: &str = "new secret: Some(Accepted), old secret: Some(Refused)";

#[test]
fn a_lost_answer_of_a_two_phase_vendor_is_cancelled_and_asked_for_again() {
    let said = run(env!("CARGO_BIN_EXE_restart"));
    assert!(said.contains("report-builder: rotated; the vendor was asked 2 times"), "{said}");
    assert!(said.contains(BOTH), "{said}");
}

#[test]
fn a_cut_answer_of_a_vendor_with_keys_is_replayed() {
    let said = run(env!("CARGO_BIN_EXE_replay"));
    assert!(said.contains("portal: rotated; the vendor was asked 2 times, under one key"), "{said}");
    assert!(said.contains(BOTH), "{said}");
}

#[test]
fn a_lost_answer_of_a_vendor_without_keys_is_superseded() {
    let said = run(env!("CARGO_BIN_EXE_supersede"));
    assert!(said.contains("api: rotated; the vendor was asked 2 times"), "{said}");
    assert!(said.contains(BOTH), "{said}");
}

#[test]
fn vendors_stand_side_by_side_behind_one_trait() {
    let said = run(env!("CARGO_BIN_EXE_several_vendors"));
    assert_eq!(said.lines().filter(|line| line.ends_with("rotated")).count(), 6, "{said}");
    for class in ["restart", "replay", "supersede"] {
        assert!(said.contains(class), "{said}");
    }
}

#[test]
fn an_application_reads_its_secret_from_a_column_while_rotations_write_it() {
    let said = run(env!("CARGO_BIN_EXE_read_column"));
    for line in [
        "before: a secret is there: false",
        "after one rotation, what a caller presents is Current",
        "after another, the new one is Current",
        "and the one before is Neither",
    ] {
        assert!(said.contains(line), "{said}");
    }
}
