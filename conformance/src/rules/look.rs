//! LOOK: what inspecting and verifying say of the vendor, and that they only look.

use cutover_core::{ClientSecret, Observation, Pending, RotateError, Style, Target, Verdict, Witness};

use crate::case::broken;
use crate::outcome::hold;
use crate::{Case, Disturbance, Need, Profiles, Rule, Stop};

/// What can be wrong with a vendor that is asked to look.
const OUTAGES: [Disturbance; 5] = [
    Disturbance::FailBefore,
    Disturbance::TooMany,
    Disturbance::LoseRequest,
    Disturbance::LoseAnswer,
    Disturbance::WebPage,
];

const WITHOUT_V1: &str = "without Management v1 nothing shows a machine user, so that there is nothing to fail";

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "LOOK-1",
        title: "Inspecting changes nothing",
        rests_on: "`SecretRotator::inspect`: changes nothing",
        profiles: Profiles::Every,
        needs: &[],
        check: |case| Box::pin(look_1(case)),
    },
    Rule {
        id: "LOOK-2",
        title: "An observation shows no secret",
        rests_on: "`SecretRotator::inspect`: with no secret in it",
        profiles: Profiles::Every,
        needs: &[],
        check: |case| Box::pin(look_2(case)),
    },
    Rule {
        id: "LOOK-3",
        title: "The change marker moves with each new secret, and with nothing else",
        rests_on: "`Witness::ChangeMarker`: a mark that changes with each new secret",
        profiles: Profiles::Every,
        needs: &[],
        check: |case| Box::pin(look_3(case)),
    },
    Rule {
        id: "LOOK-4",
        title: "No secret but the right one is accepted, whatever it looks like",
        rests_on: "`SecretRotator::verify`: never accepted by default",
        profiles: Profiles::Every,
        needs: &[],
        check: |case| Box::pin(look_4(case)),
    },
    Rule {
        id: "LOOK-5",
        title: "While the vendor fails, a secret is neither accepted nor refused",
        rests_on: "`SecretRotator::verify`: everything that leaves it open is not known",
        profiles: Profiles::Every,
        needs: &[Need::Outages],
        check: |case| Box::pin(look_5(case)),
    },
    Rule {
        id: "LOOK-6",
        title: "Verifying changes nothing",
        rests_on: "`SecretRotator::verify`: whether the vendor accepts this secret now",
        profiles: Profiles::Every,
        needs: &[],
        check: |case| Box::pin(look_6(case)),
    },
    Rule {
        id: "LOOK-7",
        title: "Every witness that the profile names is there",
        rests_on: "`RotationProfile`: what a vendor lacks is in the profile first",
        profiles: Profiles::Every,
        needs: &[],
        check: |case| Box::pin(look_7(case)),
    },
    Rule {
        id: "LOOK-8",
        title: "A vendor that fails is never seen as one where nothing is pending",
        rests_on: "P5: what is not known is looked at again, not assumed",
        profiles: Profiles::Every,
        needs: &[Need::Outages],
        check: |case| Box::pin(look_8(case)),
    },
];

async fn look_1(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    let (seen, first) = (case.issues_seen(), case.inspect(&target).await?);
    hold!(case.inspect(&target).await? == first, "looking twice shows two things");
    hold!(case.accepts(&target, &old).await?, "looking ended the secret in use");
    hold!(case.issues_seen() == seen, "looking asked the vendor for a secret");
    let (kept, new) = case.issue_new(&target).await?;
    let second = case.inspect(&target).await?;
    hold!(case.inspect(&target).await? == second, "looking twice after a new secret shows two things");
    hold!(case.accepts(&target, &new).await?, "looking ended the new secret");
    if case.rotator().profile().style() == Style::TwoPhase {
        hold!(case.accepts(&target, &old).await?, "looking ended the old secret while a rotation is pending");
        broken("complete, after looking", case.complete(&target, &kept).await)?;
    }
    Ok(())
}

async fn look_2(case: &Case<'_>) -> Result<(), Stop> {
    let (target, _) = case.fresh_target().await?;
    let before = case.inspect(&target).await?;
    let _new = case.issue_new(&target).await?;
    let after = case.inspect(&target).await?;
    for shown in [before, after] {
        let marker = shown.marker.as_ref().map_or("", |marker| marker.as_str());
        hold!(!case.shows_secret(marker.as_bytes()), "the change marker holds a part of a secret");
        hold!(!case.shows_secret(format!("{shown:?}").as_bytes()), "an observation shows a secret");
    }
    Ok(())
}

async fn look_3(case: &Case<'_>) -> Result<(), Stop> {
    named(case, Witness::ChangeMarker)?;
    let (target, old) = case.fresh_target().await?;
    let (other, _) = case.fresh_target().await?;
    let before = case.inspect(&target).await?.marker;
    hold!(before.is_some(), "there is no mark to begin with");
    hold!(case.accepts(&target, &old).await?, "the secret in use is not accepted");
    let _others = case.issue_new(&other).await?;
    hold!(case.inspect(&target).await?.marker == before, "the mark moved with the secret of another target");
    // More than once: a mark that shows the first change, and not the latest, moves once too.
    let mut shown = vec![before];
    for _ in 0..2 {
        let (kept, _) = case.issue_new(&target).await?;
        let after = case.inspect(&target).await?.marker;
        hold!(after.is_some() && !shown.contains(&after), "the mark did not move with a new secret");
        let issued = broken("read", case.rotator().read(&target, &kept))?;
        if let Some(marker) = issued.marker() {
            hold!(Some(marker) == after.as_ref(), "the mark in the answer is not the one that the vendor shows");
        }
        shown.push(after);
    }
    Ok(())
}

