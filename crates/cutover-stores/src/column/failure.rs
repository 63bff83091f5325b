//! What went wrong in a database, in sentences for a person and without a value.

use cutover_engine::DestinationError;

use crate::sealing::OpenError;

/// Why something could not be done in a database.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    sentence: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Somebody has to change something.
    Lasting,
    /// It may pass by itself.
    Passing,
    /// The line to the database broke; what was sent last may have been done.
    LineLost,
}

impl Failure {
    /// One that stays until somebody changes something.
    pub(crate) fn lasting(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), kind: Kind::Lasting }
    }

    /// One that may pass by itself.
    pub(crate) fn passing(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), kind: Kind::Passing }
    }

    /// A connection that broke.
    pub(crate) fn line_lost(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), kind: Kind::LineLost }
    }

    /// Whether what was asked last may have been done without an answer.
    pub(crate) fn is_line_lost(&self) -> bool {
        self.kind == Kind::LineLost
    }

    /// Whether the same may do a moment later.
    pub(crate) fn may_pass(&self) -> bool {
        self.kind != Kind::Lasting
    }

    /// The sentence.
    pub(crate) fn sentence(&self) -> &str {
        &self.sentence
    }

    /// The same failure, its sentence begun with where or what it is about.
    pub(crate) fn about(self, what: &str) -> Self {
        Self { sentence: format!("{what}: {}", self.sentence), kind: self.kind }
    }

    /// What it is to the engine.
    pub(crate) fn for_destination(self, name: &str) -> DestinationError {
        let passes = self.may_pass();
        let error = DestinationError::new(name, self.sentence);
        if passes { error.transient() } else { error }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self::lasting(error.to_string())
    }
}

/// The failures that every database has alike. The driver's own text is left out: it may quote what it was given.
impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Io(error) => Self::line_lost(format!("the connection broke ({})", error.kind())),
            sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => Self::line_lost("the connection broke"),
            sqlx::Error::PoolTimedOut => {
                Self::passing("no connection came free, or the database did not answer, in time")
            }
            sqlx::Error::PoolClosed => Self::lasting("its connections were closed"),
            sqlx::Error::Tls(error) => Self::lasting(format!("TLS failed: {error}")),
            sqlx::Error::Database(_) => Self::lasting("the database refused it"),
            _ => Self::lasting("the database answered with something unexpected"),
        }
    }
}
