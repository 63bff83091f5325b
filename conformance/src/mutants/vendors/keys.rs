//! Vendors that get idempotency keys wrong.

use crate::mutants::between::{Asked, Between, Call, Doing, Entry, Reply, Wrong};
use crate::mutants::kinds::APP;

pub(super) const LIST: &[Entry] = &[
    ("keys are ignored", "IDEM-1", APP, Wrong::Asked(ignored)),
    ("a replay has other bytes", "IDEM-6", APP, Wrong::Answered(other_bytes)),
    ("a replay has another status", "IDEM-6", APP, Wrong::Answered(other_status)),
    ("a replay is not marked", "IDEM-7", APP, Wrong::Answered(unmarked)),
    ("every answer under a key is marked as a replay", "IDEM-7", APP, Wrong::Answered(marked)),
    ("a conflict is marked as a replay", "IDEM-7", APP, Wrong::Answered(marked_conflict)),
    ("another request under a known key is answered like the first", "IDEM-8", APP, Wrong::Instead(replays_anyway)),
    ("another request under a known key is done", "IDEM-8", APP, Wrong::Instead(done_anyway)),
    ("a conflict has the code of a request that still runs", "IDEM-8", APP, Wrong::Answered(conflict_as_running)),
    ("requests at the same time under one key are all done", "IDEM-9", APP, Wrong::Instead(at_once)),
    ("a key means the same in every workspace", "IDEM-10", APP, Wrong::Instead(everywhere)),
    ("only the first 200 characters of a key count", "IDEM-11", APP, Wrong::Asked(cut_at_200)),
    ("a key of 256 characters is cut to 255", "IDEM-12", APP, Wrong::Asked(cut_at_255)),
    ("an empty key is taken for none", "IDEM-12", APP, Wrong::Asked(empty_is_none)),
    ("two keys become a third", "IDEM-13", APP, Wrong::Asked(joined)),
    ("keys never end", "IDEM-14", APP, Wrong::Instead(never_end)),
    ("keys end after an hour", "IDEM-14", APP, Wrong::Asked(end_after_an_hour)),
    ("keys end an hour early", "IDEM-14", APP, Wrong::Asked(end_an_hour_early)),
    ("the case of a key does not count", "IDEM-15", APP, Wrong::Asked(lower_case)),
    ("quotes around a key do not count", "IDEM-15", APP, Wrong::Asked(without_quotes)),
    ("a replay changes when the client was last updated", "IDEM-16", APP, Wrong::Answered(touched)),
    ("after a refusal its key is ignored", "IDEM-17", APP, Wrong::Instead(ignored_once_refused)),
    ("requests without a key count as one", "IDEM-19", APP, Wrong::Asked(none_is_one)),
    ("a key brings the answer of whatever route it was used on", "IDEM-20", APP, Wrong::Instead(over_routes)),
    ("a server error is replayed", "IDEM-21", APP, Wrong::Instead(replays_errors)),
    ("creation ignores keys", "IDEM-22", APP, Wrong::Asked(ignored_at_creation)),
    ("a key brings the secret of whatever app it was used for", "IDEM-23", APP, Wrong::Instead(over_apps)),
    ("a key is forgotten when its answer is lost", "IDEM-2", APP, Wrong::Asked(forgotten_once_lost)),
];

const MARK: &str = "idempotency-replayed";

fn ignored(_: &Between, call: &mut Call) {
    call.set_key(None);
}

fn ignored_at_creation(_: &Between, call: &mut Call) {
    if call.asked == Asked::Create {
        call.set_key(None);
    }
}

fn is_replay(reply: &Reply) -> bool {
    reply.headers.contains_key(MARK)
}

fn other_bytes(_: &Between, _: &Call, reply: &mut Reply) {
    if is_replay(reply) {
        reply.body.push(b'\n');
    }
}

fn other_status(_: &Between, _: &Call, reply: &mut Reply) {
    if is_replay(reply) {
        reply.status = 200;
    }
}

fn unmarked(_: &Between, _: &Call, reply: &mut Reply) {
    reply.headers.remove(MARK);
}

fn marked(_: &Between, call: &Call, reply: &mut Reply) {
    if !call.keys().is_empty() && reply.is_success() {
        reply.set_header(MARK, "true");
    }
}

fn marked_conflict(_: &Between, _: &Call, reply: &mut Reply) {
    if reply.status == 409 {
        reply.set_header(MARK, "true");
    }
}

fn conflict_as_running(_: &Between, _: &Call, reply: &mut Reply) {
    reply.edit(|body| {
        if body["error"]["code"] == "IDEMPOTENCY_KEY_CONFLICT" {
            body["error"]["code"] = "IDEMPOTENCY_REQUEST_IN_PROGRESS".into();
        }
    });
}

/// What the first request under the call's key brought, if `same` says so of it.
fn first(between: &Between, call: &Call, same: impl Fn(&Call) -> bool) -> Option<Reply> {
    let key = call.keys().pop()?;
    let book = between.book();
    let (.., reply) = book.keyed.iter().find(|(known, first, ..)| *known == key && same(first))?;
    let mut reply = reply.clone();
    reply.set_header(MARK, "true");
    Some(reply)
}

fn replays_anyway<'a>(between: &'a Between, call: &'a Call) -> Doing<'a> {
    Box::pin(async move { Ok(first(between, call, |first| first.asked == call.asked && first.body != call.body)) })
}

fn over_routes<'a>(between: &'a Between, call: &'a Call) -> Doing<'a> {
    Box::pin(async move { Ok(first(between, call, |first| first.asked != call.asked)) })
}

