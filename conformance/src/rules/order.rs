//! TP, over whole rotations: the tables of states and of lost answers.

use cutover_core::{Effect, LastFour, Pending, Witness};

use crate::case::broken;
use crate::outcome::hold;
use crate::{Ask, Caller, Case, Disturbance, Need, Profiles, Rule, Stop};

const REPLACES: &str = "this vendor replaces a pending secret when it is asked again";

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "TP-7",
        title: "However often one asks, one secret is pending, and the one in use works",
        rests_on: "Stytch: a client has one current and one next secret",
        profiles: Profiles::TwoPhase,
        needs: &[Need::Wire],
        check: |case| Box::pin(tp_7(case)),
    },
    Rule {
        id: "TP-8",
        title: "After completing and after cancelling a rotation can begin again",
        rests_on: "Stytch: rotate and cancel both end the rotation",
        profiles: Profiles::TwoPhase,
        needs: &[],
        check: |case| Box::pin(tp_8(case)),
    },
    Rule {
        id: "TP-9",
        title: "After a rotation the last four characters shown are those of the secret in use",
        rests_on: "Stytch: `client_secret_last_four`, and `next_...` is null again",
        profiles: Profiles::TwoPhase,
        needs: &[],
        check: |case| Box::pin(tp_9(case)),
    },
    Rule {
        id: "TP-10",
        title: "Each step out of turn is refused with a code of its own",
        rests_on: "Stytch: ..._already_rotating_secret and ..._not_rotating_secret",
        profiles: Profiles::TwoPhase,
        needs: &[Need::Wire],
        check: |case| Box::pin(tp_10(case)),
    },
    Rule {
        id: "TP-11",
        title: "Ending the rotation of one client leaves that of another pending",
        rests_on: "Stytch: a rotation belongs to one client",
        profiles: Profiles::TwoPhase,
        needs: &[],
        check: |case| Box::pin(tp_11(case)),
    },
    Rule {
        id: "TP-12",
        title: "After a lost answer cancelling and asking again leads out without an outage",
        rests_on: "Stytch: a lost next secret means going through the flow again",
        profiles: Profiles::TwoPhase,
        needs: &[Need::Faults],
        check: |case| Box::pin(tp_12(case)),
    },
    Rule {
        id: "TP-13",
        title: "Whether a step whose answer was lost has happened can be seen",
        rests_on: "Stytch: reading the client shows whether a rotation is in progress",
        profiles: Profiles::TwoPhase,
        needs: &[Need::Outages],
        check: |case| Box::pin(tp_13(case)),
    },
];

async fn tp_7(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    let (_, first) = case.issue_past(&target, &[]).await?;
    let again = case.send(Ask::Issue { target: &target, keys: &[] }, Caller::Owner).await?;
    let pending = if again.is_success() {
        let second = case.secret_in(&again)?;
        hold!(second != first, "asking again gave the pending secret again");
        hold!(case.refuses(&target, &first).await?, "two secrets are pending");
        second
    } else {
        hold!(case.wire()?.secret(&again).is_none(), "the refusal shows a secret");
        first
    };
    hold!(case.accepts(&target, &old).await?, "asking again ended the secret in use");
    hold!(case.accepts(&target, &pending).await?, "the pending secret does not work");
    case.done(Ask::Complete(&target)).await?;
    hold!(case.accepts(&target, &pending).await?, "completing ended the pending secret");
    hold!(case.refuses(&target, &old).await?, "the old secret still works");
    Ok(())
}

async fn tp_8(case: &Case<'_>) -> Result<(), Stop> {
    let (target, _) = case.fresh_target().await?;
    let (kept, _) = case.issue_new(&target).await?;
    broken("complete", case.complete(&target, &kept).await)?;
    let _dropped = case.issue_new(&target).await?;
    broken("cancel", case.cancel(&target).await)?;
    let (kept, last) = case.issue_new(&target).await?;
    broken("complete", case.complete(&target, &kept).await)?;
    hold!(case.accepts(&target, &last).await?, "the last of three rotations left no working secret");
    Ok(())
}

async fn tp_9(case: &Case<'_>) -> Result<(), Stop> {
    if !case.rotator().profile().has(Witness::LastFour) {
        return Err(Stop::NotApplicable("the profile names no such witness".to_owned()));
    }
    let (target, old) = case.fresh_target().await?;
    let _dropped = case.issue_new(&target).await?;
    broken("cancel", case.cancel(&target).await)?;
    settled(case, &target, old.last_four(), "cancelling").await?;
    let (kept, new) = case.issue_new(&target).await?;
    broken("complete", case.complete(&target, &kept).await)?;
    settled(case, &target, new.last_four(), "completing").await
}

