//! NEW: what creating a client shows, and what deleting one ends.

use cutover_core::Style;

use crate::case::broken;
use crate::outcome::hold;
use crate::{Ask, Caller, Case, Need, Profiles, Rule, Stop};

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "NEW-1",
        title: "The first secret of a new client works",
        rests_on: "Every vendor: creation, or the first request for a secret, shows it",
        profiles: Profiles::Every,
        needs: &[Need::Wire],
        check: |case| Box::pin(new_1(case)),
    },
    Rule {
        id: "NEW-2",
        title: "The secret of a new client is shown once",
        rests_on: "Hopae: shown at creation only; Stytch: store it, it cannot be read again",
        profiles: Profiles::Every,
        needs: &[Need::Wire],
        check: |case| Box::pin(new_2(case)),
    },
    Rule {
        id: "NEW-3",
        title: "Two new clients share neither id nor secret",
        rests_on: "Every vendor: both are generated",
        profiles: Profiles::Every,
        needs: &[Need::Wire],
        check: |case| Box::pin(new_3(case)),
    },
    Rule {
        id: "NEW-4",
        title: "A client that needs no secret is made without one",
        rests_on: "Stytch: public types have none; Zitadel: `none` and keys come without one",
        profiles: Profiles::Every,
        needs: &[Need::Wire],
        check: |case| Box::pin(new_4(case)),
    },
    Rule {
        id: "NEW-5",
        title: "A public client cannot be given a secret",
        rests_on: "Stytch: public_connected_apps_do_not_have_secrets",
        profiles: Profiles::TwoPhase,
        needs: &[Need::Wire],
        check: |case| Box::pin(new_5(case)),
    },
    Rule {
        id: "NEW-6",
        title: "A new client is rotated like any other",
        rests_on: "Every vendor: rotation asks for nothing but the client",
        profiles: Profiles::Every,
        needs: &[Need::Wire],
        check: |case| Box::pin(new_6(case)),
    },
    Rule {
        id: "NEW-7",
        title: "Deleting a client ends its secrets",
        rests_on: "Stytch: a deleted client gets no tokens; Zitadel, Hopae: it is not found",
        profiles: Profiles::Every,
        needs: &[Need::Wire],
        check: |case| Box::pin(new_7(case)),
    },
    Rule {
        id: "NEW-8",
        title: "A deleted client cannot be rotated, and deleting it again is refused",
        rests_on: "Every vendor: what was deleted is as unknown as what never was",
        profiles: Profiles::Every,
        needs: &[Need::Wire],
        check: |case| Box::pin(new_8(case)),
    },
    Rule {
        id: "NEW-9",
        title: "Whoever may not create a client makes none",
        rests_on: "Every vendor: creation takes the management credential",
        profiles: Profiles::Every,
        needs: &[Need::Wire],
        check: |case| Box::pin(new_9(case)),
    },
];

async fn new_1(case: &Case<'_>) -> Result<(), Stop> {
    let (target, secret) = case.make().await?;
    hold!(case.accepts(&target, &secret).await?, "the first secret of a new client does not work");
    Ok(())
}

async fn new_2(case: &Case<'_>) -> Result<(), Stop> {
    case.unless("hopae.get_secret", "leak", "this vendor shows the secret to whoever may read the client")?;
    let (target, _) = case.make().await?;
    case.shows_none("reading a new client", &case.done(Ask::Get(&target)).await?)?;
    for page in case.list().await? {
        case.shows_none("a list with a new client", &page)?;
    }
    Ok(())
}

async fn new_3(case: &Case<'_>) -> Result<(), Stop> {
    let (one, first) = case.make().await?;
    let (two, second) = case.make().await?;
    hold!(one.client_id() != two.client_id(), "two new clients have one client id");
    hold!(first != second, "two new clients have one secret");
    hold!(case.refuses(&one, &second).await?, "one client takes the other's secret");
    Ok(())
}

async fn new_4(case: &Case<'_>) -> Result<(), Stop> {
    let made = case.done(Ask::CreatePublic { name: &case.name() }).await?;
    hold!(case.wire()?.secret(&made).is_none(), "a client that needs no secret was made with one");
    Ok(())
}

async fn new_5(case: &Case<'_>) -> Result<(), Stop> {
    let name = case.name();
    let made = case.done(Ask::CreatePublic { name: &name }).await?;
    let target = case.target_in(&made, &name)?;
    let refused = case.refused(Ask::Issue { target: &target, keys: &[] }, Caller::Owner).await?;
    hold!(case.wire()?.secret(&refused).is_none(), "the refusal shows a secret");
    for ask in [Ask::Complete(&target), Ask::Cancel(&target)] {
        case.refused(ask, Caller::Owner).await?;
    }
    Ok(())
}

async fn new_6(case: &Case<'_>) -> Result<(), Stop> {
    let (target, first) = case.make().await?;
    let (kept, second) = case.issue_new(&target).await?;
    hold!(first != second, "the rotation gave the first secret again");
    if case.rotator().profile().style() == Style::TwoPhase {
        broken("complete", case.complete(&target, &kept).await)?;
    }
    hold!(case.accepts(&target, &second).await?, "the second secret of a new client does not work");
    hold!(case.refuses(&target, &first).await?, "its first secret still works");
    Ok(())
}

async fn new_7(case: &Case<'_>) -> Result<(), Stop> {
    let (target, current) = case.make().await?;
    let mut secrets = vec![current];
    if case.rotator().profile().style() == Style::TwoPhase {
        secrets.push(case.issue_new(&target).await?.1);
    }
    case.done(Ask::Delete(&target)).await?;
    for secret in &secrets {
        hold!(case.refuses(&target, secret).await?, "a secret of a deleted client still works");
    }
    Ok(())
}

async fn new_8(case: &Case<'_>) -> Result<(), Stop> {
    let (target, secret) = case.make().await?;
    case.done(Ask::Delete(&target)).await?;
    for ask in [Ask::Issue { target: &target, keys: &[] }, Ask::Delete(&target)] {
        let refused = case.refused(ask, Caller::Owner).await?;
        hold!(case.wire()?.secret(&refused).is_none(), "the refusal shows a secret");
    }
    hold!(case.refuses(&target, &secret).await?, "the secret of a deleted client works again");
    Ok(())
}

async fn new_9(case: &Case<'_>) -> Result<(), Stop> {
    for caller in [Caller::Forger, Caller::Nobody, Caller::Reader] {
        if !case.wire()?.has(caller) {
            continue;
        }
        let name = case.name();
        let refused = case.refused(Ask::Create { name: &name, key: None }, caller).await?;
        hold!(case.wire()?.secret(&refused).is_none(), "{caller} was shown a secret");
    }
    Ok(())
}
