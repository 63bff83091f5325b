//! The typed clients' decoders accept every answer that the emulated vendors can give.

pub(crate) mod calls;

use std::collections::BTreeMap;

use cutover_core::{Refusal, RotateError};
use cutover_emulator::Vendor;

use calls::{Called, Switches, every_call, settings};

/// The calls of a run in which no switch is touched that a vendor refuses, as it should.
const REFUSED_BY_DEFAULT: [(Vendor, &str, &str); 11] = [
    (Vendor::Stytch, "m2m.rotate_start", "m2m_client_already_rotating_secret"),
    (Vendor::Stytch, "m2m.rotate", "m2m_client_not_rotating_secret"),
    (Vendor::Stytch, "m2m.get", "m2m_client_not_found"),
    (Vendor::Stytch, "connected_apps.rotate_start", "connected_app_already_rotating_secret"),
    (Vendor::Hopae, "apps.create", "IDEMPOTENCY_KEY_CONFLICT"),
    (Vendor::Hopae, "apps.get", "RESOURCE_NOT_FOUND"),
    (Vendor::Zitadel, "apps.update", "COMMAND-2m8vx"),
    (Vendor::Zitadel, "machine_users.remove_secret", "COMMAND-coi82n"),
    (Vendor::Zitadel, "v2.delete_application", "COMMAND-0po9s"),
    (Vendor::Zitadel, "apps.get", "QUERY-pCP8P"),
    (Vendor::Zitadel, "oauth.token", "Errors.User.Machine.Secret.Invalid"),
];

/// The vendor's operations for which the clients have no call, beside those of Zitadel's v2beta.
const WITHOUT_A_CALL: [(Vendor, &[&str]); 3] = [
    (Vendor::Stytch, &["jwks"]),
    (Vendor::Hopae, &["redirect_uris.get", "redirect_uris.update"]),
    (Vendor::Zitadel, &["user.get", "user.search", "user.update", "user.delete", "v2.update", "keys"]),
];

/// Whether an answer was neither read nor refused with a code. Where the vendor gives no code, that is said here.
fn is_lost(called: &Called, switches: &Switches) -> bool {
    let error = match &called.became {
        Ok(()) => return false,
        Err(error @ RotateError::Refused(_)) if error.code().is_some() => return false,
        Err(error) => error,
    };
    let is_set = |name: &str, value: &str| switches.iter().any(|(set, to)| set == name && to == value);
    match (error.refusal(), error.status()) {
        // A path that is not served has no id.
        (Some(Refusal::Invalid), Some(404)) => {
            !is_set("zitadel.management_v1", "removed") && !is_set("zitadel.server_version", "v3")
        }
        // The id of this refusal is not known.
        (Some(Refusal::Invalid), Some(400)) => !is_set("zitadel.generation_on_key_app", "refused"),
        // An older handler answers with a plain text.
        (Some(Refusal::Credentials), Some(401)) => !is_set("zitadel.credentials_error_body", "text"),
        _ => true,
    }
}

#[tokio::test]
async fn every_answer_under_every_switch_is_read_or_refused_with_a_code() {
    let mut lost = BTreeMap::new();
    for vendor in Vendor::ALL {
        for switches in settings(vendor) {
            let run = every_call(vendor, &switches).await;
            for called in run.called.iter().filter(|called| is_lost(called, &switches)) {
                let told = format!("{:?}", called.became);
                lost.entry(format!("{switches:?}")).or_insert_with(Vec::new).push((called.operation, told));
            }
        }
    }
    assert!(lost.is_empty(), "{lost:#?}");
}

#[tokio::test]
async fn without_a_switch_every_call_is_answered_but_those_that_should_be_refused() {
    for vendor in Vendor::ALL {
        let run = every_call(vendor, &Switches::new()).await;
        let refused: Vec<_> = run
            .called
            .iter()
            .filter_map(|called| {
                Some((vendor, called.operation, called.became.as_ref().err()?.code().unwrap_or("none")))
            })
            .collect();
        let expected: Vec<_> = REFUSED_BY_DEFAULT.into_iter().filter(|(of, ..)| *of == vendor).collect();
        assert_eq!(refused, expected);
        let without = WITHOUT_A_CALL.iter().find(|(of, _)| *of == vendor).map_or(&[][..], |(_, operations)| operations);
        let unreached: Vec<_> = run.unreached.into_iter().filter(|name| !name.starts_with("v2beta.")).collect();
        assert_eq!(unreached, without);
        assert!(run.called.iter().all(|called| !called.answers.is_empty()));
    }
}
