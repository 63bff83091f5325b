//! What came of a rotation.

use std::fmt;

use cutover_core::{AttemptId, Effect, RotateError, TargetId, Verdict, chain};

use crate::{DestinationError, Halt, Hold, HookError, JournalError, OutOfOrder, Phase};

/// What came of one run over one target.
#[derive(Debug)]
pub struct Outcome {
    /// The target.
    pub target: TargetId,
    /// The attempt; `None` when none was begun.
    pub attempt: Option<AttemptId>,
    /// How the run ended.
    pub ending: Ending,
    /// What the vendor says to the new secret at the end; `None` when there is none or it was not asked.
    pub new: Option<Verdict>,
    /// What the vendor says to the old secret at the end; `None` when no destination has it or the vendor was not asked.
    pub old: Option<Verdict>,
    /// How often the vendor was asked for a secret in this attempt.
    pub issues: u32,
    /// Whether the run took up what an earlier one had left.
    pub resumed: bool,
}

/// How a run ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Ending {
    /// The new secret is in use everywhere and the old one is retired.
    Rotated,
    /// Nothing was begun or changed.
    NothingChanged(Failure),
    /// The old secret is in use again everywhere.
    RolledBack(String),
    /// Somebody else rotated this target meanwhile; what they got is in use.
    Superseded(String),
    /// It stands still: `resume` goes on, perhaps after a person did something.
    Held {
        /// How far it has come.
        phase: Phase,
        /// Why.
        hold: Hold,
    },
    /// It was asked to stop, and did so at a safe point; `resume` goes on.
    Stopped {
        /// How far it has come.
        phase: Phase,
    },
}

impl Ending {
    /// The name, as in `rotated`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Rotated => "rotated",
            Self::NothingChanged(_) => "nothing_changed",
            Self::RolledBack(_) => "rolled_back",
            Self::Superseded(_) => "superseded",
            Self::Held { .. } => "held",
            Self::Stopped { .. } => "stopped",
        }
    }
}

/// Why a rotation did not begin, or could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The vendor.
    #[error(transparent)]
    Vendor(#[from] RotateError),
    /// A destination.
    #[error(transparent)]
    Destination(#[from] DestinationError),
    /// A hook.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Somebody else's rotation of this target is pending at the vendor.
    #[error(
        "somebody else's rotation of {target} is pending at the vendor{}; to cancel it and go on, say --take-over",
        .last_four.as_deref().map(|four| format!(" (its secret ends in {four})")).unwrap_or_default()
    )]
    ForeignPending {
        /// The target.
        target: TargetId,
        /// The last four characters of their secret, where shown.
        last_four: Option<String>,
    },
    /// The job cannot be run as it is.
    #[error("{0}")]
    Unfit(String),
    /// No further target is begun, in the fleet that it belongs to or at all.
    #[error("it was not begun: {0}")]
    NotBegun(Halt),
}

impl Failure {
    /// What the failure did at the vendor.
    pub fn effect(&self) -> Effect {
        match self {
            Self::Vendor(error) => error.effect(),
            Self::Destination(_)
            | Self::Hook(_)
            | Self::Journal(_)
            | Self::ForeignPending { .. }
            | Self::Unfit(_)
            | Self::NotBegun(_) => Effect::NotApplied,
        }
    }

    /// This error and what caused it, in one line.
    pub fn chain(&self) -> String {
        chain(self)
    }
}

/// Why the engine could not run over a target at all, or had to let go of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The journal failed. What was recorded before stays; `resume` goes on from there.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// An earlier rotation of this target has not ended.
    #[error("an earlier rotation of {target} has not ended (it is {phase}); resume it first")]
    Unfinished {
        /// The target.
        target: TargetId,
        /// How far it has come.
        phase: &'static str,
    },
    /// The journal's events do not follow from each other.
    #[error("the journal of {target} is damaged")]
    Damaged {
        /// The target.
        target: TargetId,
        /// Which event does not follow.
        #[source]
        source: OutOfOrder,
    },
    /// There is no way back to the old secret.
    #[error("{target} cannot be rolled back: {reason}; only resuming goes on from here")]
    Irreversible {
        /// The target.
        target: TargetId,
        /// Why.
        reason: &'static str,
    },
    /// The answer with the new secret could not be kept, however often it was tried.
    #[error("{target}: the vendor issued a secret, and it could not be kept: {reason}")]
    NotKept {
        /// The target.
        target: TargetId,
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.target, self.ending.name())
    }
}
