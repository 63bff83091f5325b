//! What goes wrong in a profile, and in what an adapter takes on.

use std::time::Duration;

use async_trait::async_trait;

use cutover_core::{
    Attempt, ClientSecret, Issued, Kept, Kind, Observation, Recovery, Reply, RotateError, RotationProfile, Target,
    Verdict, Witness,
};

use crate::mutants::Mutant;
use crate::mutants::kinds::{HOPAE, STYTCH, ZITADEL};
use crate::mutants::wrong_adapter::{Right, Wrong, copy, forged, wrong};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        wrong::<LongWindow>("promises a longer window than the vendor's", "IDEM-4", HOPAE),
        wrong::<ClaimsTwoPhases>("promises two phases where there is one", "OLD-1", ZITADEL),
        wrong::<TakesEveryTarget>("takes on targets of others", "FIT-1", STYTCH),
        wrong::<TakesEveryKind>("takes on targets of other kinds", "FIT-1", HOPAE),
        wrong::<LearnsItsProfile>("learns its profile", "FIT-2", ZITADEL),
        wrong::<AnotherKind>("speaks of another kind", "FIT-3", ZITADEL),
        wrong::<NoProbe>("has no probe", "FIT-3", HOPAE),
        wrong::<NoPending>("shows nothing pending and starts again", "FIT-3", STYTCH),
        wrong::<AllMargin>("keeps a margin as long as the window", "FIT-3", HOPAE),
        wrong::<ClaimsAMarker>("names a change marker that is not shown", "LOOK-7", STYTCH),
        wrong::<ClaimsLastFour>("names last characters that are not shown", "LOOK-7", HOPAE),
    ]
}

const WITNESSES: [Witness; 6] = [
    Witness::Identity,
    Witness::Pending,
    Witness::LastFour,
    Witness::ChangeMarker,
    Witness::ReplayMarker,
    Witness::Probe,
];

/// The same profile with other witnesses.
fn seeing(right: &RotationProfile, sees: impl Fn(Witness) -> bool) -> RotationProfile {
    let witnesses: Vec<Witness> = WITNESSES.into_iter().filter(|witness| sees(*witness)).collect();
    right.clone().with_witnesses(&witnesses)
}

/// The same target under the name of another vendor and kind.
fn relabelled(target: &Target, vendor: &str, kind: &str) -> Target {
    let relabel = |mut json: serde_json::Value| {
        json["vendor"] = vendor.into();
        json["kind"] = kind.into();
        serde_json::from_value(json)
    };
    serde_json::to_value(target).and_then(relabel).unwrap_or_else(|_| target.clone())
}

#[derive(Default)]
struct LongWindow;

impl Wrong for LongWindow {
    fn profile(&self, right: &RotationProfile) -> RotationProfile {
        let (window, margin) = (Duration::from_secs(3 * 24 * 60 * 60), Duration::from_secs(60 * 60));
        let longer = RotationProfile::replay(right.vendor().clone(), right.kind().clone(), window, margin);
        seeing(&longer, |witness| right.has(witness))
    }
}

#[derive(Default)]
struct ClaimsTwoPhases;

impl Wrong for ClaimsTwoPhases {
    fn profile(&self, right: &RotationProfile) -> RotationProfile {
        let restart = RotationProfile::restart(right.vendor().clone(), right.kind().clone());
        seeing(&restart, |witness| right.has(witness)).with_propagation(right.propagation())
    }
}

#[derive(Default)]
struct TakesEveryTarget;

impl TakesEveryTarget {
    fn ours(right: Right<'_>, target: &Target) -> Target {
        relabelled(target, right.profile().vendor().as_str(), right.profile().kind().as_str())
    }
}

#[async_trait]
impl Wrong for TakesEveryTarget {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        right.issue(&Self::ours(right, target), asked).await
    }

    fn read(&self, right: Right<'_>, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        let target = Self::ours(right, target);
        let attempt = Attempt::new(kept.slot().target().clone(), jiff::Timestamp::UNIX_EPOCH);
        right.read(&target, &forged(&attempt, copy(kept.reply())))
    }

    async fn complete(&self, right: Right<'_>, target: &Target, kept: &Kept) -> Result<(), RotateError> {
        right.complete(&Self::ours(right, target), kept).await
    }

    async fn cancel(&self, right: Right<'_>, target: &Target) -> Result<(), RotateError> {
        right.cancel(&Self::ours(right, target)).await
    }

    async fn inspect(&self, right: Right<'_>, target: &Target) -> Result<Observation, RotateError> {
        right.inspect(&Self::ours(right, target)).await
    }

    async fn verify(&self, right: Right<'_>, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        right.verify(&Self::ours(right, target), secret).await
    }
}

/// Takes on other kinds of client where it only looks.
#[derive(Default)]
struct TakesEveryKind;

#[async_trait]
impl Wrong for TakesEveryKind {
    async fn verify(&self, right: Right<'_>, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        let ours = relabelled(target, target.vendor().as_str(), right.profile().kind().as_str());
        right.verify(&ours, secret).await
    }
}

#[derive(Default)]
struct LearnsItsProfile;

impl Wrong for LearnsItsProfile {
    fn later_profile(&self, right: &RotationProfile) -> RotationProfile {
        right.clone().with_propagation(right.propagation() + Duration::from_secs(1))
    }
}

#[derive(Default)]
struct AnotherKind;

impl Wrong for AnotherKind {
    fn profile(&self, right: &RotationProfile) -> RotationProfile {
        let settle = Duration::ZERO;
        let other = RotationProfile::supersede(right.vendor().clone(), Kind::from_static("client"), settle);
        seeing(&other, |witness| right.has(witness)).with_propagation(right.propagation())
    }
}

#[derive(Default)]
struct NoProbe;

impl Wrong for NoProbe {
    fn profile(&self, right: &RotationProfile) -> RotationProfile {
        seeing(right, |witness| right.has(witness) && witness != Witness::Probe)
    }
}

#[derive(Default)]
struct NoPending;

impl Wrong for NoPending {
    fn profile(&self, right: &RotationProfile) -> RotationProfile {
        seeing(right, |witness| right.has(witness) && witness != Witness::Pending)
    }
}

#[derive(Default)]
struct AllMargin;

impl Wrong for AllMargin {
    fn profile(&self, right: &RotationProfile) -> RotationProfile {
        let Recovery::Replay { window, .. } = right.recovery() else { return right.clone() };
        let none_left = RotationProfile::replay(right.vendor().clone(), right.kind().clone(), window, window);
        seeing(&none_left, |witness| right.has(witness))
    }
}

#[derive(Default)]
struct ClaimsAMarker;

impl Wrong for ClaimsAMarker {
    fn profile(&self, right: &RotationProfile) -> RotationProfile {
        seeing(right, |witness| right.has(witness) || witness == Witness::ChangeMarker)
    }
}

#[derive(Default)]
struct ClaimsLastFour;

impl Wrong for ClaimsLastFour {
    fn profile(&self, right: &RotationProfile) -> RotationProfile {
        seeing(right, |witness| right.has(witness) || witness == Witness::LastFour)
    }
}
