//! The stores against the contracts of the engine, on a real disk.

mod destination_contract;
#[cfg(feature = "file")]
mod file;
mod journal_contract;
mod key_file;
#[cfg(feature = "sqlite")]
mod sqlite;
