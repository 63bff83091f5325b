//! What went wrong in the database, in sentences for a person.

use std::path::Path;
use std::sync::Arc;

use cutover_core::KeepError;
use cutover_engine::JournalError;

use crate::record::for_keeper;
use crate::sqlite_code::Code;

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
        self.code().is_some_and(Code::may_be_full)
    }

    /// Whether what had been written did not get to the disk.
    pub(super) fn is_of_sync(&self) -> bool {
        self.code().is_some_and(Code::is_of_sync)
    }

    fn code(&self) -> Option<Code> {
        if let Self::Sql(error) = self { Code::of(error) } else { None }
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
        let code = self.code();
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
                let sentence = code.map_or_else(|| "SQLite could not do what it was asked".to_owned(), Code::sentence);
                let reason = format!("{}: {sentence}", path.display());
                if code.is_some_and(Code::is_damage) {
                    return JournalError::Unreadable { reason };
                }
                JournalError::Unavailable { reason, source: Some(Box::new(error)) }
            }
        }
    }

    /// What it is to whoever wants a reply kept.
    pub(super) fn for_keeper(self, path: &Path) -> KeepError {
        for_keeper(self.for_journal(path))
    }
}
