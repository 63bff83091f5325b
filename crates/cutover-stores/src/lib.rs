#![doc = include_str!("../README.md")]

#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod column;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod commits;
mod disk;
#[cfg(any(feature = "aws", feature = "file"))]
mod edit;
pub mod key_file;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod record;
mod sealing;

#[cfg(feature = "aws")]
mod aws;
#[cfg(feature = "command")]
mod command;
#[cfg(feature = "file")]
mod file;
#[cfg(any(feature = "command", feature = "webhook"))]
pub mod hooks;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "postgres")]
mod postgres_url;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "sqlite")]
mod sqlite_code;
#[cfg(feature = "vault")]
mod vault;

#[cfg(feature = "aws")]
pub use aws::{AwsCredentials, AwsOptions, AwsPlace, AwsSecret, AwsStore, AwsStoreError, InvalidSecret};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use column::{Column, ColumnDestination, ColumnError, ColumnOptions, ColumnStore, InvalidColumn, Rekeyed, read};
#[cfg(feature = "command")]
pub use command::{CommandDestination, InvalidProgram, Program, ProgramFailed};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use commits::Commits;
#[cfg(feature = "age")]
pub use file::{AgeError, AgeKeys, AgeRecipient};
#[cfg(feature = "file")]
pub use file::{FileDestination, InvalidEntry};
#[cfg(feature = "postgres")]
pub use postgres::{Due, DueOnly, LeaseClock, Left, PostgresJournal, PostgresOptions, SharedWork};
pub use sealing::{KeyId, MalformedKey, OpenError, Purpose, SealContext, SealingKey, SealingKeys};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteJournal, SqliteOptions};
#[cfg(feature = "vault")]
pub use vault::{InvalidPlace, VaultAuth, VaultClient, VaultConfig, VaultPlace, VaultSecret};
