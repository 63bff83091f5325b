//! The rules, one file per family.

mod err;
mod idem;
mod old;
mod org;
mod red;
mod so;
mod tp;

use crate::{Outcome, Rule};

/// Every rule, in the order of its family.
pub fn all() -> Vec<Rule> {
    [so::RULES, old::RULES, tp::RULES, idem::RULES, org::RULES, err::RULES, red::RULES].concat()
}

const NOT_TWO_PHASE: Outcome = Outcome::NotApplicable("the old secret dies when the new one is issued");
const NOT_IMMEDIATE: Outcome = Outcome::NotApplicable("old and new secret are valid together until completed");
const NO_KEY: Outcome = Outcome::NotApplicable("the vendor has no idempotency key");
const NO_TARGET: &str = "the subject has no more targets";
