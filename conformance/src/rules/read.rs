//! READ: what is read out of a kept answer, and what is not.

use cutover_core::{Attempt, Effect, Kept, Reply, RotateError, Style, Target};
use zeroize::Zeroizing;

use crate::case::{broken, keep};
use crate::outcome::hold;
use crate::{Case, Disturbance, Profiles, Rule, Stop};

/// Where the secret stands in the body of an answer, and the body.
struct Answer {
    target: Target,
    attempt: Attempt,
    kept: Kept,
    headers: Vec<(String, String)>,
    starts: usize,
    ends: usize,
}

/// On each of the many forms of a vendor one cut of so many is tried.
const CUTS_OF_A_FORM: usize = 5;

pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "READ-1",
        title: "An answer that is cut anywhere behind the secret still gives it",
        rests_on: "`SecretRotator::read`: a secret that is there whole is found, whatever else is cut off",
        profiles: Profiles::Every,
        needs: &[],
        check: |case| Box::pin(read_1(case)),
    },
    Rule {
        id: "READ-2",
        title: "An answer that is cut within the secret gives none, and never a part of one",
        rests_on: "`SecretRotator::read`: unreadable when no whole secret is in it",
        profiles: Profiles::Every,
        needs: &[],
        check: |case| Box::pin(read_2(case)),
    },
    Rule {
        id: "READ-3",
        title: "Fields that nobody announced do not hide the secret",
        rests_on: "`SecretRotator::read`: lenient; every vendor adds fields as it likes",
        profiles: Profiles::Every,
        needs: &[],
        check: |case| Box::pin(read_3(case)),
    },
    Rule {
        id: "READ-4",
        title: "What is read stands in the kept answer, not in what the adapter remembers",
        rests_on: "`SecretRotator::read` is pure, so that another process can read what this one kept",
        profiles: Profiles::Every,
        needs: &[],
        check: |case| Box::pin(read_4(case)),
    },
    Rule {
        id: "READ-5",
        title: "The kept answer of one target is not read for another",
        rests_on: "P4: a secret is in use for the target that it was issued for",
        profiles: Profiles::Every,
        needs: &[],
        check: |case| Box::pin(read_5(case)),
    },
    Rule {
        id: "READ-6",
        title: "An answer without a secret in it took effect and is unreadable",
        rests_on: "`RotateError::Unreadable`: sent and done, and the answer cannot be read",
        profiles: Profiles::Every,
        needs: &[],
        check: |case| Box::pin(read_6(case)),
    },
];

async fn read_1(case: &Case<'_>) -> Result<(), Stop> {
    let (answer, secret) = answered(case).await?;
    let body = answer.kept.reply().expose_body();
    // The character that follows the secret shows that it is whole.
    let cuts = answer.ends + 1..body.len();
    if cuts.is_empty() {
        return Err(Stop::NotApplicable("nothing follows the secret in the answer".to_owned()));
    }
    for at in cuts.step_by(if case.is_on_a_form() { CUTS_OF_A_FORM } else { 1 }) {
        match answer.read(case, false, &body[..at]).await {
            Ok(read) => hold!(read.into_secret() == secret, "cut after {at} bytes, it gives another secret"),
            Err(error) => {
                let beyond = at - answer.ends;
                return Err(Stop::Broken(format!("cut {beyond} bytes behind the secret, it gives none: {error}")));
            }
        }
    }
    Ok(())
}

async fn read_2(case: &Case<'_>) -> Result<(), Stop> {
    let (answer, secret) = answered(case).await?;
    let body = answer.kept.reply().expose_body();
    for at in answer.starts..=answer.ends {
        match answer.read(case, false, &body[..at]).await {
            Ok(read) => {
                let whole = at == answer.ends && read.into_secret() == secret;
                hold!(whole, "cut {} bytes before its end, a part passes for a secret", answer.ends - at);
            }
            Err(error) => {
                hold!(error.effect() == Effect::Applied, "a cut answer counts as {}: {error}", error.effect());
            }
        }
    }
    Ok(())
}

async fn read_3(case: &Case<'_>) -> Result<(), Stop> {
    let (answer, secret) = answered(case).await?;
    let body = answer.kept.reply().expose_body();
    let Some(object) = body.trim_ascii_start().strip_prefix(b"{") else {
        return Err(Stop::NotApplicable("the answer is no JSON object".to_owned()));
    };
    let news: [&[u8]; 3] = [
        br#"{"a_new_field":null,"#,
        br#"{"a_new_field":{"status":"ok","list":[1,-2.5e300,true,{"deep":[]}]},"#,
        b"\n\t { \"a_new_field\" : \"\\u00fc\\\"}{\" ,\r\n",
    ];
    for (nth, new) in news.into_iter().enumerate() {
        let read = broken("with a new field", answer.read(case, true, &[new, object].concat()).await)?;
        hold!(read.into_secret() == secret, "new field {} changes what is read", nth + 1);
    }
    if case.subject().can_disturb() && case.subject().disturb(Disturbance::ExtraFields) {
        let (target, _) = case.fresh_target().await?;
        let (_, secret) = case.issue_new(&target).await?;
        hold!(case.accepts(&target, &secret).await?, "with new fields in every object, another secret is read");
    }
    Ok(())
}

