//! CRASH: a rotation from end to end, whatever fails and whenever its process dies.

use std::time::Duration;

use cutover_core::{Effect, Pending, Recovery, Verdict, Witness};

use crate::engine::{Said, Told};
use crate::outcome::hold;
use crate::workplace::{Call, Of, Process, Seen, Workplace, deaths};
use crate::{Case, Disturbance, Need, Profiles, Rule, Stop};

/// What can become of a request for a secret.
const FATES: [Disturbance; 8] = [
    Disturbance::LoseRequest,
    Disturbance::LoseAnswer,
    Disturbance::CutAnswer,
    Disturbance::FailBefore,
    Disturbance::FailAfter,
    Disturbance::TooMany,
    Disturbance::WebPage,
    Disturbance::ExtraFields,
];

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "CRASH-1",
        title: "A rotation ends with one new secret at every reader, and the old one refused",
        rests_on: "P5: a working secret in every destination",
        profiles: Profiles::Every,
        needs: &[Need::Engine],
        check: |case| Box::pin(crash_1(case)),
    },
    Rule {
        id: "CRASH-2",
        title: "Whatever becomes of a request to the vendor, every reader has a working secret in the end",
        rests_on: "P5: from any lost request, lost answer, 429 or 5xx",
        profiles: Profiles::Every,
        needs: &[Need::Engine, Need::Clock, Need::Faults],
        check: |case| Box::pin(crash_2(case)),
    },
    Rule {
        id: "CRASH-3",
        title: "Wherever a rotation dies, resuming ends with a working secret at every reader",
        rests_on: "P1 and P5: no secret is lost at any crash point, and from each one it converges",
        profiles: Profiles::Every,
        needs: &[Need::Engine, Need::Clock],
        check: |case| Box::pin(crash_3(case)),
    },
    Rule {
        id: "CRASH-4",
        title: "A destination that fails at any step cuts nobody off, and resuming delivers",
        rests_on: "P4: the old secret is retired only after every destination has been read back",
        profiles: Profiles::Every,
        needs: &[Need::Engine, Need::Clock],
        check: |case| Box::pin(crash_4(case)),
    },
    Rule {
        id: "CRASH-5",
        title: "The old secret is retired only when every reader has a new one that was seen to work",
        rests_on: "P4: never cut early",
        profiles: Profiles::TwoPhase,
        needs: &[Need::Engine, Need::Clock],
        check: |case| Box::pin(crash_5(case)),
    },
    Rule {
        id: "CRASH-6",
        title: "An answer is durable before anybody reads it, and nothing is done in between",
        rests_on: "P1: the raw reply is sealed and durable before it is even parsed",
        profiles: Profiles::Every,
        needs: &[Need::Engine],
        check: |case| Box::pin(crash_6(case)),
    },
    Rule {
        id: "CRASH-7",
        title: "The intent is durable before the vendor hears of it",
        rests_on: "P1: id and key of an attempt are durable before the first call to the vendor",
        profiles: Profiles::Every,
        needs: &[Need::Engine, Need::Clock, Need::Faults],
        check: |case| Box::pin(crash_7(case)),
    },
    Rule {
        id: "CRASH-8",
        title: "A request whose effect is open is never sent again blind",
        rests_on: "P3: never twice by accident",
        profiles: Profiles::Every,
        needs: &[Need::Engine, Need::Clock, Need::Faults],
        check: |case| Box::pin(crash_8(case)),
    },
    Rule {
        id: "CRASH-9",
        title: "A rotation that could not be delivered does not begin",
        rests_on: "P4 and P5: what cannot be delivered is not begun",
        profiles: Profiles::Every,
        needs: &[Need::Engine],
        check: |case| Box::pin(crash_9(case)),
    },
    Rule {
        id: "CRASH-10",
        title: "Nothing that an engine records, says or logs shows a secret",
        rests_on: "P2: never leaked",
        profiles: Profiles::Every,
        needs: &[Need::Engine, Need::Clock, Need::Faults],
        check: |case| Box::pin(crash_10(case)),
    },
    Rule {
        id: "CRASH-11",
        title: "Until the old secret is retired there is a way back to it, and afterwards none is claimed",
        rests_on: "P7: reversible while it can be",
        profiles: Profiles::Every,
        needs: &[Need::Engine, Need::Clock],
        check: |case| Box::pin(crash_11(case)),
    },
    Rule {
        id: "CRASH-12",
        title: "Readers get no secret that was not seen to work",
        rests_on: "P4: the new secret has been seen to authenticate",
        profiles: Profiles::Every,
        needs: &[Need::Engine],
        check: |case| Box::pin(crash_12(case)),
    },
];

