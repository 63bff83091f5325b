//! IDEM: the same request under the same key gives the same answer.

use std::time::Duration;

use cutover_core::Recovery;

use crate::outcome::hold;
use crate::{Case, Disturbance, Need, Profiles, Rule, Stop};

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "IDEM-1",
        title: "The same attempt twice gives one secret, and it works",
        rests_on: "Hopae: the original response is returned, with the same secret",
        profiles: Profiles::Replay,
        needs: &[],
        check: |case| Box::pin(idem_1(case)),
    },
    Rule {
        id: "IDEM-2",
        title: "A lost answer comes back under its key",
        rests_on: "Hopae: a retry under the same key does not rotate again",
        profiles: Profiles::Replay,
        needs: &[Need::Faults],
        check: |case| Box::pin(idem_2(case)),
    },
    Rule {
        id: "IDEM-3",
        title: "A replay after a later rotation changes nothing",
        rests_on: "Hopae: a replay returns the original response",
        profiles: Profiles::Replay,
        needs: &[],
        check: |case| Box::pin(idem_3(case)),
    },
    Rule {
        id: "IDEM-4",
        title: "Just before the window ends the key still gives the same secret",
        rests_on: "Hopae: a key is valid for 24 hours",
        profiles: Profiles::Replay,
        needs: &[Need::Clock],
        check: |case| Box::pin(idem_4(case)),
    },
    Rule {
        id: "IDEM-5",
        title: "One key never carries the secret of one target to another",
        rests_on: "Hopae: keys are scoped to the workspace, not to the app",
        profiles: Profiles::Replay,
        needs: &[],
        check: |case| Box::pin(idem_5(case)),
    },
];

async fn idem_1(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    let attempt = case.attempt(&target);
    let (_, first) = case.issue(&target, &attempt).await?;
    let (_, again) = case.issue(&target, &attempt).await?;
    hold!(first == again, "the same key gave two secrets");
    hold!(case.accepts(&target, &again).await?, "the replayed secret does not work");
    hold!(case.refuses(&target, &old).await?, "the old secret still works");
    Ok(())
}

async fn idem_2(case: &Case<'_>) -> Result<(), Stop> {
    let (target, _) = case.fresh_target().await?;
    case.disturb(Disturbance::LoseAnswer)?;
    let attempt = case.attempt(&target);
    // The adapter may repeat the keyed request by itself; what counts is that it ends with one working secret.
    let secret = match case.try_issue(&target, &attempt).await {
        Ok((_, secret)) => secret,
        Err(_) => case.issue(&target, &attempt).await?.1,
    };
    hold!(case.accepts(&target, &secret).await?, "the secret that came back does not work");
    let (_, again) = case.issue(&target, &attempt).await?;
    hold!(again == secret, "the key gave another secret later");
    Ok(())
}

async fn idem_3(case: &Case<'_>) -> Result<(), Stop> {
    let (target, _) = case.fresh_target().await?;
    let attempt = case.attempt(&target);
    let (_, first) = case.issue(&target, &attempt).await?;
    let (_, second) = case.issue_new(&target).await?;
    let (_, replayed) = case.issue(&target, &attempt).await?;
    hold!(replayed == first, "the replay gave another secret");
    hold!(case.accepts(&target, &second).await?, "the replay ended the later secret");
    hold!(case.refuses(&target, &replayed).await?, "the replay revived a dead secret");
    Ok(())
}

async fn idem_4(case: &Case<'_>) -> Result<(), Stop> {
    let Recovery::Replay { window, margin } = case.rotator().profile().recovery() else {
        return Err(Stop::NotSetUp("the profile names no window".to_owned()));
    };
    let (target, _) = case.fresh_target().await?;
    let attempt = case.attempt(&target);
    let (_, first) = case.issue(&target, &attempt).await?;
    case.wait(window.saturating_sub(margin).saturating_sub(Duration::from_secs(1))).await;
    let (_, again) = case.issue(&target, &attempt).await?;
    hold!(first == again, "within the window that the profile states the key gave another secret");
    Ok(())
}

async fn idem_5(case: &Case<'_>) -> Result<(), Stop> {
    let (target, _) = case.fresh_target().await?;
    let (other, others) = case.fresh_target().await?;
    let attempt = case.attempt(&target);
    let (_, first) = case.issue(&target, &attempt).await?;
    // A refusal is as good as an independent rotation; handing over the other target's secret is not.
    if let Ok((_, crossed)) = case.try_issue(&other, &attempt).await {
        hold!(crossed != first, "one key gave the same secret for two targets");
    } else {
        hold!(case.accepts(&other, &others).await?, "a refused request ended a secret");
    }
    Ok(())
}
