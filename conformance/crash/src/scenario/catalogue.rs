//! Which scenarios are swept, and what is crossed with what.

use std::time::Duration;

use cutover_emulator::Emulator;

use super::{DestinationOp, HookTrouble, HowFailed, Scenario, Then, Trouble};
use crate::subject::{Class, ClientKind};
use crate::sweep::Kind;

/// Scenarios that are counted together.
#[derive(Clone, Debug)]
pub struct Group {
    /// A name.
    pub name: &'static str,
    /// What is crossed with what, in a sentence.
    pub about: &'static str,
    /// One crash, or two.
    pub kind: Kind,
    /// The scenarios.
    pub scenarios: Vec<Scenario>,
}

/// What goes wrong with the request for a secret.
const ON_ISSUE: &[&str] = &[
    "issue#1=lose_answer",
    "issue#1-2=lose_answer",
    "issue#1=lose_request",
    "issue#1=cut_body:0",
    "issue#1=cut_body:45",
    "issue#1=cut_body:200",
    "issue#1=cut_body:420",
    "issue#1=429",
    "issue#1-5=429:7",
    "issue#1=500_before_commit",
    "issue#1=500_after_commit",
    "issue#1=html",
    "issue#1=html:502",
    "issue#1=empty_body",
    "issue#1=deliver_late:1",
    "issue#1=deliver_late:3",
    "issue#1=duplicate_later:1",
    "issue#1=duplicate_later:2",
    "issue#1-5=refuse_connection",
    "issue#1=extra_fields",
    "issue#1=wrong_content_type",
    "issue#1=delay:20000",
];

/// What goes wrong with the other calls. Where a call is sent again by the pipeline itself, four in a row get through.
const ON_OTHERS: &[&str] = &[
    "verify#1=lose_answer",
    "verify#1-4=lose_answer",
    "verify#2-5=lose_request",
    "verify#3-6=refuse_connection",
    "verify#1-4=429",
    "verify#2=html",
    "inspect#1=lose_answer",
    "inspect#2-5=lose_answer",
    "inspect#3-6=refuse_connection",
    "inspect#2-5=500_before_commit",
];

/// What goes wrong with the calls that only a two-phase vendor has; a cancellation needs something to cancel.
const ON_TWO_PHASE: &[&[&str]] = &[
    &["complete#1=lose_answer"],
    &["complete#1=lose_request"],
    &["complete#1-2=lose_answer"],
    &["complete#1=500_before_commit"],
    &["complete#1=500_after_commit"],
    &["complete#1=html:502"],
    &["complete#1=deliver_late:1"],
    &["complete#1-5=refuse_connection"],
    &["complete#1-5=429"],
    &["issue#1=lose_answer", "cancel#1=lose_answer"],
    &["issue#1=lose_answer", "cancel#1=lose_request"],
    &["issue#1=lose_answer", "cancel#1-5=refuse_connection"],
    &["issue#1=lose_answer", "cancel#1=500_after_commit"],
    &["issue#1=lose_answer", "cancel#1=deliver_late:1"],
    &["issue#1=lose_answer", "inspect#2-5=lose_answer"],
];

/// Switches that decide how a rotation goes, and not how an answer is written: all values of each group are crossed.
const DECISIVE: &[(ClientKind, &[&[&str]])] = &[
    (ClientKind::M2m, STYTCH),
    (ClientKind::ConnectedApp, STYTCH),
    (
        ClientKind::App,
        &[
            &["hopae.fingerprint=body"],
            &["hopae.store_errors=yes"],
            &["hopae.replay_header=off"],
            &["hopae.in_progress=first_retry"],
            &["hopae.get_secret=masked", "hopae.get_secret=leak"],
        ],
    ),
    (ClientKind::Api, ZITADEL),
    (ClientKind::Oidc, ZITADEL),
    (ClientKind::MachineUser, ZITADEL),
];

const STYTCH: &[&[&str]] = &[
    &["stytch.start_while_pending=replace"],
    &["stytch.rotation_error_status=409"],
    &["stytch.error_prefix=idp_client"],
    &["stytch.invalid_client_status=401"],
];

const ZITADEL: &[&[&str]] = &[
    &["zitadel.projection_lag=700ms", "zitadel.projection_lag=5s"],
    &["zitadel.hash_rewrite=race"],
    &["zitadel.credentials_error_status=401"],
    &["zitadel.list_eventual=off"],
];