async fn crash_1(case: &Case<'_>) -> Result<(), Stop> {
    let place = Workplace::new(case).await?;
    place.straight().await?;
    let new = place.shared_secret().await?;
    hold!(new != place.old, "the readers have the old secret still");
    hold!(case.accepts(&place.target, &new).await?, "the readers have a new secret, and it does not work");
    hold!(case.refuses(&place.target, &place.old).await?, "the old secret still works");
    hold!(!place.is_open().await?, "the journal says that the rotation has not ended");
    place.nothing_is_left().await
}

async fn crash_2(case: &Case<'_>) -> Result<(), Stop> {
    let mut place = Workplace::new(case).await?;
    for fate in FATES {
        if !case.subject().disturb(fate) {
            continue;
        }
        case.step(format_args!("the next issue {fate}"));
        place = ends_well(place, &format!("a request for a secret that {fate}"), |_| {}).await?;
    }
    for call in ["issue", "inspect", "verify", "complete"] {
        case.step(format_args!("the answer to the next {call} is lost"));
        place = ends_well(place, &format!("a lost answer to {call}"), |process| process.watch.lose(call)).await?;
    }
    Ok(())
}

/// Rotates in a process with some trouble, resumes as often as it takes, and looks at the readers.
async fn ends_well<'a>(
    place: Workplace<'a>,
    after: &str,
    trouble: impl FnOnce(&Process),
) -> Result<Workplace<'a>, Stop> {
    let process = place.process();
    trouble(&process);
    let told = place.rotate(&process).await;
    let last = place.settle().await.map_err(|stop| stop.after(after))?.unwrap_or_else(|| told.clone());
    place.readers_are_well().await.map_err(|stop| stop.after(after))?;
    let current = place.shared_secret().await?;
    if last.said == Said::Rotated {
        hold!(current != place.old, "after {after}, it is said to be rotated, and the readers have the old secret");
    }
    if told.said == Said::NothingChanged {
        hold!(
            current == place.old,
            "after {after}, nothing is said to have changed, and the readers have another secret"
        );
    }
    place.again().await
}

async fn crash_3(case: &Case<'_>) -> Result<(), Stop> {
    let mut place = Workplace::new(case).await?;
    let calls = place.straight().await?;
    place = place.again().await?;
    for at in deaths(&calls) {
        if let Some(after) = place.dies_at(at).await? {
            place.settle().await.map_err(|stop| stop.after(&after))?;
            place.readers_are_well().await.map_err(|stop| stop.after(&after))?;
            place.nothing_is_left().await.map_err(|stop| stop.after(&after))?;
        }
        place = place.again().await?;
    }
    // What the last one has left must not be in the way of another.
    place.straight().await.map(drop)
}

async fn crash_4(case: &Case<'_>) -> Result<(), Stop> {
    let mut place = Workplace::new(case).await?;
    let calls = place.straight().await?;
    place = place.again().await?;
    for (at, done, after) in failures(&calls) {
        let process = place.process();
        process.watch.fail_destination(at, done);
        case.step(&after);
        let told = place.rotate(&process).await;
        if place.is_two_phase() {
            place.every_reader_works().await.map_err(|stop| stop.after(&after))?;
        }
        if told.said == Said::Rotated {
            place.readers_are_well().await.map_err(|stop| stop.after(&after))?;
        }
        place.settle().await.map_err(|stop| stop.after(&after))?;
        place.readers_are_well().await.map_err(|stop| stop.after(&after))?;
        place = place.again().await?;
    }
    Ok(())
}

/// The calls of destinations, each failing before it is done, and after where that differs: its number among them,
/// whether it is done, and what is to be said of it.
fn failures(calls: &[Call]) -> impl Iterator<Item = (usize, bool, String)> {
    let theirs = calls.iter().filter(|call| matches!(call.of, Of::Destination(_))).enumerate();
    theirs.flat_map(|(at, call)| {
        let before = Some((at, false, format!("a failure of {call}")));
        let after = call.changes().then(|| (at, true, format!("a lost answer to {call}")));
        before.into_iter().chain(after)
    })
}

