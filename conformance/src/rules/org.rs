//! ORG: the scope in which a vendor knows a target.

use cutover_core::Effect;

use crate::outcome::hold;
use crate::{Case, Need, Profiles, Rule, Stop};

pub(crate) const RULES: &[Rule] = &[Rule {
    id: "ORG-1",
    title: "In the wrong organisation a rotation is refused and changes nothing",
    rests_on: "Zitadel: `x-zitadel-orgid` chooses the organisation",
    profiles: Profiles::Every,
    needs: &[Need::Organisations],
    check: |case| Box::pin(org_1(case)),
}];

async fn org_1(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    let lost = case.elsewhere(&target)?;
    let issued = case.rotator().issue(&lost, &case.attempt(&target)).await.map(|_| ());
    let inspected = case.rotator().inspect(&lost).await.map(|_| ());
    for (what, result) in [("issuing", issued), ("inspecting", inspected)] {
        let Err(refused) = result else {
            return Err(Stop::Broken(format!("{what} in the wrong organisation succeeded")));
        };
        hold!(refused.effect() == Effect::NotApplied, "{what} leaves its effect open: {refused}");
        hold!(refused.code().is_some(), "{what} was refused without the vendor's code: {refused}");
    }
    hold!(case.accepts(&target, &old).await?, "the secret was ended all the same");
    Ok(())
}
