//! What went wrong at the server, in sentences for a person, and what may be tried again.

use cutover_core::KeepError;
use cutover_engine::JournalError;
use sqlx::error::DatabaseError;

use crate::record::for_keeper;

/// Why a statement did not come about.
#[derive(Debug)]
pub(super) enum Failure {
    /// The driver or the server said so.
    Sql(sqlx::Error),
    /// No answer came in time. What became of the statement is not known.
    Silent,
    /// It is not usable for another reason.
    Unusable(String),
    /// It holds something that makes no sense.
    Unreadable(String),
    /// The journal's own answer.
    Answer(JournalError),
}

/// What a failure says of the statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mending {
    /// Nothing was done, and another try may do better.
    Again,
    /// Nothing was done, and somebody else's write was in the way: at once again.
    AtOnce,
    /// It may have been done: to be looked at before it is tried again.
    LookFirst,
    /// No other try would do better.
    None,
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl Failure {
    /// What may be done about it.
    pub(super) fn mending(&self) -> Mending {
        match self {
            Self::Silent => Mending::LookFirst,
            Self::Sql(sqlx::Error::Database(error)) => of_server(error.as_ref()),
            // The line broke, before the statement or after it.
            Self::Sql(sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_)) => Mending::LookFirst,
            Self::Sql(_) | Self::Unusable(_) | Self::Unreadable(_) | Self::Answer(_) => Mending::None,
        }
    }

    /// Whether the connection can be used again.
    pub(super) fn leaves_connection(&self) -> bool {
        match self {
            Self::Silent => false,
            // What is fatal to the server's side comes in these classes.
            Self::Sql(sqlx::Error::Database(error)) => !matches!(class(error.as_ref()), "57" | "08" | "58" | "XX"),
            Self::Sql(sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)) => true,
            Self::Sql(_) => false,
            Self::Unusable(_) | Self::Unreadable(_) | Self::Answer(_) => true,
        }
    }

    /// What it is to the engine. `place` is the journal's, without a password.
    pub(super) fn for_journal(self, place: &str) -> JournalError {
        let unavailable = |reason: String| JournalError::Unavailable { reason, source: None };
        match self {
            Self::Answer(error) => error,
            Self::Unreadable(reason) => JournalError::Unreadable { reason: format!("{place}: {reason}") },
            Self::Unusable(reason) => unavailable(format!("{place}: {reason}")),
            Self::Silent => unavailable(format!("{place}: the server does not answer")),
            Self::Sql(error) => {
                let reason = format!("{place}: {}", sentence(&error));
                match code(&error).as_deref() {
                    // The index or the data is damaged.
                    Some("XX001" | "XX002") => JournalError::Unreadable { reason },
                    _ => JournalError::Unavailable { reason, source: Some(Box::new(error)) },
                }
            }
        }
    }

    /// What it is to whoever wants a reply kept.
    pub(super) fn for_keeper(self, place: &str) -> KeepError {
        for_keeper(self.for_journal(place))
    }
}

fn of_server(error: &dyn DatabaseError) -> Mending {
    match error.code().as_deref().unwrap_or_default() {
        // A conflict with another transaction, a deadlock, a row that somebody else has written just now.
        "40001" | "40P01" | "23505" => Mending::AtOnce,
        // Starting up, or too many connections.
        "57P03" | "53300" => Mending::Again,
        // Shut down, crashed or told to let go: the last commit may have come through.
        "57P01" | "57P02" | "57P05" => Mending::LookFirst,
        code if code.starts_with("08") => Mending::LookFirst,
        // A statement or a lock that took too long was undone.
        "57014" | "55P03" => Mending::Again,
        // The outcome of a commit is not known.
        "40003" => Mending::LookFirst,
        _ => Mending::None,
    }
}

fn class(error: &dyn DatabaseError) -> &'static str {
    let code = error.code();
    let class = code.as_deref().and_then(|code| code.get(..2)).unwrap_or_default();
    ["57", "08", "58", "XX"].into_iter().find(|known| *known == class).unwrap_or_default()
}

/// The SQLSTATE, where the server has spoken.
pub(super) fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error()?.code().map(|code| code.into_owned())
}

fn sentence(error: &sqlx::Error) -> &'static str {
    match error {
        sqlx::Error::Io(_) => "the server cannot be reached, or the line to it broke",
        sqlx::Error::Tls(_) => "no secure connection to the server comes about",
        sqlx::Error::Protocol(_) => "what answers does not speak as PostgreSQL does",
        _ => match code(error).as_deref().unwrap_or_default() {
            "28P01" | "28000" => "the server refuses this user or this password",
            "3D000" => "there is no such database",
            "3F000" | "42P01" => "the journal's tables are gone",
            "42501" => "the database user lacks a permission; it needs to own the journal's schema",
            "25006" => "it can only be read: a standby, or a read-only database",
            "53100" => "the server's disk is full",
            "53200" => "the server is out of memory",
            "53300" => "the server has no connection left",
            "57P01" | "57P02" | "57P03" => "the server is starting or stopping",
            "57014" => "the server took too long for a statement",
            "55P03" => "somebody keeps a row locked",
            "58030" => "the server's disk failed",
            _ => "PostgreSQL could not do what it was asked",
        },
    }
}
