//! IDEM, past the adapter: what an idempotency key does, byte for byte.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;

use cutover_core::{ClientSecret, Recovery, Target};

use crate::outcome::hold;
use crate::wire::Repetition;
use crate::{Ask, Caller, Case, Disturbance, Exchange, Need, Profiles, Rule, Stop};

/// The longest key that the vendors document.
const LONGEST: usize = 255;

/// How many requests are under way at once.
const AT_ONCE: usize = 8;

const MERE_BODY: &str = "this vendor takes requests under one key for the same when their bodies are";

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "IDEM-6",
        title: "The same request under the same key gets the same status and the same bytes",
        rests_on: "Hopae: a repeated key returns the original response",
        profiles: Profiles::Replay,
        needs: &[Need::Wire],
        check: |case| Box::pin(idem_6(case)),
    },
    Rule {
        id: "IDEM-7",
        title: "A replay is marked, and nothing else is",
        rests_on: "Hopae: `Idempotency-Replayed: true` on a replay",
        profiles: Profiles::Replay,
        needs: &[Need::Wire],
        check: |case| Box::pin(idem_7(case)),
    },
    Rule {
        id: "IDEM-8",
        title: "A key that belongs to another request is refused as such, and changes nothing",
        rests_on: "Hopae: 409 IDEMPOTENCY_KEY_CONFLICT for another body under a known key",
        profiles: Profiles::Replay,
        needs: &[Need::Wire],
        check: |case| Box::pin(idem_8(case)),
    },
    Rule {
        id: "IDEM-9",
        title: "Requests under one key at the same time rotate once",
        rests_on: "Hopae: a key whose first request still runs is refused with a code of its own",
        profiles: Profiles::Replay,
        needs: &[Need::Wire],
        check: |case| Box::pin(idem_9(case)),
    },
    Rule {
        id: "IDEM-10",
        title: "A key of one workspace means nothing in another",
        rests_on: "Hopae: keys are scoped to the workspace",
        profiles: Profiles::Replay,
        needs: &[Need::Wire, Need::Caller(Caller::Stranger)],
        check: |case| Box::pin(idem_10(case)),
    },
    Rule {
        id: "IDEM-11",
        title: "A key of 255 characters counts to its last character",
        rests_on: "Hopae: any string of up to 255 characters",
        profiles: Profiles::Replay,
        needs: &[Need::Wire],
        check: |case| Box::pin(idem_11(case)),
    },
    Rule {
        id: "IDEM-12",
        title: "What cannot be a key is refused before anything is done",
        rests_on: "Hopae: 255 characters at most; an empty or a longer one is no key",
        profiles: Profiles::Replay,
        needs: &[Need::Wire],
        check: |case| Box::pin(idem_12(case)),
    },
    Rule {
        id: "IDEM-13",
        title: "Two keys on one request never become a third",
        rests_on: "IETF draft on Idempotency-Key: no more than one on a request",
        profiles: Profiles::Replay,
        needs: &[Need::Wire],
        check: |case| Box::pin(idem_13(case)),
    },
    Rule {
        id: "IDEM-14",
        title: "After its window a key is new",
        rests_on: "Hopae: a key is valid for 24 hours",
        profiles: Profiles::Replay,
        needs: &[Need::Wire, Need::Clock],
        check: |case| Box::pin(idem_14(case)),
    },
    Rule {
        id: "IDEM-15",
        title: "Keys that differ in case or quotes are different keys",
        rests_on: "Hopae: the key is the header's raw text",
        profiles: Profiles::Replay,
        needs: &[Need::Wire],
        check: |case| Box::pin(idem_15(case)),
    },
    Rule {
        id: "IDEM-16",
        title: "A replay changes nothing that can be read",
        rests_on: "Hopae: a repeated key does not rotate again",
        profiles: Profiles::Replay,
        needs: &[Need::Wire],
        check: |case| Box::pin(idem_16(case)),
    },
    Rule {
        id: "IDEM-17",
        title: "After a refusal a key stays consistent: the same request gets the same",
        rests_on: "Hopae leaves open whether a refusal is an original response; both are taken",
        profiles: Profiles::Replay,
        needs: &[Need::Wire],
        check: |case| Box::pin(idem_17(case)),
    },
    Rule {
        id: "IDEM-18",
        title: "After a client is deleted its key gives no secret that works",
        rests_on: "Hopae: a deleted app is not found",
        profiles: Profiles::Replay,
        needs: &[Need::Wire],
        check: |case| Box::pin(idem_18(case)),
    },
    Rule {
        id: "IDEM-19",
        title: "Without a key every request rotates",
        rests_on: "Hopae: the key is optional",
        profiles: Profiles::Replay,
        needs: &[Need::Wire],
        check: |case| Box::pin(idem_19(case)),
    },
    Rule {
        id: "IDEM-20",
        title: "A key of one route never brings the answer of another",
        rests_on: "Hopae: a key that was used with another body is refused",
        profiles: Profiles::Replay,
        needs: &[Need::Wire],
        check: |case| Box::pin(idem_20(case)),
    },
    Rule {
        id: "IDEM-21",
        title: "A request that failed before it was done is done once under its key",
        rests_on: "Hopae: after a server error the same request is sent again under its key",
        profiles: Profiles::Replay,
        needs: &[Need::Wire, Need::Faults],
        check: |case| Box::pin(idem_21(case)),
    },
    Rule {
        id: "IDEM-22",
        title: "Creating twice under one key makes one client",
        rests_on: "Hopae: creation takes an idempotency key",
        profiles: Profiles::Replay,
        needs: &[Need::Wire],
        check: |case| Box::pin(idem_22(case)),
    },
    Rule {
        id: "IDEM-23",
        title: "One key for two clients never hands the secret of one to the other",
        rests_on: "Hopae: keys are scoped to the workspace, and rotations have no body to tell them apart",
        profiles: Profiles::Replay,
        needs: &[Need::Wire],
        check: |case| Box::pin(idem_23(case)),
    },
];