async fn read_4(case: &Case<'_>) -> Result<(), Stop> {
    let (target, _) = case.fresh_target().await?;
    let (first, earlier) = case.issue_new(&target).await?;
    if case.rotator().profile().style() == Style::TwoPhase {
        broken("cancel", case.cancel(&target).await)?;
    }
    let (second, later) = case.issue_new(&target).await?;
    case.step("read the answers of both, the later one first");
    let read_later = broken("read", case.rotator().read(&target, &second))?.into_secret();
    let read_earlier = broken("read", case.rotator().read(&target, &first))?.into_secret();
    hold!(read_later == later, "the later answer gives another secret than before");
    hold!(read_earlier == earlier, "the earlier answer gives another secret after a later one");
    Ok(())
}

async fn read_5(case: &Case<'_>) -> Result<(), Stop> {
    let (target, _) = case.fresh_target().await?;
    let (other, _) = case.fresh_target().await?;
    let (kept, _) = case.issue_new(&target).await?;
    case.step(format_args!("read the answer of {} for {}", target.id(), other.id()));
    let Err(refused) = case.rotator().read(&other, &kept) else {
        return Err(Stop::Broken("the answer of another target was read".to_owned()));
    };
    hold!(refused.effect() == Effect::NotApplied, "the mistake counts as {}: {refused}", refused.effect());
    Ok(())
}

async fn read_6(case: &Case<'_>) -> Result<(), Stop> {
    let (answer, _) = answered(case).await?;
    let body = answer.kept.reply().expose_body();
    let (before, after) = (&body[..answer.starts], &body[answer.ends..]);
    let deep = b"[".repeat(4096);
    let without = [before, after].concat();
    let bodies: [(&str, &[u8]); 7] = [
        ("is empty", b""),
        ("is an empty object", b"{}"),
        ("is null", b"null"),
        ("is a web page", b"<!doctype html><html><body>Sign in</body></html>"),
        ("is no text", b"\xff\xfe\x00\x01\x80"),
        ("has 4096 open brackets", &deep),
        ("has an empty text for a secret", &without),
    ];
    for (what, body) in bodies {
        match answer.read(case, true, body).await {
            Ok(_) => return Err(Stop::Broken(format!("an answer that {what} gives a secret"))),
            Err(error) => {
                hold!(error.effect() == Effect::Applied, "an answer that {what} counts as {}: {error}", error.effect());
            }
        }
    }
    Ok(())
}

/// An answer with a secret, and where the secret stands in it.
async fn answered(case: &Case<'_>) -> Result<(Answer, cutover_core::ClientSecret), Stop> {
    let (target, _) = case.fresh_target().await?;
    let attempt = case.attempt(&target);
    let (kept, secret) = case.issue(&target, &attempt).await?;
    let wanted = secret.expose().as_bytes();
    let found = kept.reply().expose_body().windows(wanted.len().max(1)).position(|window| window == wanted);
    let Some(starts) = found else {
        return Err(Stop::NotApplicable("the secret does not stand in the answer as it is".to_owned()));
    };
    let ends = starts + wanted.len();
    let headers = headers(kept.reply());
    Ok((Answer { target, attempt, kept, headers, starts, ends }, secret))
}

impl Answer {
    /// Reads the same answer with another body.
    async fn read(&self, case: &Case<'_>, whole: bool, body: &[u8]) -> Result<cutover_core::Issued, RotateError> {
        let kept = keep(&self.attempt, with_body(self.kept.reply(), &self.headers, whole, body)).await;
        case.rotator().read(&self.target, &kept)
    }
}

/// A reply with another body, and its head as it was.
pub(super) fn rewritten(reply: &Reply, whole: bool, body: &[u8]) -> Reply {
    with_body(reply, &headers(reply), whole, body)
}

fn with_body(reply: &Reply, headers: &[(String, String)], whole: bool, body: &[u8]) -> Reply {
    let other = Reply::new(reply.status(), whole, Zeroizing::new(body.to_vec()));
    headers.iter().fold(other, |other, (name, value)| other.with_header(name, value))
}

/// The headers of a reply, of which only its encoding tells all.
fn headers(reply: &Reply) -> Vec<(String, String)> {
    let encoded = reply.encode();
    let head = encoded.get(5..encoded.len() - reply.expose_body().len()).unwrap_or_default();
    let headers = serde_json::from_slice::<serde_json::Value>(head).ok();
    headers.and_then(|mut head| serde_json::from_value(head["headers"].take()).ok()).unwrap_or_default()
}
