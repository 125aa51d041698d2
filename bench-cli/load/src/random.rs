//! Seeded random numbers: a sequence of its own for each purpose, the same on every run.

use fastrand::Rng;

/// The sequence for `purpose` that `seed` decides.
pub fn seeded(seed: u64, purpose: &str) -> Rng {
    // FNV-1a: purposes that differ in a letter have nothing to do with each other.
    let hash = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let bytes = seed.to_le_bytes();
    Rng::with_seed(bytes.iter().chain(purpose.as_bytes()).fold(0xcbf2_9ce4_8422_2325, hash))
}

/// Exponentially distributed, with a mean of 1.
pub fn exponential(rng: &mut Rng) -> f64 {
    // 1 itself, whose logarithm is none, is never drawn.
    -(1.0 - rng.f64()).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_purpose_and_each_seed_has_a_sequence_of_its_own() {
        let first = |seed, purpose| seeded(seed, purpose).u64(..);
        assert_eq!(first(1, "a"), first(1, "a"));
        assert_ne!(first(1, "a"), first(1, "b"));
        assert_ne!(first(1, "a"), first(2, "a"));
    }

    #[test]
    fn exponential_gaps_have_the_exponential_shape() {
        // Kolmogorov and Smirnov: of 10,000 gaps of the right shape, the largest distance between the share that was seen
        // and 1 - exp(-x) exceeds 1.95 / sqrt(10,000) once in a thousand seeds; the seed is fixed.
        let mut rng = seeded(7, "shape");
        let mut gaps: Vec<_> = (0..10_000).map(|_| exponential(&mut rng)).collect();
        gaps.sort_by(f64::total_cmp);
        let count = gaps.len() as f64;
        let distance = |(index, gap): (usize, &f64)| {
            let share = 1.0 - (-gap).exp();
            ((index + 1) as f64 / count - share).abs().max((share - index as f64 / count).abs())
        };
        let farthest = gaps.iter().enumerate().map(distance).fold(0.0, f64::max);
        assert!(farthest < 0.0195, "{farthest}");
    }
}
