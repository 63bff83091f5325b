//! The stores against the contracts of the engine, on a real disk.

#[cfg(feature = "aws")]
mod aws;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod column;
#[cfg(feature = "command")]
mod command;
#[cfg(feature = "file")]
mod destination_contract;
#[cfg(feature = "age")]
mod encrypted;
#[cfg(feature = "file")]
mod file;
#[cfg(all(feature = "command", feature = "webhook"))]
mod hooks;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod journal_contract;
mod key_file;
#[cfg(feature = "postgres")]
mod postgres_journal;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "file")]
mod whole_file;
#[cfg(feature = "aws")]
mod with_aws;
#[cfg(feature = "vault")]
mod with_vault;
