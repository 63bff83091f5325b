//! TP: the order of a two-phase rotation.

use cutover_core::{Effect, Pending, Refusal, Witness};

use crate::case::broken;
use crate::outcome::hold;
use crate::{Case, Profiles, Rule, Stop};

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "TP-1",
        title: "Cancelling drops the new secret and keeps the old one",
        rests_on: "Stytch: a rotation can be cancelled",
        profiles: Profiles::TwoPhase,
        needs: &[],
        check: |case| Box::pin(tp_1(case)),
    },
    Rule {
        id: "TP-2",
        title: "Asking again while a rotation is pending is refused and changes nothing",
        rests_on: "Stytch's error types for a client that is rotating already",
        profiles: Profiles::TwoPhase,
        needs: &[],
        check: |case| Box::pin(tp_2(case)),
    },
    Rule {
        id: "TP-3",
        title: "A pending rotation is shown with the last four characters of its secret",
        rests_on: "Stytch: `next_client_secret_last_four` is null when no rotation is in progress",
        profiles: Profiles::TwoPhase,
        needs: &[],
        check: |case| Box::pin(tp_3(case)),
    },
    Rule {
        id: "TP-4",
        title: "Completing or cancelling nothing is refused and changes nothing",
        rests_on: "Stytch's error types for a client that is not rotating",
        profiles: Profiles::TwoPhase,
        needs: &[],
        check: |case| Box::pin(tp_4(case)),
    },
    Rule {
        id: "TP-5",
        title: "The proof of one target completes no other",
        rests_on: "P4: the old secret is retired only when its own successor is kept",
        profiles: Profiles::TwoPhase,
        needs: &[],
        check: |case| Box::pin(tp_5(case)),
    },
    Rule {
        id: "TP-6",
        title: "Without two phases, completing and cancelling are refused before anything is sent",
        rests_on: "`SecretRotator`: what a vendor lacks is in the profile first and an error second",
        profiles: Profiles::Immediate,
        needs: &[],
        check: |case| Box::pin(tp_6(case)),
    },
];

async fn tp_1(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    let (_, new) = case.issue_new(&target).await?;
    broken("cancel", case.cancel(&target).await)?;
    hold!(case.refuses(&target, &new).await?, "the dropped secret still works");
    hold!(case.accepts(&target, &old).await?, "the old secret does not work any more");
    Ok(())
}

async fn tp_2(case: &Case<'_>) -> Result<(), Stop> {
    let why = "this vendor replaces a pending secret when it is asked again";
    case.unless("stytch.start_while_pending", "replace", why)?;
    let (target, old) = case.fresh_target().await?;
    let (_, new) = case.issue_new(&target).await?;
    let Err(refused) = case.try_issue(&target, &case.attempt(&target)).await else {
        return Err(Stop::Broken("a second secret was issued while one was pending".to_owned()));
    };
    hold!(refused.effect() == Effect::NotApplied, "the refusal leaves it open what it did: {refused}");
    hold!(refused.refusal() == Some(Refusal::AlreadyPending), "the refusal is not told apart: {refused}");
    hold!(case.accepts(&target, &new).await?, "the pending secret was ended");
    hold!(case.accepts(&target, &old).await?, "the old secret was ended");
    Ok(())
}

async fn tp_3(case: &Case<'_>) -> Result<(), Stop> {
    if !case.rotator().profile().has(Witness::Pending) {
        return Err(Stop::NotApplicable("the profile names no such witness".to_owned()));
    }
    let (target, old) = case.fresh_target().await?;
    let before = case.inspect(&target).await?;
    hold!(before.pending == Pending::No, "a rotation is shown as pending before one was begun");
    let (_, new) = case.issue_new(&target).await?;
    let shown = case.inspect(&target).await?;
    hold!(shown.pending == Pending::Yes(new.last_four()), "the pending rotation is not shown as ours");
    hold!(
        shown.current_last_four == old.last_four(),
        "of the secret in use other last characters are shown than those of the old one, which still is"
    );
    Ok(())
}

async fn tp_4(case: &Case<'_>) -> Result<(), Stop> {
    let (target, _) = case.fresh_target().await?;
    let (kept, new) = case.issue_new(&target).await?;
    broken("complete", case.complete(&target, &kept).await)?;
    for (what, result) in
        [("completing", case.complete(&target, &kept).await), ("cancelling", case.cancel(&target).await)]
    {
        let Err(refused) = result else { return Err(Stop::Broken(format!("{what} nothing succeeded"))) };
        hold!(refused.refusal() == Some(Refusal::NothingPending), "{what} nothing: {refused}");
        hold!(refused.effect() == Effect::NotApplied, "{what} nothing leaves its effect open: {refused}");
    }
    hold!(case.accepts(&target, &new).await?, "the secret in use was ended");
    Ok(())
}

async fn tp_5(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    let (other, _) = case.fresh_target().await?;
    let _ours = case.issue_new(&target).await?;
    let (theirs, _) = case.issue_new(&other).await?;
    let Err(refused) = case.complete(&target, &theirs).await else {
        return Err(Stop::Broken("the proof of another target retired the old secret".to_owned()));
    };
    hold!(refused.effect() == Effect::NotApplied, "the refusal leaves it open what it did: {refused}");
    hold!(case.accepts(&target, &old).await?, "the old secret was ended");
    Ok(())
}

async fn tp_6(case: &Case<'_>) -> Result<(), Stop> {
    let (target, _) = case.fresh_target().await?;
    let (kept, new) = case.issue_new(&target).await?;
    let seen = case.issues_seen();
    for (what, result) in [("complete", case.complete(&target, &kept).await), ("cancel", case.cancel(&target).await)] {
        let Err(refused) = result else { return Err(Stop::Broken(format!("{what} succeeded"))) };
        hold!(refused.effect() == Effect::NotApplied, "{what} leaves its effect open: {refused}");
        hold!(refused.status().is_none(), "{what} was sent to the vendor: {refused}");
    }
    hold!(case.issues_seen() == seen, "the vendor was asked for another secret");
    hold!(case.accepts(&target, &new).await?, "the secret in use was ended");
    Ok(())
}
