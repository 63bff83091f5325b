//! CONC: calls at once. Their turns are drawn, and the same draw gives the same turns.

use crate::generated::{Mix, Shape, Through, at_once, at_once_of, hunt};
use crate::{Case, Need, Profiles, Rule, Stop};

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "CONC-11",
        title: "However many requests carry one key at once, there is one rotation and one secret",
        rests_on: "Hopae: a key whose request is running is answered with 409 or with that request's answer",
        profiles: Profiles::Replay,
        needs: &[],
        check: |case| Box::pin(conc_11(case)),
    },
    Rule {
        id: "CONC-12",
        title: "Of secrets that were issued at once, exactly one works afterwards, and it is one that was shown",
        rests_on: "Hopae, Zitadel: an app has one secret; the later of two requests wins",
        profiles: Profiles::Immediate,
        needs: &[],
        check: |case| Box::pin(conc_12(case)),
    },
    Rule {
        id: "CONC-13",
        title: "Of rotations that are begun at once, one is pending, and the old secret works",
        rests_on: "Stytch: one secret and one next secret; an error type for a client that is rotating already",
        profiles: Profiles::TwoPhase,
        needs: &[],
        check: |case| Box::pin(conc_13(case)),
    },
    Rule {
        id: "CONC-14",
        title: "Completing, cancelling and beginning at once come out as in some order of theirs",
        rests_on: "Stytch: each call moves a client from one documented state to another",
        profiles: Profiles::TwoPhase,
        needs: &[],
        check: |case| Box::pin(conc_14(case)),
    },
    Rule {
        id: "CONC-15",
        title: "Whatever is called at once comes out as in some order of the calls",
        rests_on: "Every vendor: each request has one documented effect",
        profiles: Profiles::Every,
        needs: &[],
        check: |case| Box::pin(conc_15(case)),
    },
    Rule {
        id: "CONC-16",
        title: "That one of the requests at once is lost, cut, throttled or doubled makes no difference to the others",
        rests_on: "P1, P3: what is said of the effect of a request is true of that request",
        profiles: Profiles::Every,
        needs: &[Need::Faults],
        check: |case| Box::pin(conc_16(case)),
    },
    Rule {
        id: "CONC-17",
        title: "Secrets that are issued for several targets at once each work at their own",
        rests_on: "Every vendor: a secret belongs to one client",
        profiles: Profiles::Every,
        needs: &[],
        check: |case| Box::pin(conc_17(case)),
    },
    Rule {
        id: "CONC-18",
        title: "Requests that carry one key at once when its window ends make one new secret at most",
        rests_on: "Hopae: after 24 hours a key is as good as new",
        profiles: Profiles::Replay,
        needs: &[Need::Clock],
        check: |case| Box::pin(conc_18(case)),
    },
    Rule {
        id: "CONC-19",
        title: "Past the adapter, too, requests at once come out as in some order of theirs",
        rests_on: "Every vendor: each request has one documented effect",
        profiles: Profiles::Every,
        needs: &[Need::Wire],
        check: |case| Box::pin(conc_19(case)),
    },
];

/// What may come before.
const BEFORE: Mix = Mix { issue: 3, complete: 2, cancel: 1, ..Mix::NONE };

/// Any call.
const CALLS: Mix = Mix { issue: 4, repeat: 2, complete: 3, cancel: 3, look: 1, present: 3, ..Mix::NONE };

async fn conc_11(case: &Case<'_>) -> Result<(), Stop> {
    let shape = Shape::same_key(2..=5);
    race(case, Through::Adapter, include_str!("../../seeds/CONC-11"), shape).await
}

async fn conc_12(case: &Case<'_>) -> Result<(), Stop> {
    let issue = Mix { issue: 1, ..Mix::NONE };
    let shape = Shape { before: (issue, 2), tasks: 2..=5, calls: (issue, 1), targets: 1, ..Shape::PLAIN };
    race(case, Through::Adapter, include_str!("../../seeds/CONC-12"), shape).await
}

async fn conc_13(case: &Case<'_>) -> Result<(), Stop> {
    let issue = Mix { issue: 1, ..Mix::NONE };
    let before = Mix { issue: 1, complete: 1, cancel: 1, ..Mix::NONE };
    let shape = Shape { before: (before, 4), tasks: 2..=5, calls: (issue, 1), targets: 1, ..Shape::PLAIN };
    race(case, Through::Adapter, include_str!("../../seeds/CONC-13"), shape).await
}

async fn conc_14(case: &Case<'_>) -> Result<(), Stop> {
    let mix = Mix { complete: 3, cancel: 3, issue: 2, present: 1, ..Mix::NONE };
    let shape = Shape { before: (BEFORE, 4), tasks: 2..=3, calls: (mix, 3), targets: 1, ..Shape::PLAIN };
    race(case, Through::Adapter, include_str!("../../seeds/CONC-14"), shape).await
}

async fn conc_15(case: &Case<'_>) -> Result<(), Stop> {
    let mix = Mix { issue: 6, present: 6, ..CALLS };
    let shape = Shape { before: (BEFORE, 3), tasks: 2..=3, calls: (mix, 3), targets: 2, ..Shape::PLAIN };
    race(case, Through::Adapter, include_str!("../../seeds/CONC-15"), shape).await
}

async fn conc_16(case: &Case<'_>) -> Result<(), Stop> {
    let mix = Mix { issue: 6, ..CALLS };
    let shape =
        Shape { before: (BEFORE, 2), disturbs: true, tasks: 2..=3, calls: (mix, 2), targets: 2, ..Shape::PLAIN };
    race(case, Through::Adapter, include_str!("../../seeds/CONC-16"), shape).await
}

async fn conc_17(case: &Case<'_>) -> Result<(), Stop> {
    race(case, Through::Adapter, include_str!("../../seeds/CONC-17"), Shape::own_target(3)).await
}

async fn conc_18(case: &Case<'_>) -> Result<(), Stop> {
    let shape = Shape::at_the_edge(2..=4);
    race(case, Through::Adapter, include_str!("../../seeds/CONC-18"), shape).await
}

async fn conc_19(case: &Case<'_>) -> Result<(), Stop> {
    let mix = Mix { issue: 8, repeat: 3, complete: 2, cancel: 2, ..Mix::NONE };
    let shape = Shape { before: (BEFORE, 3), tasks: 2..=3, calls: (mix, 3), targets: 2, ..Shape::PLAIN };
    race(case, Through::Wire, include_str!("../../seeds/CONC-19"), shape).await
}

async fn race(case: &Case<'_>, through: Through, found: &str, shape: Shape) -> Result<(), Stop> {
    let shape = shape.fit(case.rotator().profile());
    // There are more of these rules than of those of sequences, and each of their cases takes longer.
    let cases = case.cases().div_ceil(2);
    hunt(case, found, cases, at_once_of(shape), move |case, script| Box::pin(at_once(case, through, script))).await
}
