//! What came of a check, and why one ended early.

use std::fmt::Display;

/// Why a check ended early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The promise was broken, in this way. Holds no secret.
    Broken(String),
    /// The rule says nothing about this subject, for this reason.
    NotApplicable(String),
    /// The subject could not be brought to where the check begins. Holds no secret.
    NotSetUp(String),
}

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The promise was kept.
    Held,
    /// It was broken, in this way. Holds no secret.
    Broken(String),
    /// The rule says nothing about this subject, for this reason. Never counts as held.
    NotApplicable(String),
    /// The subject could not be brought to where the check begins. Never counts as held.
    NotSetUp(String),
}

impl Stop {
    /// The same, with what was done before it.
    pub(crate) fn after(self, what: impl Display) -> Self {
        match self {
            Self::Broken(how) => Self::Broken(format!("after {what}: {how}")),
            other => other,
        }
    }
}

impl From<Result<(), Stop>> for Outcome {
    fn from(checked: Result<(), Stop>) -> Self {
        match checked {
            Ok(()) => Self::Held,
            Err(Stop::Broken(how)) => Self::Broken(how),
            Err(Stop::NotApplicable(why)) => Self::NotApplicable(why),
            Err(Stop::NotSetUp(why)) => Self::NotSetUp(why),
        }
    }
}

/// Ends a check as broken unless the condition holds.
macro_rules! hold {
    ($condition:expr, $($why:tt)+) => {
        if !$condition {
            return Err($crate::Stop::Broken(format!($($why)+)));
        }
    };
}

pub(crate) use hold;
