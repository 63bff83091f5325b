//! HOOK: what is done once readers have another secret, and when.

use cutover_engine::{Change, News};

use crate::engine::{Said, Told};
use crate::outcome::hold;
use crate::workplace::{HOOKS, Of, Seen, Workplace, deaths};
use crate::{Case, Need, Profiles, Rule, Stop};

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "HOOK-1",
        title: "A hook runs once every reader has what it is told of, and not before",
        rests_on: "`Hook`: it happens once every destination gives its readers another secret",
        profiles: Profiles::Every,
        needs: &[Need::Engine, Need::Clock],
        check: |case| Box::pin(hook_1(case)),
    },
    Rule {
        id: "HOOK-2",
        title: "Where nothing is in the way, each hook runs once, in the order of the job",
        rests_on: "`Job::then`: a hook runs after those before it",
        profiles: Profiles::Every,
        needs: &[Need::Engine],
        check: |case| Box::pin(hook_2(case)),
    },
    Rule {
        id: "HOOK-3",
        title: "The old secret is not retired before every hook ran",
        rests_on: "P4: never cut early, not even whoever takes up a secret only when a hook says so",
        profiles: Profiles::TwoPhase,
        needs: &[Need::Engine, Need::Clock],
        check: |case| Box::pin(hook_3(case)),
    },
    Rule {
        id: "HOOK-4",
        title: "Wherever a rotation dies, every hook has run in the end for the secret that readers have",
        rests_on: "P5: it converges from any crash point; `Hook`: at least once for what readers are given",
        profiles: Profiles::Every,
        needs: &[Need::Engine, Need::Clock],
        check: |case| Box::pin(hook_4(case)),
    },
    Rule {
        id: "HOOK-5",
        title: "A hook is not run again once that it ran is on record, and is as long as it is not",
        rests_on: "`Hook`: whoever dies between a hook and its record leaves it to be run again",
        profiles: Profiles::Every,
        needs: &[Need::Engine, Need::Clock],
        check: |case| Box::pin(hook_5(case)),
    },
    Rule {
        id: "HOOK-6",
        title: "A hook that fails in passing is run again by the same run",
        rests_on: "`Hook`: after a passing reason it is run again after some seconds, a few times",
        profiles: Profiles::Every,
        needs: &[Need::Engine, Need::Clock],
        check: |case| Box::pin(hook_6(case)),
    },
    Rule {
        id: "HOOK-7",
        title: "A hook that fails for good holds the rotation, cuts nobody off, and runs when it is resumed",
        rests_on: "P5: what only a person can repair is named, and resuming goes on",
        profiles: Profiles::Every,
        needs: &[Need::Engine, Need::Clock],
        check: |case| Box::pin(hook_7(case)),
    },
    Rule {
        id: "HOOK-8",
        title: "Where readers get the old secret again, every hook is told so before the new one is dropped",
        rests_on: "P7: reversible while it can be; `Hook`: none is dropped before every hook ran",
        profiles: Profiles::TwoPhase,
        needs: &[Need::Engine, Need::Clock],
        check: |case| Box::pin(hook_8(case)),
    },
    Rule {
        id: "HOOK-9",
        title: "A rotation whose hook could not run does not begin",
        rests_on: "P4 and P5: what cannot be delivered is not begun",
        profiles: Profiles::Every,
        needs: &[Need::Engine],
        check: |case| Box::pin(hook_9(case)),
    },
    Rule {
        id: "HOOK-10",
        title: "No hook is told a secret",
        rests_on: "P2: never leaked; `Hook`: it never sees a secret",
        profiles: Profiles::Every,
        needs: &[Need::Engine],
        check: |case| Box::pin(hook_10(case)),
    },
];

/// One run of a hook: where it stands among what was seen, which hook, what it was told, and what the readers had.
struct Run {
    at: usize,
    hook: usize,
    news: News,
    readers: Vec<Option<usize>>,
}

/// Every run of a hook, in order.
fn runs(place: &Workplace<'_>) -> Vec<Run> {
    let run = |(at, seen)| match seen {
        Seen::Ran { hook, news, readers } => Some(Run { at, hook, news, readers }),
        _ => None,
    };
    place.seen().into_iter().enumerate().filter_map(run).collect()
}

