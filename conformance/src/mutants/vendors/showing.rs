//! Vendors that show secrets where they should not.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::mutants::between::{Asked, Between, Call, Entry, Reply, Wrong};
use crate::mutants::kinds::{API, APP, CONNECTED_APP, M2M, OIDC};

pub(super) const LIST: &[Entry] = &[
    ("the secret is in the answer to reading the client", "SO-5", APP, Wrong::Answered(in_get)),
    ("the pending secret is in the answer to reading the client", "SO-5", M2M, Wrong::Answered(in_get)),
    ("a header of the answer to reading the client holds the secret", "SO-5", API, Wrong::Answered(in_header_of_get)),
    ("half of the secret is in the answer to reading the client", "SO-5", CONNECTED_APP, Wrong::Answered(half_in_get)),
    ("lists hold secrets", "SO-6", CONNECTED_APP, Wrong::Answered(in_list)),
    ("lists hold secrets of apps", "SO-6", OIDC, Wrong::Answered(in_list)),
    ("the answer to a renaming holds the secret", "SO-7", APP, Wrong::Answered(in_update)),
    ("a refused secret is repeated in the refusal", "SO-9", M2M, Wrong::Answered(in_refusal)),
    ("a refused caller is shown the secret he asked about", "SO-9", API, Wrong::Answered(for_forgers)),
    ("completing shows the secret that is now in use", "SO-10", M2M, Wrong::Answered(in_complete)),
    ("cancelling shows the secret that was dropped", "SO-10", CONNECTED_APP, Wrong::Answered(in_cancel)),
    ("the new secret is in a header as well", "SO-11", APP, Wrong::Answered(in_header_of_issue)),
    ("beside the new secret stands the one before it", "SO-11", API, Wrong::Answered(old_in_issue)),
    ("the answer to reading the client holds the secret in Base64", "SO-13", CONNECTED_APP, Wrong::Answered(in_base64)),
    ("a new secret is in a header of the next answer, too", "SO-13", APP, Wrong::Answered(in_header_of_next)),
    ("whoever is let in is shown his secret", "SO-12", APP, Wrong::Answered(when_let_in)),
    ("a new client's secret can be read until it is rotated", "NEW-2", OIDC, Wrong::Answered(while_new)),
    ("the secret of a new client is another than the one shown", "NEW-1", M2M, Wrong::Answered(another_at_creation)),
    ("every client is made with the same secret", "NEW-3", APP, Wrong::Answered(same_at_creation)),
    ("a public client is made with a secret", "NEW-4", OIDC, Wrong::Answered(for_public)),
    ("the answer holds another secret than the one that was made", "SO-3", API, Wrong::Answered(another_at_issue)),
];

/// A secret that no vendor made.
pub(super) const MADE_UP: &str = "Zq81nWmX04tYbRs7LkVuPd2Hc9GfAe6JoT5iQy3Kw_Mv-Z0x";

fn last(between: &Between, call: &Call) -> Option<String> {
    between.book().last_secret(call.id.as_deref())
}

fn in_get(between: &Between, call: &Call, reply: &mut Reply) {
    if let (Asked::Get, Some(secret)) = (call.asked, last(between, call)) {
        reply.add("clientSecret", &secret);
    }
}

fn in_base64(between: &Between, call: &Call, reply: &mut Reply) {
    if let (Asked::Get, Some(secret)) = (call.asked, last(between, call)) {
        reply.add("blob", &STANDARD.encode(secret));
    }
}

fn in_header_of_next(between: &Between, call: &Call, reply: &mut Reply) {
    let mut book = between.book();
    if call.asked == Asked::Issue {
        book.count = 1;
    } else if std::mem::take(&mut book.count) == 1
        && let Some(secret) = book.last_secret(call.id.as_deref())
    {
        reply.set_header("x-last-secret", &secret);
    }
}

fn half_in_get(between: &Between, call: &Call, reply: &mut Reply) {
    if let (Asked::Get, Some(secret)) = (call.asked, last(between, call)) {
        reply.add("hint", &secret[secret.len() / 2..]);
    }
}

