//! The suite itself under test: correct adapters hold every rule, wrong ones break the rule named for them.

mod decoders;
mod mutants;
mod reports;
mod suite;