async fn hook_1(case: &Case<'_>) -> Result<(), Stop> {
    let mut place = Workplace::new(case).await?.with_hooks();
    place.straight().await?;
    told_rightly(&place)?;
    place = place.again().await?;
    case.step("the second destination gives its readers nothing");
    let process = place.process();
    process.watch.refuse(Of::Destination(1), "promote");
    place.rotate(&process).await;
    told_rightly(&place)?;
    place.settle().await?;
    told_rightly(&place)
}

/// Broken where a hook was told of a secret that some reader did not have.
fn told_rightly(place: &Workplace<'_>) -> Result<(), Stop> {
    for Run { hook, news, readers, .. } in runs(place) {
        let (of, right) = match news.change {
            Change::Promoted => {
                ("new", readers.iter().all(|has| has.is_some() && *has != Some(0) && *has == readers[0]))
            }
            Change::RolledBack => ("old", readers.iter().all(|has| *has == Some(0))),
        };
        hold!(right, "hook {} was told that readers have the {of} secret, and not every one had it", hook + 1);
    }
    Ok(())
}

async fn hook_2(case: &Case<'_>) -> Result<(), Stop> {
    let place = Workplace::new(case).await?.with_hooks();
    place.straight().await?;
    let ran: Vec<usize> = runs(&place).iter().map(|run| run.hook + 1).collect();
    hold!(ran.iter().copied().eq(1..=HOOKS), "of {HOOKS} hooks these ran, in this order: {ran:?}");
    Ok(())
}

async fn hook_3(case: &Case<'_>) -> Result<(), Stop> {
    let mut place = Workplace::new(case).await?.with_hooks();
    place.straight().await?;
    retired_last(&place)?;
    for hook in 0..HOOKS {
        place = place.again().await?;
        fails_for_good(case, &place, hook).await;
        let works = case.accepts(&place.target, &place.old).await?;
        hold!(works, "hook {} did not run, and the old secret is dead", hook + 1);
        place.settle().await?;
        retired_last(&place)?;
    }
    Ok(())
}

/// Broken where the old secret was to be retired and a hook had not run.
fn retired_last(place: &Workplace<'_>) -> Result<(), Stop> {
    let (seen, runs) = (place.seen(), runs(place));
    let retired = seen.iter().position(|entry| matches!(entry, Seen::Completing { .. })).unwrap_or(seen.len());
    for hook in 0..HOOKS {
        let ran = runs.iter().any(|run| run.hook == hook && run.at < retired);
        hold!(ran || retired == seen.len(), "the old secret was to be retired before hook {} ran", hook + 1);
    }
    Ok(())
}

/// Rotates with a hook that cannot run; what is said of that.
async fn fails_for_good(case: &Case<'_>, place: &Workplace<'_>, hook: usize) -> Told {
    case.step(format_args!("hook {} cannot run", hook + 1));
    let process = place.process();
    process.watch.refuse(Of::Hook(hook), "run");
    place.rotate(&process).await
}

async fn hook_4(case: &Case<'_>) -> Result<(), Stop> {
    let mut place = Workplace::new(case).await?.with_hooks();
    let calls = place.straight().await?;
    place = place.again().await?;
    for at in deaths(&calls) {
        if let Some(after) = place.dies_at(at).await? {
            place.settle().await.map_err(|stop| stop.after(&after))?;
            told_rightly(&place).map_err(|stop| stop.after(&after))?;
            everybody_knows(&place).await.map_err(|stop| stop.after(&after))?;
        }
        place = place.again().await?;
    }
    Ok(())
}

/// Broken unless what each hook was told of last is what every reader has.
async fn everybody_knows(place: &Workplace<'_>) -> Result<(), Stop> {
    let (current, runs) = (place.shared_number().await?, runs(place));
    let which = if current == 0 { "the old" } else { "a new" };
    for hook in 0..HOOKS {
        let knows = match runs.iter().rev().find(|run| run.hook == hook) {
            Some(run) => run.readers.iter().all(|has| *has == Some(current)),
            // It has heard of no other.
            None => current == 0,
        };
        hold!(knows, "the readers have {which} secret, and hook {} did not run for it", hook + 1);
    }
    Ok(())
}

