//! Mean and confidence interval of independent launches.

use listenrain_results::Interval;

use super::{LEVEL, quantiles};

/// Mean and variance (of `n - 1`). The variance of fewer than two is NaN.
pub(super) fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    (mean, if values.len() < 2 { f64::NAN } else { squares / (n - 1.0) })
}

/// Mean of `launches` and its 95 % t-interval. None for fewer than two, or where one is not a number.
pub(crate) fn mean_interval(launches: &[f64]) -> Option<Interval> {
    if launches.len() < 2 || launches.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let (mean, variance) = moments(launches);
    let n = launches.len() as f64;
    let half = quantiles::t(0.5 + LEVEL / 2.0, n - 1.0) * (variance / n).sqrt();
    Some(Interval { mean, low: mean - half, high: mean + half, n: launches.len() as u64 })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{SLEEP, normal};
    use super::*;
    use crate::random::seeded;
    use proptest::prelude::*;

    #[test]
    fn it_is_students_interval_of_the_sleep_data() {
        // R: mean of the differences 1.58, 95 percent confidence interval 0.7001142 2.4598858.
        let gained: Vec<f64> = SLEEP[1].iter().zip(SLEEP[0]).map(|(two, one)| two - one).collect();
        let Interval { mean, low, high, n } = mean_interval(&gained).unwrap();
        assert!((mean - 1.58).abs() < 1e-9 && n == 10);
        assert!((low - 0.700_114_2).abs() < 1e-6 && (high - 2.459_885_8).abs() < 1e-6, "{low} {high}");
    }

    #[test]
    fn one_launch_has_no_interval() {
        assert_eq!(mean_interval(&[]), None);
        assert_eq!(mean_interval(&[1.0]), None);
        assert_eq!(mean_interval(&[1.0, f64::NAN]), None);
    }

    #[test]
    fn nineteen_in_twenty_intervals_hold_the_true_mean() {
        let mut random = seeded(1, "mean intervals");
        for launches in [2, 5, 20] {
            let holds = (0..2_000).filter(|_| {
                let values: Vec<f64> = (0..launches).map(|_| 100.0 + 7.0 * normal(&mut random)).collect();
                let interval = mean_interval(&values).unwrap();
                (interval.low..=interval.high).contains(&100.0)
            });
            let holds = holds.count();
            assert!((1_860..=1_940).contains(&holds), "{launches} launches: {holds} of 2,000");
        }
    }

    proptest! {
        #[test]
        fn it_moves_and_stretches_with_its_values(
            values in prop::collection::vec(-1e3f64..1e3, 2..20), by in -1e3f64..1e3, times in 0.1f64..10.0,
        ) {
            let plain = mean_interval(&values).unwrap();
            let moved: Vec<f64> = values.iter().map(|value| value * times + by).collect();
            let moved = mean_interval(&moved).unwrap();
            prop_assert!((moved.low - (plain.low * times + by)).abs() < 1e-6);
            prop_assert!((moved.high - (plain.high * times + by)).abs() < 1e-6);
            prop_assert!(plain.low <= plain.mean && plain.mean <= plain.high);
        }
    }
}
