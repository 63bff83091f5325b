//! FIT: what an adapter takes on, and what its profile says of it.

use cutover_core::{
    Attempt, AttemptId, Effect, IdempotencyKey, Kind, Recovery, RotateError, RotationProfile, Style, Target, Vendor,
    Witness,
};

use crate::case::broken;
use crate::outcome::hold;
use crate::{Case, Profiles, Rule, Stop};

/// The longest key that there is.
const KEY_BYTES: usize = 255;

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "FIT-1",
        title: "A target of another vendor or kind is refused before anything is sent",
        rests_on: "`RotationProfile::check`: what an adapter asks first in every method",
        profiles: Profiles::Every,
        needs: &[],
        check: |case| Box::pin(fit_1(case)),
    },
    Rule {
        id: "FIT-2",
        title: "The profile stays the same for the life of the adapter",
        rests_on: "`SecretRotator::profile`: constant for the life of the value",
        profiles: Profiles::Every,
        needs: &[],
        check: |case| Box::pin(fit_2(case)),
    },
    Rule {
        id: "FIT-3",
        title: "The profile speaks of its targets, and names what its way of recovery needs",
        rests_on: "`RotationProfile`: engine and suite derive what they do from this alone",
        profiles: Profiles::Every,
        needs: &[],
        check: |case| Box::pin(fit_3(case)),
    },
    Rule {
        id: "FIT-4",
        title: "Keys that differ in their last character, or in case only, are two keys",
        rests_on: "`IdempotencyKey`: the key as it goes into the request, up to 255 characters",
        profiles: Profiles::Replay,
        needs: &[],
        check: |case| Box::pin(fit_4(case)),
    },
];

async fn fit_1(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    let (kept, _) = case.issue_new(&target).await?;
    let seen = case.issues_seen();
    let strangers = [
        ("of another vendor", relabelled(&target, "vendor", Vendor::from_static("somebody-else").as_str())?),
        ("of another kind", relabelled(&target, "kind", Kind::from_static("something-else").as_str())?),
    ];
    for (what, stranger) in &strangers {
        let rotator = case.rotator();
        for (call, result) in [
            ("issue", rotator.issue(stranger, &case.attempt(stranger)).await.map(drop)),
            ("read", rotator.read(stranger, &kept).map(drop)),
            ("complete", rotator.complete(stranger, &kept).await),
            ("cancel", rotator.cancel(stranger).await),
            ("inspect", rotator.inspect(stranger).await.map(drop)),
            ("verify", rotator.verify(stranger, &old).await.map(drop)),
        ] {
            case.step(format_args!(
                "{call} for a target {what}: {}",
                result.as_ref().err().map_or("done", |_| "refused")
            ));
            let Err(refused) = result else {
                return Err(Stop::Broken(format!("{call} for a target {what} succeeds")));
            };
            let before_sending = matches!(refused, RotateError::NotSent(_)) && !refused.is_transient();
            hold!(before_sending, "{call} for a target {what} is not refused before it is sent: {refused}");
        }
    }
    hold!(case.issues_seen() == seen, "the vendor was asked for a secret");
    Ok(())
}

async fn fit_2(case: &Case<'_>) -> Result<(), Stop> {
    let before: RotationProfile = case.rotator().profile().clone();
    let (target, old) = case.fresh_target().await?;
    let _ = case.inspect(&target).await?;
    let (kept, _) = case.issue_new(&target).await?;
    hold!(*case.rotator().profile() == before, "it is another one after a secret was issued");
    let _ = case.accepts(&target, &old).await?;
    if before.style() == Style::TwoPhase {
        broken("complete", case.complete(&target, &kept).await)?;
    }
    hold!(*case.rotator().profile() == before, "it is another one after a rotation");
    Ok(())
}

async fn fit_3(case: &Case<'_>) -> Result<(), Stop> {
    let (target, _) = case.fresh_target().await?;
    let profile = case.rotator().profile();
    let ours = profile.vendor() == target.vendor() && profile.kind() == target.kind();
    let (vendor, kind) = (profile.vendor(), profile.kind());
    hold!(ours, "it speaks of {kind} at {vendor}, and the target is {} at {}", target.kind(), target.vendor());
    hold!(profile.has(Witness::Probe), "without a probe no new secret can be shown to work before the old one is gone");
    match profile.recovery() {
        Recovery::Restart => {
            hold!(profile.style() == Style::TwoPhase, "to start again would end the old secret");
            hold!(
                profile.has(Witness::Pending),
                "whether to start again cannot be told: nothing shows what is pending"
            );
        }
        Recovery::Replay { window, margin } => {
            hold!(margin < window, "the margin of {margin:?} leaves nothing of the window of {window:?}");
        }
        // Nothing else is needed to ask again.
        _ => {}
    }
    Ok(())
}

async fn fit_4(case: &Case<'_>) -> Result<(), Stop> {
    let (target, _) = case.fresh_target().await?;
    let long = |end: char| format!("{}{end}", "k".repeat(KEY_BYTES - 1));
    for (what, one, other) in [
        ("in its last character", long('a'), long('b')),
        ("in case", "a-key-IN-two-CASES".to_owned(), "a-key-in-two-cases".to_owned()),
        ("in a sign at its end", "a-key-with-a-sign".to_owned(), "a-key-with-a-sign.".to_owned()),
    ] {
        let (one, other) = (keyed(case, &target, &one)?, keyed(case, &target, &other)?);
        let first = match case.try_issue(&target, &one).await {
            Ok((_, first)) => first,
            // A vendor may take shorter ones only, if it says so and does nothing.
            Err(error) if error.effect() == Effect::NotApplied => continue,
            Err(error) => return Err(Stop::Broken(format!("a key that the vendor may not take: {error}"))),
        };
        let (_, second) = case.issue(&target, &other).await?;
        hold!(first != second, "a key that differs {what} gives the secret of the other key");
        let (_, again) = case.issue(&target, &other).await?;
        hold!(again == second, "the same key gives another secret");
    }
    Ok(())
}

fn keyed(case: &Case<'_>, target: &Target, key: &str) -> Result<Attempt, Stop> {
    let key = IdempotencyKey::new(key).map_err(|error| Stop::NotSetUp(error.to_string()))?;
    Ok(Attempt::recorded(AttemptId::fresh(), target.id().clone(), 1, key, case.subject().clock().now()))
}

/// The same target under the name of another vendor, or as another kind.
fn relabelled(target: &Target, field: &str, name: &str) -> Result<Target, Stop> {
    let as_json = |mut json: serde_json::Value| {
        json[field] = serde_json::Value::from(name);
        serde_json::from_value(json)
    };
    serde_json::to_value(target).and_then(as_json).map_err(|error| Stop::NotSetUp(error.to_string()))
}