/// The faults that those are crossed with.
const DECISIVE_FAULTS: &[&str] =
    &["", "issue#1=lose_answer", "issue#1=lose_request", "issue#1=cut_body:20", "issue#1=deliver_late:1"];

/// Every group, in the order of the report.
pub fn groups() -> Vec<Group> {
    vec![
        Group {
            name: "faults",
            about: "kind × what goes wrong on the line (issue, complete, cancel, inspect, verify) × 1 and 2 destinations",
            kind: Kind::Single,
            scenarios: faults(),
        },
        Group {
            name: "switches",
            about: "kind × every value of every switch of its vendor × (no fault, lost answer) × 1 and 2 destinations",
            kind: Kind::Single,
            scenarios: switches(),
        },
        Group {
            name: "decisive switches",
            about: "kind × all combinations of the switches that decide how a rotation goes × 5 faults, 1 destination",
            kind: Kind::Single,
            scenarios: decisive(),
        },
        Group {
            name: "destinations",
            about: "kind × 2 destinations, one failing at each of its operations (once before, once after, twice in passing, until it is mended)",
            kind: Kind::Single,
            scenarios: destinations(),
        },
        Group {
            name: "stale and denied",
            about: "kind × 2 destinations, one reading once what was there before the latest write, or refusing every call from any one on until that is mended × resumed, rolled back",
            kind: Kind::Single,
            scenarios: stale_and_denied(),
        },
        Group {
            name: "hooks",
            about: "kind × hooks × what goes wrong with the vendor or a hook (once before, once after, twice in passing, until it is mended) or with a read × resumed, rolled back, the next at once, two workers",
            kind: Kind::Single,
            scenarios: hooks(),
        },
        Group {
            name: "pauses",
            about: "kind × nobody takes it up for 150 s or 25 h × (no fault, lost answer, cut answer), 2 destinations",
            kind: Kind::Single,
            scenarios: pauses(),
        },
        Group {
            name: "roll back",
            about: "kind × rolled back instead of resumed × (no fault, lost answer, lost completion), 2 destinations",
            kind: Kind::Single,
            scenarios: roll_backs(),
        },
        Group {
            name: "next at once",
            about: "kind × the next rotation begins as soon as this one is done × (no fault, lost answer), 1 destination",
            kind: Kind::Single,
            scenarios: every(1)
                .into_iter()
                .flat_map(|it| with_faults(&it, &["", "issue#1=lose_answer"]))
                .map(next)
                .collect(),
        },
        Group {
            name: "two workers",
            about: "kind × the first stands still at a point until another has taken over × 4 faults, 2 destinations",
            kind: Kind::Single,
            scenarios: stalls(),
        },
        Group {
            name: "pairs",
            about: "kind × (no fault, lost answer, lost request, cut answer; lost completion, rolled back, rolled back and then resumed) × every pair of points, 1 destination",
            kind: Kind::Pairs,
            scenarios: pairs(),
        },
        Group {
            name: "pairs with a hook",
            about: "kind × (resumed; rolled back, rolled back and then resumed) × every pair of points, 1 destination and 1 hook",
            kind: Kind::Pairs,
            scenarios: pairs_with_a_hook(),
        },
    ]
}

fn every(destinations: u8) -> Vec<Scenario> {
    ClientKind::ALL.into_iter().map(|kind| Scenario::new(kind, destinations)).collect()
}

fn with_faults(scenario: &Scenario, faults: &[&str]) -> Vec<Scenario> {
    let with = |fault: &&str| if fault.is_empty() { scenario.clone() } else { scenario.clone().upset(fault) };
    faults.iter().map(with).collect()
}

fn faults() -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for destinations in 1..=2 {
        for straight in every(destinations) {
            scenarios.push(straight.clone());
            scenarios.extend(with_faults(&straight, ON_ISSUE));
            scenarios.extend(with_faults(&straight, ON_OTHERS));
            if straight.kind.class() == Class::TwoPhase {
                let all = |faults: &&[&str]| faults.iter().fold(straight.clone(), |it, fault| it.upset(fault));
                scenarios.extend(ON_TWO_PHASE.iter().map(all));
            }
            if straight.kind.class() == Class::Plain {
                scenarios.push(Scenario { v2: true, ..straight.clone() });
                scenarios.push(Scenario { v2: true, ..straight.upset("issue#1=lose_answer") });
            }
        }
    }
    scenarios
}

