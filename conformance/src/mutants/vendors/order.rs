//! Vendors that get the steps of a rotation wrong.

use serde_json::Value;

use super::showing::MADE_UP;
use crate::mutants::between::{Asked, Between, Call, Doing, Entry, Known, Reply, Wrong};
use crate::mutants::kinds::{CONNECTED_APP, M2M};

pub(super) const LIST: &[Entry] = &[
    ("a second start is answered with a fresh secret", "TP-2", M2M, Wrong::Instead(starts_afresh)),
    ("a second start is answered with a secret that does not work", "TP-7", M2M, Wrong::Instead(makes_one_up)),
    ("a second start is answered like the first", "TP-7", CONNECTED_APP, Wrong::Instead(starts_as_before)),
    ("a second start is refused and drops what is pending", "TP-7", CONNECTED_APP, Wrong::Instead(drops_pending)),
    ("reading a client does not show that a rotation is pending", "TP-3", M2M, Wrong::Answered(hides_pending)),
    ("completing nothing succeeds", "TP-4", M2M, Wrong::Instead(completes_nothing)),
    ("cancelling nothing succeeds", "TP-4", CONNECTED_APP, Wrong::Instead(cancels_nothing)),
    ("a client can be rotated once", "TP-8", M2M, Wrong::Instead(rotates_once)),
    ("after completing the old last four characters are shown", "TP-9", M2M, Wrong::Answered(old_four)),
    ("after cancelling a rotation is shown as pending", "TP-9", CONNECTED_APP, Wrong::Answered(pending_for_ever)),
    ("every error about the order of steps has one code", "TP-10", M2M, Wrong::Answered(one_code)),
    ("completing one rotation completes all", "TP-11", M2M, Wrong::Instead(completes_all)),
    ("cancelling one rotation cancels all", "TP-11", CONNECTED_APP, Wrong::Instead(cancels_all)),
    ("cancelling completes", "TP-1", M2M, Wrong::Instead(cancel_completes)),
    ("whether a lost completion has happened cannot be seen", "TP-13", M2M, Wrong::Answered(hides_completion)),
    ("a public client can be rotated", "NEW-5", CONNECTED_APP, Wrong::Instead(rotates_public)),
];

fn is_refused_start(call: &Call, reply: &Reply) -> bool {
    call.asked == Asked::Issue && String::from_utf8_lossy(&reply.body).contains("already_rotating")
}

/// The same client's path to another of its steps.
fn step(call: &Call, asked: Asked, path: &str) -> Call {
    let base = call.uri.path().split_once("/secrets").map_or(call.uri.path(), |(base, _)| base).to_owned();
    call.at(asked, &format!("{base}/secrets/rotate{path}"))
}

fn starts_afresh<'a>(between: &'a Between, call: &'a Call) -> Doing<'a> {
    Box::pin(async move {
        let reply = between.rightly(call).await?;
        if !is_refused_start(call, &reply) {
            return Ok(Some(reply));
        }
        between.rightly(&step(call, Asked::Cancel, "/cancel")).await?;
        between.rightly(call).await.map(Some)
    })
}

fn makes_one_up<'a>(between: &'a Between, call: &'a Call) -> Doing<'a> {
    Box::pin(async move {
        let reply = between.rightly(call).await?;
        if !is_refused_start(call, &reply) {
            return Ok(Some(reply));
        }
        let mut shown = between.rightly(&Call { method: http::Method::GET, ..read(call) }).await?;
        shown.add("next_client_secret", MADE_UP);
        Ok(Some(shown))
    })
}

fn read(call: &Call) -> Call {
    let base = call.uri.path().split_once("/secrets").map_or(call.uri.path(), |(base, _)| base).to_owned();
    call.at(Asked::Get, &base)
}

fn starts_as_before<'a>(between: &'a Between, call: &'a Call) -> Doing<'a> {
    Box::pin(async move {
        let reply = between.rightly(call).await?;
        if !is_refused_start(call, &reply) {
            return Ok(Some(reply));
        }
        let pending = between.book().last_secret(call.id.as_deref()).unwrap_or_default();
        let mut shown = between.rightly(&Call { method: http::Method::GET, ..read(call) }).await?;
        shown.add("next_client_secret", &pending);
        Ok(Some(shown))
    })
}

fn drops_pending<'a>(between: &'a Between, call: &'a Call) -> Doing<'a> {
    Box::pin(async move {
        let reply = between.rightly(call).await?;
        if is_refused_start(call, &reply) {
            between.rightly(&step(call, Asked::Cancel, "/cancel")).await?;
        }
        Ok(Some(reply))
    })
}

fn hides_pending(_: &Between, call: &Call, reply: &mut Reply) {
    if call.asked == Asked::Get {
        null_pending(reply);
    }
}

fn null_pending(reply: &mut Reply) {
    reply.edit(|body| {
        for member in ["m2m_client", "connected_app"] {
            if body[member].is_object() {
                body[member]["next_client_secret_last_four"] = Value::Null;
            }
        }
    });
}

