//! Vendors that do what anybody asks, or about what is not there.

use super::showing::MADE_UP;
use crate::mutants::between::{Asked, Between, Call, Doing, Entry, Reply, Wrong};
use crate::mutants::kinds::{API, APP, CONNECTED_APP, M2M, MACHINE_USER, OIDC};

pub(super) const LIST: &[Entry] = &[
    ("the organisation of a request does not count", "ORG-1", API, Wrong::Asked(no_organisation)),
    ("the organisation does not count past the adapter either", "ORG-6", OIDC, Wrong::Asked(no_organisation)),
    ("every key opens every workspace", "ORG-2", APP, Wrong::Asked(stranger)),
    ("a role in one project counts in all", "ORG-2", API, Wrong::Asked(stranger)),
    ("any credential of the right form is taken", "ORG-3", M2M, Wrong::Asked(forger)),
    ("any workspace key is taken", "ORG-3", APP, Wrong::Asked(forger)),
    ("no credential is asked for", "ORG-4", CONNECTED_APP, Wrong::Asked(nobody)),
    ("nobody is asked for a token", "ORG-4", OIDC, Wrong::Asked(nobody)),
    ("whoever may look may rotate", "ORG-5", API, Wrong::Asked(reader)),
    ("whoever may look may rotate machine users", "ORG-5", MACHINE_USER, Wrong::Asked(reader)),
    ("power in all organisations needs no organisation", "ORG-7", API, Wrong::Asked(everywhere)),
    ("a client that does not exist gets a secret", "ORG-8", APP, Wrong::Instead(makes_one_up)),
    ("a client that does not exist is refused without a code", "ORG-8", API, Wrong::Answered(without_code)),
    ("what does not exist is a server error", "ORG-8", M2M, Wrong::Answered(server_error)),
    ("deleting twice succeeds twice", "NEW-8", APP, Wrong::Instead(deletes_again)),
    ("anybody can create a client", "NEW-9", APP, Wrong::Asked(creates)),
];

/// Puts the owner's credential in the place of the caller's.
fn as_owner(between: &Between, call: &mut Call) {
    let seeds = between.seeds();
    let path = call.uri.path();
    if path.starts_with("/connect/") {
        call.set_bearer(seeds.hopae.api_key.expose());
    } else if path.starts_with("/v1/") {
        call.set_basic(&seeds.stytch.project_id, seeds.stytch.secret.expose());
    } else {
        call.set_bearer(seeds.zitadel.token.expose());
    }
}

fn is_management(call: &Call) -> bool {
    !matches!(call.asked, Asked::LetIn | Asked::Other)
}

fn no_organisation(_: &Between, call: &mut Call) {
    call.headers.remove("x-zitadel-orgid");
}

fn stranger(between: &Between, call: &mut Call) {
    let seeds = between.seeds();
    let strangers = [seeds.hopae.other_workspace.api_key.expose(), seeds.zitadel.others.project_token.expose()];
    if is_management(call) && call.bearer().is_some_and(|token| strangers.contains(&token)) {
        as_owner(between, call);
    }
}

fn forger(between: &Between, call: &mut Call) {
    if is_management(call) && call.headers.contains_key("authorization") {
        as_owner(between, call);
    }
}

fn nobody(between: &Between, call: &mut Call) {
    if is_management(call) && !call.headers.contains_key("authorization") {
        as_owner(between, call);
    }
}

fn reader(between: &Between, call: &mut Call) {
    let reader = between.seeds().zitadel.others.viewer_token;
    if call.asked == Asked::Issue && call.bearer() == Some(reader.expose()) {
        as_owner(between, call);
    }
}

fn everywhere(between: &Between, call: &mut Call) {
    let mighty = between.seeds().zitadel.others.instance_token;
    if call.bearer() == Some(mighty.expose()) {
        call.headers.remove("x-zitadel-orgid");
    }
}

fn creates(between: &Between, call: &mut Call) {
    if call.asked == Asked::Create {
        as_owner(between, call);
    }
}

fn makes_one_up<'a>(between: &'a Between, call: &'a Call) -> Doing<'a> {
    Box::pin(async move {
        let reply = between.rightly(call).await?;
        if call.asked == Asked::Issue && reply.status == 404 {
            return Ok(Some(Reply::json(201, &format!("{{\"clientSecret\":\"{MADE_UP}\"}}"))));
        }
        Ok(Some(reply))
    })
}

fn without_code(_: &Between, call: &Call, reply: &mut Reply) {
    if is_management(call) && reply.status == 404 {
        reply.body = b"not found".to_vec();
    }
}

fn server_error(_: &Between, call: &Call, reply: &mut Reply) {
    if is_management(call) && reply.status == 404 {
        reply.status = 500;
    }
}

fn deletes_again<'a>(between: &'a Between, call: &'a Call) -> Doing<'a> {
    Box::pin(async move {
        let mut book = between.book();
        let gone = book.client(call.id.as_deref().unwrap_or_default()).is_some_and(|client| client.deleted);
        Ok((call.asked == Asked::Delete && gone).then(|| Reply::json(200, "{}")))
    })
}