fn switches() -> Vec<Scenario> {
    let all = Emulator::builder().build().switches();
    let mut scenarios = Vec::new();
    for destinations in 1..=2 {
        for straight in every(destinations) {
            let prefix = format!("{}.", straight.kind.vendor());
            for switch in all.iter().filter(|switch| switch.name.starts_with(&prefix)) {
                for value in values(switch.values) {
                    let switched = straight.clone().switched(format!("{}={value}", switch.name));
                    scenarios.extend(with_faults(&switched, &["", "issue#1=lose_answer"]));
                }
            }
        }
    }
    scenarios
}

/// Every value but the default; of a range some, up to its end.
fn values(values: &'static [&'static str]) -> Vec<&'static str> {
    let range = ["300ms", "2s", "60s"];
    if values == ["0s..60s"] { range.to_vec() } else { values[1..].to_vec() }
}

fn decisive() -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for (kind, switches) in DECISIVE {
        let mut combined = vec![Scenario::new(*kind, 1)];
        for values in *switches {
            let with_each = |it: &Scenario| values.iter().map(|value| it.clone().switched(*value)).collect::<Vec<_>>();
            let more: Vec<_> = combined.iter().flat_map(with_each).collect();
            combined.extend(more);
        }
        scenarios.extend(combined.iter().flat_map(|it| with_faults(it, DECISIVE_FAULTS)));
    }
    scenarios
}

fn destinations() -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for straight in every(2) {
        for (destination, operation) in [0, 1].into_iter().flat_map(|it| DestinationOp::ALL.map(|op| (it, op))) {
            let last = if operation == DestinationOp::Read { 6 } else { 1 };
            for nth in 1..=last {
                let hows = [HowFailed::Before, HowFailed::After, HowFailed::Lasts];
                // Asked again at once, it makes no difference which of them was busy.
                let passing = (nth == 1).then_some(HowFailed::Passing);
                for how in hows.into_iter().chain(passing) {
                    let trouble = Some(Trouble { destination, operation, nth, how });
                    // Nobody goes back in a straight rotation; a lost completion is where one is rolled back.
                    let then = if operation == DestinationOp::RollBack { Then::RollBack } else { Then::Resume };
                    scenarios.push(Scenario { trouble, then, ..straight.clone() });
                }
            }
        }
    }
    scenarios
}

/// How many calls a destination gets in a straight rotation.
const CALLS: u32 = 9;
/// And when it is rolled back after a crash.
const CALLS_BACK: u32 = 12;

fn stale_and_denied() -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for (straight, destination) in every(2).into_iter().flat_map(|it| [0, 1].map(|nth| (it.clone(), nth))) {
        let two_phase = straight.kind.class() == Class::TwoPhase;
        let mut add = |operation, nth, how, then| {
            let trouble = Some(Trouble { destination, operation, nth, how });
            scenarios.push(Scenario { trouble, then, ..straight.clone() });
        };
        (1..=6).for_each(|nth| add(DestinationOp::Read, nth, HowFailed::Stale, Then::Resume));
        (1..=CALLS).for_each(|nth| add(DestinationOp::Any, nth, HowFailed::Denied, Then::Resume));
        if two_phase {
            (3..=8).for_each(|nth| add(DestinationOp::Read, nth, HowFailed::Stale, Then::RollBack));
            (4..=CALLS_BACK).for_each(|nth| add(DestinationOp::Any, nth, HowFailed::Denied, Then::RollBack));
        }
    }
    scenarios
}

fn hooked(kind: ClientKind, destinations: u8, hooks: u8) -> Scenario {
    Scenario { hooks, ..Scenario::new(kind, destinations) }
}