fn completes_nothing<'a>(between: &'a Between, call: &'a Call) -> Doing<'a> {
    Box::pin(async move { succeeds_always(between, call, Asked::Complete).await })
}

fn cancels_nothing<'a>(between: &'a Between, call: &'a Call) -> Doing<'a> {
    Box::pin(async move { succeeds_always(between, call, Asked::Cancel).await })
}

async fn succeeds_always(
    between: &Between,
    call: &Call,
    asked: Asked,
) -> Result<Option<Reply>, cutover_http::SendError> {
    let reply = between.rightly(call).await?;
    if call.asked != asked || !String::from_utf8_lossy(&reply.body).contains("not_rotating") {
        return Ok(Some(reply));
    }
    between.rightly(&Call { method: http::Method::GET, ..read(call) }).await.map(Some)
}

fn rotates_once<'a>(between: &'a Between, call: &'a Call) -> Doing<'a> {
    Box::pin(async move {
        let known =
            between.book().client(call.id.as_deref().unwrap_or_default()).map_or(0, |client| client.secrets.len());
        if call.asked == Asked::Issue && known > 2 {
            let body = r#"{"status_code":400,"request_id":"r","error_type":"m2m_client_already_rotating_secret"}"#;
            return Ok(Some(Reply::json(400, body)));
        }
        Ok(None)
    })
}

fn old_four(between: &Between, call: &Call, reply: &mut Reply) {
    if call.asked != Asked::Get {
        return;
    }
    let mut book = between.book();
    let client = book.client(call.id.as_deref().unwrap_or_default());
    if let Some(client) = client.filter(|client| !client.pending && client.ended.is_some() && client.secrets.len() > 1)
    {
        let (old, _) = &client.secrets[client.secrets.len() - 2];
        reply.add("client_secret_last_four", &old[old.len() - 4..]);
    }
}

fn pending_for_ever(between: &Between, call: &Call, reply: &mut Reply) {
    if call.asked != Asked::Get {
        return;
    }
    let mut book = between.book();
    let client = book.client(call.id.as_deref().unwrap_or_default());
    if let Some((last, _)) = client.filter(|client| client.cancelled).and_then(|client| client.secrets.last()) {
        reply.add("next_client_secret_last_four", &last[last.len() - 4..]);
    }
}

fn one_code(_: &Between, _: &Call, reply: &mut Reply) {
    reply.edit(|body| {
        let of_order = body["error_type"].as_str().is_some_and(|code| code.contains("rotating_secret"));
        if of_order {
            body["error_type"] = Value::from("m2m_client_already_rotating_secret");
        }
    });
}

fn completes_all<'a>(between: &'a Between, call: &'a Call) -> Doing<'a> {
    Box::pin(async move { ends_all(between, call, Asked::Complete, "").await })
}

fn cancels_all<'a>(between: &'a Between, call: &'a Call) -> Doing<'a> {
    Box::pin(async move { ends_all(between, call, Asked::Cancel, "/cancel").await })
}

async fn ends_all(
    between: &Between,
    call: &Call,
    asked: Asked,
    path: &str,
) -> Result<Option<Reply>, cutover_http::SendError> {
    if call.asked != asked {
        return Ok(None);
    }
    let own = call.id.clone().unwrap_or_default();
    let is_other = |client: &&Known| client.pending && !client.ids.contains(&own);
    let others: Vec<String> =
        between.book().clients.iter().filter(is_other).filter_map(|client| client.ids.first().cloned()).collect();
    let base = call.uri.path().split_once(&own).map_or("", |(base, _)| base).to_owned();
    for id in others {
        let mut other = call.at(asked, &format!("{base}{id}/secrets/rotate{path}"));
        other.id = Some(id);
        between.rightly(&other).await?;
    }
    Ok(None)
}

fn cancel_completes<'a>(between: &'a Between, call: &'a Call) -> Doing<'a> {
    Box::pin(async move {
        if call.asked != Asked::Cancel {
            return Ok(None);
        }
        between.rightly(&step(call, Asked::Complete, "")).await.map(Some)
    })
}

fn hides_completion(between: &Between, call: &Call, reply: &mut Reply) {
    if call.asked != Asked::Get {
        return;
    }
    let mut book = between.book();
    let client = book.client(call.id.as_deref().unwrap_or_default());
    if let Some((last, _)) = client.filter(|client| client.lost).and_then(|client| client.secrets.last()) {
        reply.add("next_client_secret_last_four", &last[last.len() - 4..]);
    }
}

fn rotates_public<'a>(between: &'a Between, call: &'a Call) -> Doing<'a> {
    Box::pin(async move {
        let reply = between.rightly(call).await?;
        if call.asked != Asked::Issue || !String::from_utf8_lossy(&reply.body).contains("public_connected_apps") {
            return Ok(Some(reply));
        }
        let mut shown = between.rightly(&Call { method: http::Method::GET, ..read(call) }).await?;
        shown.add("next_client_secret", MADE_UP);
        Ok(Some(shown))
    })
}
