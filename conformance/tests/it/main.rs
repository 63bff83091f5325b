//! The suite itself under test: correct adapters hold every rule, wrong ones break the rule named for them.

mod decoders;
mod docs;
mod mutants;
mod proxy;
mod remote;
mod reports;
mod suite;
