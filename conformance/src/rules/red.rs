//! RED: nothing secret in what an adapter shows.

use crate::case::broken;
use crate::rule::hold;
use crate::{Case, Profiles, Rule, Stop};

pub(crate) const RULES: &[Rule] = &[Rule {
    id: "RED-1",
    title: "No debug output and no error shows any part of a secret",
    rests_on: "P2: no secret in an error or in `Debug`",
    profiles: Profiles::Every,
    needs: &[],
    check: |case| Box::pin(red_1(case)),
}];

async fn red_1(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    let missing = case.missing_target()?;
    let (kept, new) = case.issue_new(&target).await?;
    let issued = broken("read", case.rotator().read(&target, &kept))?;
    let inspected = case.rotator().inspect(&missing).await;
    let refused = case.rotator().issue(&missing, &case.attempt(&missing)).await;
    let foreign = case.rotator().read(&missing, &kept);
    for (what, shown) in [
        ("the adapter", format!("{:?}", case.rotator())),
        ("the target", format!("{target:?}")),
        ("the secret", format!("{old:?} {new:?}")),
        ("the kept answer", format!("{kept:?}")),
        ("what was read", format!("{issued:?} {foreign:?}")),
        ("an error", format!("{inspected:?} {refused:?}")),
    ] {
        hold!(!case.shows_secret(shown.as_bytes()), "debug output of {what} shows a secret");
    }
    Ok(())
}
