//! Sign-flip test: how often chance alone does as much.
//!
//! Were there no difference, each block's log ratio might as well have had the other sign. So the sum that was found is
//! held against the sums of all flips; it supposes nothing of how the ratios are distributed.

use fastrand::Rng;

use crate::random::seeded;

/// Largest number of blocks of which every flip is tried; of more, 100,000 flips are drawn from a seed.
pub const EXACT: usize = 20;
/// Flips that are drawn of more blocks than that.
const SAMPLED: u32 = 100_000;

/// Two-sided p-value of `log_ratios` having mean 0: the share of flips whose sum is as far from 0 or farther.
///
/// Exact up to [`EXACT`] blocks. Beyond it is an estimate from 100,000 flips drawn from `seed`, itself counted among
/// them so that it is never 0. The smallest that `n` blocks can give is 2 / 2^n: 0.0625 for 5, 0.03125 for 6. 1 for none.
pub fn p_value(log_ratios: &[f64], seed: u64) -> f64 {
    let n = log_ratios.len();
    let found = log_ratios.iter().sum::<f64>().abs();
    // What differs by rounding only is as far.
    let enough = found - 1e-9 * log_ratios.iter().map(|ratio| ratio.abs()).sum::<f64>();
    if n > EXACT {
        let mut random = seeded(seed, "sign flips");
        let as_far = (0..SAMPLED).filter(|_| drawn(log_ratios, &mut random).abs() >= enough).count();
        return (as_far + 1) as f64 / f64::from(SAMPLED + 1);
    }
    let flips = 1u32 << n;
    let sum = |flip: u32| -> f64 {
        log_ratios
            .iter()
            .enumerate()
            .map(|(at, ratio)| if flip >> at & 1 == 0 { *ratio } else { -ratio })
            .sum()
    };
    (0..flips).filter(|flip| sum(*flip).abs() >= enough).count() as f64 / f64::from(flips)
}

fn drawn(log_ratios: &[f64], random: &mut Rng) -> f64 {
    log_ratios.iter().map(|ratio| if random.bool() { *ratio } else { -ratio }).sum()
}

/// The smallest p-value that `blocks` blocks can give.
pub fn smallest(blocks: u64) -> f64 {
    2.0 * 0.5_f64.powi(i32::try_from(blocks.max(1)).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::super::testing::normal;
    use super::*;

    /// Heights of crossed less self-fertilised maize of the same pot, eighths of an inch: Darwin's, by which Fisher
    /// showed the test (The Design of Experiments, 1935, section 21).
    const DARWIN: [f64; 15] =
        [49.0, -67.0, 8.0, 16.0, 6.0, 23.0, 28.0, 41.0, 14.0, 29.0, 56.0, 24.0, 75.0, 60.0, -48.0];

    #[test]
    fn it_is_fishers_of_darwins_maize() {
        // 1,726 of 32,768, which is 5.267 %.
        assert_eq!(p_value(&DARWIN, 0), 1_726.0 / 32_768.0);
    }

    #[test]
    fn a_sample_of_the_flips_is_near_all_of_them() {
        let mut random = seeded(4, "sample");
        for _ in 0..5 {
            let ratios: Vec<f64> = (0..EXACT + 1).map(|_| 0.3 + normal(&mut random)).collect();
            let half = 1u32 << EXACT;
            // All flips of one more than the limit: by symmetry those that leave the last as it is.
            let all = (0..half).filter(|flip| {
                let sum: f64 = ratios
                    .iter()
                    .enumerate()
                    .map(|(at, ratio)| if flip >> at & 1 == 0 { *ratio } else { -ratio })
                    .sum();
                sum.abs() >= ratios.iter().sum::<f64>().abs()
            });
            let exact = all.count() as f64 / f64::from(half);
            let sampled = p_value(&ratios, 9);
            assert!((exact - sampled).abs() < 0.01, "{exact} {sampled}");
            assert_eq!(sampled, p_value(&ratios, 9));
        }
    }

    #[test]
    fn six_blocks_that_agree_are_the_fewest_below_a_twentieth() {
        assert_eq!(p_value(&[0.1; 5], 0), 0.0625);
        assert_eq!(p_value(&[0.1; 6], 0), 0.03125);
        assert_eq!([5, 6].map(smallest), [0.0625, 0.03125]);
        assert_eq!((p_value(&[], 0), p_value(&[0.0; 4], 0)), (1.0, 1.0));
        assert!(p_value(&[0.1; 30], 0) < 2e-5);
    }
}
