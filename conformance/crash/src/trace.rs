//! What happened in one run, in one order. Secrets stand in it by number only.

use std::fmt;

use cutover_engine::Change;
use jiff::Timestamp;

use crate::place::Op;

/// A secret of the vendor, counted from 0, which is the one from before the first rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretNo(pub u16);

impl SecretNo {
    /// The number of the secret at this place.
    pub(crate) fn of(nth: usize) -> Self {
        Self(u16::try_from(nth).expect("no run makes so many secrets"))
    }
}

/// A process, counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProcessNo(pub u16);

/// What one run did.
#[derive(Clone, Debug)]
pub(crate) struct Deed {
    /// The process; a request that arrives late is that of who sent it.
    pub by: ProcessNo,
    /// When, by the one clock.
    pub at: Timestamp,
    /// What.
    pub what: What,
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// A process began.
    Began {
        /// Whether the journal holds an attempt that has not ended.
        open: bool,
        /// Whether it holds an answer to the latest request of one.
        answered: bool,
    },
    /// The journal acknowledged an intent to ask for a secret, with the key in it.
    Intended {
        /// The key, as it goes into the request.
        key: String,
    },
    /// The journal acknowledged an event.
    Recorded {
        /// Its name.
        event: &'static str,
        /// Whether the worker still had the latest lease.
        leased: bool,
    },
    /// The journal acknowledged that an answer is kept.
    Sealed {
        /// The secret in it, where there is a whole one.
        secret: Option<SecretNo>,
    },
    /// A request left the process.
    Asked {
        /// Which.
        op: Op,
        /// Its idempotency key.
        key: Option<String>,
    },
    /// The process knows that its request did not leave, or had no effect.
    NoEffect {
        /// Which.
        op: Op,
    },
    /// A request arrived and the vendor acted upon it.
    Acted {
        /// Which.
        op: Op,
        /// Whether it did what was asked.
        applied: bool,
        /// The new secret.
        made: Option<SecretNo>,
        /// What the readers of each destination would get after a power cut now.
        readers: Vec<Option<SecretNo>>,
    },
    /// An answer reached the process, whole or in part.
    Answered {
        /// To which.
        op: Op,
        /// What it shows.
        shows: Shows,
    },
    /// A destination was read.
    ReadBack {
        /// Which.
        destination: u8,
        /// What its readers get.
        secret: Option<SecretNo>,
    },
    /// A destination acknowledged a promotion.
    Promoted {
        /// Which.
        destination: u8,
        /// The secret.
        secret: Option<SecretNo>,
        /// Whether every destination held it, as pending or as current, after a power cut.
        held_by_all: bool,
    },
    /// A hook ran.
    Told {
        /// Which.
        hook: u8,
        /// What it was told.
        change: Change,
        /// What the readers of each destination would get after a power cut now.
        readers: Vec<Option<SecretNo>>,
        /// What the application behind it uses now.
        took: Option<SecretNo>,
    },
    /// A destination acknowledged that it went back.
    WentBack {
        /// Which.
        destination: u8,
        /// What its readers get now.
        secret: Option<SecretNo>,
        /// Whether they had a good one until then, and the vendor has retired what they get now.
        retired: bool,
    },
}

/// What an answer shows to whoever reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shows {
    /// Nothing that matters.
    Nothing,
    /// The whole of a new secret.
    Secret(SecretNo),
    /// Whether a rotation is pending.
    Pending(bool),
    /// The mark of the latest change of secret.
    Mark(u64),
    /// What the vendor thinks of a secret.
    Verdict(SecretNo, bool),
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Began { .. } => f.write_str("begins"),
            Self::Intended { .. } => f.write_str("journal: the intent to ask for a secret"),
            Self::Recorded { event, leased: true } => write!(f, "journal: {event}"),
            Self::Recorded { event, leased: false } => write!(f, "journal: {event}, by a worker without a lease"),
            Self::Sealed { secret } => write!(f, "journal: an answer is kept, with {}", Named(*secret)),
            Self::Asked { op, .. } => write!(f, "sends {}", op.name()),
            Self::NoEffect { op } => write!(f, "{} is known to have had no effect", op.name()),
            Self::Acted { op, applied: true, made: Some(made), .. } => {
                write!(f, "vendor: {} makes {made}", op.name())
            }
            Self::Acted { op, applied, .. } => {
                write!(f, "vendor: {} {}", op.name(), if *applied { "is done" } else { "is refused" })
            }
            Self::Answered { op, shows } => write!(f, "answer to {}: {shows}", op.name()),
            Self::ReadBack { destination, secret } => {
                write!(f, "destination {destination}: read back, {}", Named(*secret))
            }
            Self::Promoted { destination, secret, .. } => {
                write!(f, "destination {destination}: promoted, {}", Named(*secret))
            }
            Self::Told { hook, change, took, .. } => {
                write!(f, "hook {hook}: {}, takes {}", change.name(), Named(*took))
            }
            Self::WentBack { destination, secret, .. } => {
                write!(f, "destination {destination}: went back to {}", Named(*secret))
            }
        }
    }
}

impl fmt::Display for Shows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing that matters"),
            Self::Secret(secret) => write!(f, "{secret}"),
            Self::Pending(pending) => f.write_str(if *pending { "a rotation is pending" } else { "none is pending" }),
            Self::Mark(mark) => write!(f, "the latest change is {mark}"),
            Self::Verdict(secret, good) => write!(f, "{secret} is {}", if *good { "accepted" } else { "refused" }),
        }
    }
}

impl fmt::Display for SecretNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 { f.write_str("the secret from before") } else { write!(f, "secret {}", self.0) }
    }
}

struct Named(Option<SecretNo>);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(secret) => secret.fmt(f),
            None => f.write_str("no whole secret"),
        }
    }
}