fn over_apps<'a>(between: &'a Between, call: &'a Call) -> Doing<'a> {
    Box::pin(async move { Ok(first(between, call, |first| first.asked == call.asked && first.id != call.id)) })
}

fn everywhere<'a>(between: &'a Between, call: &'a Call) -> Doing<'a> {
    Box::pin(async move { Ok(first(between, call, |first| first.bearer() != call.bearer())) })
}

fn never_end<'a>(between: &'a Between, call: &'a Call) -> Doing<'a> {
    Box::pin(async move { Ok(first(between, call, |first| first.uri == call.uri && first.body == call.body)) })
}

fn done_anyway<'a>(between: &'a Between, call: &'a Call) -> Doing<'a> {
    Box::pin(async move {
        let reply = between.rightly(call).await?;
        if !String::from_utf8_lossy(&reply.body).contains("IDEMPOTENCY_KEY_CONFLICT") {
            return Ok(Some(reply));
        }
        let mut again = call.clone();
        again.set_key(None);
        between.rightly(&again).await.map(Some)
    })
}

fn at_once<'a>(between: &'a Between, call: &'a Call) -> Doing<'a> {
    Box::pin(async move {
        let Some(key) = call.keys().pop() else { return Ok(None) };
        let mut again = call.clone();
        {
            let mut book = between.book();
            if book.under_way.contains(&key) {
                again.set_key(None);
            }
            book.under_way.push(key.clone());
        }
        let reply = between.rightly(&again).await;
        let mut book = between.book();
        if let Some(at) = book.under_way.iter().position(|known| *known == key) {
            book.under_way.swap_remove(at);
        }
        reply.map(Some)
    })
}

fn cut_at_200(_: &Between, call: &mut Call) {
    if let Some(key) = call.keys().pop().filter(|key| key.len() <= 255) {
        call.set_key(Some(&key[..key.len().min(200)]));
    }
}

fn cut_at_255(_: &Between, call: &mut Call) {
    if let Some(key) = call.keys().pop() {
        call.set_key(Some(&key[..key.len().min(255)]));
    }
}

fn empty_is_none(_: &Between, call: &mut Call) {
    if call.keys().pop().is_some_and(|key| key.is_empty()) {
        call.set_key(None);
    }
}

fn joined(_: &Between, call: &mut Call) {
    let keys = call.keys();
    if keys.len() > 1 {
        call.set_key(Some(&keys.join(&b", "[..])));
    }
}

/// How long ago the call's key was first used, in seconds.
fn age(between: &Between, call: &Call) -> Option<(Vec<u8>, i64)> {
    let key = call.keys().pop()?;
    let book = between.book();
    let (_, _, born, _) = book.keyed.iter().find(|(known, ..)| *known == key)?;
    let age = between.now().duration_since(*born).as_secs();
    Some((key, age))
}

fn end_after_an_hour(between: &Between, call: &mut Call) {
    renamed_after(between, call, 60 * 60);
}

fn end_an_hour_early(between: &Between, call: &mut Call) {
    renamed_after(between, call, 23 * 60 * 60);
}

fn renamed_after(between: &Between, call: &mut Call, seconds: i64) {
    if let Some((mut key, _)) = age(between, call).filter(|(_, age)| *age > seconds) {
        key.push(b'x');
        call.set_key(Some(&key));
    }
}

fn lower_case(_: &Between, call: &mut Call) {
    if let Some(key) = call.keys().pop() {
        call.set_key(Some(&key.to_ascii_lowercase()));
    }
}

fn without_quotes(_: &Between, call: &mut Call) {
    if let Some(key) = call.keys().pop() {
        let bare = key.strip_prefix(b"\"").and_then(|key| key.strip_suffix(b"\"")).unwrap_or(&key);
        call.set_key(Some(bare));
    }
}

fn touched(between: &Between, call: &Call, reply: &mut Reply) {
    if is_replay(reply) {
        between.book().count += 1;
    }
    let count = between.book().count;
    if call.asked == Asked::Get && count > 0 {
        reply.add("updatedAt", &format!("2030-01-01T00:00:{count:02}.000Z"));
    }
}

fn ignored_once_refused<'a>(between: &'a Between, call: &'a Call) -> Doing<'a> {
    Box::pin(async move {
        let Some(key) = call.keys().pop() else { return Ok(None) };
        let mut again = call.clone();
        if between.book().under_way.contains(&key) {
            again.set_key(None);
        }
        let reply = between.rightly(&again).await?;
        if reply.status == 404 {
            between.book().under_way.push(key);
        }
        Ok(Some(reply))
    })
}

fn none_is_one(_: &Between, call: &mut Call) {
    if call.asked == Asked::Issue && call.keys().is_empty() {
        call.set_key(Some(b"none"));
    }
}

fn replays_errors<'a>(between: &'a Between, call: &'a Call) -> Doing<'a> {
    Box::pin(async move {
        let Some(key) = call.keys().pop() else { return Ok(None) };
        let failed =
            || Reply::json(500, r#"{"error":{"code":"SYSTEM_INTERNAL_ERROR","message":"m"},"request_id":"r"}"#);
        if between.book().under_way.contains(&key) {
            return Ok(Some(failed()));
        }
        let reply = between.rightly(call).await?;
        if reply.status >= 500 {
            between.book().under_way.push(key);
        }
        Ok(Some(reply))
    })
}

fn forgotten_once_lost(between: &Between, call: &mut Call) {
    let lost = between.book().client(call.id.as_deref().unwrap_or_default()).is_some_and(|client| client.lost);
    if let Some(mut key) = call.keys().pop().filter(|_| lost) {
        let mut book = between.book();
        book.count += 1;
        key.extend(book.count.to_string().bytes());
        call.set_key(Some(&key));
    }
}
