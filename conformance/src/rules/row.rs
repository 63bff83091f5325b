//! OLD, over several rotations: how many secrets are valid, and for how long.

use std::time::Duration;

use cutover_core::ClientSecret;

use crate::case::broken;
use crate::outcome::hold;
use crate::{Case, Need, Profiles, Rule, Stop};

/// How many rotations make a row.
const ROW: usize = 3;

/// Longer than any window that a vendor names.
const LONG: Duration = Duration::from_secs(48 * 60 * 60);

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "OLD-5",
        title: "After any number of immediate rotations one secret is valid: the last",
        rests_on: "Hopae, Zitadel: a client has one secret",
        profiles: Profiles::Immediate,
        needs: &[],
        check: |case| Box::pin(old_5(case)),
    },
    Rule {
        id: "OLD-6",
        title: "While a rotation is pending two secrets are valid, and one otherwise",
        rests_on: "Stytch: current and next; after rotate or cancel one of them",
        profiles: Profiles::TwoPhase,
        needs: &[],
        check: |case| Box::pin(old_6(case)),
    },
    Rule {
        id: "OLD-7",
        title: "No dead secret comes back with time, and none dies by itself",
        rests_on: "Every vendor: a secret ends by a request and has no date",
        profiles: Profiles::Every,
        needs: &[Need::Clock],
        check: |case| Box::pin(old_7(case)),
    },
    Rule {
        id: "OLD-8",
        title: "Both secrets stay valid for as long as a rotation is pending",
        rests_on: "Stytch names no end of the overlap but rotate and cancel",
        profiles: Profiles::TwoPhase,
        needs: &[Need::Clock],
        check: |case| Box::pin(old_8(case)),
    },
];

async fn old_5(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    let mut row = vec![old];
    for _ in 0..ROW {
        row.push(case.issue_new(&target).await?.1);
    }
    let (last, dead) = row.split_last().expect("the row has several");
    hold!(case.accepts(&target, last).await?, "the last secret does not work");
    for (nth, secret) in dead.iter().enumerate() {
        hold!(case.refuses(&target, secret).await?, "of {} secrets in a row number {} works", row.len(), nth + 1);
    }
    Ok(())
}

async fn old_6(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    let mut current = old;
    let mut dead: Vec<ClientSecret> = Vec::new();
    for turn in 0..ROW {
        let (kept, next) = case.issue_new(&target).await?;
        hold!(case.accepts(&target, &current).await?, "while a rotation is pending the current secret does not work");
        hold!(case.accepts(&target, &next).await?, "while a rotation is pending the next secret does not work");
        all_dead(case, &target, &dead).await?;
        if turn % 2 == 0 {
            broken("complete", case.complete(&target, &kept).await)?;
            dead.push(std::mem::replace(&mut current, next));
        } else {
            broken("cancel", case.cancel(&target).await)?;
            dead.push(next);
        }
        hold!(case.accepts(&target, &current).await?, "after a rotation the secret in use does not work");
        all_dead(case, &target, &dead).await?;
    }
    Ok(())
}

async fn all_dead(case: &Case<'_>, target: &cutover_core::Target, dead: &[ClientSecret]) -> Result<(), Stop> {
    for secret in dead {
        hold!(case.refuses(target, secret).await?, "a secret that was retired, or dropped, still works");
    }
    Ok(())
}

async fn old_7(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    let (kept, new) = case.issue_new(&target).await?;
    if case.rotator().profile().style() == cutover_core::Style::TwoPhase {
        broken("complete", case.complete(&target, &kept).await)?;
    }
    hold!(case.refuses(&target, &old).await?, "the old secret still works");
    case.wait(LONG).await;
    hold!(case.refuses(&target, &old).await?, "the old secret works again");
    hold!(case.accepts(&target, &new).await?, "the new secret died by itself");
    Ok(())
}

async fn old_8(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    let (_, new) = case.issue_new(&target).await?;
    for _ in 0..ROW {
        case.wait(LONG).await;
        hold!(case.accepts(&target, &old).await?, "the current secret died while a rotation was pending");
        hold!(case.accepts(&target, &new).await?, "the next secret died while it was pending");
    }
    Ok(())
}
