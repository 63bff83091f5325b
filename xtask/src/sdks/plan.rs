//! What is run and what each client has to report.

/// Whose client it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Nobody's: plain HTTP, which shows what the faults do.
    Control,
    Stytch,
    Zitadel,
}

/// How a driver is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runtime {
    /// Python, with this file.
    Python(&'static str),
    /// Node, with this file.
    Node(&'static str),
    /// The Rust program over the official crate.
    Rust,
    /// The example over this workspace's own clients, with this argument.
    Ours(&'static str),
}

/// A program that drives one client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Driver {
    pub(crate) name: &'static str,
    pub(crate) side: Side,
    pub(crate) runtime: Runtime,
}

impl Driver {
    /// Whether it drives a client of this workspace.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self.runtime, Runtime::Ours(_))
    }
}

/// Every driver, in the order of the tables' columns.
pub(crate) const DRIVERS: &[Driver] = &[
    Driver { name: "control", side: Side::Control, runtime: Runtime::Python("bare.py") },
    Driver { name: "stytch-python", side: Side::Stytch, runtime: Runtime::Python("stytch_driver.py") },
    Driver { name: "stytch-node", side: Side::Stytch, runtime: Runtime::Node("stytch.mjs") },
    Driver { name: "stytch-rust", side: Side::Stytch, runtime: Runtime::Rust },
    Driver { name: "stytch-ours", side: Side::Stytch, runtime: Runtime::Ours("stytch") },
    Driver { name: "zitadel-python", side: Side::Zitadel, runtime: Runtime::Python("zitadel_driver.py") },
    Driver { name: "zitadel-node", side: Side::Zitadel, runtime: Runtime::Node("zitadel.mjs") },
    Driver { name: "zitadel-ours", side: Side::Zitadel, runtime: Runtime::Ours("zitadel") },
];

/// A table of operations on one kind of thing: every client of that side reports each row once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Section {
    pub(crate) side: Side,
    pub(crate) subject: &'static str,
    pub(crate) title: &'static str,
    /// Name in the drivers' lines, and what it stands for.
    pub(crate) operations: &'static [(&'static str, &'static str)],
    /// Whether the clients are also scored on this subject.
    pub(crate) scored: bool,
}

/// Every table.
pub(crate) const SECTIONS: &[Section] = &[
    control("m2m", "Control: M2M clients"),
    control("connected_app", "Control: Connected Apps"),
    control("app", "Control: applications, v2"),
    control("app_beta", "Control: applications, v2beta"),
    control("user", "Control: machine users"),
    stytch("m2m", "Stytch: M2M clients"),
    stytch("connected_app", "Stytch: Connected Apps"),
    Section {
        side: Side::Zitadel,
        subject: "app",
        title: "Zitadel: applications",
        operations: &[
            ("create", "create an API app and an OIDC app"),
            ("get", "get"),
            ("list", "list, by project and by name"),
            ("update", "rename"),
            ("generate_api", "generate, API app: old secret refused, new accepted"),
            ("generate_oidc", "generate, OIDC app: old secret refused, new accepted"),
            ("unknown", "generate for an unknown app: refused"),
            ("wrong_credentials", "generate with a wrong token: refused"),
            ("delete", "delete: gone, secret refused"),
        ],
        scored: true,
    },
    Section {
        side: Side::Zitadel,
        subject: "user",
        title: "Zitadel: machine users",
        operations: &[
            ("add_secret", "add a secret: old refused, new accepted"),
            ("remove_secret", "remove it: refused; again: error"),
            ("unknown", "add for an unknown user: refused"),
            ("wrong_credentials", "add with a wrong token: refused"),
            ("client_credentials", "call with client credentials"),
            ("key_file", "call with a key file"),
        ],
        scored: true,
    },
    Section {
        side: Side::Zitadel,
        subject: "v1",
        title: "Zitadel: Management v1",
        operations: &[("rest", "generate over REST"), ("grpc", "generate over gRPC")],
        scored: false,
    },
];

const fn control(subject: &'static str, title: &'static str) -> Section {
    let operations: &[(&str, &str)] = &[
        ("cut_body", "the cut falls behind the whole secret"),
        ("drop_field", "each documented field is there, then gone; the secret stays"),
        ("hold_answer", "the server is silent"),
        ("lose_answer", "no answer comes; the request is counted once"),
    ];
    Section { side: Side::Control, subject, title, operations, scored: false }
}

const fn stytch(subject: &'static str, title: &'static str) -> Section {
    let operations: &[(&str, &str)] = &[
        ("create", "create"),
        ("get", "get"),
        ("search", "search"),
        ("update", "update name and description"),
        ("verify", "tell a good secret from a bad one"),
        ("start", "start: old and new secret accepted"),
        ("start_twice", "start again: already rotating"),
        ("cancel", "cancel: old accepted, new refused"),
        ("cancel_idle", "cancel without a start: not rotating"),
        ("commit", "start and commit: old refused, new accepted"),
        ("commit_idle", "commit without a start: not rotating"),
        ("unknown_client", "start for an unknown client: refused"),
        ("wrong_credentials", "start with a wrong project secret: refused"),
        ("delete", "delete: gone, secret refused"),
    ];
    Section { side: Side::Stytch, subject, title, operations, scored: true }
}

/// What every client is scored on: name in the drivers' lines, heading, and how it is measured.
pub(crate) const SCORES: &[(&str, &str, &str)] = &[
    (
        "cut_body",
        "bytes kept",
        "The answer that shows the new secret is cut behind the secret, as a connection that breaks would cut it. Are the \
         bytes that arrived still there for the program?",
    ),
    (
        "drop_field",
        "lenient",
        "The same answer lacks one documented field that is not the secret, each in its turn. Does the program get the \
         secret?",
    ),
    (
        "hold_answer",
        "gives up",
        "The server acts and then says nothing. Told to wait a second, where there is an option for that, does the \
         client end the call?",
    ),
    (
        "repr",
        "not printed",
        "Is the secret absent from what the language prints of the answer and of errors when a program dumps them?",
    ),
    ("log", "not logged", "With the client's own logging at its most talkative: are secret and credential absent?"),
    (
        "lose_answer",
        "sent once",
        "The server acts and the connection breaks before the answer. Does the client report that, and was the request \
         sent once only?",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_side_has_sections_and_every_section_distinct_rows() {
        for driver in DRIVERS {
            assert!(SECTIONS.iter().any(|section| section.side == driver.side), "{}", driver.name);
        }
        for section in SECTIONS {
            let mut names: Vec<_> = section.operations.iter().map(|(name, _)| name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), section.operations.len(), "{}", section.title);
        }
    }
}
