//! Journals and destinations of Cutover's engine on real components.

mod disk;
pub mod key_file;
mod sealing;

pub use sealing::{KeyId, MalformedKey, OpenError, Purpose, SealContext, SealingKey, SealingKeys};
