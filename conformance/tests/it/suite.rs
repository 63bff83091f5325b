//! Every rule on every emulated vendor.

use std::collections::BTreeSet;

use cutover_conformance::report::{Report, Verdict};
use cutover_conformance::{Fixture, Outcome, emulated, rules, run};
use tokio::sync::OnceCell;

/// One run for all of these tests.
async fn everything() -> &'static Report {
    static REPORT: OnceCell<Report> = OnceCell::const_new();
    let checked = || async {
        let fixtures: Vec<Box<dyn Fixture>> =
            emulated::all().into_iter().map(|kind| Box::new(kind) as Box<dyn Fixture>).collect();
        run(&rules::all(), &fixtures).await
    };
    REPORT.get_or_init(checked).await
}

#[tokio::test]
async fn every_adapter_holds_every_rule_on_its_emulated_vendor() {
    let report = everything().await;
    assert_eq!(report.verdict(), Verdict::Held, "{report}");
}

#[tokio::test]
async fn every_rule_applies_to_some_subject() {
    let report = everything().await;
    let applied: BTreeSet<&str> =
        report.cells.iter().filter(|cell| cell.outcome == Outcome::Held).map(|cell| cell.rule.id).collect();
    let all: BTreeSet<&str> = rules::all().iter().map(|rule| rule.id).collect();
    assert_eq!(applied, all);
}

#[test]
fn no_two_rules_share_an_id() {
    let ids: BTreeSet<&str> = rules::all().iter().map(|rule| rule.id).collect();
    assert_eq!(ids.len(), rules::all().len());
}

#[tokio::test]
async fn the_table_fits_80_columns() {
    let report = everything().await.to_string();
    let mut table = report.lines().take_while(|line| !line.is_empty());
    assert!(table.all(|line| line.chars().count() <= 80), "{report}");
}
