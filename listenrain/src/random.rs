//! Random numbers for jitter.

use std::hash::{BuildHasher, Hasher};

/// SplitMix64 (Steele, Lea, Flood 2014): small, seedable, and good enough to spread dials.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// Numbers of `seed`, or of one of the system's.
    pub(crate) fn new(seed: Option<u64>) -> Self {
        Self(seed.unwrap_or_else(system_seed))
    }

    /// Other numbers of the same seed, for the `number`th of several.
    pub(crate) fn of(&self, number: u64) -> Self {
        Self(self.0 ^ number.wrapping_add(1))
    }

    /// At least 0 and less than 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// The keys of the standard library's hasher come from the system's entropy.
fn system_seed() -> u64 {
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_of_a_seed_repeat_and_fill_the_range() {
        let draw = |seed, number| {
            let mut random = Random::new(Some(seed)).of(number);
            (0..1000).map(|_| random.fraction()).collect::<Vec<_>>()
        };
        let drawn = draw(1, 0);
        assert_eq!(drawn, draw(1, 0));
        assert!(drawn != draw(2, 0) && drawn != draw(1, 1));
        assert!(drawn.iter().all(|fraction| (0.0..1.0).contains(fraction)));
        let mean = drawn.iter().sum::<f64>() / 1000.0;
        assert!((0.45..0.55).contains(&mean), "{mean}");
    }
}
