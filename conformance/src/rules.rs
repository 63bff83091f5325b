//! The rules, one file per family.

mod err;
mod idem;
mod keys;
mod new;
mod old;
mod order;
mod org;
mod red;
mod row;
mod scope;
mod shown;
mod so;
mod tp;

use crate::Rule;

/// Every rule, in the order of its family.
pub fn all() -> Vec<Rule> {
    [
        so::RULES,
        shown::RULES,
        old::RULES,
        row::RULES,
        tp::RULES,
        order::RULES,
        idem::RULES,
        keys::RULES,
        org::RULES,
        scope::RULES,
        new::RULES,
        err::RULES,
        red::RULES,
    ]
    .concat()
}
