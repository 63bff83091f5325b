//! Journals and destinations of Cutover's engine on real components.

mod disk;
pub mod key_file;
mod sealing;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use sealing::{KeyId, MalformedKey, OpenError, Purpose, SealContext, SealingKey, SealingKeys};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteJournal, SqliteOptions};
