//! The stores against the contracts of the engine, on a real disk.

mod journal_contract;
mod key_file;
#[cfg(feature = "sqlite")]
mod sqlite;
