//! A seeded source of choices: the same seed gives the same day on every machine.

/// SplitMix64.
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A source that depends on nothing but these.
    pub fn of(tags: &[u64]) -> Self {
        let mut state = 0;
        for tag in tags {
            let mut mixed = Self(state ^ tag.wrapping_mul(0x2545_f491_4f6c_dd1d));
            state = mixed.next();
        }
        Self(state)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number of `low..high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low)
    }

    /// True in `per_mille` of a thousand cases.
    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.between(0, 1000) < per_mille
    }

    /// An entry of a weighted list.
    pub fn pick<T: Copy>(&mut self, weighted: &[(u64, T)]) -> T {
        let total: u64 = weighted.iter().map(|(weight, _)| weight).sum();
        let mut left = self.between(0, total);
        for &(weight, value) in weighted {
            if left < weight {
                return value;
            }
            left -= weight;
        }
        weighted[0].1
    }
}
