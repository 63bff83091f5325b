//! RED: nothing secret in what an adapter shows, says or logs.

use std::error::Error;

use cutover_core::{Attempt, RotateError, Style, Target};

use crate::case::{broken, keep};
use crate::listener::Listener;
use crate::outcome::hold;
use crate::rules::read::rewritten;
use crate::{Case, Disturbance, Need, Profiles, Rule, Stop};

/// What a request for a secret can meet and fail over.
const FAILURES: [Disturbance; 7] = [
    Disturbance::LoseRequest,
    Disturbance::LoseAnswer,
    Disturbance::CutAnswer,
    Disturbance::TooMany,
    Disturbance::FailBefore,
    Disturbance::FailAfter,
    Disturbance::WebPage,
];

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "RED-1",
        title: "No debug output and no error shows any part of a secret",
        rests_on: "P2: no secret in an error or in `Debug`",
        profiles: Profiles::Every,
        needs: &[],
        check: |case| Box::pin(red_1(case)),
    },
    Rule {
        id: "RED-2",
        title: "No error shows any part of a secret, whatever went wrong, down to what caused it",
        rests_on: "P2: no secret in an error; an error carries no body",
        profiles: Profiles::Every,
        needs: &[Need::Faults],
        check: |case| Box::pin(red_2(case)),
    },
    Rule {
        id: "RED-3",
        title: "No log line and no span shows any part of a secret",
        rests_on: "P2: no secret in a log line or span",
        profiles: Profiles::Every,
        needs: &[],
        check: |case| Box::pin(red_3(case)),
    },
    Rule {
        id: "RED-4",
        title: "The idempotency key is shown nowhere",
        rests_on: "`IdempotencyKey`: whoever holds it can read the secret for as long as the vendor replays",
        profiles: Profiles::Replay,
        needs: &[],
        check: |case| Box::pin(red_4(case)),
    },
    Rule {
        id: "RED-5",
        title: "An error about a mistyped secret does not quote it",
        rests_on: "P2: what a user types is as secret as what a vendor issues",
        profiles: Profiles::Every,
        needs: &[],
        check: |case| Box::pin(red_5(case)),
    },
];

async fn red_1(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    let missing = case.missing_target()?;
    let (kept, new) = case.issue_new(&target).await?;
    let issued = broken("read", case.rotator().read(&target, &kept))?;
    let inspected = case.rotator().inspect(&missing).await;
    let refused = case.rotator().issue(&missing, &case.attempt(&missing)).await;
    let foreign = case.rotator().read(&missing, &kept);
    for (what, shown) in [
        ("the adapter", format!("{:?}", case.rotator())),
        ("the target", format!("{target:?}")),
        ("the secret", format!("{old:?} {new:?}")),
        ("the kept answer", format!("{kept:?}")),
        ("what was read", format!("{issued:?} {foreign:?}")),
        ("an error", format!("{inspected:?} {refused:?}")),
    ] {
        hold!(!case.shows_secret(shown.as_bytes()), "debug output of {what} shows a secret");
    }
    Ok(())
}

async fn red_2(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    let mut said = cut_in_half(case, &target).await?;
    for failure in FAILURES {
        if !case.subject().disturb(failure) {
            continue;
        }
        case.step(format_args!("the next issue {failure}"));
        let attempt = case.attempt(&target);
        match case.try_issue(&target, &attempt).await {
            Ok(_) => {}
            Err(error) => said.push((format!("a request that {failure}"), everything(&error))),
        }
        if case.rotator().profile().style() == Style::TwoPhase {
            // Whether anything is pending depends on the failure.
            let _ = case.cancel(&target).await;
        }
    }
    if case.subject().can_disturb_all() {
        let (kept, _) = case.issue_new(&target).await?;
        for failure in FAILURES {
            case.disturb_all(Some(failure))?;
            let rotator = case.rotator();
            let failed = [
                rotator.inspect(&target).await.err(),
                rotator.verify(&target, &old).await.err(),
                rotator.complete(&target, &kept).await.err(),
                rotator.cancel(&target).await.err(),
            ];
            for error in failed.into_iter().flatten() {
                said.push((format!("{} where every request {failure}", error.call()), everything(&error)));
            }
        }
        case.disturb_all(None)?;
    }
    let secrets = case.secrets();
    for (what, said) in said {
        hold!(!secrets.are_in(said.as_bytes()), "the error of {what} shows a secret");
    }
    Ok(())
}

