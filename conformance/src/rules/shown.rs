//! SO: where a vendor shows a secret, and where it does not; past the adapter, and overheard.

use cutover_core::Style;

use crate::case::broken;
use crate::outcome::hold;
use crate::{Ask, Caller, Case, Need, Profiles, Rule, Stop};

/// A secret that somebody else would like a client to have.
const CHOSEN: &str = "Chosen-by-the-caller-and-not-by-the-vendor-0123456789";

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "SO-5",
        title: "Reading a client shows none of its secrets",
        rests_on: "Hopae, Stytch: the secret cannot be read again; Zitadel: only its hash is kept",
        profiles: Profiles::Every,
        needs: &[Need::Wire],
        check: |case| Box::pin(so_5(case)),
    },
    Rule {
        id: "SO-6",
        title: "A list of clients shows no secret",
        rests_on: "Stytch: last characters only; Zitadel, Hopae: a secret is shown when it is made",
        profiles: Profiles::Every,
        needs: &[Need::Wire],
        check: |case| Box::pin(so_6(case)),
    },
    Rule {
        id: "SO-7",
        title: "Renaming a client shows no secret and changes none",
        rests_on: "Every vendor: an update answers with the client as it is read",
        profiles: Profiles::Every,
        needs: &[Need::Wire],
        check: |case| Box::pin(so_7(case)),
    },
    Rule {
        id: "SO-8",
        title: "No update gives a client a secret of the caller's choice",
        rests_on: "Hopae: the secret cannot be updated; Stytch, Zitadel: rotation always generates it",
        profiles: Profiles::Every,
        needs: &[Need::Wire],
        check: |case| Box::pin(so_8(case)),
    },
    Rule {
        id: "SO-9",
        title: "A refusal shows no secret, not even the one that was refused",
        rests_on: "Every vendor: errors hold a code and a text",
        profiles: Profiles::Every,
        needs: &[Need::Wire],
        check: |case| Box::pin(so_9(case)),
    },
    Rule {
        id: "SO-10",
        title: "Completing and cancelling show no secret",
        rests_on: "Stytch: these answers hold last characters only",
        profiles: Profiles::TwoPhase,
        needs: &[Need::Wire],
        check: |case| Box::pin(so_10(case)),
    },
    Rule {
        id: "SO-11",
        title: "The answer to a rotation shows the new secret, in its body, and no older one",
        rests_on: "Every vendor: the answer holds the secret that was generated",
        profiles: Profiles::Every,
        needs: &[Need::Wire],
        check: |case| Box::pin(so_11(case)),
    },
    Rule {
        id: "SO-12",
        title: "Being let in with a secret does not show it",
        rests_on: "RFC 6749, RFC 7662: neither answer has a place for a client secret",
        profiles: Profiles::Every,
        needs: &[Need::Wire],
        check: |case| Box::pin(so_12(case)),
    },
    Rule {
        id: "SO-13",
        title: "Of all that a vendor answers in a rotation, only the answer to the request for a secret shows one",
        rests_on: "Every vendor: the secret is shown once, and cannot be retrieved later",
        profiles: Profiles::Every,
        needs: &[Need::Answers],
        check: |case| Box::pin(so_13(case)),
    },
];

fn is_secret_to_readers(case: &Case<'_>) -> Result<(), Stop> {
    case.unless("hopae.get_secret", "leak", "this vendor shows the secret to whoever may read the client")
}

async fn so_5(case: &Case<'_>) -> Result<(), Stop> {
    is_secret_to_readers(case)?;
    let (target, _) = case.fresh_target().await?;
    case.shows_none("reading it before it is rotated", &case.done(Ask::Get(&target)).await?)?;
    let (kept, _) = case.issue_new(&target).await?;
    case.shows_none("reading it after a secret was issued", &case.done(Ask::Get(&target)).await?)?;
    if case.rotator().profile().style() == Style::TwoPhase {
        broken("complete", case.complete(&target, &kept).await)?;
        case.shows_none("reading it after the rotation was completed", &case.done(Ask::Get(&target)).await?)?;
    }
    Ok(())
}

async fn so_6(case: &Case<'_>) -> Result<(), Stop> {
    is_secret_to_readers(case)?;
    let (target, _) = case.fresh_target().await?;
    let (_, _) = case.issue_new(&target).await?;
    for page in case.list().await? {
        case.shows_none("a list", &page)?;
    }
    Ok(())
}

async fn so_7(case: &Case<'_>) -> Result<(), Stop> {
    is_secret_to_readers(case)?;
    let (target, old) = case.fresh_target().await?;
    let renamed = case.done(Ask::Rename { target: &target, name: &case.name() }).await?;
    case.shows_none("the answer to a renaming", &renamed)?;
    hold!(case.accepts(&target, &old).await?, "renaming ended the secret");
    let (_, new) = case.issue_new(&target).await?;
    let renamed = case.done(Ask::Rename { target: &target, name: &case.name() }).await?;
    case.shows_none("the answer to a renaming", &renamed)?;
    hold!(case.accepts(&target, &new).await?, "renaming ended the new secret");
    Ok(())
}