async fn idem_6(case: &Case<'_>) -> Result<(), Stop> {
    let (target, _) = case.fresh_target().await?;
    let key = case.key();
    let (first, secret) = case.issue_past(&target, &[key.as_bytes()]).await?;
    let again = case.issue_again(&target, key.as_bytes()).await?;
    hold!(again.status == first.status, "the first answer was {} and its replay {}", first.status, again.status);
    hold!(again.body == first.body, "the replay has other bytes than the first answer");
    hold!(case.accepts(&target, &secret).await?, "the replayed secret does not work");
    Ok(())
}

async fn idem_7(case: &Case<'_>) -> Result<(), Stop> {
    case.unless("hopae.replay_header", "off", "this vendor's replays arrive without their mark")?;
    let (target, _) = case.fresh_target().await?;
    let key = case.key();
    let (first, _) = case.issue_past(&target, &[key.as_bytes()]).await?;
    hold!(!is_marked(&first), "a first answer is marked as a replay");
    let again = case.issue_again(&target, key.as_bytes()).await?;
    hold!(again.header("idempotency-replayed") == Some("true"), "a replay is not marked as one");
    let fresh = case.issue_past(&target, &[]).await?.0;
    hold!(!is_marked(&fresh), "an answer without a key is marked as a replay");
    let name = case.name();
    let other = case.send(Ask::Create { name: &name, key: Some(key.as_bytes()) }, Caller::Owner).await?;
    hold!(!is_marked(&other), "the answer to another request is marked as a replay");
    Ok(())
}

async fn idem_8(case: &Case<'_>) -> Result<(), Stop> {
    let (key, name, other) = (case.key(), case.name(), case.name());
    let ours = Ask::Create { name: &name, key: Some(key.as_bytes()) };
    let first = case.done(ours).await?;
    let conflict = case.again(Ask::Create { name: &other, key: Some(key.as_bytes()) }).await?;
    hold!(
        case.wire()?.repetition(&conflict) == Repetition::Mismatch,
        "another request under the key was answered with {}",
        case.said(&conflict)?
    );
    case.shows_none("the refusal", &conflict)?;
    let again = case.again(ours).await?;
    hold!(again.body == first.body, "the first answer is not replayed any more");
    let made = named(case, &other).await?;
    hold!(made == 0, "the refused request made a client");
    Ok(())
}

