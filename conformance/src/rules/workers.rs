//! CONC: several workers at one target, and somebody else at the vendor.

use std::pin::pin;

use cutover_core::{Pending, Witness};

use crate::engine::{Said, Told};
use crate::outcome::hold;
use crate::workplace::{Of, Process, Seen, Workplace};
use crate::{Case, Need, Profiles, Rule, Stop};

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "CONC-4",
        title: "While one worker is at a target, a second one leaves it alone",
        rests_on: "P6: two workers never rotate one target at once",
        profiles: Profiles::Every,
        needs: &[Need::Engine, Need::Clock],
        check: |case| Box::pin(conc_4(case)),
    },
    Rule {
        id: "CONC-5",
        title: "A worker that stood still for too long spoils nothing when it goes on",
        rests_on: "P6: lease and fencing token",
        profiles: Profiles::Every,
        needs: &[Need::Engine, Need::Clock],
        check: |case| Box::pin(conc_5(case)),
    },
    Rule {
        id: "CONC-6",
        title: "Somebody else's pending rotation is neither ended nor taken for ours",
        rests_on: "P7: without an intent in the journal it is somebody else's, and only the user decides",
        profiles: Profiles::TwoPhase,
        needs: &[Need::Engine],
        check: |case| Box::pin(conc_6(case)),
    },
    Rule {
        id: "CONC-7",
        title: "A secret that somebody else ended half-way is not called rotated",
        rests_on: "P5: what is called rotated works",
        profiles: Profiles::Immediate,
        needs: &[Need::Engine, Need::Clock],
        check: |case| Box::pin(conc_7(case)),
    },
    Rule {
        id: "CONC-8",
        title: "A rotation that somebody else cancels half-way leaves every reader a working secret",
        rests_on: "P5: from any crash point or disturbance a working secret in every destination",
        profiles: Profiles::TwoPhase,
        needs: &[Need::Engine, Need::Clock],
        check: |case| Box::pin(conc_8(case)),
    },
];

async fn conc_4(case: &Case<'_>) -> Result<(), Stop> {
    let mut place = Workplace::new(case).await?;
    let calls = place.straight().await?;
    place = place.again().await?;
    let leased = calls.iter().position(|call| call.of == Of::Journal && call.operation == "lease");
    for (at, call) in calls.iter().enumerate().skip(leased.map_or(0, |at| at + 1)) {
        if !call.changes() {
            continue;
        }
        let (first, second) = (place.process(), place.process());
        first.watch.stop_at(at);
        let meanwhile = async {
            case.step(format_args!("one worker stands before {call}"));
            place.rotate(&second).await;
            hold!(asks(&second) == 0, "while one worker was at {call}, another asked the vendor for a secret");
            Ok(())
        };
        let told = while_standing(&first, meanwhile).await?;
        case.step(format_args!("the first worker goes on: {}", told.words));
        hold!(told.said == Said::Rotated, "because another worker came, the first one says: {}", told.words);
        place.readers_are_well().await?;
        place = place.again().await?;
    }
    Ok(())
}

async fn conc_5(case: &Case<'_>) -> Result<(), Stop> {
    let mut place = Workplace::new(case).await?;
    let calls = place.straight().await?;
    place = place.again().await?;
    for (at, call) in calls.iter().enumerate() {
        // What the others do meanwhile: end what it has begun, and perhaps rotate once more.
        let meanwhiles: &[bool] = match call.of {
            // A request that is on its way for so long is beyond what a worker can know of.
            Of::Adapter => &[],
            _ if !call.changes() => &[],
            Of::Journal => &[true],
            Of::Destination(_) | Of::Hook(_) => &[false, true],
        };
        for once_more in meanwhiles {
            let stale = stood_still(case, &place, at, *once_more).await;
            stale.map_err(|stop| stop.after(format_args!("a worker stood still before {call}")))?;
            place = place.again().await?;
        }
    }
    Ok(())
}

