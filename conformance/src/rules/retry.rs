//! RETRY: what an adapter sends again, and what it says when it does not.

use std::time::Duration;

use cutover_core::Effect;

use crate::outcome::hold;
use crate::{Case, Disturbance, Need, Profiles, Rule, Stop};

/// How long the vendor asks to wait in RETRY-3: short, for subjects that really wait.
const ASKED: Duration = Duration::from_secs(2);
/// A wait that no adapter should keep by itself.
const ASKED_LONG: Duration = Duration::from_secs(900);

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "RETRY-1",
        title: "A request for a secret without a key is never sent twice by the adapter",
        rests_on: "P3: a call whose effect is unknown is never blindly sent again",
        profiles: Profiles::NoReplay,
        needs: &[Need::Faults, Need::Counts],
        check: |case| Box::pin(retry_1(case)),
    },
    Rule {
        id: "RETRY-2",
        title: "A throttled request changed nothing and may be repeated",
        rests_on: "Every vendor: 429 refuses a request",
        profiles: Profiles::Every,
        needs: &[Need::Faults],
        check: |case| Box::pin(retry_2(case)),
    },
    Rule {
        id: "RETRY-3",
        title: "The wait that a vendor asks for is kept or handed on",
        rests_on: "RFC 9110, 10.2.3: `Retry-After` says how long to wait before the next request",
        profiles: Profiles::Every,
        needs: &[Need::Faults],
        check: |case| Box::pin(retry_3(case)),
    },
    Rule {
        id: "RETRY-4",
        title: "An adapter gives up on a vendor that throttles on, and says that it may pass",
        rests_on: "P5: whoever waits for ever does not converge",
        profiles: Profiles::Every,
        needs: &[Need::Outages],
        check: |case| Box::pin(retry_4(case)),
    },
    Rule {
        id: "RETRY-5",
        title: "A refusal is not sent again",
        rests_on: "P3: only what may pass by itself is repeated",
        profiles: Profiles::TwoPhase,
        needs: &[Need::Counts],
        check: |case| Box::pin(retry_5(case)),
    },
];

async fn retry_1(case: &Case<'_>) -> Result<(), Stop> {
    let (target, _) = case.fresh_target().await?;
    let before = case.issues_seen();
    case.disturb(Disturbance::LoseAnswer)?;
    let lost = case.try_issue(&target, &case.attempt(&target)).await;
    hold!(lost.is_err(), "a lost answer came back");
    let sent = case.issues_seen() - before;
    hold!(sent == 1, "the request was sent {sent} times");
    Ok(())
}

async fn retry_2(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    case.disturb(Disturbance::TooMany)?;
    let attempt = case.attempt(&target);
    let secret = match case.try_issue(&target, &attempt).await {
        Ok((_, secret)) => secret,
        Err(error) => {
            hold!(error.effect() == Effect::NotApplied, "throttling counts as {}: {error}", error.effect());
            hold!(error.is_transient(), "throttling counts as final: {error}");
            hold!(case.accepts(&target, &old).await?, "throttling ended the old secret");
            case.issue(&target, &attempt).await?.1
        }
    };
    hold!(case.accepts(&target, &secret).await?, "the issued secret does not work");
    Ok(())
}

async fn retry_3(case: &Case<'_>) -> Result<(), Stop> {
    // A long one is not waited for where that takes as long as it says.
    let waits = if case.subject().can_wait() { &[ASKED, ASKED_LONG][..] } else { &[ASKED] };
    for &wait in waits {
        let (target, _) = case.fresh_target().await?;
        case.disturb(Disturbance::TooManyFor(wait))?;
        let begun = case.subject().clock().now();
        match case.try_issue(&target, &case.attempt(&target)).await {
            Ok(_) => {
                let waited = Duration::try_from(case.subject().clock().now().duration_since(begun)).unwrap_or_default();
                hold!(wait <= waited, "the vendor asked for {wait:?}, and was asked again after {waited:?}");
            }
            Err(error) => {
                let told = error.retry_after();
                hold!(told == Some(wait), "the vendor asked for {wait:?}, and {told:?} is handed on: {error}");
            }
        }
    }
    Ok(())
}

async fn retry_4(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    case.disturb_all(Some(Disturbance::TooMany))?;
    let asked = case.try_issue(&target, &case.attempt(&target)).await;
    case.disturb_all(None)?;
    let Err(error) = asked else { return Err(Stop::Broken("a throttled request came back".to_owned())) };
    hold!(error.effect() == Effect::NotApplied, "throttling counts as {}: {error}", error.effect());
    hold!(error.is_transient(), "throttling counts as final: {error}");
    hold!(case.accepts(&target, &old).await?, "throttling ended the old secret");
    Ok(())
}

async fn retry_5(case: &Case<'_>) -> Result<(), Stop> {
    let why = "this vendor replaces a pending secret when it is asked again";
    case.unless("stytch.start_while_pending", "replace", why)?;
    let (target, _) = case.fresh_target().await?;
    let _pending = case.issue_new(&target).await?;
    let before = case.issues_seen();
    let again = case.try_issue(&target, &case.attempt(&target)).await;
    hold!(again.is_err(), "a second secret was issued while one was pending");
    let sent = case.issues_seen() - before;
    hold!(sent <= 1, "the refused request was sent {sent} times");
    Ok(())
}