async fn idem_9(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    let (key, wire) = (case.key(), case.wire()?);
    let keys: [&[u8]; 1] = [key.as_bytes()];
    case.step(format_args!("{AT_ONCE} requests for a secret of {} at once, under one key", target.id()));
    let asked = (0..AT_ONCE).map(|_| wire.send(Ask::Issue { target: &target, keys: &keys }, Caller::Owner));
    let mut answers: Vec<Exchange> = Vec::new();
    for answer in join_all(asked).await {
        answers.extend(answer.map_err(|lost| Stop::NotSetUp(lost.to_string()))?);
    }
    let secret = case.secret_in(&case.issue_again(&target, key.as_bytes()).await?)?;
    case.note(&secret);
    for answer in &answers {
        match wire.repetition(answer) {
            Repetition::Running => {}
            _ => {
                hold!(answer.is_success(), "one of them was answered with {}", case.said(answer)?);
                hold!(case.secret_in(answer)? == secret, "the requests brought more than one secret");
            }
        }
    }
    hold!(case.accepts(&target, &secret).await?, "the secret does not work");
    hold!(case.refuses(&target, &old).await?, "the old secret still works");
    Ok(())
}

async fn idem_10(case: &Case<'_>) -> Result<(), Stop> {
    let (key, name) = (case.key(), case.name());
    let ask = Ask::Create { name: &name, key: Some(key.as_bytes()) };
    let ours = case.done(ask).await?;
    let theirs = case.send(ask, Caller::Stranger).await?;
    hold!(theirs.is_success(), "the other workspace was answered with {}", case.said(&theirs)?);
    hold!(case.wire()?.repetition(&theirs) == Repetition::First, "the other workspace got a replay");
    let (ours, theirs) = (case.secret_in(&ours)?, case.secret_in(&theirs)?);
    hold!(ours != theirs, "the key handed the secret of one workspace to another");
    Ok(())
}

async fn idem_11(case: &Case<'_>) -> Result<(), Stop> {
    let (target, _) = case.fresh_target().await?;
    let long = |last: char| {
        let mut key = case.key();
        let padding = LONGEST - 1 - key.len();
        key.extend(std::iter::repeat_n('x', padding));
        key.push(last);
        key
    };
    let stem = long('a');
    let other = format!("{}b", &stem[..LONGEST - 1]);
    let (_, first) = case.issue_past(&target, &[stem.as_bytes()]).await?;
    let again = case.secret_in(&case.issue_again(&target, stem.as_bytes()).await?)?;
    hold!(first == again, "the same long key gave two secrets");
    let (_, second) = case.issue_past(&target, &[other.as_bytes()]).await?;
    hold!(first != second, "two long keys that differ in their last character count as one");
    Ok(())
}

async fn idem_12(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    let long = "k".repeat(LONGEST + 1);
    let none: [(&str, &[u8]); 3] = [
        ("of 256 characters", long.as_bytes()),
        ("without a character", b""),
        ("outside ASCII", "schlüssel".as_bytes()),
    ];
    for (what, key) in none {
        let refused = case.send(Ask::Issue { target: &target, keys: &[key] }, Caller::Owner).await?;
        hold!((400..500).contains(&refused.status), "a key {what} was answered with {}", case.said(&refused)?);
        hold!(case.accepts(&target, &old).await?, "a refused key {what} ended the secret");
    }
    Ok(())
}

async fn idem_13(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    let (one, two) = (case.key(), case.key());
    let both: [&[u8]; 2] = [one.as_bytes(), two.as_bytes()];
    let answer = case.send(Ask::Issue { target: &target, keys: &both }, Caller::Owner).await?;
    if !answer.is_success() {
        hold!((400..500).contains(&answer.status), "two keys were answered with {}", case.said(&answer)?);
        hold!(case.accepts(&target, &old).await?, "a refused request ended the secret");
        return Ok(());
    }
    // Taken for one of the two, then: under that one there is something to replay now.
    let secret = case.secret_in(&answer)?;
    let first = case.secret_in(&case.issue_again(&target, one.as_bytes()).await?)?;
    hold!(first == secret, "two keys on one request counted as a third");
    Ok(())
}