async fn settled(
    case: &Case<'_>,
    target: &cutover_core::Target,
    current: Option<LastFour>,
    after: &str,
) -> Result<(), Stop> {
    let seen = case.inspect(target).await?;
    hold!(seen.pending == Pending::No, "after {after} a rotation is shown as pending");
    hold!(seen.current_last_four == current, "after {after} the last four characters are of another secret");
    Ok(())
}

async fn tp_10(case: &Case<'_>) -> Result<(), Stop> {
    case.unless("stytch.start_while_pending", "replace", REPLACES)?;
    let (target, old) = case.fresh_target().await?;
    let wire = case.wire()?;
    let completing = wire.code(&case.refused(Ask::Complete(&target), Caller::Owner).await?);
    let cancelling = wire.code(&case.refused(Ask::Cancel(&target), Caller::Owner).await?);
    let (_, new) = case.issue_past(&target, &[]).await?;
    let asking = wire.code(&case.refused(Ask::Issue { target: &target, keys: &[] }, Caller::Owner).await?);
    hold!(completing == cancelling, "completing and cancelling nothing are refused with different codes");
    hold!(completing != asking, "asking twice and completing nothing are refused with one code");
    hold!(case.accepts(&target, &old).await?, "a refused step ended the secret in use");
    hold!(case.accepts(&target, &new).await?, "a refused step ended the pending secret");
    Ok(())
}

async fn tp_11(case: &Case<'_>) -> Result<(), Stop> {
    let (one, _) = case.fresh_target().await?;
    let (two, others) = case.fresh_target().await?;
    let (kept, _) = case.issue_new(&one).await?;
    let (theirs, pending) = case.issue_new(&two).await?;
    broken("complete", case.complete(&one, &kept).await)?;
    hold!(case.accepts(&two, &others).await?, "completing one rotation ended another client's secret");
    hold!(case.accepts(&two, &pending).await?, "completing one rotation dropped another client's pending secret");
    let _dropped = case.issue_new(&one).await?;
    broken("cancel", case.cancel(&one).await)?;
    broken("complete", case.complete(&two, &theirs).await)?;
    hold!(case.accepts(&two, &pending).await?, "cancelling one rotation dropped another client's pending secret");
    Ok(())
}

async fn tp_12(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    case.disturb(Disturbance::LoseAnswer)?;
    let lost = case.try_issue(&target, &case.attempt(&target)).await;
    hold!(lost.is_err(), "an answer that was lost came back");
    hold!(case.inspect(&target).await?.pending != Pending::No, "what was begun is not shown as pending");
    hold!(case.accepts(&target, &old).await?, "a lost answer ended the secret in use");
    broken("cancel", case.cancel(&target).await)?;
    hold!(case.inspect(&target).await?.pending == Pending::No, "what was cancelled is shown as pending");
    let (kept, new) = case.issue_new(&target).await?;
    hold!(case.accepts(&target, &old).await?, "asking again ended the secret in use");
    broken("complete", case.complete(&target, &kept).await)?;
    hold!(case.accepts(&target, &new).await?, "the secret of the second try does not work");
    Ok(())
}

async fn tp_13(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    let (kept, new) = case.issue_new(&target).await?;
    case.disturb_all(Some(Disturbance::LoseRequest))?;
    let lost = case.complete(&target, &kept).await;
    case.disturb_all(None)?;
    unknown(&lost)?;
    hold!(
        case.inspect(&target).await?.pending == Pending::Yes(new.last_four()),
        "what never arrived is not shown as open"
    );
    hold!(case.accepts(&target, &old).await?, "a request that never arrived ended a secret");
    case.disturb_all(Some(Disturbance::LoseAnswer))?;
    let lost = case.complete(&target, &kept).await;
    case.disturb_all(None)?;
    unknown(&lost)?;
    let seen = case.inspect(&target).await?;
    hold!(seen.pending == Pending::No, "what was done is shown as open");
    hold!(seen.current_last_four == new.last_four(), "what was done does not show in the last four characters");
    Ok(())
}

fn unknown(lost: &Result<(), cutover_core::RotateError>) -> Result<(), Stop> {
    match lost {
        Err(error) if error.effect() == Effect::Unknown => Ok(()),
        Err(error) => Err(Stop::Broken(format!("a lost answer counts as {}: {error}", error.effect()))),
        Ok(()) => Err(Stop::Broken("a lost answer counts as done".to_owned())),
    }
}