/// What is said of an answer that breaks off half-way through its secret.
async fn cut_in_half(case: &Case<'_>, target: &Target) -> Result<Vec<(String, String)>, Stop> {
    let attempt = case.attempt(target);
    let (kept, secret) = case.issue(target, &attempt).await?;
    if case.rotator().profile().style() == Style::TwoPhase {
        broken("cancel", case.cancel(target).await)?;
    }
    let (body, wanted) = (kept.reply().expose_body(), secret.expose().as_bytes());
    let Some(starts) = body.windows(wanted.len().max(1)).position(|window| window == wanted) else {
        return Ok(Vec::new());
    };
    let cut = keep(&attempt, rewritten(kept.reply(), false, &body[..starts + wanted.len() / 2])).await;
    case.step("read the answer, cut half-way through its secret");
    let error = case.rotator().read(target, &cut).err();
    Ok(error.map(|error| ("an answer that is cut".to_owned(), everything(&error))).into_iter().collect())
}

async fn red_3(case: &Case<'_>) -> Result<(), Stop> {
    let listener = Listener::default();
    listener.hear(rotated(case)).await?;
    hold!(!case.shows_secret(&listener.heard()), "a log line or a span shows a secret");
    Ok(())
}

/// A rotation from end to end, with mistakes and a failure on the way.
async fn rotated(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    let (_, wrong) = case.fresh_target().await?;
    let _ = case.inspect(&target).await?;
    if case.subject().can_disturb() && case.subject().disturb(Disturbance::CutAnswer) {
        let _ = case.try_issue(&target, &case.attempt(&target)).await;
        if case.rotator().profile().style() == Style::TwoPhase {
            broken("cancel", case.cancel(&target).await)?;
        }
    }
    let (kept, new) = case.issue_new(&target).await?;
    let _ = case.accepts(&target, &new).await?;
    let _ = case.refuses(&target, &wrong).await?;
    if case.rotator().profile().style() == Style::TwoPhase {
        broken("complete", case.complete(&target, &kept).await)?;
    }
    let _ = case.refuses(&target, &old).await?;
    Ok(())
}

async fn red_4(case: &Case<'_>) -> Result<(), Stop> {
    let (target, _) = case.fresh_target().await?;
    let attempt = case.attempt(&target);
    let listener = Listener::default();
    let mut said = Vec::new();
    let shown = listener.hear(async {
        let (kept, _) = case.issue(&target, &attempt).await?;
        said.push(("the kept answer", format!("{kept:?}")));
        if let Some(missing) = case.subject().missing_target() {
            let of_missing = Attempt::recorded(
                attempt.id(),
                missing.id().clone(),
                attempt.issue(),
                attempt.key().clone(),
                attempt.key_born(),
            );
            if let Err(error) = case.try_issue(&missing, &of_missing).await {
                said.push(("an error", everything(&error)));
            }
        }
        Ok(())
    });
    shown.await?;
    said.push(("the adapter", format!("{:?}", case.rotator())));
    said.push(("a log line", String::from_utf8_lossy(&listener.heard()).into_owned()));
    for (what, said) in said {
        hold!(!said.contains(attempt.key().as_header_value()), "{what} shows the idempotency key");
    }
    Ok(())
}

async fn red_5(case: &Case<'_>) -> Result<(), Stop> {
    let (target, right) = case.fresh_target().await?;
    for (what, end) in [("a line break", "\r\n"), ("a zero byte", "\0"), ("other letters", "ü漢")] {
        let mistyped = cutover_core::ClientSecret::new(&format!("{}{end}", right.expose()));
        let verdict = case.rotator().verify(&target, &mistyped).await;
        case.step(format_args!(
            "verify a secret that ends with {what}: {}",
            verdict.as_ref().err().map_or("done", |_| "an error")
        ));
        if let Err(error) = verdict {
            hold!(!case.shows_secret(everything(&error).as_bytes()), "the error about a secret with {what} quotes it");
        }
    }
    Ok(())
}

/// All that an error says of itself and of what caused it.
fn everything(error: &RotateError) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(" {cause} {cause:?}"));
        source = cause.source();
    }
    text
}
