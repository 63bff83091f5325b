//! Every rule on every emulated vendor.

use std::collections::BTreeSet;

use cutover_conformance::{Outcome, emulated, rules, run};

#[tokio::test]
async fn every_adapter_holds_every_rule_on_its_emulated_vendor() {
    let matrix = run(&rules::all(), &emulated::ALL).await;
    assert_eq!(matrix.broken().count(), 0, "{matrix}");
}

#[tokio::test]
async fn every_rule_applies_to_some_subject() {
    let matrix = run(&rules::all(), &emulated::ALL).await;
    let applied: BTreeSet<&str> =
        matrix.cells().iter().filter(|cell| cell.outcome == Outcome::Held).map(|cell| cell.rule).collect();
    let all: BTreeSet<&str> = rules::all().iter().map(|rule| rule.id).collect();
    assert_eq!(applied, all);
}

#[test]
fn no_two_rules_share_an_id() {
    let ids: BTreeSet<&str> = rules::all().iter().map(|rule| rule.id).collect();
    assert_eq!(ids.len(), rules::all().len());
}

#[tokio::test]
async fn the_matrix_fits_80_columns() {
    let matrix = run(&rules::all(), &emulated::ALL).await.to_string();
    let table = matrix.lines().take_while(|line| !line.is_empty());
    assert!(table.map(str::len).all(|width| width <= 80), "{matrix}");
}
