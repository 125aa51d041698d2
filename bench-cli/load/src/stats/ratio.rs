//! Ratios of one value to another, on logarithms, so that twice and half are equally far from the same.

use super::mean::{mean_interval, moments};
use super::{LEVEL, quantiles};

/// A ratio and its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// The geometric mean.
    pub ratio: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Ratio {
    fn from_logs(middle: f64, half: f64) -> Self {
        Self { ratio: middle.exp(), low: (middle - half).exp(), high: (middle + half).exp() }
    }
}

/// Logarithms of `other / first`, block by block. None unless all are above 0 and there are as many of both.
pub fn log_ratios(first: &[f64], other: &[f64]) -> Option<Vec<f64>> {
    if first.len() != other.len() {
        return None;
    }
    let first = logs(first)?;
    Some(logs(other)?.iter().zip(first).map(|(other, first)| other - first).collect())
}

/// `other / first` where the two were measured in the same block: the geometric mean over the blocks, with a t-interval.
///
/// None for fewer than two blocks, and where a value is not above 0.
pub fn paired_ratio(first: &[f64], other: &[f64]) -> Option<Ratio> {
    let logs = mean_interval(&log_ratios(first, other)?)?;
    Some(Ratio::from_logs(logs.mean, (logs.high - logs.low) / 2.0))
}

/// `candidate / baseline` of launches that have nothing to do with one another: the ratio of geometric means, with
/// Welch's interval, which lets each group vary as it does.
///
/// None for a group of fewer than two, and where a value is not above 0.
pub fn unpaired_ratio(baseline: &[f64], candidate: &[f64]) -> Option<Ratio> {
    if baseline.len() < 2 || candidate.len() < 2 {
        return None;
    }
    let groups = [logs(baseline)?, logs(candidate)?];
    let [(base, base_error), (middle, error)] = groups.each_ref().map(|group| {
        let (mean, variance) = moments(group);
        (mean, variance / group.len() as f64)
    });
    let both = base_error + error;
    let spread =
        base_error.powi(2) / (baseline.len() - 1) as f64 + error.powi(2) / (candidate.len() - 1) as f64;
    // Groups that don't vary at all leave nothing to be unsure of.
    let half =
        if both == 0.0 { 0.0 } else { quantiles::t(0.5 + LEVEL / 2.0, both.powi(2) / spread) * both.sqrt() };
    Some(Ratio::from_logs(middle - base, half))
}

/// The smallest difference, as a share, that as many blocks as `log_ratios` would show in 8 of 10 comparisons, were they
/// to vary as these do. None for fewer than two.
pub fn smallest_difference(log_ratios: &[f64]) -> Option<f64> {
    if log_ratios.len() < 2 {
        return None;
    }
    let (n, (_, variance)) = (log_ratios.len() as f64, moments(log_ratios));
    let [beyond, power] = [0.5 + LEVEL / 2.0, 0.8].map(|share| quantiles::t(share, n - 1.0));
    Some(((beyond + power) * (variance / n).sqrt()).exp_m1())
}

fn logs(values: &[f64]) -> Option<Vec<f64>> {
    values.iter().map(|value| (*value > 0.0 && value.is_finite()).then(|| value.ln())).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{SLEEP, normal};
    use super::*;
    use crate::random::seeded;
    use fastrand::Rng;

    fn sleep() -> [Vec<f64>; 2] {
        SLEEP.map(|hours| hours.iter().map(|hours| hours.exp()).collect())
    }

    #[test]
    fn paired_it_is_students_interval_of_the_sleep_data() {
        // R, paired: mean difference 1.58, 95 percent confidence interval 0.7001142 2.4598858.
        let [one, two] = sleep();
        let Ratio { ratio, low, high } = paired_ratio(&one, &two).unwrap();
        for (found, published) in [(ratio, 1.58), (low, 0.700_114_2), (high, 2.459_885_8)] {
            assert!((found.ln() - published).abs() < 1e-6, "{found}");
        }
    }

    #[test]
    fn unpaired_it_is_welchs_interval_of_the_sleep_data() {
        // R, Welch: df = 17.776, 95 percent confidence interval of 1 - 2: -3.3654832 0.2054832.
        let [one, two] = sleep();
        let Ratio { low, high, .. } = unpaired_ratio(&one, &two).unwrap();
        assert!(
            (low.ln() + 0.205_483_2).abs() < 1e-5 && (high.ln() - 3.365_483_2).abs() < 1e-5,
            "{low} {high}"
        );
    }

    #[test]
    fn what_cannot_be_said_is_not() {
        assert_eq!(paired_ratio(&[1.0], &[2.0]), None);
        assert_eq!(paired_ratio(&[1.0, 2.0], &[1.0]), None);
        assert_eq!(paired_ratio(&[1.0, 0.0], &[1.0, 2.0]), None);
        assert_eq!(unpaired_ratio(&[1.0, 2.0], &[1.0]), None);
        assert_eq!(unpaired_ratio(&[1.0, -2.0], &[1.0, 2.0]), None);
        assert_eq!(unpaired_ratio(&[2.0, 2.0], &[4.0, 4.0]), Some(Ratio { ratio: 2.0, low: 2.0, high: 2.0 }));
        assert_eq!(smallest_difference(&[0.0]), None);
    }

    /// Draws of a null: how many of 2,000 intervals hold 1.
    fn holding(draw: impl Fn(&mut Rng) -> Ratio, what: &str) -> usize {
        let mut random = seeded(2, what);
        let holds = |ratio: Ratio| (ratio.low..=ratio.high).contains(&1.0);
        (0..2_000).filter(|_| holds(draw(&mut random))).count()
    }

    fn tps(random: &mut Rng, count: usize, spread: f64) -> Vec<f64> {
        (0..count).map(|_| 50_000.0 * (spread * normal(random)).exp()).collect()
    }

    #[test]
    fn nineteen_in_twenty_intervals_of_a_null_hold_1() {
        for blocks in [2, 6, 10] {
            let held = holding(
                |random| paired_ratio(&tps(random, blocks, 0.03), &tps(random, blocks, 0.03)).unwrap(),
                "paired",
            );
            assert!((1_860..=1_940).contains(&held), "{blocks} blocks: {held}");
        }
        let unequal = holding(
            |random| unpaired_ratio(&tps(random, 5, 0.01), &tps(random, 8, 0.05)).unwrap(),
            "unpaired",
        );
        assert!((1_860..=1_940).contains(&unequal), "{unequal}");
    }

    #[test]
    fn the_smallest_difference_is_shown_in_eight_of_ten_comparisons() {
        // Of a known spread: 10 blocks of 3 % on each side.
        let mut random = seeded(3, "power");
        let spread = 0.03 * 2.0_f64.sqrt();
        let by = ((quantiles::t(0.975, 9.0) + quantiles::t(0.8, 9.0)) * spread / 10.0_f64.sqrt()).exp();
        let shown = (0..2_000).filter(|_| {
            let (first, other) = (tps(&mut random, 10, 0.03), tps(&mut random, 10, 0.03));
            let other: Vec<f64> = other.iter().map(|tps| tps * by).collect();
            paired_ratio(&first, &other).unwrap().low > 1.0
        });
        let shown = shown.count();
        assert!((1_500..=1_700).contains(&shown), "{shown} of 2,000");
        let logs = [0.03, -0.03];
        // By hand: s = 0.03 x sqrt 2, so s / sqrt 2 = 0.03; t(0.975, 1) = 12.706, t(0.8, 1) = 1.376.
        assert!((smallest_difference(&logs).unwrap() - (14.082_f64 * 0.03).exp_m1()).abs() < 1e-3);
    }
}
