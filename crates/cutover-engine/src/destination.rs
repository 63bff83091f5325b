//! Where applications read a secret.

use std::fmt;

use async_trait::async_trait;

use cutover_core::{AttemptId, ClientSecret, ReplySlot};

/// One place where applications read one target's secret.
///
/// Every method can be repeated: a second call with the same [`Version`] finds the work done and changes nothing. A
/// method returns only once its change would outlive a power cut.
#[async_trait]
pub trait Destination: fmt::Debug + Send + Sync + 'static {
    /// A name that tells it from the target's other destinations, fit for a log line.
    fn name(&self) -> &str;

    /// Shows that a secret can be written and read back here, leaving nothing behind.
    ///
    /// # Errors
    /// When it cannot. Called before a vendor hears of anything.
    async fn preflight(&self) -> Result<(), DestinationError>;

    /// Holds `secret` as pending, unseen by readers of the current one.
    ///
    /// # Errors
    /// When it is not certain that it is held.
    async fn stage(&self, version: Version, secret: &ClientSecret) -> Result<(), DestinationError>;

    /// The secret under a label, or `None`.
    ///
    /// # Errors
    /// When the destination cannot be read.
    async fn read(&self, label: Label) -> Result<Option<ClientSecret>, DestinationError>;

    /// Makes the pending secret of `version` current, and what was current before its attempt previous.
    ///
    /// A second version of one attempt replaces the first without touching what is previous: the first was never a
    /// secret to go back to.
    ///
    /// # Errors
    /// When it is not certain, or when nothing is pending under `version` and it is not current either.
    async fn promote(&self, version: Version) -> Result<(), DestinationError>;

    /// Drops what is pending under the attempt of `version`; if a secret of that attempt is current already, makes the
    /// previous one current again.
    ///
    /// # Errors
    /// When it is not certain.
    async fn roll_back(&self, version: Version) -> Result<(), DestinationError>;

    /// Removes the previous secret: the rotation is over.
    ///
    /// # Errors
    /// When it is not certain that it is gone.
    async fn forget_previous(&self, version: Version) -> Result<(), DestinationError>;
}

/// What a secret is to its readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Label {
    /// In use.
    Current,
    /// Issued and not yet in use.
    Pending,
    /// The one that the current one replaced.
    Previous,
}

/// Which secret of which attempt: the same for every call about one secret, different for any other secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version {
    attempt: AttemptId,
    issue: u32,
}

impl Version {
    /// The version of the secret that was kept in `slot`.
    pub fn of(slot: &ReplySlot) -> Self {
        Self { attempt: slot.attempt(), issue: slot.issue() }
    }

    /// A version by its parts.
    pub const fn new(attempt: AttemptId, issue: u32) -> Self {
        Self { attempt, issue }
    }

    /// The attempt.
    pub fn attempt(self) -> AttemptId {
        self.attempt
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.attempt, self.issue)
    }
}

/// Why a destination could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("destination {destination}: {reason}")]
pub struct DestinationError {
    destination: String,
    reason: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync + 'static>>,
}

impl DestinationError {
    /// An error of the destination with this name; `reason` must not quote a secret.
    pub fn new(destination: &str, reason: impl Into<String>) -> Self {
        Self { destination: destination.to_owned(), reason: reason.into(), source: None }
    }

    /// The same error with what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync + 'static>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The destination's name.
    pub fn destination(&self) -> &str {
        &self.destination
    }
}