async fn look_4(case: &Case<'_>) -> Result<(), Stop> {
    named(case, Witness::Probe)?;
    let (target, right) = case.fresh_target().await?;
    let (_, others) = case.fresh_target().await?;
    hold!(case.accepts(&target, &right).await?, "the right secret is not accepted to begin with");
    let text = right.expose();
    let last = text.chars().next_back().map_or(0, char::len_utf8);
    let shorter = &text[..text.len() - last];
    let other_end = if text.ends_with('a') { 'b' } else { 'a' };
    for (what, wrong) in [
        ("another target's secret", others.duplicate()),
        ("a secret with another last character", ClientSecret::new(&format!("{shorter}{other_end}"))),
        ("a secret without its last character", ClientSecret::new(shorter)),
    ] {
        hold!(case.refuses(&target, &wrong).await?, "{what} is not refused");
    }
    for (what, wrong) in [
        ("an empty secret", ClientSecret::new("")),
        ("the secret twice", ClientSecret::new(&format!("{text}{text}"))),
        ("a secret of 20 000 characters", ClientSecret::new(&"x".repeat(20_000))),
        ("a secret with other letters", ClientSecret::new(&format!("{text}ü漢"))),
        ("a secret with a zero byte", ClientSecret::new(&format!("{text}\0"))),
    ] {
        let verdict = verify(case, what, &target, &wrong).await;
        hold!(!matches!(verdict, Ok(Verdict::Accepted)), "{what} is accepted");
    }
    Ok(())
}

async fn look_5(case: &Case<'_>) -> Result<(), Stop> {
    let (target, right) = case.fresh_target().await?;
    let (_, wrong) = case.fresh_target().await?;
    for outage in OUTAGES {
        case.disturb_all(Some(outage))?;
        match verify(case, "the right secret", &target, &right).await {
            Ok(verdict) => hold!(verdict == Verdict::NotKnown, "while every request {outage}: {verdict:?}"),
            Err(error) => hold!(
                matches!(error, RotateError::NotSent(_)),
                "while every request {outage}, that is an error and not a verdict: {error}"
            ),
        }
    }
    // Whoever stands in between says nothing of a wrong secret either, with whatever status.
    case.disturb_all(Some(Disturbance::WebPage))?;
    let verdict = verify(case, "a wrong secret", &target, &wrong).await;
    hold!(!matches!(verdict, Ok(Verdict::Refused)), "a web page in the place of the answer counts as a refusal");
    case.disturb_all(None)?;
    hold!(case.accepts(&target, &right).await?, "the secret is not accepted once the vendor is back");
    Ok(())
}

async fn look_6(case: &Case<'_>) -> Result<(), Stop> {
    let (target, right) = case.fresh_target().await?;
    let (_, wrong) = case.fresh_target().await?;
    let (seen, before) = (case.issues_seen(), case.inspect(&target).await?);
    for _ in 0..3 {
        broken("verify", verify(case, "the right secret", &target, &right).await)?;
        broken("verify", verify(case, "a wrong secret", &target, &wrong).await)?;
    }
    hold!(case.issues_seen() == seen, "verifying asked the vendor for a secret");
    hold!(case.inspect(&target).await? == before, "after verifying, the vendor shows something else");
    hold!(case.accepts(&target, &right).await?, "verifying ended the secret in use");
    Ok(())
}

async fn look_7(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    let profile = case.rotator().profile().clone();
    let shown: Observation = case.inspect(&target).await?;
    if profile.has(Witness::Pending) {
        hold!(shown.pending != Pending::NotShown, "it is not shown whether a rotation is pending");
    }
    if profile.has(Witness::LastFour) {
        hold!(shown.current_last_four.is_some(), "the last four characters of the secret in use are not shown");
        hold!(
            shown.current_last_four == old.last_four(),
            "the last four characters are not those of the secret in use"
        );
    }
    if profile.has(Witness::ChangeMarker) {
        hold!(shown.marker.is_some(), "no change marker is shown");
    }
    if profile.has(Witness::Probe) {
        hold!(case.accepts(&target, &old).await?, "the secret in use is not accepted");
    }
    if let (true, Some(missing)) = (profile.has(Witness::Identity), case.subject().missing_target()) {
        hold!(case.rotator().inspect(&missing).await.is_err(), "a target that does not exist is shown");
    }
    Ok(())
}

async fn look_8(case: &Case<'_>) -> Result<(), Stop> {
    case.unless("zitadel.management_v1", "removed", WITHOUT_V1)?;
    let (target, _) = case.fresh_target().await?;
    let _pending = case.issue_new(&target).await?;
    for outage in OUTAGES {
        case.disturb_all(Some(outage))?;
        let shown = case.rotator().inspect(&target).await;
        case.step(format_args!("inspect {}: {}", target.id(), said(&shown)));
        hold!(shown.is_err(), "while every request {outage}, something is shown");
    }
    case.disturb_all(None)?;
    let _shown = case.inspect(&target).await?;
    Ok(())
}

fn said(result: &Result<Observation, RotateError>) -> String {
    result.as_ref().map_or_else(ToString::to_string, |_| "done".to_owned())
}

/// Asks once, without waiting for the propagation.
async fn verify(case: &Case<'_>, what: &str, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
    let verdict = case.rotator().verify(target, secret).await;
    match &verdict {
        Ok(verdict) => case.step(format_args!("verify {what} of {}: {verdict:?}", target.id())),
        Err(error) => case.step(format_args!("verify {what} of {}: {error}", target.id())),
    }
    verdict
}

fn named(case: &Case<'_>, witness: Witness) -> Result<(), Stop> {
    if case.rotator().profile().has(witness) {
        return Ok(());
    }
    Err(Stop::NotApplicable("the profile names no such witness".to_owned()))
}
