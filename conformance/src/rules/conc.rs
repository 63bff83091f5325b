//! CONC: what is under way at the same time.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use cutover_core::{ClientSecret, Effect, Pending, Reply, RotateError, Style, Target};

use crate::case::broken;
use crate::outcome::hold;
use crate::{Case, Profiles, Rule, Stop};

/// How often a request is polled, at most, before it is dropped in CONC-3.
const POLLS_MAX: usize = 4;
/// How often a target is tried to be rotated after a request was dropped, which may arrive late.
const TRIES: usize = 3;

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "CONC-1",
        title: "Two targets that are rotated at the same time get a secret each, of their own",
        rests_on: "`SecretRotator` is `Sync`: one adapter serves a fleet",
        profiles: Profiles::Every,
        needs: &[],
        check: |case| Box::pin(conc_1(case)),
    },
    Rule {
        id: "CONC-2",
        title: "Of two secrets asked for one target at the same time, one works in the end",
        rests_on: "Every vendor: a client has one secret in use, and in a rotation one more",
        profiles: Profiles::Every,
        needs: &[],
        check: |case| Box::pin(conc_2(case)),
    },
    Rule {
        id: "CONC-3",
        title: "A request that is dropped half-way keeps no target from being rotated later",
        rests_on: "`SecretRotator`: dropping a future is like a lost answer",
        profiles: Profiles::Every,
        needs: &[],
        check: |case| Box::pin(conc_3(case)),
    },
];

async fn conc_1(case: &Case<'_>) -> Result<(), Stop> {
    let (one, _) = case.fresh_target().await?;
    let (other, _) = case.fresh_target().await?;
    case.step(format_args!("issue for {} and {} at the same time", one.id(), other.id()));
    let (first, second) = tokio::join!(case.issue_new(&one), case.issue_new(&other));
    let ((_, first), (_, second)) = (first?, second?);
    hold!(first != second, "both targets got the same secret");
    for (target, own, others) in [(&one, &first, &second), (&other, &second, &first)] {
        hold!(case.accepts(target, own).await?, "{} does not accept its own new secret", target.id());
        hold!(case.refuses(target, others).await?, "{} accepts the other target's new secret", target.id());
    }
    Ok(())
}

async fn conc_2(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    case.step(format_args!("issue for {} twice at the same time", target.id()));
    let (one, other) = (case.attempt(&target), case.attempt(&target));
    let (first, second) = tokio::join!(case.try_issue(&target, &one), case.try_issue(&target, &other));
    let mut issued: Vec<ClientSecret> = Vec::new();
    for asked in [first, second] {
        match asked {
            Ok((_, secret)) => issued.push(secret),
            Err(error) => {
                hold!(error.effect() == Effect::NotApplied, "the one that was refused counts as {}", error.effect());
            }
        }
    }
    let mut working = 0;
    for secret in &issued {
        working += usize::from(case.accepts(&target, secret).await?);
    }
    hold!(working == 1, "of {} secrets that were issued {working} work", issued.len());
    if case.rotator().profile().style() == Style::TwoPhase {
        hold!(case.accepts(&target, &old).await?, "the old secret does not work any more");
    } else {
        hold!(case.refuses(&target, &old).await?, "the old secret still works");
    }
    Ok(())
}

async fn conc_3(case: &Case<'_>) -> Result<(), Stop> {
    let (target, _) = case.fresh_target().await?;
    for polls in 1..=POLLS_MAX {
        case.step(format_args!("issue for {}, and drop it after {polls} of its steps", target.id()));
        let attempt = case.attempt(&target);
        let _ = at_most(polls, case.rotator().issue(&target, &attempt)).await;
        rotatable(case, &target).await?;
    }
    Ok(())
}

/// Whether a target can be rotated still, once what was left there is cleaned up.
async fn rotatable(case: &Case<'_>, target: &Target) -> Result<(), Stop> {
    let two_phase = case.rotator().profile().style() == Style::TwoPhase;
    for _ in 0..TRIES {
        if two_phase && matches!(case.inspect(target).await?.pending, Pending::Yes(_)) {
            broken("cancel, after a request was dropped", case.cancel(target).await)?;
        }
        if let Ok((_, secret)) = case.try_issue(target, &case.attempt(target)).await
            && case.accepts(target, &secret).await?
        {
            if two_phase {
                broken("cancel", case.cancel(target).await)?;
            }
            return Ok(());
        }
    }
    Err(Stop::Broken("after a request was dropped, the target can be rotated no more".to_owned()))
}

/// Polls a request a few times and drops it.
async fn at_most(
    polls: usize,
    mut request: Pin<Box<dyn Future<Output = Result<Reply, RotateError>> + Send + '_>>,
) -> Option<Result<Reply, RotateError>> {
    for _ in 0..polls {
        if let Poll::Ready(answer) = poll_fn(|context| Poll::Ready(request.as_mut().poll(context))).await {
            return Some(answer);
        }
        tokio::task::yield_now().await;
    }
    None
}
