//! The suite detects what it is for.

use cutover_conformance::{mutants, rules};

#[tokio::test]
async fn every_mutant_is_noticed_by_the_rule_named_for_it_and_every_rule_notices_one() {
    let gaps = mutants::gaps(&rules::all(), &mutants::run().await);
    assert!(gaps.is_empty(), "{}", gaps.join("\n"));
}
