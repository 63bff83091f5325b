//! The suite detects what it is for. That it does is shown by `cargo xtask conformance --mutants`, a step of CI, which also
//! fails where it differs from the record; here is checked, in no time, that the record is of this suite and has no gap.

use std::collections::BTreeSet;

use cutover_conformance::{kills, mutants, rules};

#[test]
fn every_rule_is_named_by_a_mutant_and_no_two_mutants_share_a_name() {
    let mutants = mutants::all();
    let named: BTreeSet<&str> = mutants.iter().map(|mutant| mutant.named).collect();
    assert_eq!(named, rules::all().iter().map(|rule| rule.id).collect());
    let names: BTreeSet<_> = mutants.iter().map(|mutant| (mutant.layer, mutant.name)).collect();
    assert_eq!(names.len(), mutants.len());
}

#[test]
fn on_record_every_mutant_is_noticed_by_the_rule_named_for_it_and_every_rule_notices_one() {
    let record = kills::recorded();
    let gaps = kills::gaps(&rules::all(), &record);
    assert!(gaps.is_empty(), "{}", gaps.join("\n"));
    let recorded: Vec<_> = record.iter().map(|kill| (kill.layer, kill.mutant.as_str(), kill.named)).collect();
    let mutants = mutants::all();
    let there_are: Vec<_> = mutants.iter().map(|mutant| (mutant.layer, mutant.name, mutant.named)).collect();
    assert_eq!(recorded, there_are, "cargo xtask conformance --write-kills writes the record anew");
}

#[tokio::test]
async fn a_mutant_is_noticed_by_whom_the_record_says() {
    let all = mutants::all();
    let of_families: Vec<_> = all.iter().step_by(24).cloned().collect();
    let found = mutants::kills(&rules::all(), &of_families).await;
    let differences = kills::differences(&found);
    let others: Vec<_> = differences.iter().filter(|told| !told.contains("is on record only")).collect();
    assert!(others.is_empty(), "{others:#?}");
    assert_eq!(differences.len(), all.len() - found.len());
}

#[test]
fn a_mutant_that_is_noticed_by_others_than_the_record_says_is_told() {
    let mut found = kills::recorded();
    assert_eq!(kills::differences(&found), Vec::<String>::new());
    let lost = found[0].killed_by.pop().expect("somebody noticed it");
    let last = found.pop().expect("there are some").mutant;
    let told = kills::differences(&found);
    assert!(told.len() == 2 && told[0].contains(lost) && told[1].contains(&last), "{told:?}");
}
