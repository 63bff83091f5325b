//! What went wrong in the database, in sentences for a person.

use std::path::Path;
use std::sync::Arc;

use cutover_core::KeepError;
use cutover_engine::JournalError;

/// Why an operation on the database did not come about.
#[derive(Debug)]
pub(super) enum Failure {
    /// The database said so.
    Sql(Arc<sqlx::Error>),
    /// The file system said so.
    Io(Arc<std::io::Error>),
    /// It is not usable for another reason.
    Unusable(String),
    /// It holds something that makes no sense.
    Unreadable(String),
    /// The journal's own answer.
    Answer(JournalError),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(Arc::new(error))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Io(Arc::new(error))
    }
}

impl From<tokio::task::JoinError> for Failure {
    fn from(_: tokio::task::JoinError) -> Self {
        Self::Unusable("its file work was cut off".to_owned())
    }
}

impl Failure {
    /// Whether there was no room, or writing failed in a way that no room can look like.
    pub(super) fn may_be_full(&self) -> bool {
        matches!(self, Self::Sql(error) if matches!(code(error), Some(FULL | IO)))
    }

    /// Whether what had been written did not get to the disk.
    pub(super) fn is_of_sync(&self) -> bool {
        matches!(self, Self::Sql(error) if extended(error) == Some(SYNC))
    }

    /// The same failure, for one more of those whom it strikes.
    pub(super) fn again(&self) -> Self {
        match self {
            Self::Sql(error) => Self::Sql(Arc::clone(error)),
            Self::Io(error) => Self::Io(Arc::clone(error)),
            Self::Unusable(reason) => Self::Unusable(reason.clone()),
            Self::Unreadable(reason) => Self::Unreadable(reason.clone()),
            Self::Answer(error) => Self::Unusable(error.to_string()),
        }
    }

    /// What it is to the engine.
    pub(super) fn for_journal(self, path: &Path) -> JournalError {
        match self {
            Self::Answer(error) => error,
            Self::Unreadable(reason) => JournalError::Unreadable { reason: format!("{}: {reason}", path.display()) },
            Self::Unusable(reason) => {
                JournalError::Unavailable { reason: format!("{}: {reason}", path.display()), source: None }
            }
            Self::Io(error) => JournalError::Unavailable {
                reason: format!("{} {}", path.display(), crate::disk::what(&error)),
                source: Some(Box::new(error)),
            },
            Self::Sql(error) => {
                let reason = format!("{}: {}", path.display(), sentence(&error));
                match code(&error) {
                    Some(CORRUPT | NOT_A_DATABASE) => JournalError::Unreadable { reason },
                    _ => JournalError::Unavailable { reason, source: Some(Box::new(error)) },
                }
            }
        }
    }

    /// What it is to whoever wants a reply kept.
    pub(super) fn for_keeper(self, path: &Path) -> KeepError {
        match self.for_journal(path) {
            JournalError::Unavailable { reason, source: Some(source) } => KeepError::new(reason).caused_by(source),
            JournalError::Unavailable { reason, source: None } | JournalError::Unreadable { reason } => {
                KeepError::new(reason)
            }
            other => KeepError::new(other.to_string()),
        }
    }
}

const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const READ_ONLY: i32 = 8;
const IO: i32 = 10;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const CANNOT_OPEN: i32 = 14;
const NOT_A_DATABASE: i32 = 26;
/// A kind of `IO`, extended.
const SYNC: i32 = 1034;

/// The primary result code: the low byte of the extended one.
fn code(error: &sqlx::Error) -> Option<i32> {
    Some(extended(error)? & 0xff)
}

fn extended(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}

fn sentence(error: &sqlx::Error) -> &'static str {
    match code(error) {
        Some(BUSY | LOCKED) => "another process keeps it locked",
        Some(READ_ONLY) => "it cannot be written to, only read",
        Some(IO) => "the disk failed while it was read or written",
        Some(CORRUPT) => "it is damaged; restore it from a copy",
        Some(FULL) => "the disk is full",
        Some(CANNOT_OPEN) => "it cannot be opened; is its folder there, with permission to read and write?",
        Some(NOT_A_DATABASE) => "it is no SQLite database",
        Some(_) | None => "SQLite could not do what it was asked",
    }
}
