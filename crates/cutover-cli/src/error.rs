//! Why a command could not be carried out, in the words that people and programs read.

use std::error::Error;
use std::io;

use cutover::chain;
use cutover::engine::{JournalError, OutOfOrder, RecoverError};
use serde::Serialize;

use crate::config::{ConfigError, Problem};
use crate::credential::CredentialError;
use crate::exit::Exit;

/// Why a command could not be carried out at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A credential is not where the configuration says.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// What was asked for cannot be done so.
    #[error("{problem}")]
    Usage {
        /// What is wrong.
        problem: String,
        /// What to do instead.
        hint: String,
    },
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// No secret could be recovered.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// The journal's record of a rotation makes no sense.
    #[error("the journal is damaged")]
    Damaged(#[from] OutOfOrder),
    /// The machine did not do its part.
    #[error("{what}")]
    System {
        /// What could not be done.
        what: String,
        /// Why not.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// What was to be checked could not be made.
    #[error("{0}")]
    NotSetUp(String),
    /// The demonstration did not go as it has to.
    #[error("the demonstration failed: {0}")]
    Demo(String),
}

impl CliError {
    /// Something that cannot be done so, and what to do instead.
    pub(crate) fn usage(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage { problem: problem.into(), hint: hint.into() }
    }

    /// For `map_err`: what could not be done.
    pub(crate) fn system<E: Into<Box<dyn Error + Send + Sync>>>(what: impl Into<String>) -> impl FnOnce(E) -> Self {
        let what = what.into();
        move |source| Self::System { what, source: source.into() }
    }

    /// For `map_err` over files.
    pub(crate) fn file(doing: &str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        Self::system(format!("{} cannot be {doing}", path.display()))
    }

    /// How the program ends because of it.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Config(_) | Self::Credential(_) | Self::Usage { .. } => Exit::Usage,
            Self::Damaged(_) | Self::NotSetUp(_) => Exit::Person,
            Self::Journal(_) | Self::Recover(_) | Self::System { .. } | Self::Demo(_) => Exit::Failed,
        }
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<&str> {
        match self {
            Self::Usage { hint, .. } if !hint.is_empty() => Some(hint),
            Self::Recover(RecoverError::NothingKept { .. } | RecoverError::NoSecret { .. }) => {
                Some("`cutover resume` gets a secret, by the way that `cutover explain` tells")
            }
            Self::Damaged(_) => Some("restore the journal from its backup"),
            Self::Journal(JournalError::Unreadable { .. }) | Self::Recover(RecoverError::Sealed(_)) => {
                Some("bring the journal, or the key it was sealed with, back from the backup; no vendor was asked")
            }
            Self::Journal(JournalError::Unavailable { .. }) => Some(
                "see that the journal, the files beside it and their folder can be written to, and that the disk has \
                 room; no vendor was asked",
            ),
            _ => None,
        }
    }

    /// It as a JSON document.
    pub(crate) fn document<'e>(&'e self, command: &'e str) -> ErrorDocument<'e> {
        let (file, problems) = match self {
            Self::Config(error) => (Some(error.file().display().to_string()), error.problems()),
            _ => (None, [].as_slice()),
        };
        let message = chain(self);
        let hint = self.hint();
        ErrorDocument { command, exit_code: self.exit().code(), error: ErrorPart { message, hint, file, problems } }
    }
}

/// What a command that could not be carried out says with `--json`.
#[derive(Debug, Serialize)]
pub(crate) struct ErrorDocument<'e> {
    command: &'e str,
    exit_code: u8,
    error: ErrorPart<'e>,
}

#[derive(Debug, Serialize)]
struct ErrorPart<'e> {
    message: String,
    hint: Option<&'e str>,
    file: Option<String>,
    problems: &'e [Problem],
}
