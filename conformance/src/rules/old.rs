//! OLD: what becomes of the old secret, and when.

use cutover_core::Style;

use crate::case::broken;
use crate::outcome::hold;
use crate::{Case, Profiles, Rule, Stop};

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "OLD-1",
        title: "In a two-phase rotation the old secret works until it is completed",
        rests_on: "Stytch: after start both secrets are valid",
        profiles: Profiles::TwoPhase,
        needs: &[],
        check: |case| Box::pin(old_1(case)),
    },
    Rule {
        id: "OLD-2",
        title: "Completing retires the old secret and keeps the new one",
        rests_on: "Stytch: the rotate call replaces the secret by the next one",
        profiles: Profiles::TwoPhase,
        needs: &[],
        check: |case| Box::pin(old_2(case)),
    },
    Rule {
        id: "OLD-3",
        title: "In an immediate rotation issuing retires the old secret",
        rests_on: "Hopae: the old secret is invalidated at once; Zitadel: an app has one secret",
        profiles: Profiles::Immediate,
        needs: &[],
        check: |case| Box::pin(old_3(case)),
    },
    Rule {
        id: "OLD-4",
        title: "Rotating one target leaves every other alone",
        rests_on: "Every vendor: a secret belongs to one client",
        profiles: Profiles::Every,
        needs: &[],
        check: |case| Box::pin(old_4(case)),
    },
];

async fn old_1(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    let (_, new) = case.issue_new(&target).await?;
    hold!(case.accepts(&target, &old).await?, "issuing ended the old secret");
    hold!(case.accepts(&target, &new).await?, "the new secret does not work beside the old one");
    Ok(())
}

async fn old_2(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    let (kept, new) = case.issue_new(&target).await?;
    broken("complete", case.complete(&target, &kept).await)?;
    hold!(case.refuses(&target, &old).await?, "the old secret still works");
    hold!(case.accepts(&target, &new).await?, "the new secret does not work");
    Ok(())
}

async fn old_3(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    hold!(case.accepts(&target, &old).await?, "the secret in use is not accepted to begin with");
    let (_, new) = case.issue_new(&target).await?;
    hold!(case.refuses(&target, &old).await?, "the old secret still works");
    hold!(case.accepts(&target, &new).await?, "the new secret does not work");
    Ok(())
}

async fn old_4(case: &Case<'_>) -> Result<(), Stop> {
    let (target, _) = case.fresh_target().await?;
    let (other, secret) = case.fresh_target().await?;
    hold!(case.accepts(&other, &secret).await?, "another target's secret is not accepted to begin with");
    let (kept, new) = case.issue_new(&target).await?;
    if case.rotator().profile().style() == Style::TwoPhase {
        broken("complete", case.complete(&target, &kept).await)?;
    }
    hold!(case.accepts(&other, &secret).await?, "another target's secret was ended");
    hold!(case.refuses(&other, &new).await?, "another target takes the new secret");
    Ok(())
}