async fn idem_14(case: &Case<'_>) -> Result<(), Stop> {
    let Recovery::Replay { window, .. } = case.rotator().profile().recovery() else {
        return Err(Stop::NotSetUp("the profile names no window".to_owned()));
    };
    let (target, _) = case.fresh_target().await?;
    let key = case.key();
    let (_, first) = case.issue_past(&target, &[key.as_bytes()]).await?;
    case.wait(window.saturating_sub(Duration::from_secs(1))).await;
    let again = case.secret_in(&case.issue_again(&target, key.as_bytes()).await?)?;
    hold!(again == first, "within its window the key gave another secret");
    case.wait(Duration::from_secs(2)).await;
    let (after, second) = case.issue_past(&target, &[key.as_bytes()]).await?;
    hold!(second != first, "after its window the key still gives the same secret");
    hold!(!is_marked(&after), "after its window the key's answer is marked as a replay");
    hold!(case.accepts(&target, &second).await?, "the secret after the window does not work");
    hold!(case.refuses(&target, &first).await?, "the secret before it still works");
    Ok(())
}

async fn idem_15(case: &Case<'_>) -> Result<(), Stop> {
    let (target, _) = case.fresh_target().await?;
    let key = case.key();
    let keys = [key.clone(), key.to_uppercase(), format!("\"{key}\"")];
    let mut secrets: Vec<ClientSecret> = Vec::new();
    for key in &keys {
        let (answer, secret) = case.issue_past(&target, &[key.as_bytes()]).await?;
        hold!(!is_marked(&answer), "a key counts as one that differs from it in case or quotes");
        hold!(!secrets.contains(&secret), "keys that differ in case or quotes gave the same secret");
        secrets.push(secret);
    }
    Ok(())
}

async fn idem_16(case: &Case<'_>) -> Result<(), Stop> {
    let (target, _) = case.fresh_target().await?;
    let key = case.key();
    let (_, secret) = case.issue_past(&target, &[key.as_bytes()]).await?;
    let before = read(case, &target).await?;
    if case.subject().can_wait() {
        case.wait(Duration::from_secs(5)).await;
    }
    case.issue_again(&target, key.as_bytes()).await?;
    let after = read(case, &target).await?;
    hold!(before == after, "the client reads differently after a replay");
    hold!(case.accepts(&target, &secret).await?, "the replay ended the secret");
    Ok(())
}

async fn idem_17(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    let missing = case.missing_target()?;
    let key = case.key();
    case.refused(Ask::Issue { target: &missing, keys: &[key.as_bytes()] }, Caller::Owner).await?;
    let once = case.issue_again(&target, key.as_bytes()).await?;
    let twice = case.issue_again(&target, key.as_bytes()).await?;
    hold!(once.status == twice.status, "the same request got {} and then {}", once.status, twice.status);
    if once.is_success() {
        let (once, twice) = (case.secret_in(&once)?, case.secret_in(&twice)?);
        hold!(once == twice, "the same request under the same key gave two secrets");
        hold!(case.accepts(&target, &once).await?, "the secret does not work");
    } else {
        hold!(case.accepts(&target, &old).await?, "a refused request ended the secret");
    }
    Ok(())
}

async fn idem_18(case: &Case<'_>) -> Result<(), Stop> {
    let (target, _) = case.fresh_target().await?;
    let key = case.key();
    let (_, secret) = case.issue_past(&target, &[key.as_bytes()]).await?;
    case.done(Ask::Delete(&target)).await?;
    let after = case.issue_again(&target, key.as_bytes()).await?;
    if let Some(replayed) = case.wire()?.secret(&after) {
        hold!(replayed == secret, "a deleted client got a new secret");
    }
    hold!(case.refuses(&target, &secret).await?, "the secret of a deleted client works");
    Ok(())
}