fn hooks() -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for kind in ClientKind::ALL {
        let two_phase = kind.class() == Class::TwoPhase;
        let straight = hooked(kind, 2, 2);
        scenarios.extend(with_faults(&straight, &["", "issue#1=lose_answer", "issue#1=deliver_late:3"]));
        scenarios.push(next(hooked(kind, 1, 1)));
        scenarios.push(Scenario { stall: true, ..straight.clone() });
        scenarios.push(Scenario { pause: Duration::from_secs(25 * 60 * 60), ..straight.clone() });
        let back = Scenario { then: Then::RollBack, ..straight.clone() };
        scenarios.push(back.clone());
        if two_phase {
            scenarios.extend(with_faults(&straight, &["complete#1=lose_answer", "complete#1=lose_request"]));
            scenarios.extend(with_faults(&back, &["complete#1=lose_answer", "complete#1=deliver_late:1"]));
        }
        for (hook, how) in [0, 1].into_iter().flat_map(|hook| HOOKS_FAIL.map(|how| (hook, how))) {
            let hook_trouble = |nth| Some(HookTrouble { hook, nth, how });
            scenarios.push(Scenario { hook_trouble: hook_trouble(1), ..hooked(kind, 1, 2) });
            if two_phase {
                let back = Scenario { then: Then::RollBack, ..hooked(kind, 1, 2) };
                scenarios.extend([1, 2].map(|nth| Scenario { hook_trouble: hook_trouble(nth), ..back.clone() }));
            }
        }
        // The reads by which it is seen that readers have what a hook is about to tell.
        let reads = if two_phase { 3..=9 } else { 3..=5 };
        let thens = if two_phase { vec![Then::Resume, Then::RollBack] } else { vec![Then::Resume] };
        for (nth, then) in reads.flat_map(|nth| thens.iter().map(move |then| (nth, *then))) {
            let trouble = Trouble { destination: 0, operation: DestinationOp::Read, nth, how: HowFailed::Stale };
            // A hook that fails on the way back leads forward again.
            let fails = HookTrouble { hook: 0, nth: 2, how: HowFailed::Before };
            let hook_trouble = (then == Then::RollBack).then_some(fails);
            scenarios.push(Scenario { trouble: Some(trouble), hook_trouble, then, ..hooked(kind, 1, 1) });
        }
    }
    scenarios
}

const HOOKS_FAIL: [HowFailed; 4] = [HowFailed::Before, HowFailed::After, HowFailed::Passing, HowFailed::Lasts];

fn pairs_with_a_hook() -> Vec<Scenario> {
    let mut scenarios: Vec<_> = ClientKind::ALL.into_iter().map(|kind| hooked(kind, 1, 1)).collect();
    let straight = hooked(ClientKind::M2m, 1, 1);
    scenarios.extend([Then::RollBack, Then::ChangeMind].map(|then| Scenario { then, ..straight.clone() }));
    scenarios
}

fn pauses() -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for straight in every(2) {
        for pause in [150, 25 * 60 * 60].map(Duration::from_secs) {
            let paused = Scenario { pause, ..straight.clone() };
            scenarios.extend(with_faults(&paused, &["", "issue#1=lose_answer", "issue#1=cut_body:45"]));
        }
    }
    scenarios
}

fn roll_backs() -> Vec<Scenario> {
    let back = every(2).into_iter().map(|it| Scenario { then: Then::RollBack, ..it });
    back.flat_map(|it| {
        let mut faults = vec!["", "issue#1=lose_answer"];
        if it.kind.class() == Class::TwoPhase {
            faults.extend(["complete#1=lose_answer", "complete#1=lose_request", "complete#1=deliver_late:1"]);
        }
        with_faults(&it, &faults)
    })
    .collect()
}

fn next(scenario: Scenario) -> Scenario {
    Scenario { then: Then::Next, ..scenario }
}

fn stalls() -> Vec<Scenario> {
    let faults = ["", "issue#1=lose_answer", "issue#1=lose_request", "issue#1=cut_body:45"];
    let still = every(2).into_iter().map(|it| Scenario { stall: true, ..it });
    still.flat_map(|it| with_faults(&it, &faults)).collect()
}

fn pairs() -> Vec<Scenario> {
    let faults = ["", "issue#1=lose_answer", "issue#1=lose_request", "issue#1=cut_body:45"];
    let mut scenarios: Vec<_> = every(1).iter().flat_map(|it| with_faults(it, &faults)).collect();
    for kind in [ClientKind::M2m, ClientKind::ConnectedApp] {
        let straight = Scenario::new(kind, 1);
        scenarios.extend(with_faults(&straight, &["complete#1=lose_answer", "complete#1=lose_request"]));
        scenarios.extend([Then::RollBack, Then::ChangeMind].map(|then| Scenario { then, ..straight.clone() }));
    }
    scenarios
}
