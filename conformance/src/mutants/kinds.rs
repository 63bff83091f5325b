//! The kinds of client on which mutants are run: one where it shows is enough.

use crate::Fixture as _;
use crate::emulated::{self, EmulatedKind};

/// Kinds of client of the emulated vendors, by name.
pub(super) type Kinds = &'static [&'static str];

pub(super) const M2M: Kinds = &["stytch m2m"];
pub(super) const CONNECTED_APP: Kinds = &["stytch connected_app"];
pub(super) const APP: Kinds = &["hopae app"];
pub(super) const API: Kinds = &["zitadel api"];
pub(super) const OIDC: Kinds = &["zitadel oidc"];
pub(super) const MACHINE_USER: Kinds = &["zitadel machine_user"];

/// The fastest of each vendor. Not Stytch's M2M clients, whose tokens take long to sign.
pub(super) const STYTCH: Kinds = CONNECTED_APP;
pub(super) const HOPAE: Kinds = APP;
pub(super) const ZITADEL: Kinds = API;

/// These kinds, in process.
///
/// # Panics
/// When there is none of a name: a list of mutants that says so is wrong.
pub(super) fn emulated(kinds: Kinds) -> Vec<EmulatedKind> {
    let one = |name: &&str| {
        let kind = emulated::all().into_iter().find(|kind| kind.name() == *name);
        kind.unwrap_or_else(|| panic!("no kind of client is called {name}"))
    };
    kinds.iter().map(one).collect()
}
