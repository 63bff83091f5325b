//! ERR and RETRY: what a failed call says of its effect, and what is sent again.

use cutover_core::{Effect, Refusal, RotateError, Witness};

use crate::case::{broken, keep};
use crate::rule::hold;
use crate::{Case, Disturbance, Need, Profiles, Rule, Stop};

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "ERR-1",
        title: "A secret for a target that does not exist is refused with the vendor's code",
        rests_on: "Every vendor: 404 with a code of its own",
        profiles: Profiles::Every,
        needs: &[],
        check: |case| Box::pin(err_1(case)),
    },
    Rule {
        id: "ERR-2",
        title: "A lost answer is never taken for nothing having happened",
        rests_on: "P1: an answer that never reached us is known to be missing",
        profiles: Profiles::Every,
        needs: &[Need::Faults],
        check: |case| Box::pin(err_2(case)),
    },
    Rule {
        id: "ERR-3",
        title: "An answer that was cut is handed over or known to be missing, and counts as applied",
        rests_on: "P1: the bytes of an answer are kept before they are read",
        profiles: Profiles::Every,
        needs: &[Need::Faults],
        check: |case| Box::pin(err_3(case)),
    },
    Rule {
        id: "ERR-4",
        title: "Inspecting a target that does not exist is refused with the vendor's code",
        rests_on: "Every vendor with a call that reads one client: 404 with a code of its own",
        profiles: Profiles::Every,
        needs: &[],
        check: |case| Box::pin(err_4(case)),
    },
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
];

async fn err_1(case: &Case<'_>) -> Result<(), Stop> {
    let target = case.missing_target()?;
    let issued = case.rotator().issue(&target, &case.attempt(&target)).await;
    told_apart(issued.map(|_| ()), Refusal::NotFound)
}

async fn err_4(case: &Case<'_>) -> Result<(), Stop> {
    if !case.rotator().profile().has(Witness::Identity) {
        return Err(Stop::NotApplicable("the vendor has no call that shows whether the target exists".to_owned()));
    }
    told_apart(case.rotator().inspect(&case.missing_target()?).await.map(|_| ()), Refusal::NotFound)
}

fn told_apart(result: Result<(), RotateError>, refusal: Refusal) -> Result<(), Stop> {
    let Err(refused) = result else { return Err(Stop::Broken("it succeeded".to_owned())) };
    hold!(refused.effect() == Effect::NotApplied, "it leaves its effect open: {refused}");
    hold!(refused.refusal() == Some(refusal), "it is not told apart: {refused}");
    hold!(refused.code().is_some(), "it was refused without the vendor's code: {refused}");
    Ok(())
}

async fn err_2(case: &Case<'_>) -> Result<(), Stop> {
    let (target, _) = case.fresh_target().await?;
    case.disturb(Disturbance::LoseAnswer)?;
    match case.try_issue(&target, &case.attempt(&target)).await {
        // Repeated under its key.
        Ok((_, secret)) => {
            hold!(case.accepts(&target, &secret).await?, "the secret that came back does not work");
        }
        Err(error) => {
            hold!(error.effect() == Effect::Unknown, "a lost answer counts as {}: {error}", error.effect());
        }
    }
    Ok(())
}

async fn err_3(case: &Case<'_>) -> Result<(), Stop> {
    let (target, _) = case.fresh_target().await?;
    case.disturb(Disturbance::CutAnswer)?;
    let attempt = case.attempt(&target);
    let reply = broken("an answer with a head is an answer", case.ask(&target, &attempt).await)?;
    hold!(!reply.is_whole(), "a cut answer passes for a whole one");
    hold!(!reply.expose_body().is_empty(), "the bytes that came are gone");
    let kept = keep(&attempt, reply).await;
    let Err(error) = case.rotator().read(&target, &kept) else {
        return Err(Stop::Broken("a secret was read where none can be".to_owned()));
    };
    hold!(error.effect() == Effect::Applied, "a cut answer counts as {}: {error}", error.effect());
    Ok(())
}

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
