//! The rules, one file per family.

mod conc;
mod crash;
mod err;
mod fit;
mod hooks;
mod idem;
mod keys;
mod look;
mod new;
mod old;
mod order;
mod org;
mod read;
mod red;
mod retry;
mod row;
mod scope;
mod seq;
mod shown;
mod so;
mod tp;
mod turns;
mod workers;

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
        read::RULES,
        look::RULES,
        fit::RULES,
        err::RULES,
        retry::RULES,
        red::RULES,
        seq::RULES,
        conc::RULES,
        workers::RULES,
        turns::RULES,
        crash::RULES,
        hooks::RULES,
    ]
    .concat()
}