async fn so_8(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    // Refused or dropped, as the vendor likes.
    let name = case.name();
    case.send(Ask::SetSecret { target: &target, name: &name, value: CHOSEN }, Caller::Owner).await?;
    hold!(case.accepts(&target, &old).await?, "the secret in use was ended");
    let chosen = cutover_core::ClientSecret::new(CHOSEN);
    hold!(case.refuses(&target, &chosen).await?, "a secret of the caller's choice is accepted");
    Ok(())
}

async fn so_9(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    let (kept, new) = case.issue_new(&target).await?;
    if case.rotator().profile().style() == Style::TwoPhase {
        let again = case.send(Ask::Issue { target: &target, keys: &[] }, Caller::Nobody).await?;
        case.shows_none("a refusal", &again)?;
        broken("complete", case.complete(&target, &kept).await)?;
    }
    hold!(case.refuses(&target, &old).await?, "the old secret still works");
    let refused = case.send(Ask::Authenticate { target: &target, secret: &old }, Caller::Owner).await?;
    hold!(!refused.is_success(), "the old secret still works");
    case.shows_none("the refusal of a dead secret", &refused)?;
    let missing = case.missing_target()?;
    let refused = case.send(Ask::Authenticate { target: &missing, secret: &new }, Caller::Owner).await?;
    case.shows_none("the refusal of somebody else's secret", &refused)?;
    for caller in [Caller::Forger, Caller::Nobody] {
        let refused = case.send(Ask::Issue { target: &target, keys: &[] }, caller).await?;
        case.shows_none("a refusal", &refused)?;
    }
    Ok(())
}

async fn so_10(case: &Case<'_>) -> Result<(), Stop> {
    let (target, _) = case.fresh_target().await?;
    case.issue_past(&target, &[]).await?;
    case.shows_none("the answer to cancelling", &case.done(Ask::Cancel(&target)).await?)?;
    case.issue_past(&target, &[]).await?;
    case.shows_none("the answer to completing", &case.done(Ask::Complete(&target)).await?)?;
    Ok(())
}

async fn so_11(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    // Sent without noting what comes, so that only the older secrets are looked for.
    let issued = case.done(Ask::Issue { target: &target, keys: &[] }).await?;
    let new = case.secret_in(&issued)?;
    hold!(new != old, "the answer shows the secret that was in use before");
    // All of it: vendors may begin every secret alike.
    let is_old = |window: &[u8]| window == old.expose().as_bytes();
    let shown = issued.body.windows(old.expose().len()).any(is_old);
    hold!(!shown, "beside the new secret the answer shows the one before it");
    let in_headers = issued.headers.values().any(|value| case.shows_secret(value.as_bytes()));
    hold!(!in_headers, "a header of the answer shows the new secret, where whoever is in between may log it");
    Ok(())
}

async fn so_12(case: &Case<'_>) -> Result<(), Stop> {
    let (target, secret) = case.fresh_target().await?;
    let let_in = case.done(Ask::Authenticate { target: &target, secret: &secret }).await?;
    case.shows_none("the answer to whoever shows a secret", &let_in)?;
    Ok(())
}

async fn so_13(case: &Case<'_>) -> Result<(), Stop> {
    is_secret_to_readers(case)?;
    let two_phase = case.rotator().profile().style() == Style::TwoPhase;
    let (target, old) = case.fresh_target().await?;
    let (kept, new) = case.issue_new(&target).await?;
    case.step("from now on, listen to what the vendor answers");
    case.subject().listen();
    let _ = case.inspect(&target).await;
    let _ = case.accepts(&target, &new).await?;
    if two_phase {
        broken("complete", case.complete(&target, &kept).await)?;
    }
    let _ = case.refuses(&target, &old).await?;
    let _ = case.inspect(&target).await;
    silent(case)?;
    if two_phase {
        let _dropped = case.issue_new(&target).await?;
        case.subject().listen();
        broken("cancel", case.cancel(&target).await)?;
        silent(case)?;
    }
    Ok(())
}

/// Broken when an answer shows a secret.
fn silent(case: &Case<'_>) -> Result<(), Stop> {
    for heard in case.subject().overheard() {
        if let Some(nth) = case.secret_in_text(heard.expose()) {
            return Err(Stop::Broken(format!(
                "the vendor's answer to {} shows secret {nth}; a secret is for the answer to the request that made it",
                heard.asked()
            )));
        }
    }
    Ok(())
}
