//! Wrong vendors: the emulated ones, with something between them and the subject that does one thing wrong.

mod judging;
mod keys;
mod order;
mod showing;
mod who;

use super::Mutant;
use super::between::{Between, Wrong};
use crate::kills::Layer;
use crate::{Fixture, emulated};

const M2M: &[&str] = &["stytch m2m"];
const CONNECTED_APP: &[&str] = &["stytch connected_app"];
const APP: &[&str] = &["hopae app"];
const API: &[&str] = &["zitadel api"];
const OIDC: &[&str] = &["zitadel oidc"];
const MACHINE_USER: &[&str] = &["zitadel machine_user"];

/// A wrong vendor in a list: what is wrong, the rule that has to notice, on which kinds of client, and how.
type Entry = (&'static str, &'static str, &'static [&'static str], Wrong);

/// Every wrong vendor.
pub(super) fn all() -> Vec<Mutant> {
    let lists = [showing::LIST, judging::LIST, order::LIST, keys::LIST, who::LIST];
    lists.into_iter().flatten().map(|entry| mutant(*entry)).collect()
}

fn mutant((name, named, kinds, wrong): Entry) -> Mutant {
    Mutant::new(name, Layer::Vendor, named, move || {
        let of_kind = |kind: &emulated::EmulatedKind| kinds.contains(&kind.name());
        let kinds = emulated::all().into_iter().filter(of_kind);
        let wrong =
            kinds.map(|kind| kind.with_between(move |inner, emulator| Between::transport(inner, emulator, wrong)));
        wrong.map(|kind| Box::new(kind) as Box<dyn Fixture>).collect()
    })
}