/// One worker stands still until its lease is over and others have done its work, and then goes on.
async fn stood_still(case: &Case<'_>, place: &Workplace<'_>, at: usize, once_more: bool) -> Result<(), Stop> {
    let first = place.process();
    first.watch.stop_at(at);
    let meanwhile = async {
        case.step(format_args!(
            "a worker stands still before {}, until its lease is over",
            first.watch.stopped_before()
        ));
        place.wait().await;
        place.settle().await?;
        if once_more {
            place.rotate(&place.process()).await;
        }
        Ok(())
    };
    let told = while_standing(&first, meanwhile).await?;
    case.step(format_args!("it goes on: {}", told.words));
    place.settle().await?;
    place.readers_are_well().await
}

async fn conc_6(case: &Case<'_>) -> Result<(), Stop> {
    if !case.rotator().profile().has(Witness::Pending) {
        return Err(Stop::NotApplicable("the profile names no such witness".to_owned()));
    }
    let place = Workplace::new(case).await?;
    case.step("somebody else begins a rotation");
    let (_, theirs) = case.issue_new(&place.target).await?;
    let told = place.rotate(&place.process()).await;
    hold!(told.said == Said::NothingChanged, "with somebody else's rotation pending, it says: {}", told.words);
    let pending = case.inspect(&place.target).await?.pending;
    hold!(matches!(pending, Pending::Yes(_)), "somebody else's rotation is not pending any more");
    hold!(case.accepts(&place.target, &theirs).await?, "somebody else's new secret was ended");
    hold!(case.accepts(&place.target, &place.old).await?, "the secret in use was ended");
    place.readers_are_well().await
}

async fn conc_7(case: &Case<'_>) -> Result<(), Stop> {
    for operation in ["stage", "promote"] {
        let place = Workplace::new(case).await?;
        let process = place.process();
        process.watch.stop_before(Of::Destination(0), operation);
        let mut theirs = None;
        let meanwhile = async {
            case.step(format_args!("before {operation}, somebody else rotates"));
            theirs = Some(case.issue_new(&place.target).await?.1);
            Ok(())
        };
        let told = while_standing(&process, meanwhile).await?;
        case.step(format_args!("it goes on: {}", told.words));
        let last = place.settle().await?.unwrap_or_else(|| told.clone());
        let Some(theirs) = theirs else { return Err(Stop::NotSetUp(format!("nothing comes to {operation}"))) };
        let works = case.accepts(&place.target, &theirs).await?;
        hold!(works, "somebody else's secret, the latest, was ended");
        let claimed = told.said == Said::Rotated || last.said == Said::Rotated;
        hold!(!claimed, "somebody else's secret is in use, and it is called rotated");
    }
    Ok(())
}

async fn conc_8(case: &Case<'_>) -> Result<(), Stop> {
    for operation in ["stage", "promote", "forget_previous"] {
        let place = Workplace::new(case).await?;
        let process = place.process();
        process.watch.stop_before(Of::Destination(0), operation);
        let meanwhile = async {
            case.step(format_args!("before {operation}, somebody else cancels the rotation"));
            // Once it is completed, there is nothing to cancel.
            let _ = case.cancel(&place.target).await;
            Ok(())
        };
        let told = while_standing(&process, meanwhile).await?;
        case.step(format_args!("it goes on: {}", told.words));
        place.settle().await?;
        place.readers_are_well().await?;
    }
    Ok(())
}

/// Lets a process rotate; while it stands still, does something else.
async fn while_standing(process: &Process, meanwhile: impl Future<Output = Result<(), Stop>>) -> Result<Told, Stop> {
    let mut run = pin!(process.rotate());
    tokio::select! {
        biased;
        told = &mut run => Ok(told),
        () = process.watch.stopped() => {
            meanwhile.await?;
            process.watch.go_on();
            Ok(run.await)
        }
    }
}

/// How often a process asked the vendor for a secret.
fn asks(process: &Process) -> usize {
    process.watch.seen().iter().filter(|seen| matches!(seen, Seen::Asked { .. })).count()
}
