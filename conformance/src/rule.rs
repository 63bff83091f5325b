//! A rule: a promise with an id, the words it rests on, whom it binds, and a check.

use std::fmt;
use std::pin::Pin;

use cutover_core::{Recovery, RotationProfile, Style};

use crate::{Caller, Case, Stop, Subject};

/// Checks one rule on a subject made for this check alone.
pub type Check = for<'a> fn(&'a Case<'a>) -> Pin<Box<dyn Future<Output = Result<(), Stop>> + Send + 'a>>;

/// A promise that every subject of its profiles has to hold.
#[derive(Clone, Copy)]
pub struct Rule {
    /// Family and number, as in `OLD-1`. Never reused.
    pub id: &'static str,
    /// The promise, as a sentence.
    pub title: &'static str,
    /// What it rests on: a vendor's words, a standard, or a promise of this project, in short.
    pub rests_on: &'static str,
    /// Whom it binds.
    pub profiles: Profiles,
    /// What the check cannot do without.
    pub needs: &'static [Need],
    /// The check.
    pub check: Check,
}

/// The profiles that a rule speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Profiles {
    /// Every one.
    Every,
    /// Those where both secrets work until the rotation is completed.
    TwoPhase,
    /// Those where the old secret dies when the new one is issued.
    Immediate,
    /// Those with an idempotency key.
    Replay,
    /// Those without.
    NoReplay,
    /// Those of the immediate ones that have no idempotency key.
    Plain,
}

/// Something that a check does and that not every subject allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Need {
    /// Disturbing single requests.
    Faults,
    /// Disturbing every request for a while.
    Outages,
    /// Running whole rotations over the adapter.
    Engine,
    /// Moving the vendor's clock.
    Clock,
    /// Counting the requests that reach the vendor.
    Counts,
    /// Hearing what the vendor answers.
    Answers,
    /// The adapter with a credential that the vendor does not accept.
    Impostor,
    /// Organisations, of which each request names one.
    Organisations,
    /// Asking the vendor past the adapter.
    Wire,
    /// Asking it as somebody else than the owner.
    Caller(Caller),
}

impl Rule {
    /// The letters before the number.
    pub fn family(&self) -> &'static str {
        self.id.split_once('-').map_or(self.id, |(family, _)| family)
    }

    /// Why this rule says nothing about `subject`, if so; known before anything is sent.
    pub fn excuse(&self, subject: &dyn Subject) -> Option<String> {
        let profile = subject.rotator().profile();
        let excuse = self.profiles.excuse(profile);
        excuse.or_else(|| self.needs.iter().find_map(|need| need.excuse(subject))).map(str::to_owned)
    }
}

impl Profiles {
    /// Every one, as a page of rules names them.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Every => "every vendor",
            Self::TwoPhase => "two-phase vendors",
            Self::Immediate => "immediate vendors",
            Self::Replay => "vendors with idempotency keys",
            Self::NoReplay => "vendors without idempotency keys",
            Self::Plain => "immediate vendors without idempotency keys",
        }
    }

    fn excuse(self, profile: &RotationProfile) -> Option<&'static str> {
        let two_phase = profile.style() == Style::TwoPhase;
        let replay = matches!(profile.recovery(), Recovery::Replay { .. });
        match self {
            Self::TwoPhase if !two_phase => Some("the old secret dies when the new one is issued"),
            Self::Immediate | Self::Plain if two_phase => Some("old and new secret are valid together until completed"),
            Self::Replay if !replay => Some("the vendor has no idempotency key"),
            Self::NoReplay | Self::Plain if replay => Some("under its key a request may be repeated"),
            _ => None,
        }
    }
}

impl Need {
    /// Every one, as a page of rules names them.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Faults => "requests that can be disturbed",
            Self::Outages => "a vendor that can be down",
            Self::Engine => "rotations from end to end",
            Self::Clock => "a clock that can be moved",
            Self::Counts => "a count of the requests that arrive",
            Self::Answers => "the answers on their way",
            Self::Impostor => "the adapter with a credential that is not accepted",
            Self::Organisations => "organisations",
            Self::Wire => "the vendor past the adapter",
            Self::Caller(Caller::Stranger) => "a stranger with a credential of his own",
            Self::Caller(Caller::Reader) => "somebody who may only look",
            Self::Caller(Caller::Everywhere) => "somebody with power in every organisation",
            Self::Caller(_) => "a caller",
        }
    }

    fn excuse(self, subject: &dyn Subject) -> Option<&'static str> {
        match self {
            Self::Faults if !subject.can_disturb() => Some("the requests of this subject cannot be disturbed at will"),
            Self::Outages if !subject.can_disturb_all() => Some("the vendor of this subject cannot be made to fail"),
            Self::Clock if !subject.can_wait() => Some("the clock of this subject cannot be moved"),
            Self::Counts if subject.issues_seen().is_none() => Some("the requests that arrive cannot be counted"),
            Self::Answers if !subject.can_listen() => Some("the answers of this vendor cannot be heard on their way"),
            Self::Impostor if subject.impostor().is_none() => {
                Some("there is no adapter with a credential that is not accepted")
            }
            Self::Organisations if !subject.has_organisations() => Some("requests name no organisation"),
            Self::Engine if !subject.runs_engine() => Some("whole rotations are run on this vendor as it is by itself"),
            Self::Wire if subject.wire().is_none() => Some("this subject can be asked through its adapter only"),
            Self::Caller(caller) if subject.wire().is_none_or(|wire| !wire.has(caller)) => Some(match caller {
                Caller::Stranger => "there is no credential of a second tenant",
                Caller::Reader => "there is no credential that only reads",
                Caller::Everywhere => "there is no credential for every organisation",
                _ => "there is no such caller",
            }),
            _ => None,
        }
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rule({}: {})", self.id, self.title)
    }
}
