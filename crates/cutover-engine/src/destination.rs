//! Where applications read a secret.

use std::fmt;
use std::str::FromStr;

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

    /// Shows that a secret can be written and read back here, by a dry version that readers never see and that is
    /// removed again.
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

    /// What is under each label, without a secret.
    ///
    /// Unless an implementation says otherwise, it says what is there and not of which version.
    ///
    /// # Errors
    /// When the destination cannot be read.
    async fn labels(&self) -> Result<Labels, DestinationError> {
        let mut labels = Labels::default();
        for label in Label::ALL {
            if self.read(label).await?.is_some() {
                *labels.at(label) = Some(Holding { version: None });
            }
        }
        Ok(labels)
    }

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

impl Label {
    /// Every label.
    pub const ALL: [Self; 3] = [Self::Current, Self::Pending, Self::Previous];

    /// The name, as in `pending`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Pending => "pending",
            Self::Previous => "previous",
        }
    }
}

/// What a destination holds under each label, without a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// In use.
    pub current: Option<Holding>,
    /// Issued and not yet in use.
    pub pending: Option<Holding>,
    /// The one that the current one replaced.
    pub previous: Option<Holding>,
}

impl Labels {
    /// What is under this label, to be set.
    pub fn at(&mut self, label: Label) -> &mut Option<Holding> {
        match label {
            Label::Current => &mut self.current,
            Label::Pending => &mut self.pending,
            Label::Previous => &mut self.previous,
        }
    }
}

/// That a secret is there, and what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Which one it is; `None` for one that no rotation put there, or of which the destination does not remember it.
    pub version: Option<Version>,
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
    pub const fn attempt(self) -> AttemptId {
        self.attempt
    }

    /// Which request of the attempt, from 1.
    pub const fn issue(self) -> u32 {
        self.issue
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.attempt, self.issue)
    }
}

impl FromStr for Version {
    type Err = MalformedVersion;

    /// Reads a version as it displays itself.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (attempt, issue) = text.rsplit_once('-').ok_or(MalformedVersion)?;
        let version =
            Self::new(attempt.parse().map_err(|_| MalformedVersion)?, issue.parse().map_err(|_| MalformedVersion)?);
        if version.to_string() == text { Ok(version) } else { Err(MalformedVersion) }
    }
}

/// A text that is no version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no version of a secret")]
pub struct MalformedVersion;

/// Why a destination could not do what it was asked.
///
/// Every call can be repeated, so what a failed one did needs no telling: it is enough whether to try again.
#[derive(Debug, thiserror::Error)]
#[error("destination {destination}: {reason}")]
pub struct DestinationError {
    destination: String,
    reason: String,
    transient: bool,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync + 'static>>,
}

impl DestinationError {
    /// An error of the destination with this name; `reason` must not quote a secret.
    pub fn new(destination: &str, reason: impl Into<String>) -> Self {
        Self { destination: destination.to_owned(), reason: reason.into(), transient: false, source: None }
    }

    /// The same error with what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync + 'static>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same error as one that may pass by itself: the destination was busy, out of reach, or did not answer.
    #[must_use]
    pub fn transient(self) -> Self {
        Self { transient: true, ..self }
    }

    /// Whether the same call may do a moment later. Otherwise somebody has to change something first.
    pub fn is_transient(&self) -> bool {
        self.transient
    }

    /// The destination's name.
    pub fn destination(&self) -> &str {
        &self.destination
    }
}
