//! The stores against the contracts of the engine, on a real disk.

#[cfg(feature = "file")]
mod destination_contract;
#[cfg(feature = "file")]
mod file;
#[cfg(feature = "sqlite")]
mod journal_contract;
mod key_file;
#[cfg(feature = "sqlite")]
mod sqlite;
