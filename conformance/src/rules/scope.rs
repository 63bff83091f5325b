//! ORG, past the adapter: who is let near a client.

use cutover_core::{ClientSecret, Style, Target};

use crate::outcome::hold;
use crate::{Ask, Caller, Case, Need, Profiles, Rule, Stop};

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "ORG-2",
        title: "A stranger is refused everything and changes nothing",
        rests_on: "Hopae: another workspace's app is not found; Zitadel: a role counts for its project",
        profiles: Profiles::Every,
        needs: &[Need::Wire, Need::Caller(Caller::Stranger)],
        check: |case| Box::pin(org_2(case)),
    },
    Rule {
        id: "ORG-3",
        title: "A credential that nobody issued opens nothing",
        rests_on: "Every vendor: 401 for a wrong management credential",
        profiles: Profiles::Every,
        needs: &[Need::Wire],
        check: |case| Box::pin(org_3(case)),
    },
    Rule {
        id: "ORG-4",
        title: "Without a credential nothing is done",
        rests_on: "Every vendor: 401 without a management credential",
        profiles: Profiles::Every,
        needs: &[Need::Wire],
        check: |case| Box::pin(org_4(case)),
    },
    Rule {
        id: "ORG-5",
        title: "Whoever may only look can look and cannot rotate",
        rests_on: "Zitadel: generating a secret takes a permission to write",
        profiles: Profiles::Every,
        needs: &[Need::Wire, Need::Caller(Caller::Reader)],
        check: |case| Box::pin(org_5(case)),
    },
    Rule {
        id: "ORG-6",
        title: "In an organisation that does not exist nothing is found",
        rests_on: "Zitadel: 403 AUTH-Bs7Ds for an unknown organisation",
        profiles: Profiles::Every,
        needs: &[Need::Wire, Need::Organisations],
        check: |case| Box::pin(org_6(case)),
    },
    Rule {
        id: "ORG-7",
        title: "The organisation of the request decides, also for those with power in all",
        rests_on: "Zitadel: an app of another organisation does not exist (COMMAND-2g66f)",
        profiles: Profiles::Every,
        needs: &[Need::Wire, Need::Organisations, Need::Caller(Caller::Everywhere)],
        check: |case| Box::pin(org_7(case)),
    },
    Rule {
        id: "ORG-8",
        title: "Whatever is asked about a client that does not exist is refused with a code",
        rests_on: "Every vendor: an unknown client has an error of its own",
        profiles: Profiles::Every,
        needs: &[Need::Wire],
        check: |case| Box::pin(org_8(case)),
    },
];

/// Everything that can be asked about one client, the worst at the end.
fn everything<'a>(target: &'a Target, two_phase: bool, name: &'a str) -> Vec<Ask<'a>> {
    let mut asks = vec![Ask::Get(target), Ask::Rename { target, name }, Ask::Issue { target, keys: &[] }];
    if two_phase {
        asks.extend([Ask::Complete(target), Ask::Cancel(target)]);
    }
    asks.push(Ask::Delete(target));
    asks
}

/// A client, with all the secrets that work: in two-phase rotations with one pending.
async fn prepared(case: &Case<'_>) -> Result<(Target, Vec<ClientSecret>, bool), Stop> {
    let (target, secret) = case.fresh_target().await?;
    let two_phase = case.rotator().profile().style() == Style::TwoPhase;
    let mut secrets = vec![secret];
    if two_phase {
        secrets.push(case.issue_new(&target).await?.1);
    }
    Ok((target, secrets, two_phase))
}

/// Whether everything about a client is refused to `caller`, and nothing of it changes.
async fn keeps_out(case: &Case<'_>, caller: Caller) -> Result<(), Stop> {
    let (target, secrets, two_phase) = prepared(case).await?;
    shut(case, &target, caller, two_phase).await?;
    unharmed(case, &target, &secrets).await
}

/// Whether the secrets work as before.
async fn unharmed(case: &Case<'_>, target: &Target, secrets: &[ClientSecret]) -> Result<(), Stop> {
    for secret in secrets {
        hold!(case.accepts(target, secret).await?, "what was refused ended a secret all the same");
    }
    Ok(())
}

async fn shut(case: &Case<'_>, target: &Target, caller: Caller, two_phase: bool) -> Result<(), Stop> {
    let name = case.name();
    for ask in everything(target, two_phase, &name) {
        let refused = match case.refused(ask, caller).await {
            // The vendor has no such request: nobody can send it.
            Err(Stop::NotApplicable(_)) => continue,
            refused => refused?,
        };
        hold!(case.wire()?.secret(&refused).is_none(), "{caller} was shown a secret");
        case.shows_none("the refusal", &refused)?;
    }
    Ok(())
}

async fn org_2(case: &Case<'_>) -> Result<(), Stop> {
    keeps_out(case, Caller::Stranger).await
}

async fn org_3(case: &Case<'_>) -> Result<(), Stop> {
    keeps_out(case, Caller::Forger).await
}

async fn org_4(case: &Case<'_>) -> Result<(), Stop> {
    keeps_out(case, Caller::Nobody).await
}

async fn org_5(case: &Case<'_>) -> Result<(), Stop> {
    let (target, secrets, _) = prepared(case).await?;
    match case.send(Ask::Get(&target), Caller::Reader).await {
        Ok(seen) => {
            hold!(seen.is_success(), "whoever may look was answered with {}", case.said(&seen)?);
            case.shows_none("looking", &seen)?;
        }
        Err(Stop::NotApplicable(_)) => {}
        Err(stop) => return Err(stop),
    }
    let refused = case.refused(Ask::Issue { target: &target, keys: &[] }, Caller::Reader).await?;
    hold!(case.wire()?.secret(&refused).is_none(), "whoever may only look was shown a secret");
    unharmed(case, &target, &secrets).await
}

async fn org_6(case: &Case<'_>) -> Result<(), Stop> {
    let (target, secrets, two_phase) = prepared(case).await?;
    shut(case, &case.elsewhere(&target)?, Caller::Owner, two_phase).await?;
    unharmed(case, &target, &secrets).await
}

async fn org_7(case: &Case<'_>) -> Result<(), Stop> {
    let (target, secrets, two_phase) = prepared(case).await?;
    let abroad = case.subject().abroad(&target);
    let abroad = abroad.ok_or_else(|| Stop::NotApplicable("the subject names no second organisation".to_owned()))?;
    shut(case, &abroad, Caller::Everywhere, two_phase).await?;
    unharmed(case, &target, &secrets).await
}

async fn org_8(case: &Case<'_>) -> Result<(), Stop> {
    let two_phase = case.rotator().profile().style() == Style::TwoPhase;
    let missing = case.missing_target()?;
    shut(case, &missing, Caller::Owner, two_phase).await
}
