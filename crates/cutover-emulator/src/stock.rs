//! Many seeded things, of which only those exist that were touched.
//!
//! What a vendor is seeded with is a function of the seed and of a number. A model with a hundred thousand targets
//! therefore starts as fast, and is as small, as one with three: a target is made anew whenever it is read, and kept once
//! it has changed.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

/// When the seeded objects were made, where a vendor says so: 2026-01-01T00:00:00Z.
pub(crate) const SEEDED_AT: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// What a model is seeded with.
pub(crate) trait Seeded {
    /// A seeded thing.
    type Thing: Clone;

    /// How many there are.
    fn count(&self) -> usize;

    /// The thing of this number, below [`count`](Self::count), as it is at first.
    fn make(&self, number: usize) -> Self::Thing;

    /// The number of the thing with this id.
    fn number(&self, id: &str) -> Option<usize>;
}

/// Things by id, and by number in the order in which they were made: the seeded ones first.
pub(crate) struct Stock<S: Seeded> {
    seeded: S,
    /// Those that have changed or were made since.
    kept: BTreeMap<usize, S::Thing>,
    /// The ids of those that were made since.
    made: HashMap<String, usize>,
    /// The seeded ones that were removed.
    gone: BTreeSet<usize>,
    next: usize,
}

impl<S: Seeded> Stock<S> {
    pub(crate) fn new(seeded: S) -> Self {
        let next = seeded.count();
        Self { seeded, kept: BTreeMap::new(), made: HashMap::new(), gone: BTreeSet::new(), next }
    }

    /// What the stock was seeded with.
    pub(crate) const fn seeded(&self) -> &S {
        &self.seeded
    }

    pub(crate) fn len(&self) -> usize {
        self.seeded.count() - self.gone.len() + self.made.len()
    }

    pub(crate) fn contains(&self, id: &str) -> bool {
        self.number(id).is_some()
    }

    pub(crate) fn get(&self, id: &str) -> Option<Cow<'_, S::Thing>> {
        self.at(self.number(id)?)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut S::Thing> {
        let number = self.number(id)?;
        Some(self.kept.entry(number).or_insert_with(|| self.seeded.make(number)))
    }

    /// The number that the next thing will get.
    pub(crate) const fn next_number(&self) -> usize {
        self.next
    }

    /// Adds a thing under an id that is not taken.
    pub(crate) fn add(&mut self, id: String, thing: S::Thing) {
        self.made.insert(id, self.next);
        self.kept.insert(self.next, thing);
        self.next += 1;
    }

    /// Removes a thing; `false` when there is none.
    pub(crate) fn remove(&mut self, id: &str) -> bool {
        let Some(number) = self.number(id) else { return false };
        self.kept.remove(&number);
        if self.made.remove(id).is_none() {
            self.gone.insert(number);
        }
        true
    }

    /// The numbers from `from` on of those there are.
    pub(crate) fn numbers(&self, from: usize) -> impl Iterator<Item = usize> {
        let seeded = (from..self.seeded.count()).filter(|number| !self.gone.contains(number));
        let since = self.kept.range(from.max(self.seeded.count())..).map(|(number, _)| *number);
        seeded.chain(since)
    }

    /// The things of the numbers from `from` on.
    pub(crate) fn since(&self, from: usize) -> impl Iterator<Item = Cow<'_, S::Thing>> {
        self.numbers(from).filter_map(|number| self.at(number))
    }

    /// The thing of this number.
    pub(crate) fn at(&self, number: usize) -> Option<Cow<'_, S::Thing>> {
        if let Some(kept) = self.kept.get(&number) {
            return Some(Cow::Borrowed(kept));
        }
        let is_seeded = number < self.seeded.count() && !self.gone.contains(&number);
        is_seeded.then(|| Cow::Owned(self.seeded.make(number)))
    }

    fn number(&self, id: &str) -> Option<usize> {
        let made = self.made.get(id).copied();
        made.or_else(|| self.seeded.number(id).filter(|number| !self.gone.contains(number)))
    }
}

/// Numbers in the place of others, without any order that shows and without a table: one to one within a range.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scatter {
    range: u64,
    factor: u64,
    inverse: u64,
    offset: u64,
}

impl Scatter {
    /// Scatters the numbers below `range`.
    pub(crate) fn new(range: u64, rng: &mut fastrand::Rng) -> Self {
        let offset = rng.u64(..range);
        loop {
            let factor = rng.u64(range / 3..range);
            if let Some(inverse) = inverse(factor, range) {
                return Self { range, factor, inverse, offset };
            }
        }
    }

