//! Adapters that are wrong on purpose.

mod asking;
mod claiming;
mod ending;
mod looking;
mod reading;
mod showing;

use super::Mutant;

/// Every wrong adapter.
pub(super) fn all() -> Vec<Mutant> {
    [asking::all(), reading::all(), ending::all(), looking::all(), claiming::all(), showing::all()].concat()
}
