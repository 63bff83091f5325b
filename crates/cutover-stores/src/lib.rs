#![doc = include_str!("../README.md")]

mod disk;
pub mod key_file;
mod sealing;

#[cfg(feature = "file")]
mod file;
#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(feature = "file")]
pub use file::{FileDestination, InvalidEntry};
pub use sealing::{KeyId, MalformedKey, OpenError, Purpose, SealContext, SealingKey, SealingKeys};
#[cfg(feature = "sqlite")]
pub use sqlite::{Commits, SqliteJournal, SqliteOptions};
