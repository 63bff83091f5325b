//! What is counted.

use std::fmt;

/// A count that has to stay at zero. What each means, to the letter, stands in the README.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Count {
    /// P1: a secret that reached the process is gone, though it is good.
    Lost,
    /// P2: a secret or a key where none belongs.
    Leaked,
    /// P3 and P6: something was asked of the vendor again that no witness justified, or by a worker whose lease was gone.
    Double,
    /// P4: the old secret went, or readers got the new one, before that was safe.
    CutEarly,
    /// P4 and P5: a hook did not run for what readers have, or before they had it, or not before what its readers used was
    /// ended.
    Untold,
    /// P5 and P7: it did not come to an end with a good secret in every destination, and no obstacle explains that.
    NotConverged,
    /// P1: success, or "nothing changed", was said of something else.
    FalseSuccess,
}

impl Count {
    /// Every count.
    pub const ALL: [Self; 7] =
        [Self::Lost, Self::Leaked, Self::Double, Self::CutEarly, Self::Untold, Self::NotConverged, Self::FalseSuccess];

    /// Its name, in words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Leaked => "leaked",
            Self::Double => "double",
            Self::CutEarly => "cut early",
            Self::Untold => "untold",
            Self::NotConverged => "not converged",
            Self::FalseSuccess => "false success",
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A promise that was broken in one run.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Violation {
    /// Which count it raises.
    pub count: Count,
    /// What was seen, without a secret.
    pub what: String,
}

impl Violation {
    /// A violation with what was seen.
    pub fn new(count: Count, what: impl Into<String>) -> Self {
        Self { count, what: what.into() }
    }
}
