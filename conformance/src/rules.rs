//! The rules, one file per family.

mod err;
mod idem;
mod old;
mod org;
mod red;
mod so;
mod tp;

use crate::Rule;

/// Every rule, in the order of its family.
pub fn all() -> Vec<Rule> {
    [so::RULES, old::RULES, tp::RULES, idem::RULES, org::RULES, err::RULES, red::RULES].concat()
}
