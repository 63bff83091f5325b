//! Scripts, run on a subject and held against its model step by step.

use super::interleave::{Task, interleave};
use super::script::{AtOnce, Op, Script};
use super::session::{Call, Done, Session, Through};
use crate::model::{Contradiction, Overlapping, Possible, Style, linearise};
use crate::{Case, Stop};

/// Runs a script, one call after the other, and then presents every secret that came to light.
pub(crate) async fn in_turn(case: &Case<'_>, through: Through, script: Script) -> Result<(), Stop> {
    let session = Session::open(case, through, script.targets).await?;
    let mut possible = session.possible();
    for op in script.ops {
        possible = one(case, &session, possible, op).await?;
    }
    sweep(case, &session, possible).await
}

/// Runs some calls one after the other, then others at once, and then presents every secret that came to light.
pub(crate) async fn at_once(case: &Case<'_>, through: Through, script: AtOnce) -> Result<(), Stop> {
    let session = Session::open(case, through, script.targets).await?;
    let mut possible = session.possible();
    for op in script.first {
        possible = one(case, &session, possible, op).await?;
    }
    if let Some(armed) = script.disturbed.and_then(|disturbance| session.disturb(disturbance)) {
        possible = after(&possible, &armed, &session)?;
    }
    let several = script.tasks.len() > 1;
    let task = |(nth, ops): (usize, Vec<Op>)| -> Task<'_, Result<Vec<Done>, Stop>> {
        let session = &session;
        Box::pin(async move {
            let mut done = Vec::new();
            for op in ops {
                let Some(call) = session.resolve(op).filter(|call| !shows_late(session, call)) else { continue };
                let who = char::from(b'A' + u8::try_from(nth).unwrap_or_default());
                if several {
                    case.step(format_args!("{who} begins: {}", session.words(&call)));
                }
                let call = session.call(&call, None).await?;
                case.step(format_args!("{who} is done: {}", call.told));
                done.push(call);
            }
            Ok(done)
        })
    };
    let tasks = script.tasks.into_iter().enumerate().map(task).collect();
    let mut calls = Vec::new();
    for done in interleave(tasks, &script.schedule).await {
        for done in done? {
            calls.extend(session.event(&done).map(|event| {
                let (at, begun, over) = (done.at, done.begun, done.over);
                Overlapping { event, at, begun, over }
            }));
        }
    }
    possible = linearise(&possible, &calls).map_err(|Contradiction { allowed }| Stop::Broken(allowed))?;
    sweep(case, &session, possible).await
}

async fn one(
    case: &Case<'_>,
    session: &Session<'_>,
    possible: Possible<Style>,
    op: Op,
) -> Result<Possible<Style>, Stop> {
    let mut possible = possible;
    if let Op::Issue { fault: Some(disturbance), .. } = op
        && let Some(armed) = session.disturb(disturbance)
    {
        possible = after(&possible, &armed, session)?;
    }
    let Some(call) = session.resolve(op) else { return Ok(possible) };
    checked(case, session, &possible, &call).await
}

/// Whatever came to light is presented once more.
async fn sweep(case: &Case<'_>, session: &Session<'_>, possible: Possible<Style>) -> Result<(), Stop> {
    let mut possible = possible;
    for (target, secret) in session.pairs() {
        possible = checked(case, session, &possible, &Call::Present { target, secret }).await?;
    }
    Ok(())
}

/// Makes a call; broken when nothing that the vendor may do explains its answer.
async fn checked(
    case: &Case<'_>,
    session: &Session<'_>,
    possible: &Possible<Style>,
    call: &Call,
) -> Result<Possible<Style>, Stop> {
    let wanted = match call {
        Call::Present { target, secret } => possible.takes(*target, *secret, session.now()),
        _ => None,
    };
    let done = session.call(call, wanted).await?;
    case.step(&done.told);
    let Some(event) = session.event(&done) else { return Ok(possible.clone()) };
    let explained = possible.after(&event, done.at, false);
    explained.map_err(|Contradiction { allowed }| {
        Stop::Broken(format!("{}. After the steps before it that cannot be; what can: {allowed}", done.told))
    })
}

fn after(
    possible: &Possible<Style>,
    event: &crate::model::Event,
    session: &Session<'_>,
) -> Result<Possible<Style>, Stop> {
    possible.after(event, session.now(), false).map_err(|Contradiction { allowed }| Stop::Broken(allowed))
}

/// Whether a call shows a state that the vendor may take its time to show: among others at once that says nothing.
fn shows_late(session: &Session<'_>, call: &Call) -> bool {
    matches!(call, Call::Present { .. }) && session.is_slow()
}