async fn crash_5(case: &Case<'_>) -> Result<(), Stop> {
    let mut place = Workplace::new(case).await?;
    let calls = place.straight().await?;
    never_cut_early(&place.seen())?;
    place = place.again().await?;
    for (at, done, after) in failures(&calls) {
        case.step(&after);
        let process = place.process();
        process.watch.fail_destination(at, done);
        let _ = place.rotate(&process).await;
        place.settle().await?;
        never_cut_early(&place.seen()).map_err(|stop| stop.after(&after))?;
        place = place.again().await?;
    }
    Ok(())
}

/// Broken where the old secret was to be retired and a reader had it still, or one that was not seen to work.
fn never_cut_early(seen: &[Seen]) -> Result<(), Stop> {
    for (at, entry) in seen.iter().enumerate() {
        let Seen::Completing { readers } = entry else { continue };
        for reader in readers {
            hold!(*reader != Some(0), "the old secret was to be retired while a reader had it still");
            let works = |seen: &Seen| matches!(seen, Seen::Verified { secret, verdict: Verdict::Accepted } if Some(*secret) == *reader);
            hold!(seen[..at].iter().any(works), "the old secret was to be retired before the new one was seen to work");
        }
    }
    Ok(())
}

async fn crash_6(case: &Case<'_>) -> Result<(), Stop> {
    let place = Workplace::new(case).await?;
    place.straight().await?;
    let seen = place.seen();
    for pair in seen.windows(2) {
        let [Seen::Answered(None), next] = pair else { continue };
        let kept = matches!(next, Seen::Began(call) if call.of == Of::Journal && call.operation == "keep");
        hold!(kept, "after the vendor's answer, something else is done before it is kept");
    }
    for entry in &seen {
        hold!(*entry != Seen::Read { kept: false }, "an answer was read that the journal does not hold");
    }
    let durable = seen.iter().any(|entry| matches!(entry, Seen::Recorded { event: "reply_kept", durably: true }));
    hold!(durable, "the answer was never kept");
    Ok(())
}

async fn crash_7(case: &Case<'_>) -> Result<(), Stop> {
    let place = Workplace::new(case).await?;
    case.disturb(Disturbance::LoseAnswer)?;
    let _ = place.rotate(&place.process()).await;
    place.settle().await?;
    let mut intended = false;
    for entry in place.seen() {
        match entry {
            Seen::Recorded { event: "issue_started", durably } => intended = durably,
            Seen::Asked { .. } => {
                hold!(intended, "the vendor was asked for a secret before the intent to do so was durable");
                intended = false;
            }
            _ => {}
        }
    }
    Ok(())
}

async fn crash_8(case: &Case<'_>) -> Result<(), Stop> {
    for (fate, arrived) in
        [("never arrives", false), ("is done and not answered", true), ("is lost by the adapter", true)]
    {
        let place = Workplace::new(case).await?;
        let process = place.process();
        match fate {
            "never arrives" => case.disturb(Disturbance::LoseRequest)?,
            "is done and not answered" => case.disturb(Disturbance::LoseAnswer)?,
            // Past what the adapter repeats by itself.
            _ => process.watch.lose("issue"),
        }
        let _ = place.rotate(&process).await;
        place.settle().await?;
        never_blind(case, &place.seen(), fate, arrived)?;
    }
    Ok(())
}

/// Broken where a request without an answer was followed by another one that was sent blind.
fn never_blind(case: &Case<'_>, seen: &[Seen], fate: &str, arrived: bool) -> Result<(), Stop> {
    let profile = case.rotator().profile();
    let mut open = None;
    let (mut asked, mut looked) = (None, false);
    for entry in seen {
        match entry {
            Seen::Answered(Some(Effect::Unknown)) => (open, looked) = (asked.clone(), false),
            Seen::Answered(_) => open = None,
            Seen::Began(call) if call.of == Of::Adapter && call.operation == "inspect" => looked = true,
            Seen::Asked { key, at } => {
                if let Some((lost, sent)) = &open {
                    let apart = Duration::try_from(at.duration_since(*sent)).unwrap_or_default();
                    match profile.recovery() {
                        Recovery::Replay { window, .. } => hold!(
                            key == lost || window <= apart,
                            "after a request that {fate}, another was sent under a new key"
                        ),
                        Recovery::Supersede { .. } => {
                            let arrived = arrived && profile.has(Witness::ChangeMarker);
                            hold!(
                                looked && arrived || profile.straggler() <= apart,
                                "after a request that {fate}, another was sent {apart:?} later, while it could arrive"
                            );
                        }
                        _ => hold!(looked, "after a request that {fate}, another was sent without a look"),
                    }
                }
                asked = Some((key.clone(), *at));
            }
            _ => {}
        }
    }
    Ok(())
}

