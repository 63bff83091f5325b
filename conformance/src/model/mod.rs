//! Reference models: what each style of vendor does, in as few words as it takes.
//!
//! They know no emulator, no client and no request. A [`Model`] says what a vendor may do with a [`Request`]; where
//! its documents leave that open, it says all of it. A [`Possible`] holds every state in which a vendor may be after
//! what was heard of it, and says when there is none left. [`linearise`] does the same for calls that overlapped.

mod keyed;
mod linear;
mod organisation;
mod plain;
mod possible;
mod two_phase;

pub(crate) use keyed::Keyed;
pub(crate) use linear::{Overlapping, linearise};
pub(crate) use organisation::Scoped;
pub(crate) use plain::Plain;
pub(crate) use possible::{Client, Contradiction, Event, Fault, Heard, Pending, Possible, Shown};
pub(crate) use two_phase::TwoPhase;

use std::fmt;
use std::hash::Hash;
use std::time::Duration;

/// A target, by its number.
pub(crate) type Place = usize;

/// A secret that was seen, by the order in which the secrets of a run came to light.
pub(crate) type Seen = usize;

/// An idempotency key, by its number.
pub(crate) type Key = usize;

/// A mark that changes with each new secret, by the order in which the marks of a run were seen.
pub(crate) type Mark = usize;

/// A secret at the vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Value {
    /// One that was seen.
    Seen(Seen),
    /// One whose answer nobody has read so far.
    Unseen(u32),
}

/// What a vendor is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Request {
    /// A new secret.
    Issue {
        /// For which target.
        target: Place,
        /// Under which key; a vendor without keys does not look at it.
        key: Key,
        /// Whether that key was made for this target; a client need not send another's.
        own: bool,
        /// Whether the target is looked for where it is.
        here: bool,
    },
    /// The end of a rotation.
    Complete(Place),
    /// The way back from one.
    Cancel(Place),
}

/// What a vendor answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    /// A secret; whether an earlier answer is being repeated.
    Issued(Value, bool),
    /// It is done.
    Done,
    /// It is not done, and nothing changed.
    Refused(Why),
}

/// Why a vendor refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Why {
    /// A rotation is pending already.
    AlreadyPending,
    /// None is.
    NothingPending,
    /// The key belongs to another request.
    KeyConflict,
    /// The first request under this key has not finished.
    Running,
    /// One request too many.
    TooMany,
    /// There is no such target where it was looked for.
    NotHere,
    /// The vendor has no such call.
    NoSuchCall,
    /// For another reason, or for one that was lost on the way.
    Other,
}

/// When something happened, as exactly as it is known: not before the one and not after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Span {
    /// The earliest time that it can have been.
    pub(crate) from: Duration,
    /// The latest.
    pub(crate) to: Duration,
}

/// One style of vendor, with its targets in some state.
pub(crate) trait Model: Clone + fmt::Debug + PartialEq {
    /// Everything that the vendor may do with `request` at `at`, each with the answer that it would give.
    fn handle(&self, request: Request, at: Span) -> Vec<(Self, Answer)>;

    /// The secrets of `target` that work now: exactly these.
    fn working(&self, target: Place) -> Vec<Value>;

    /// The secret that waits for the end of its rotation; `None` for a style that has no such thing.
    fn pending(&self, target: Place) -> Option<Option<Value>>;

    /// How many secrets `target` was ever given.
    fn given(&self, target: Place) -> u32;

    /// Every secret that is remembered anywhere, so that one that comes to light can be named.
    fn values(&mut self) -> Vec<&mut Value>;

    /// A secret that nobody has seen.
    fn fresh(&self) -> Value {
        let serial = |value: &mut Value| match *value {
            Value::Unseen(serial) => serial + 1,
            Value::Seen(_) => 0,
        };
        Value::Unseen(self.clone().values().into_iter().map(serial).max().unwrap_or_default())
    }
}

/// Any of the styles, each with organisations: a vendor without any is never asked for one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Style {
    /// Old and new work together until one of them is given up.
    TwoPhase(Scoped<TwoPhase>),
    /// The old one dies with the new one; a request may be repeated under its key.
    Keyed(Scoped<Keyed>),
    /// The old one dies with the new one; nothing can be repeated.
    Plain(Scoped<Plain>),
}

impl Model for Style {
    fn handle(&self, request: Request, at: Span) -> Vec<(Self, Answer)> {
        fn each<M>(many: Vec<(M, Answer)>, of: fn(M) -> Style) -> Vec<(Style, Answer)> {
            many.into_iter().map(|(model, answer)| (of(model), answer)).collect()
        }
        match self {
            Self::TwoPhase(model) => each(model.handle(request, at), Self::TwoPhase),
            Self::Keyed(model) => each(model.handle(request, at), Self::Keyed),
            Self::Plain(model) => each(model.handle(request, at), Self::Plain),
        }
    }

    fn working(&self, target: Place) -> Vec<Value> {
        match self {
            Self::TwoPhase(model) => model.working(target),
            Self::Keyed(model) => model.working(target),
            Self::Plain(model) => model.working(target),
        }
    }

    fn pending(&self, target: Place) -> Option<Option<Value>> {
        match self {
            Self::TwoPhase(model) => model.pending(target),
            Self::Keyed(model) => model.pending(target),
            Self::Plain(model) => model.pending(target),
        }
    }

    fn given(&self, target: Place) -> u32 {
        match self {
            Self::TwoPhase(model) => model.given(target),
            Self::Keyed(model) => model.given(target),
            Self::Plain(model) => model.given(target),
        }
    }

    fn values(&mut self) -> Vec<&mut Value> {
        match self {
            Self::TwoPhase(model) => model.values(),
            Self::Keyed(model) => model.values(),
            Self::Plain(model) => model.values(),
        }
    }
}

impl Span {
    /// Whether a time that began with `self` may be less than `long` ago at `now`; its very end counts as either.
    pub(crate) fn may_be_within(self, long: Duration, now: Self) -> bool {
        now.from.saturating_sub(self.to) <= long
    }

    /// Whether it may be over.
    pub(crate) fn may_be_over(self, long: Duration, now: Self) -> bool {
        now.to.saturating_sub(self.from) >= long
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlreadyPending => "a rotation is pending already",
            Self::NothingPending => "no rotation is pending",
            Self::KeyConflict => "the key belongs to another request",
            Self::Running => "the first request under this key has not finished",
            Self::TooMany => "of one request too many",
            Self::NotHere => "there is no such target there",
            Self::NoSuchCall => "there is no such call",
            Self::Other => "of something else",
        })
    }
}
