//! What each kind of client expects not to apply, written by hand: a rule that is left out without a word here fails,
//! and so does one that applies all the same.

use crate::Skip;
use crate::site::ClientKind;
use crate::wire::Surface;

/// Rules that are expected not to apply, with the one reason.
type Skips = (&'static str, &'static [&'static str]);

const NO_KEYS: Skips = (
    "the vendor has no idempotency key",
    &[
        "SO-4", "IDEM-1", "IDEM-2", "IDEM-3", "IDEM-4", "IDEM-5", "IDEM-6", "IDEM-7", "IDEM-8", "IDEM-9", "IDEM-10",
        "IDEM-11", "IDEM-12", "IDEM-13", "IDEM-14", "IDEM-15", "IDEM-16", "IDEM-17", "IDEM-18", "IDEM-19", "IDEM-20",
        "IDEM-21", "IDEM-22", "IDEM-23", "FIT-4", "RED-4", "SEQ-2", "CONC-11", "CONC-18",
    ],
);

const KEYS: Skips = ("under its key a request may be repeated", &["RETRY-1", "SEQ-3"]);

const NO_PHASES: Skips = (
    "the old secret dies when the new one is issued",
    &[
        "SO-10", "OLD-1", "OLD-2", "OLD-6", "OLD-8", "TP-1", "TP-2", "TP-3", "TP-4", "TP-5", "TP-7", "TP-8", "TP-9",
        "TP-10", "TP-11", "TP-12", "TP-13", "NEW-5", "ERR-8", "ERR-9", "RETRY-5", "SEQ-1", "CONC-13", "CONC-14",
        "CRASH-5", "HOOK-3", "HOOK-8", "CONC-6", "CONC-8",
    ],
);

const TWO_PHASES: Skips = (
    "old and new secret are valid together until completed",
    &["OLD-3", "OLD-5", "TP-6", "SEQ-3", "CONC-12", "CONC-7"],
);

const NO_ORGANISATIONS: Skips = ("requests name no organisation", &["ORG-1", "ORG-6", "ORG-7", "SEQ-5"]);

/// A Stytch project has no neighbour that the emulator knows.
const NO_NEIGHBOUR: Skips = ("there is no credential of a second tenant", &["ORG-2"]);

const NO_READER: Skips = ("there is no credential that only reads", &["ORG-5"]);

const ALWAYS_SECRET: Skips = ("the vendor has no clients of this kind without a secret", &["NEW-4"]);

const NO_MARKER: Skips = ("the profile names no such witness", &["LOOK-3"]);

const NO_LOOK: Skips = ("the vendor has no call that shows whether the target exists", &["ERR-4"]);

const ENGINE: Skips = (
    "whole rotations are run on this vendor as it is by itself",
    &[
        "CRASH-1", "CRASH-2", "CRASH-3", "CRASH-4", "CRASH-6", "CRASH-7", "CRASH-8", "CRASH-9", "CRASH-10", "CRASH-11",
        "CRASH-12", "HOOK-1", "HOOK-2", "HOOK-4", "HOOK-5", "HOOK-6", "HOOK-7", "HOOK-9", "HOOK-10", "CONC-4",
        "CONC-5",
    ],
);

const ENGINE_IN_TWO_PHASES: Skips =
    ("whole rotations are run on this vendor as it is by itself", &["CRASH-5", "HOOK-3", "HOOK-8", "CONC-6", "CONC-8"]);

const ENGINE_IN_ONE_PHASE: Skips = ("whole rotations are run on this vendor as it is by itself", &["CONC-7"]);

/// The v2 user service adds secrets and removes them, and that is all that is emulated of it.
const USERS_OF_V2: &[Skips] = &[
    ("the vendor has no way to get a client", &["SO-5"]),
    ("the vendor has no way to list a client", &["SO-6"]),
    ("the vendor has no way to rename a client", &["SO-7"]),
    ("the vendor has no way to set the secret of a client", &["SO-8"]),
    ("the vendor has no way to create a client", &["NEW-1", "NEW-2", "NEW-3", "NEW-6", "NEW-7", "NEW-8", "NEW-9"]),
];

/// What no kind expects under a behaviour of its vendor.
const UNDER: &[(&str, &str, Skips)] = &[
    (
        "stytch.start_while_pending",
        "replace",
        ("this vendor replaces a pending secret when it is asked again", &["TP-2", "TP-10", "RETRY-5"]),
    ),
    ("hopae.get_secret", "leak", READABLE),
    (
        "hopae.fingerprint",
        "body",
        ("this vendor takes requests under one key for the same when their bodies are", &["IDEM-23"]),
    ),
    ("hopae.replay_header", "off", ("this vendor's replays arrive without their mark", &["SO-4", "IDEM-7"])),
    (
        "zitadel.management_v1",
        "removed",
        ("without Management v1 nothing shows a machine user, so that there is nothing to fail", &["LOOK-8"]),
    ),
];

const READABLE: Skips =
    ("this vendor shows the secret to whoever may read the client", &["SO-5", "SO-6", "SO-7", "SO-13", "NEW-2"]);

/// What `kind` expects not to apply; `is_form` where it stands beside the vendor as it is by itself.
pub(super) fn of(kind: ClientKind, behaviours: &[(String, String)], is_form: bool) -> Vec<Skip> {
    let mut all: Vec<Skips> = match kind {
        ClientKind::M2m => vec![NO_KEYS, TWO_PHASES, NO_ORGANISATIONS, NO_NEIGHBOUR, NO_READER, NO_MARKER],
        ClientKind::ConnectedApp => vec![NO_KEYS, TWO_PHASES, NO_ORGANISATIONS, NO_NEIGHBOUR, NO_READER, NO_MARKER],
        ClientKind::App => vec![KEYS, NO_PHASES, NO_ORGANISATIONS, NO_READER, ALWAYS_SECRET, NO_MARKER],
        ClientKind::Api(_) | ClientKind::Oidc(_) => vec![NO_KEYS, NO_PHASES],
        ClientKind::MachineUser(_) => vec![NO_KEYS, NO_PHASES, ALWAYS_SECRET, NO_MARKER, NO_LOOK],
    };
    match kind {
        ClientKind::M2m => all.extend([ALWAYS_SECRET, (ALWAYS_SECRET.0, &["NEW-5"])]),
        ClientKind::Api(Surface::V2) | ClientKind::Oidc(Surface::V2) => all.extend([NO_ORGANISATIONS, NO_MARKER]),
        ClientKind::MachineUser(Surface::V2) => {
            all.push(NO_ORGANISATIONS);
            all.extend_from_slice(USERS_OF_V2);
        }
        _ => {}
    }
    if is_form {
        let two_phases = matches!(kind, ClientKind::M2m | ClientKind::ConnectedApp);
        all.extend([ENGINE, if two_phases { ENGINE_IN_TWO_PHASES } else { ENGINE_IN_ONE_PHASE }]);
    }
    let set = |name: &str, value: &str| behaviours.iter().any(|(known, set)| known == name && set == value);
    all.extend(UNDER.iter().filter(|(name, value, _)| set(name, value)).map(|(.., skips)| *skips));
    let mut listed: Vec<Skip> = Vec::new();
    for (reason, rules) in all {
        for rule in rules {
            // The kind's own reason comes first: it is the one that a check meets first.
            if listed.iter().all(|skip| skip.rule != *rule) {
                listed.push(Skip { rule, reason: reason.to_owned() });
            }
        }
    }
    listed
}

#[cfg(test)]
mod tests {
    use crate::emulated::everything;
    use crate::{Fixture as _, rules};

    #[test]
    fn only_rules_that_exist_are_expected_and_each_once() {
        let known: Vec<&str> = rules::all().iter().map(|rule| rule.id).collect();
        for kind in everything() {
            let mut listed: Vec<&str> = kind.expected().expect("a list").iter().map(|skip| skip.rule).collect();
            assert!(listed.iter().all(|id| known.contains(id)), "{}: {listed:?}", kind.name());
            listed.sort_unstable();
            listed.dedup();
            assert_eq!(listed.len(), kind.expected().expect("a list").len(), "{}", kind.name());
        }
    }

    #[test]
    fn every_form_has_a_name_of_its_own() {
        let mut names: Vec<String> = everything().iter().map(|kind| kind.name().to_owned()).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
