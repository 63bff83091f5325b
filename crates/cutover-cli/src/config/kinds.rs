//! The vendors and the kinds of client there are, and what a target of each kind needs.

use cutover::Vendor;

/// A vendor that this program knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum VendorType {
    /// Stytch.
    Stytch,
    /// Hopae Connect.
    Hopae,
    /// Zitadel.
    Zitadel,
}

/// What a target of one kind needs beside its client id.
#[derive(Clone, Copy, Debug)]
pub(super) struct KindRule {
    pub(super) kind: &'static str,
    pub(super) needed: &'static [(&'static str, &'static str)],
    pub(super) optional: &'static [&'static str],
}

const IN_A_PROJECT: &[(&str, &str)] =
    &[("project_id", "the project that the app belongs to"), ("app_id", "the app's id; it is not the client id")];
const A_USER: &[(&str, &str)] = &[("user_id", "the machine user's id; its client id is its login name")];

impl VendorType {
    /// Every one.
    pub(crate) const ALL: [Self; 3] = [Self::Stytch, Self::Hopae, Self::Zitadel];

    /// The name, as in `stytch`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Stytch => "stytch",
            Self::Hopae => "hopae",
            Self::Zitadel => "zitadel",
        }
    }

    /// The vendor of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|vendor| vendor.name() == name)
    }

    /// The name that targets carry.
    pub(crate) const fn vendor(self) -> Vendor {
        Vendor::from_static(self.name())
    }

    /// The kinds of client it has.
    pub(super) const fn kinds(self) -> &'static [KindRule] {
        match self {
            Self::Stytch => &[
                KindRule { kind: "m2m", needed: &[], optional: &[] },
                KindRule { kind: "connected_app", needed: &[], optional: &[] },
            ],
            Self::Hopae => &[KindRule { kind: "app", needed: &[], optional: &[] }],
            Self::Zitadel => &[
                KindRule { kind: "api", needed: IN_A_PROJECT, optional: &["org_id"] },
                KindRule { kind: "oidc", needed: IN_A_PROJECT, optional: &["org_id"] },
                KindRule { kind: "machine_user", needed: A_USER, optional: &["org_id"] },
            ],
        }
    }
}