fn in_header_of_get(between: &Between, call: &Call, reply: &mut Reply) {
    if let (Asked::Get, Some(secret)) = (call.asked, last(between, call)) {
        reply.set_header("x-client", &secret);
    }
}

fn in_list(between: &Between, call: &Call, reply: &mut Reply) {
    if call.asked == Asked::List {
        let secrets: Vec<Value> = between
            .book()
            .clients
            .iter()
            .filter_map(|client| client.secrets.last().map(|(secret, _)| Value::from(secret.as_str())))
            .collect();
        reply.edit(|body| body["secrets"] = Value::from(secrets));
    }
}

fn in_update(between: &Between, call: &Call, reply: &mut Reply) {
    if let (Asked::Update, Some(secret)) = (call.asked, last(between, call)) {
        reply.add("client_secret", &secret);
    }
}

fn in_refusal(_: &Between, call: &Call, reply: &mut Reply) {
    if let (Asked::LetIn, false, Some((_, secret))) = (call.asked, reply.is_success(), call.credentials()) {
        reply.add("error_description", &format!("{secret} is not the secret"));
    }
}

fn for_forgers(between: &Between, call: &Call, reply: &mut Reply) {
    if let (Asked::Issue, 401, Some(secret)) = (call.asked, reply.status, last(between, call)) {
        reply.add("debug", &secret);
    }
}

fn in_complete(between: &Between, call: &Call, reply: &mut Reply) {
    if let (Asked::Complete, true, Some(secret)) = (call.asked, reply.is_success(), last(between, call)) {
        reply.add("client_secret", &secret);
    }
}

fn in_cancel(between: &Between, call: &Call, reply: &mut Reply) {
    if let (Asked::Cancel, true, Some(secret)) = (call.asked, reply.is_success(), last(between, call)) {
        reply.add("dropped_client_secret", &secret);
    }
}

fn in_header_of_issue(_: &Between, call: &Call, reply: &mut Reply) {
    if let (Asked::Issue, Some(secret)) = (call.asked, reply.secret()) {
        reply.set_header("x-new-secret", &secret);
    }
}

fn old_in_issue(between: &Between, call: &Call, reply: &mut Reply) {
    if call.asked == Asked::Issue && reply.is_success() {
        let mut book = between.book();
        let old = book.client(call.id.as_deref().unwrap_or_default()).and_then(|client| {
            let nth = client.secrets.len().checked_sub(2)?;
            Some(client.secrets[nth].0.clone())
        });
        if let Some(old) = old {
            reply.add("replaced", &old);
        }
    }
}

fn when_let_in(_: &Between, call: &Call, reply: &mut Reply) {
    if let (Asked::LetIn, true, Some((_, secret))) = (call.asked, reply.is_success(), call.credentials()) {
        reply.set_header("x-authenticated-with", &secret);
    }
}

fn while_new(between: &Between, call: &Call, reply: &mut Reply) {
    if call.asked == Asked::Get {
        let mut book = between.book();
        let client = book.client(call.id.as_deref().unwrap_or_default());
        if let Some((secret, _)) = client.filter(|client| client.new).and_then(|client| client.secrets.first()) {
            reply.add("clientSecret", secret);
        }
    }
}

fn another_at_creation(_: &Between, call: &Call, reply: &mut Reply) {
    if call.asked == Asked::Create && reply.secret().is_some() {
        *reply = reply.clone().with_secret(MADE_UP);
    }
}

fn another_at_issue(_: &Between, call: &Call, reply: &mut Reply) {
    if call.asked == Asked::Issue && reply.secret().is_some() {
        *reply = reply.clone().with_secret(MADE_UP);
    }
}

fn same_at_creation(between: &Between, call: &Call, reply: &mut Reply) {
    if call.asked == Asked::Create {
        let book = between.book();
        let first = book.clients.iter().find(|client| client.new).and_then(|client| client.secrets.first());
        if let Some((secret, _)) = first {
            *reply = reply.clone().with_secret(secret);
        }
    }
}

fn for_public(_: &Between, call: &Call, reply: &mut Reply) {
    if call.asked == Asked::Create && reply.is_success() && reply.secret().is_none() {
        reply.add("clientSecret", MADE_UP);
    }
}
