//! ORG: the scope in which a vendor knows a target.

use cutover_core::Effect;

use crate::rule::{got, hold};
use crate::rules::NO_TARGET;
use crate::{Outcome, Rule, Subject};

pub(crate) const RULES: &[Rule] = &[Rule {
    id: "ORG-1",
    title: "In the wrong organisation a rotation is refused and changes nothing",
    rests_on: "Zitadel: `x-zitadel-orgid` chooses the organisation",
    check: |subject| Box::pin(org_1(subject)),
}];

async fn org_1(subject: &dyn Subject) -> Outcome {
    let Some((target, old)) = subject.fresh_target().await else { return Outcome::Broken(NO_TARGET.to_owned()) };
    if target.scope("org_id").is_none() {
        return Outcome::NotApplicable("the vendor has no organisations to choose from");
    }
    let lost = target.clone().with_scope("org_id", "999999999999999999");
    let issued = subject.rotator().issue(&lost, &subject.attempt(&target)).await.map(|_| ());
    let inspected = subject.rotator().inspect(&lost).await.map(|_| ());
    for (what, result) in [("issuing", issued), ("inspecting", inspected)] {
        let Err(refused) = result else {
            return Outcome::Broken(format!("{what} in the wrong organisation succeeded"));
        };
        hold!(refused.effect() == Effect::NotApplied, "{what} leaves its effect open: {refused}");
        hold!(refused.code().is_some(), "{what} was refused without the vendor's code: {refused}");
    }
    hold!(got!(subject.accepts(&target, &old).await, "verify"), "the secret was ended all the same");
    Outcome::Held
}
