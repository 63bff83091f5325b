//! What a vendor promises about rotation, as data.

use std::time::Duration;

use serde::Serialize;

use crate::{Call, Kind, NotSent, RotateError, Target, Vendor};

/// How long a request that was sent and never answered is taken to be possibly on its way still, unless a profile says
/// otherwise: longer than the usual timeouts of proxies in between.
const STRAGGLER: Duration = Duration::from_secs(60);

/// What one vendor promises for one kind of client. Engine and conformance suite derive what they do from this alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotationProfile {
    vendor: Vendor,
    kind: Kind,
    style: Style,
    recovery: Recovery,
    witnesses: Vec<Witness>,
    propagation: Duration,
    straggler: Duration,
}

/// How a vendor rotates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Style {
    /// Old and new are valid together until the rotation is completed or cancelled.
    TwoPhase,
    /// The old secret dies when the new one is issued.
    Immediate,
}

/// How a rotation goes on when the answer to *issue* was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Recovery {
    /// Cancel what is pending and start again; the old secret works throughout.
    Restart,
    /// Send the same request under the same key, which gives the same secret.
    Replay {
        /// How long the vendor replays, counted from the first request.
        window: Duration,
        /// How much before its end this side stops relying on it: clocks differ.
        margin: Duration,
    },
    /// Only another issue gives a secret; it supersedes the lost one.
    Supersede {
        /// How long after the promotion the new secret is verified once more, to notice a straggler.
        settle: Duration,
    },
}

impl Recovery {
    /// The name of the class: `restart`, `replay` or `supersede`.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Replay { .. } => "replay",
            Self::Supersede { .. } => "supersede",
        }
    }
}

/// Something without a secret in it by which an unknown effect can be settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Witness {
    /// `inspect` fails for a target that does not exist, or not in this scope.
    Identity,
    /// `inspect` says whether a two-phase rotation is pending.
    Pending,
    /// `inspect` gives the last four characters of current and pending secret.
    LastFour,
    /// `inspect` gives a mark that changes with each new secret.
    ChangeMarker,
    /// A replayed answer says that it is one.
    ReplayMarker,
    /// `verify` can tell whether a secret authenticates.
    Probe,
}

impl RotationProfile {
    /// A two-phase vendor: a lost answer is cancelled and asked for again.
    pub fn restart(vendor: Vendor, kind: Kind) -> Self {
        Self::new(vendor, kind, Style::TwoPhase, Recovery::Restart)
    }

    /// An immediate vendor with idempotency keys: a lost answer is replayed.
    pub fn replay(vendor: Vendor, kind: Kind, window: Duration, margin: Duration) -> Self {
        Self::new(vendor, kind, Style::Immediate, Recovery::Replay { window, margin })
    }

    /// An immediate vendor without: a lost answer is superseded by another issue.
    pub fn supersede(vendor: Vendor, kind: Kind, settle: Duration) -> Self {
        Self::new(vendor, kind, Style::Immediate, Recovery::Supersede { settle })
    }

    fn new(vendor: Vendor, kind: Kind, style: Style, recovery: Recovery) -> Self {
        let propagation = Duration::ZERO;
        Self { vendor, kind, style, recovery, witnesses: Vec::new(), propagation, straggler: STRAGGLER }
    }

    /// The same profile with these witnesses.
    #[must_use]
    pub fn with_witnesses(mut self, witnesses: &[Witness]) -> Self {
        self.witnesses = witnesses.to_vec();
        self
    }

    /// The same profile for a vendor that may take `propagation` until a change of secret shows everywhere.
    #[must_use]
    pub fn with_propagation(mut self, propagation: Duration) -> Self {
        self.propagation = propagation;
        self
    }

    /// The same profile for a path to the vendor on which an unanswered request may still arrive for `straggler`.
    #[must_use]
    pub fn with_straggler(mut self, straggler: Duration) -> Self {
        self.straggler = straggler;
        self
    }

    /// Whether `target` is one that this profile speaks of: of its vendor and its kind.
    ///
    /// What an adapter asks first in every method; `operation` is the method's name.
    ///
    /// # Errors
    /// [`NotSent`] that names vendor and kind of both.
    pub fn check(&self, operation: &'static str, target: &Target) -> Result<(), RotateError> {
        if *target.vendor() == self.vendor && *target.kind() == self.kind {
            return Ok(());
        }
        let reason = format!(
            "the target is of kind {} at {}, and this rotator handles kind {} at {}",
            target.kind(),
            target.vendor(),
            self.kind,
            self.vendor
        );
        Err(NotSent::misuse(Call::new(self.vendor.clone(), operation).on(target.id()), reason).into())
    }

    /// The vendor.
    pub fn vendor(&self) -> &Vendor {
        &self.vendor
    }

    /// The kind of client.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// How it rotates.
    pub fn style(&self) -> Style {
        self.style
    }

    /// How a rotation goes on when an answer was lost.
    pub fn recovery(&self) -> Recovery {
        self.recovery
    }

    /// Whether an unknown effect can be settled by `witness`.
    pub fn has(&self, witness: Witness) -> bool {
        self.witnesses.contains(&witness)
    }

    /// How long a change of secret may take until it shows everywhere at the vendor: for so long a refused new secret
    /// is no proof of failure and an accepted old one no proof that nothing happened.
    pub fn propagation(&self) -> Duration {
        self.propagation
    }

    /// How long a request that was sent and never answered may still arrive.
    pub fn straggler(&self) -> Duration {
        self.straggler
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClientId, Effect, TargetId};

    #[test]
    fn only_a_target_of_its_vendor_and_kind_passes() {
        let (acme, key) = (Vendor::from_static("acme"), Kind::from_static("key"));
        let profile = RotationProfile::restart(acme.clone(), key.clone());
        let target = |vendor: &Vendor, kind: &Kind| {
            let client_id = ClientId::new("c-1").expect("valid");
            Target::new(TargetId::new("t-1").expect("valid"), vendor.clone(), kind.clone(), client_id)
        };
        assert!(profile.check("issue", &target(&acme, &key)).is_ok());
        for other in [target(&Vendor::from_static("other"), &key), target(&acme, &Kind::from_static("other"))] {
            let error = profile.check("issue", &other).expect_err("somebody else's");
            assert_eq!((error.effect(), error.is_transient()), (Effect::NotApplied, false));
            assert!(error.to_string().starts_with("acme issue for t-1 was not sent"), "{error}");
            assert!(error.to_string().contains("other"), "{error}");
        }
    }
}
