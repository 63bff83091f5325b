//! Where generated sequences come from.

/// Where generated sequences come from, and how many of them there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// One seed gives the same sequences again.
    pub seed: u64,
    /// How many sequences a rule tries that generates them, beside those that once broke it and are tried always.
    pub cases: u32,
    /// Whether a sequence that breaks a rule is made as short as it can be before it is shown.
    pub shrink: bool,
}

impl Draw {
    /// The seed of the `nth` sequence. The first has the one given, so that a sequence is named by its seed and
    /// `--cases 1`.
    pub(crate) fn seed_of(self, nth: u32) -> u64 {
        if nth == 0 { self.seed } else { mixed(self.seed ^ mixed(u64::from(nth))) }
    }
}

impl Default for Draw {
    /// The same sequences every time, and few enough for the whole suite to take seconds.
    fn default() -> Self {
        Self { seed: 1, cases: 16, shrink: true }
    }
}

/// SplitMix64, which leaves no trace of an order; 40 bits of it, because people type seeds.
fn mixed(bits: u64) -> u64 {
    let bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (bits ^ (bits >> 31)) >> 24
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sequence_has_the_seed_that_was_given_and_every_other_its_own() {
        let draw = Draw { seed: 7, ..Draw::default() };
        let seeds: std::collections::BTreeSet<u64> = (0..1000).map(|nth| draw.seed_of(nth)).collect();
        assert_eq!((draw.seed_of(0), seeds.len()), (7, 1000));
    }
}