    /// What stands in the place of `number`.
    pub(crate) fn there(&self, number: usize) -> u64 {
        (self.times(number as u64 % self.range, self.factor) + self.offset) % self.range
    }

    /// The number in whose place `there` stands.
    pub(crate) fn back(&self, there: u64) -> Option<usize> {
        let scattered = (there < self.range).then(|| (there + self.range - self.offset) % self.range)?;
        usize::try_from(self.times(scattered, self.inverse)).ok()
    }

    fn times(&self, a: u64, b: u64) -> u64 {
        let product = u128::from(a) * u128::from(b) % u128::from(self.range);
        u64::try_from(product).unwrap_or_default()
    }
}

/// The number by which `factor` gives 1 modulo `range`; `None` where they have a divisor in common.
fn inverse(factor: u64, range: u64) -> Option<u64> {
    let (mut old, mut rest) = (i128::from(factor), i128::from(range));
    let (mut of_old, mut of_rest) = (1_i128, 0_i128);
    while rest != 0 {
        let times = old / rest;
        (old, rest) = (rest, old - times * rest);
        (of_old, of_rest) = (of_rest, of_old - times * of_rest);
    }
    (old == 1).then(|| u64::try_from(of_old.rem_euclid(i128::from(range))).ok())?
}

/// Where everything comes from that looks random about the seeded thing `number` of its kind.
pub(crate) fn rng_of(seed: u64, kind: u64, number: usize) -> fastrand::Rng {
    // The finalizer of MurmurHash3, so that neighbours have nothing in common.
    let mix = |mut bits: u64| {
        bits = (bits ^ bits >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
        bits = (bits ^ bits >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        bits ^ bits >> 33
    };
    fastrand::Rng::with_seed(mix(mix(mix(seed).wrapping_add(kind)).wrapping_add(number as u64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Letters;

    impl Seeded for Letters {
        type Thing = String;

        fn count(&self) -> usize {
            5
        }

        fn make(&self, number: usize) -> String {
            format!("seeded {number}")
        }

        fn number(&self, id: &str) -> Option<usize> {
            id.parse().ok().filter(|number| *number < self.count())
        }
    }

    fn all(stock: &Stock<Letters>, from: usize) -> Vec<String> {
        stock.since(from).map(Cow::into_owned).collect()
    }

    #[test]
    fn a_stock_is_what_its_changes_made_of_its_seed() {
        let mut stock = Stock::new(Letters);
        assert_eq!((stock.len(), stock.kept.len()), (5, 0));
        stock.get_mut("1").expect("seeded").push('!');
        stock.add("x".to_owned(), "new".to_owned());
        assert!(stock.remove("3") && !stock.remove("3") && !stock.contains("3") && stock.get_mut("3").is_none());
        assert_eq!(all(&stock, 0), ["seeded 0", "seeded 1!", "seeded 2", "seeded 4", "new"]);
        assert_eq!(all(&stock, 4), ["seeded 4", "new"]);
        assert_eq!(stock.get("x").as_deref().map(String::as_str), Some("new"));
        assert!(stock.remove("x") && !stock.contains("x") && stock.at(5).is_none());
        stock.add("x".to_owned(), "newer".to_owned());
        assert_eq!((all(&stock, 5), stock.len()), (vec!["newer".to_owned()], 5));
        assert_eq!(stock.kept.len(), 2, "nothing is kept that nobody has changed");
    }

    #[test]
    fn scattered_numbers_come_back_and_no_two_are_the_same() {
        for range in [62_u64.pow(8), 1 << 48, 101] {
            let scatter = Scatter::new(range, &mut fastrand::Rng::with_seed(range));
            let mut seen = BTreeSet::new();
            for number in (0..101).chain([usize::MAX % 101]) {
                let there = scatter.there(number);
                assert!(there < range);
                assert_eq!(scatter.back(there), Some(number));
                seen.insert(there);
            }
            assert_eq!(seen.len(), 101);
            assert_eq!(scatter.back(range), None);
        }
    }

    #[test]
    fn neighbours_have_nothing_in_common() {
        let draw = |seed, kind, number| rng_of(seed, kind, number).u64(..);
        let drawn: BTreeSet<u64> =
            (0..10).flat_map(|n| [draw(n, 0, 0), draw(0, n + 1, 0), draw(0, 0, n as usize + 1)]).collect();
        assert_eq!(drawn.len(), 30);
    }
}
