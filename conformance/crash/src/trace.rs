//! What happened in one run, in one order. Secrets stand in it by number only.

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
    Began,
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
    /// A destination acknowledged that it went back.
    WentBack {
        /// Which.
        destination: u8,
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
