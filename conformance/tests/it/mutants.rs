//! The suite detects what it is for.

use std::collections::BTreeSet;

use cutover_conformance::{mutants, rules};

#[test]
fn every_rule_is_named_by_a_mutant_and_no_two_mutants_share_a_name() {
    let mutants = mutants::all();
    let named: BTreeSet<&str> = mutants.iter().map(|mutant| mutant.named).collect();
    assert_eq!(named, rules::all().iter().map(|rule| rule.id).collect());
    let names: BTreeSet<_> = mutants.iter().map(|mutant| (mutant.layer, mutant.name)).collect();
    assert_eq!(names.len(), mutants.len());
}

#[tokio::test]
async fn every_mutant_is_noticed_by_the_rule_named_for_it_and_every_rule_notices_one() {
    let gaps = mutants::gaps(&rules::all(), &mutants::run().await);
    assert!(gaps.is_empty(), "{}", gaps.join("\n"));
}