async fn crash_9(case: &Case<'_>) -> Result<(), Stop> {
    for (of, operation, what) in [
        (Of::Destination(0), "preflight", "a destination that cannot be written to"),
        (Of::Destination(1), "preflight", "another destination that cannot be written to"),
        (Of::Journal, "preflight", "a journal that cannot be written to"),
        (Of::Adapter, "inspect", "a vendor that cannot be looked at"),
    ] {
        Workplace::new(case).await?.does_not_begin(of, operation, what).await?;
    }
    Ok(())
}

async fn crash_10(case: &Case<'_>) -> Result<(), Stop> {
    let place = Workplace::new(case).await?;
    let heard = place.listener.clone();
    let mut said = heard.hear(troubled(case, &place)).await?;
    place.remember();
    for entry in place.recorded().await? {
        said.push(format!("{entry:?}"));
        said.push(serde_json::to_string(&entry.event).unwrap_or_default());
    }
    for words in said {
        hold!(!case.shows_secret(words.as_bytes()), "what it records or says shows a secret");
    }
    hold!(!case.shows_secret(&heard.heard()), "what it logs shows a secret");
    Ok(())
}

/// A rotation with a cut answer, a destination that fails twice, and a death; and all that was said of it.
async fn troubled(case: &Case<'_>, place: &Workplace<'_>) -> Result<Vec<String>, Stop> {
    let mut said = Vec::new();
    case.disturb(Disturbance::CutAnswer)?;
    let first = place.process();
    first.watch.refuse(Of::Destination(1), "stage");
    said.push(place.rotate(&first).await.words);
    said.push(format!("{:?}", first.work));
    place.wait().await;
    let second = place.process();
    second.watch.refuse(Of::Destination(0), "promote");
    said.push(place.resume(&second).await.words);
    place.wait().await;
    let third = place.process();
    third.watch.lose("verify");
    said.push(place.resume(&third).await.words);
    said.extend(place.settle().await?.map(|told| told.words));
    Ok(said)
}

async fn crash_11(case: &Case<'_>) -> Result<(), Stop> {
    let mut place = Workplace::new(case).await?;
    let calls = place.straight().await?;
    place = place.again().await?;
    for at in deaths(&calls) {
        let died = place.dies_at(at).await?;
        if let Some(after) = died
            && place.is_open().await?
        {
            place.wait().await;
            let told = place.roll_back(&place.process()).await;
            went_back(case, &place, &told).await.map_err(|stop| stop.after(&after))?;
        }
        place = place.again().await?;
    }
    Ok(())
}

async fn went_back(case: &Case<'_>, place: &Workplace<'_>, told: &Told) -> Result<(), Stop> {
    let retired = place.seen().iter().any(|entry| matches!(entry, Seen::Completing { .. }));
    if told.said == Said::RolledBack {
        let current = place.shared_secret().await?;
        hold!(current == place.old, "it is said to be rolled back, and the readers have another secret");
        hold!(case.accepts(&place.target, &current).await?, "it is said to be rolled back, and the old secret is dead");
        place.nothing_is_left().await?;
        if place.is_two_phase() {
            let pending = case.inspect(&place.target).await?.pending;
            hold!(
                !matches!(pending, Pending::Yes(_)),
                "it is said to be rolled back, and the rotation is pending still"
            );
        }
    } else {
        let in_vain = place.is_two_phase() && !retired && told.said == Said::Failed;
        hold!(!in_vain, "the old secret is not retired, and there is said to be no way back: {}", told.words);
    }
    place.settle().await?;
    place.readers_are_well().await
}

async fn crash_12(case: &Case<'_>) -> Result<(), Stop> {
    let place = Workplace::new(case).await?;
    place.straight().await?;
    let seen = place.seen();
    for (at, entry) in seen.iter().enumerate() {
        let Seen::Promoted { destination, secret } = entry else { continue };
        let works = |seen: &Seen| matches!(seen, Seen::Verified { secret: seen, verdict: Verdict::Accepted } if Some(*seen) == *secret);
        hold!(
            seen[..at].iter().any(works),
            "the readers of destination {} got a secret that the vendor was not seen to accept",
            destination + 1
        );
    }
    Ok(())
}