async fn idem_19(case: &Case<'_>) -> Result<(), Stop> {
    let (target, _) = case.fresh_target().await?;
    let (_, first) = case.issue_past(&target, &[]).await?;
    let (again, second) = case.issue_past(&target, &[]).await?;
    hold!(first != second, "two requests without a key gave one secret");
    hold!(!is_marked(&again), "an answer without a key is marked as a replay");
    hold!(case.refuses(&target, &first).await?, "the first of two secrets still works");
    hold!(case.accepts(&target, &second).await?, "the second of two secrets does not work");
    Ok(())
}

async fn idem_20(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    let (key, name) = (case.key(), case.name());
    let made = case.done(Ask::Create { name: &name, key: Some(key.as_bytes()) }).await?;
    let crossed = case.issue_again(&target, key.as_bytes()).await?;
    hold!(crossed.body != made.body, "a rotation got the answer of a creation");
    if crossed.is_success() {
        let secret = case.secret_in(&crossed)?;
        hold!(secret != case.secret_in(&made)?, "a rotation got the secret of another client");
        hold!(case.accepts(&target, &secret).await?, "the secret does not work");
    } else {
        hold!(case.accepts(&target, &old).await?, "a refused request ended the secret");
    }
    Ok(())
}

async fn idem_21(case: &Case<'_>) -> Result<(), Stop> {
    let (target, old) = case.fresh_target().await?;
    let key = case.key();
    case.disturb(Disturbance::FailBefore)?;
    let failed = case.send(Ask::Issue { target: &target, keys: &[key.as_bytes()] }, Caller::Owner).await?;
    hold!(failed.status >= 500, "the failure was answered with {}", failed.status);
    let first = case.secret_in(&case.issue_again(&target, key.as_bytes()).await?)?;
    let again = case.secret_in(&case.issue_again(&target, key.as_bytes()).await?)?;
    hold!(first == again, "after a failure the key gave two secrets");
    hold!(case.accepts(&target, &first).await?, "the secret does not work");
    hold!(case.refuses(&target, &old).await?, "the old secret still works");
    Ok(())
}

async fn idem_22(case: &Case<'_>) -> Result<(), Stop> {
    let (key, name) = (case.key(), case.name());
    let ask = Ask::Create { name: &name, key: Some(key.as_bytes()) };
    let first = case.done(ask).await?;
    let again = case.again(ask).await?;
    hold!(again.body == first.body, "the repeated creation has other bytes than the first");
    let made = named(case, &name).await?;
    hold!(made == 1, "the key made {made} clients");
    Ok(())
}

async fn idem_23(case: &Case<'_>) -> Result<(), Stop> {
    case.unless("hopae.fingerprint", "body", MERE_BODY)?;
    let (target, _) = case.fresh_target().await?;
    let (other, others) = case.fresh_target().await?;
    let key = case.key();
    let (_, secret) = case.issue_past(&target, &[key.as_bytes()]).await?;
    let crossed = case.issue_again(&other, key.as_bytes()).await?;
    if crossed.is_success() {
        let crossed = case.secret_in(&crossed)?;
        hold!(crossed != secret, "one key handed the secret of one client to another");
        hold!(case.accepts(&other, &crossed).await?, "the secret does not work");
    } else {
        hold!(case.accepts(&other, &others).await?, "a refused request ended a secret");
    }
    hold!(case.accepts(&target, &secret).await?, "the first client's secret was ended");
    Ok(())
}

fn is_marked(exchange: &Exchange) -> bool {
    exchange.headers.contains_key("idempotency-replayed")
}

/// How many clients have this name.
async fn named(case: &Case<'_>, name: &str) -> Result<usize, Stop> {
    let wire = case.wire()?;
    let pages = case.list().await?;
    Ok(pages.iter().flat_map(|page| wire.listed(page)).filter(|(_, listed)| listed == name).count())
}

/// The client as it is read, without what is new in every answer.
async fn read(case: &Case<'_>, target: &Target) -> Result<Value, Stop> {
    let mut shown = case.done(Ask::Get(target)).await?.json().unwrap_or_default();
    if let Some(fields) = shown.as_object_mut() {
        fields.remove("request_id");
    }
    Ok(shown)
}
