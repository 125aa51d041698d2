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
pub fn mean_interval(launches: &[f64]) -> Option<Interval> {
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
    use super::super::testing::SLEEP;
    use super::*;

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
}
