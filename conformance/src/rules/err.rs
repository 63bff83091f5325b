//! ERR: what a failed call says of its effect.

use cutover_core::{Effect, Pending, Refusal, RotateError, Witness};

use crate::case::{broken, keep};
use crate::outcome::hold;
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
        id: "ERR-5",
        title: "A server's failure while a secret is asked for leaves its effect open",
        rests_on: "P3: a 5xx may come before the change or after it",
        profiles: Profiles::Every,
        needs: &[Need::Faults],
        check: |case| Box::pin(err_5(case)),
    },
    Rule {
        id: "ERR-6",
        title: "A request that never arrived is no success, and the next one works",
        rests_on: "P1: an answer that never reached us is known to be missing",
        profiles: Profiles::Every,
        needs: &[Need::Faults],
        check: |case| Box::pin(err_6(case)),
    },
    Rule {
        id: "ERR-7",
        title: "An answer of somebody in between is no secret, and its effect is not denied",
        rests_on: "P1: what was sent and not answered by the vendor may have been done",
        profiles: Profiles::Every,
        needs: &[Need::Faults],
        check: |case| Box::pin(err_7(case)),
    },
    Rule {
        id: "ERR-8",
        title: "A completion without an answer leaves its effect open, and is seen when looked for",
        rests_on: "P5: from a lost answer, looking again tells what was done",
        profiles: Profiles::TwoPhase,
        needs: &[Need::Outages],
        check: |case| Box::pin(err_8(case)),
    },
    Rule {
        id: "ERR-9",
        title: "A cancellation without an answer leaves its effect open, and the old secret works",
        rests_on: "P7: until the old secret is retired there is a way back",
        profiles: Profiles::TwoPhase,
        needs: &[Need::Outages],
        check: |case| Box::pin(err_9(case)),
    },
    Rule {
        id: "ERR-10",
        title: "An error names the vendor and the target it is about",
        rests_on: "`RotateError::call`: which call failed",
        profiles: Profiles::Every,
        needs: &[],
        check: |case| Box::pin(err_10(case)),
    },
    Rule {
        id: "ERR-11",
        title: "A caller whose credential is not accepted is refused for that, and nothing has changed",
        rests_on: "Every vendor: 401, or 403, before anything is done",
        profiles: Profiles::Every,
        needs: &[Need::Impostor],
        check: |case| Box::pin(err_11(case)),
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
    if matches!(refused, RotateError::NotSent(_)) && refused.is_transient() {
        return Err(Stop::NotSetUp(format!("nobody was there to refuse it: {refused}")));
    }
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

async fn err_5(case: &Case<'_>) -> Result<(), Stop> {
    for failure in [Disturbance::FailBefore, Disturbance::FailAfter] {
        let (target, _) = case.fresh_target().await?;
        case.disturb(failure)?;
        match case.try_issue(&target, &case.attempt(&target)).await {
            // Repeated under its key.
            Ok((_, secret)) => {
                hold!(case.accepts(&target, &secret).await?, "the secret that came back does not work");
            }
            Err(error) => {
                let effect = error.effect();
                hold!(effect == Effect::Unknown, "a request that {failure} counts as {effect}: {error}");
                hold!(error.is_transient(), "a request that {failure} counts as final: {error}");
            }
        }
    }
    Ok(())
}

async fn err_6(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    case.disturb(Disturbance::LoseRequest)?;
    let attempt = case.attempt(&target);
    let secret = match case.try_issue(&target, &attempt).await {
        // Repeated under its key.
        Ok((_, secret)) => secret,
        Err(error) => {
            hold!(error.effect() != Effect::Applied, "a request that never arrived counts as applied: {error}");
            hold!(case.accepts(&target, &old).await?, "the old secret does not work any more");
            case.issue(&target, &attempt).await?.1
        }
    };
    hold!(case.accepts(&target, &secret).await?, "the issued secret does not work");
    Ok(())
}

async fn err_7(case: &Case<'_>) -> Result<(), Stop> {
    let (target, _) = case.fresh_target().await?;
    case.disturb(Disturbance::WebPage)?;
    match case.try_issue(&target, &case.attempt(&target)).await {
        // Repeated under its key.
        Ok((_, secret)) => hold!(case.accepts(&target, &secret).await?, "a web page passes for a secret"),
        Err(error) => {
            hold!(error.effect() != Effect::NotApplied, "a web page in the place of an answer denies it: {error}");
        }
    }
    Ok(())
}

async fn err_8(case: &Case<'_>) -> Result<(), Stop> {
    for failure in [Disturbance::LoseAnswer, Disturbance::FailAfter] {
        let (target, old) = case.fresh_target().await?;
        let (kept, new) = case.issue_new(&target).await?;
        case.disturb_all(Some(failure))?;
        let completed = case.complete(&target, &kept).await;
        case.disturb_all(None)?;
        left_open(completed, failure)?;
        let pending = case.inspect(&target).await?.pending;
        hold!(!matches!(pending, Pending::Yes(_)), "the completed rotation is shown as pending");
        hold!(case.accepts(&target, &new).await?, "the new secret does not work");
        hold!(case.refuses(&target, &old).await?, "the old secret still works");
    }
    let (target, old) = case.fresh_target().await?;
    let (kept, _) = case.issue_new(&target).await?;
    case.disturb_all(Some(Disturbance::FailBefore))?;
    let completed = case.complete(&target, &kept).await;
    case.disturb_all(None)?;
    left_open(completed, Disturbance::FailBefore)?;
    hold!(case.accepts(&target, &old).await?, "the old secret was retired by a completion that failed");
    Ok(())
}

async fn err_9(case: &Case<'_>) -> Result<(), Stop> {
    for failure in [Disturbance::LoseAnswer, Disturbance::FailAfter, Disturbance::FailBefore] {
        let (target, old) = case.fresh_target().await?;
        let (_, new) = case.issue_new(&target).await?;
        case.disturb_all(Some(failure))?;
        let cancelled = case.cancel(&target).await;
        case.disturb_all(None)?;
        left_open(cancelled, failure)?;
        hold!(case.accepts(&target, &old).await?, "the old secret does not work any more");
        if failure != Disturbance::FailBefore {
            hold!(case.refuses(&target, &new).await?, "the dropped secret still works");
        }
    }
    Ok(())
}

fn left_open(result: Result<(), RotateError>, failure: Disturbance) -> Result<(), Stop> {
    let Err(error) = result else {
        return Err(Stop::Broken(format!("a request that {failure} counts as done")));
    };
    let effect = error.effect();
    hold!(effect == Effect::Unknown, "a request that {failure} counts as {effect}: {error}");
    Ok(())
}

async fn err_10(case: &Case<'_>) -> Result<(), Stop> {
    let missing = case.missing_target()?;
    let issued = case.rotator().issue(&missing, &case.attempt(&missing)).await.map(drop);
    let cancelled = case.rotator().cancel(&missing).await;
    let inspected = case.rotator().inspect(&missing).await.map(drop);
    for (call, result) in [("issue", issued), ("cancel", cancelled), ("inspect", inspected)] {
        let Err(error) = result else { continue };
        case.step(format_args!("{call} {}, which does not exist: {error}", missing.id()));
        let vendor = error.call().vendor();
        hold!(vendor == missing.vendor(), "the error of {call} names {vendor}");
        hold!(error.call().target() == Some(missing.id()), "the error of {call} does not name the target: {error}");
        hold!(!error.call().operation().is_empty(), "the error of {call} names no operation: {error}");
    }
    Ok(())
}

async fn err_11(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    let none = || Stop::NotSetUp("there is no adapter with a credential that is not accepted".to_owned());
    let impostor = case.subject().impostor().ok_or_else(none)?;
    let mut calls = vec![("issue", impostor.issue(&target, &case.attempt(&target)).await.map(drop))];
    if impostor.profile().has(Witness::Identity) {
        calls.push(("inspect", impostor.inspect(&target).await.map(drop)));
    }
    for (call, result) in calls {
        let Err(error) = result else {
            case.step(format_args!("{call} {}, with a credential that nobody issued: done", target.id()));
            return Err(Stop::Broken(format!(
                "{call}: the vendor does it for a caller whose credential nobody issued"
            )));
        };
        case.step(format_args!("{call} {}, with a credential that nobody issued: {error}", target.id()));
        if matches!(error, RotateError::NotSent(_)) && error.is_transient() {
            return Err(Stop::NotSetUp(format!("nobody was there to refuse it: {error}")));
        }
        let effect = error.effect();
        hold!(effect == Effect::NotApplied, "{call}: a refused credential counts as {effect}: {error}");
        let of_the_caller = matches!(error.refusal(), Some(Refusal::Credentials | Refusal::Forbidden));
        hold!(of_the_caller, "{call}: nothing says that the credential is what was refused: {error}");
        hold!(!error.is_transient(), "{call}: a refused credential passes for a trouble that ends by itself: {error}");
    }
    hold!(case.accepts(&target, &old).await?, "the old secret does not work any more");
    Ok(())
}
