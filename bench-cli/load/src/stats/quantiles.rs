//! Quantiles of the t and beta distributions.

use statrs::distribution::{Beta, ContinuousCDF, StudentsT};

/// What a Student's t of `freedom` degrees does not exceed with `probability`. Infinite where there is no freedom.
pub(super) fn t(probability: f64, freedom: f64) -> f64 {
    match StudentsT::new(0.0, 1.0, freedom) {
        Ok(t) if freedom > 0.0 => t.inverse_cdf(probability),
        _ => f64::INFINITY,
    }
}

/// How often a Student's t of `freedom` degrees is as far from 0 as `value` on either side.
pub(super) fn t_two_sided(value: f64, freedom: f64) -> f64 {
    match StudentsT::new(0.0, 1.0, freedom) {
        Ok(t) if value.is_finite() => 2.0 * t.cdf(-value.abs()),
        Ok(_) => 0.0,
        Err(_) => 1.0,
    }
}

/// What a beta of `a` and `b`, both above 0, does not exceed with `probability`.
pub(super) fn beta(probability: f64, a: f64, b: f64) -> f64 {
    Beta::new(a, b).map_or(f64::NAN, |beta| beta.inverse_cdf(probability))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t_is_that_of_the_printed_tables() {
        // NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2, column 0.975, and 0.90 below.
        for (freedom, value) in [
            (1.0, 12.706),
            (2.0, 4.303),
            (3.0, 3.182),
            (4.0, 2.776),
            (5.0, 2.571),
            (9.0, 2.262),
            (10.0, 2.228),
            (29.0, 2.045),
            (100.0, 1.984),
        ] {
            assert!((t(0.975, freedom) - value).abs() < 6e-4, "{freedom}: {}", t(0.975, freedom));
            assert!((t(0.025, freedom) + value).abs() < 6e-4, "{freedom}");
            assert!((t_two_sided(value, freedom) - 0.05).abs() < 1e-4, "{freedom}");
        }
        for (freedom, value) in [(1.0, 3.078), (5.0, 1.476), (30.0, 1.310)] {
            assert!((t(0.90, freedom) - value).abs() < 6e-4, "{freedom}");
        }
        assert_eq!(t(0.975, 0.0), f64::INFINITY);
    }
}
