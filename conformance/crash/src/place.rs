//! Where a process can die.

use std::fmt;

/// A crash point: between two things that a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// At an operation of the journal.
    Journal(&'static str, Step),
    /// At an operation of a destination, counted from 0.
    Destination(u8, &'static str, Step),
    /// At a hook, counted from 0.
    Hook(u8, Step),
    /// At a call to the vendor.
    Call(Op, Leg),
    /// In the middle of a wait.
    Wait,
    /// Everything is done, and whoever asked was told.
    Exit,
}

/// How far an operation of a store has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// Nothing is done.
    Before,
    /// Written and not synced, and half of it is there. The number tells the durable steps of one operation apart.
    Torn(u8),
    /// Written and not synced, and nobody was told.
    Written(u8),
    /// Done, and whoever asked was told.
    Acknowledged,
}

/// A call to the vendor, by what it is to a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Op {
    /// Asks for a new secret.
    Issue,
    /// Retires the old one.
    Complete,
    /// Drops the new one.
    Cancel,
    /// Looks how things stand.
    Inspect,
    /// Tries a secret.
    Verify,
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Leg {
    /// Nothing left the process.
    NotSent,
    /// It left the process and never arrives.
    SentAndLost,
    /// It left the process and arrives only after so many other requests, or half a minute.
    SentAndLate(u8),
    /// The vendor has acted; nothing of the answer came.
    Committed,
    /// Half of the answer came.
    HalfRead,
    /// All of the answer came, and nobody has looked at it.
    Read,
}

impl Op {
    /// Every call.
    pub const ALL: [Self; 5] = [Self::Issue, Self::Complete, Self::Cancel, Self::Inspect, Self::Verify];

    /// Its name, as in `issue`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::Complete => "complete",
            Self::Cancel => "cancel",
            Self::Inspect => "inspect",
            Self::Verify => "verify",
        }
    }

    /// Whether the vendor is another one afterwards.
    pub const fn changes(self) -> bool {
        matches!(self, Self::Issue | Self::Complete | Self::Cancel)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Journal(op, step) => write!(f, "journal {op} {step}"),
            Self::Destination(nth, op, step) => write!(f, "destination {nth} {op} {step}"),
            Self::Hook(nth, step) => write!(f, "hook {nth} {step}"),
            Self::Call(op, leg) => write!(f, "{} {leg}", op.name()),
            Self::Wait => f.write_str("waiting"),
            Self::Exit => f.write_str("over"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Before => f.write_str("before"),
            Self::Torn(nth) => write!(f, "write {nth} torn"),
            Self::Written(nth) => write!(f, "write {nth} not acknowledged"),
            Self::Acknowledged => f.write_str("acknowledged"),
        }
    }
}

impl fmt::Display for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent => f.write_str("not sent"),
            Self::SentAndLost => f.write_str("sent and lost"),
            Self::SentAndLate(after) => write!(f, "sent, arrives after {after} more"),
            Self::Committed => f.write_str("committed, unanswered"),
            Self::HalfRead => f.write_str("answer half read"),
            Self::Read => f.write_str("answer read"),
        }
    }
}
