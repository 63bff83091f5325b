//! SEQ: sequences of calls that nobody thought of, held against a small model of the vendor.

use crate::generated::{Mix, Through, hunt, in_turn, script_of};
use crate::{Case, Need, Profiles, Rule, Stop};

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "SEQ-1",
        title: "Whatever order two-phase rotations are begun, completed and cancelled in, exactly the documented secrets work",
        rests_on: "Stytch: both secrets work from start to rotate or cancel; one after",
        profiles: Profiles::TwoPhase,
        needs: &[],
        check: |case| Box::pin(seq_1(case)),
    },
    Rule {
        id: "SEQ-2",
        title: "Within its window a key gives its secret again and changes nothing, whatever came in between; after it, a new one",
        rests_on: "Hopae: the original response is returned for 24 hours",
        profiles: Profiles::Replay,
        needs: &[],
        check: |case| Box::pin(seq_2(case)),
    },
    Rule {
        id: "SEQ-3",
        title: "Of all secrets that were ever issued, only the latest of each target works",
        rests_on: "Zitadel: an app has one secret, which generating overwrites",
        profiles: Profiles::Plain,
        needs: &[],
        check: |case| Box::pin(seq_3(case)),
    },
    Rule {
        id: "SEQ-4",
        title: "However requests are lost, cut, throttled or doubled, what is said of their effect is true",
        rests_on: "P1, P3: a missing answer is known to be missing, and one request has one effect",
        profiles: Profiles::Every,
        needs: &[Need::Faults],
        check: |case| Box::pin(seq_4(case)),
    },
    Rule {
        id: "SEQ-5",
        title: "A request in the wrong organisation changes nothing, whatever right ones come before and after",
        rests_on: "Zitadel: `x-zitadel-orgid` chooses the organisation of one request",
        profiles: Profiles::Every,
        needs: &[Need::Organisations],
        check: |case| Box::pin(seq_5(case)),
    },
    Rule {
        id: "SEQ-6",
        title: "Past the adapter, too, the vendor does what its documents say, and repeats an answer byte for byte",
        rests_on: "Every vendor's state machine; Hopae: the original response is returned",
        profiles: Profiles::Every,
        needs: &[Need::Wire],
        check: |case| Box::pin(seq_6(case)),
    },
];

/// What every sequence has in it.
const CALLS: Mix = Mix { issue: 6, complete: 4, cancel: 4, look: 4, present: 4, wait: 1, ..Mix::NONE };

async fn seq_1(case: &Case<'_>) -> Result<(), Stop> {
    adapter(case, include_str!("../../seeds/SEQ-1"), CALLS).await
}

async fn seq_2(case: &Case<'_>) -> Result<(), Stop> {
    let mix = Mix { issue: 4, repeat: 7, borrow: 1, wait: 5, look: 1, present: 3, complete: 1, ..Mix::NONE };
    adapter(case, include_str!("../../seeds/SEQ-2"), mix).await
}

async fn seq_3(case: &Case<'_>) -> Result<(), Stop> {
    let mix = Mix { issue: 6, repeat: 2, look: 4, present: 3, complete: 1, cancel: 1, wait: 1, ..Mix::NONE };
    adapter(case, include_str!("../../seeds/SEQ-3"), mix).await
}

async fn seq_4(case: &Case<'_>) -> Result<(), Stop> {
    let mix = Mix { issue: 2, repeat: 3, disturbed: 10, ..CALLS };
    adapter(case, include_str!("../../seeds/SEQ-4"), mix).await
}

async fn seq_5(case: &Case<'_>) -> Result<(), Stop> {
    let mix = Mix { elsewhere: 5, ..CALLS };
    adapter(case, include_str!("../../seeds/SEQ-5"), mix).await
}

async fn seq_6(case: &Case<'_>) -> Result<(), Stop> {
    let mix = Mix { repeat: 5, wait: 3, ..CALLS };
    sequences(case, Through::Wire, include_str!("../../seeds/SEQ-6"), mix).await
}

async fn adapter(case: &Case<'_>, found: &str, mix: Mix) -> Result<(), Stop> {
    sequences(case, Through::Adapter, found, mix).await
}

async fn sequences(case: &Case<'_>, through: Through, found: &str, mix: Mix) -> Result<(), Stop> {
    let mix = mix.fit(case.rotator().profile());
    hunt(case, found, case.cases(), script_of(mix), move |case, script| Box::pin(in_turn(case, through, script))).await
}
