//! Wrong vendors: the emulated ones, with something between them and the subject that does one thing wrong.

mod judging;
mod keys;
mod order;
mod showing;
mod who;

use super::Mutant;
use super::between::{Between, Entry};
use super::kinds::emulated;
use crate::Fixture;
use crate::kills::Layer;

/// Every wrong vendor.
pub(super) fn all() -> Vec<Mutant> {
    let lists = [showing::LIST, judging::LIST, order::LIST, keys::LIST, who::LIST];
    lists.into_iter().flatten().map(|entry| mutant(*entry)).collect()
}

fn mutant((name, named, kinds, wrong): Entry) -> Mutant {
    Mutant::new(name, Layer::Vendor, named, move || {
        let between = move |inner, emulator: &_| Between::transport(inner, emulator, wrong);
        let wrong = emulated(kinds).into_iter().map(|kind| kind.with_between(between));
        wrong.map(|kind| Box::new(kind) as Box<dyn Fixture>).collect()
    })
}
