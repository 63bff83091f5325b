//! Where applications read a secret.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;

use cutover_core::{AttemptId, ClientSecret, ReplySlot};

use crate::Patience;

/// One place where applications read one target's secret.
///
/// # What every method promises
///
/// **Done means done.** A method returns `Ok` only once its change is there for whoever looks, and would outlive a power
/// cut. Where one read may be behind, that takes a second look: what one stale answer says is no reason to say that
/// there is nothing to do.
///
/// **Again changes nothing.** Every call says which [`Version`] it is about, so that a second one finds the work done. A
/// call that failed, whatever it did on the way, is made again, by this process or the next one, and ends as if it had
/// never failed. So a destination may fail at any moment, and needs no way to say how far it came.
///
/// **It may be dropped.** The future may be dropped at any wait: a call is given up when it takes too long ([`Patience`]
/// says when), and everything ends when the process does. What it held must be given back by dropping, and what it left
/// half done is for the same call to find. The part that runs in a thread of its own, or is on its way over a line, may
/// still take effect later.
///
/// **Late is harmless.** An effect that comes late, or a call by a worker that lost its lease long ago, must not change
/// what readers get, nor what there is to go back to. So every change is made only to the state that it was decided on,
/// by a lock, a transaction or a check-and-set. In particular
///
/// - `promote` of what is not pending is an error: after `roll_back` of the attempt, or once a later secret took its
///   place, nothing is pending under the version;
/// - `roll_back` and `forget_previous` do nothing to other attempts, nor after `forget_previous` of the same: the rotation
///   is over, and what is current stays;
/// - `stage` of another attempt takes the place of what is pending, whichever of the two is older, since an attempt that
///   was given up may have left it and no clock may lock a target up. A late one may so push a newer secret out: then
///   the newer one's `promote` fails, and the engine, which has the secret sealed in its journal, stages it again.
///
/// **Readers see the old secret or the new one**, at every moment, and nothing in between. What is pending or previous is
/// out of sight of an application that reads the current one.
///
/// **A secret comes back as it was, or is refused by `stage`** before anything changes, by an error that is not
/// transient: too long, or with characters that the format cannot hold. Secrets of up to 4 KiB without a NUL are to be
/// expected; whoever cannot hold those has to say so in its documentation.
///
/// **Nothing is told.** No error, name or `Debug` form quotes a secret.
///
/// The module `contract` (feature `contract`) checks all of it in one call.
#[async_trait]
pub trait Destination: fmt::Debug + Send + Sync + 'static {
    /// A name that tells it from the target's other destinations, fit for a log line.
    fn name(&self) -> &str;

    /// How long it should be waited for and how often asked again, unless a job says otherwise.
    fn patience(&self) -> Patience {
        Patience::default()
    }

    /// Shows that a secret can be written and read back here.
    ///
    /// By doing it: a dry version, which readers never see, is written with the permissions and to the place of a real
    /// one, read back, and removed again. What is current, pending or previous stays as it is. Where the trial is cut
    /// off, what it leaves is out of sight, and the next one removes it or writes over it. Whatever would make a later
    /// step impossible and can be known before is an error here: after this, an immediate vendor breaks the old secret.
    ///
    /// # Errors
    /// When it cannot. Called before a vendor hears of anything.
    async fn preflight(&self) -> Result<(), DestinationError>;

    /// Holds `secret` as pending, unseen by readers of the current one. Nothing, when `version` is current already.
    ///
    /// # Errors
    /// When it is not certain that it is held, or the destination can hold no such secret.
    async fn stage(&self, version: Version, secret: &ClientSecret) -> Result<(), DestinationError>;

    /// The secret under a label, or `None`.
    ///
    /// # Errors
    /// When the destination cannot be read.
    async fn read(&self, label: Label) -> Result<Option<ClientSecret>, DestinationError>;

    /// What is under each label, without a secret.
    ///
    /// While a rotation is open, it names the version that is pending and the one that was made current. Unless an
    /// implementation says otherwise, it says what is there and not of which version.
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

    /// Drops what is pending under the attempt of `version`; if a secret of that attempt was made current and the
    /// previous one not yet forgotten, makes that current again, or nothing where there was none.
    ///
    /// # Errors
    /// When it is not certain.
    async fn roll_back(&self, version: Version) -> Result<(), DestinationError>;

    /// Removes the previous secret: the rotation is over, and its attempt can no longer be rolled back here.
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