async fn hook_5(case: &Case<'_>) -> Result<(), Stop> {
    let mut place = Workplace::new(case).await?.with_hooks();
    fails_for_good(case, &place, 1).await;
    place.settle().await?;
    let times = runs(&place).iter().filter(|run| run.hook == 0).count();
    hold!(times == 1, "hook 1 ran before the rotation was held for hook 2, and it ran {times} times");

    place = place.again().await?;
    let calls = place.straight().await?;
    place = place.again().await?;
    let ran = calls.iter().position(|call| call.of == Of::Hook(0) && call.changes());
    let Some(ran) = ran else { return Err(Stop::Broken("hook 1 did not run".to_owned())) };
    place.dies_at(ran + 1).await?;
    place.settle().await?;
    let times = runs(&place).iter().filter(|run| run.hook == 0).count();
    hold!(times > 1, "the process died before it was on record that hook 1 ran, and it was not run again");
    Ok(())
}

async fn hook_6(case: &Case<'_>) -> Result<(), Stop> {
    let place = Workplace::new(case).await?.with_hooks();
    case.step("the first hook is busy twice");
    let process = place.process();
    process.watch.keep_hooks_busy(2);
    let told = place.rotate(&process).await;
    hold!(told.said == Said::Rotated, "a hook was busy twice, and it says: {}", told.words);
    everybody_knows(&place).await
}

async fn hook_7(case: &Case<'_>) -> Result<(), Stop> {
    let mut place = Workplace::new(case).await?.with_hooks();
    for hook in 0..HOOKS {
        let told = fails_for_good(case, &place, hook).await;
        hold!(told.said == Said::Held, "hook {} cannot run, and it says: {}", hook + 1, told.words);
        hold!(place.is_open().await?, "hook {} cannot run, and nothing is left to go on with", hook + 1);
        place.readers_are_well().await?;
        place.wait().await;
        let told = place.resume(&place.process()).await;
        hold!(told.said == Said::Rotated, "hook {} can run again, and it says: {}", hook + 1, told.words);
        everybody_knows(&place).await?;
        place = place.again().await?;
    }
    Ok(())
}

async fn hook_8(case: &Case<'_>) -> Result<(), Stop> {
    let place = Workplace::new(case).await?.with_hooks();
    fails_for_good(case, &place, 1).await;
    place.wait().await;
    case.step("hook 1 cannot run on the way back");
    let process = place.process();
    process.watch.refuse(Of::Hook(0), "run");
    place.roll_back(&process).await;
    let dropped = |place: &Workplace<'_>| {
        let cancel =
            |entry: &Seen| matches!(entry, Seen::Began(call) if (call.of, call.operation) == (Of::Adapter, "cancel"));
        place.seen().iter().position(cancel)
    };
    hold!(dropped(&place).is_none(), "hook 1 was not told of the way back, and the new secret was to be dropped");
    place.wait().await;
    let told = place.roll_back(&place.process()).await;
    hold!(told.said == Said::RolledBack, "every hook can run, and rolling back says: {}", told.words);
    told_rightly(&place)?;
    everybody_knows(&place).await?;
    let Some(dropped) = dropped(&place) else { return Ok(()) };
    for hook in 0..HOOKS {
        let told = runs(&place)
            .iter()
            .any(|run| run.hook == hook && run.news.change == Change::RolledBack && run.at < dropped);
        hold!(told, "the new secret was to be dropped before hook {} was told of the way back", hook + 1);
    }
    Ok(())
}

async fn hook_9(case: &Case<'_>) -> Result<(), Stop> {
    for hook in 0..HOOKS {
        let what = format!("a hook {} that could not run", hook + 1);
        Workplace::new(case).await?.with_hooks().does_not_begin(Of::Hook(hook), "preflight", &what).await?;
    }
    Ok(())
}

async fn hook_10(case: &Case<'_>) -> Result<(), Stop> {
    let place = Workplace::new(case).await?.with_hooks();
    place.straight().await?;
    place.remember();
    for Run { hook, news, .. } in runs(&place) {
        for told in [format!("{news:?}"), news.target.to_string(), news.version.to_string()] {
            hold!(!case.shows_secret(told.as_bytes()), "hook {} was told a secret", hook + 1);
        }
    }
    Ok(())
}
