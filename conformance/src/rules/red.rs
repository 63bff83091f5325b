//! RED: nothing secret in what an adapter shows.

use crate::rule::{got, hold};
use crate::rules::NO_TARGET;
use crate::{Outcome, Rule, Subject};

pub(crate) const RULES: &[Rule] = &[Rule {
    id: "RED-1",
    title: "No debug output and no error shows any part of a secret",
    rests_on: "P2: no secret in an error or in `Debug`",
    check: |subject| Box::pin(red_1(subject)),
}];

async fn red_1(subject: &dyn Subject) -> Outcome {
    let Some((target, old)) = subject.fresh_target().await else { return Outcome::Broken(NO_TARGET.to_owned()) };
    let missing = subject.missing_target();
    let (kept, new) = got!(subject.issue(&target, &subject.attempt(&target)).await, "issue");
    hold!(subject.shows_secret(new.expose()), "the subject does not recognise its own secrets");
    let issued = got!(subject.rotator().read(&target, &kept), "read");
    let inspected = subject.rotator().inspect(&missing).await;
    let refused = subject.rotator().issue(&missing, &subject.attempt(&missing)).await;
    let foreign = subject.rotator().read(&missing, &kept);
    for (what, shown) in [
        ("the adapter", format!("{:?}", subject.rotator())),
        ("the target", format!("{target:?}")),
        ("the secret", format!("{old:?} {new:?}")),
        ("the kept answer", format!("{kept:?}")),
        ("what was read", format!("{issued:?} {foreign:?}")),
        ("an error", format!("{inspected:?} {refused:?}")),
    ] {
        hold!(!subject.shows_secret(&shown), "debug output of {what} shows a secret");
    }
    Outcome::Held
}
