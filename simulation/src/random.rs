//! Seeded randomness: one seed makes the same choices on every machine, in every build.
//!
//! It is SplitMix64, since a generator of a crate may change its sequence with a version, and an old seed would then
//! replay something else.

/// A sequence of numbers that its seed decides.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The sequence of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The sequence of `seed` for the purpose `what`; sequences of different purposes have nothing in common.
    #[must_use]
    pub fn of(seed: u64, what: &str) -> Self {
        let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(what.bytes().fold(mix(seed), hash))
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `limit`, which counts as 1 when it is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.draw() % limit.max(1) as u64) as usize
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// A size from 1 to `most`, often one at which something rounds: a power of two, or one beside it.
    pub fn size(&mut self, most: usize) -> usize {
        let power = 1 << self.below(most.max(1).ilog2() as usize + 1);
        let size = match self.below(5) {
            0 => power,
            1 => power + 1,
            2 => power - 1,
            _ => 1 + self.below(power),
        };
        size.clamp(1, most.max(1))
    }

    /// `count` of such [sizes](Self::size).
    pub fn sizes(&mut self, count: usize, most: usize) -> Vec<usize> {
        (0..count).map(|_| self.size(most)).collect()
    }
}

/// Spreads every bit of `x` over all the others.
#[inline]
pub(crate) fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_the_published_one() {
        // The first outputs of SplitMix64 for seed 1234567, as its authors' test vectors have them.
        let mut random = Random::new(1_234_567);
        let first: Vec<_> = (0..3).map(|_| random.draw()).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn sizes_keep_their_bounds_and_meet_the_edges() {
        let mut random = Random::of(7, "sizes");
        let sizes: Vec<_> = (0..2000).map(|_| random.size(5000)).collect();
        assert!(sizes.iter().all(|size| (1..=5000).contains(size)));
        for edge in [1, 2, 3, 1023, 1024, 1025, 4095, 4096, 4097] {
            assert!(sizes.contains(&edge), "{edge}");
        }
    }

    #[test]
    fn purposes_have_sequences_of_their_own() {
        let first = |what| Random::of(1, what).draw();
        assert_ne!(first("A01"), first("A02"));
        assert_eq!(first("A01"), first("A01"));
    }
}
