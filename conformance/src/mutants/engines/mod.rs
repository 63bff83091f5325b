//! Engines that are wrong on purpose: the right one with wrong parts, and one that knows no journal.

mod asking;
mod believing;
mod delivering;
mod hooks;
mod journals;
mod running;
mod script;
mod telling;

use std::sync::Arc;

use super::Mutant;
use super::kinds::STYTCH;
use super::wrong_engine::mutant;

/// Every wrong engine.
pub(super) fn all() -> Vec<Mutant> {
    let parts = [asking::all(), delivering::all(), believing::all(), running::all(), telling::all(), hooks::all()];
    let mut all = [journals::all(), parts.concat()].concat();
    all.push(mutant("knows no journal", "CRASH-3", STYTCH, || Arc::new(script::Script)));
    all
}
