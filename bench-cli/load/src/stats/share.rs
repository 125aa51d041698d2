//! Exact bounds of a share by Clopper and Pearson.

use super::quantiles::beta;

/// The smallest true share that `some` of `all` leave possible with `confidence`, one-sided.
pub fn at_least(some: u64, all: u64, confidence: f64) -> f64 {
    if some == 0 || all == 0 {
        return 0.0;
    }
    beta(1.0 - confidence, some.min(all) as f64, (all - some.min(all)) as f64 + 1.0)
}

/// The largest, likewise.
pub fn at_most(some: u64, all: u64, confidence: f64) -> f64 {
    if some >= all {
        return 1.0;
    }
    beta(confidence, some as f64 + 1.0, (all - some) as f64)
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_is_that_of_published_tables() {
        // Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998),
        // table I, method 5: both sides at 95 %.
        for (some, all, low, high) in [
            (81, 263, 0.2527, 0.3676),
            (15, 148, 0.0578, 0.1617),
            (0, 20, 0.0, 0.1684),
            (1, 29, 0.0009, 0.1776),
        ] {
            assert!((at_least(some, all, 0.975) - low).abs() < 6e-5, "{some} of {all}");
            assert!((at_most(some, all, 0.975) - high).abs() < 6e-5, "{some} of {all}");
        }
    }

    #[test]
    fn none_of_459_says_less_than_1_in_100() {
        // The rule that percentiles are printed by, from the other side.
        assert!(at_most(0, 459, 0.99) < 0.01 && at_most(0, 458, 0.99) > 0.01);
        assert!((at_least(3, 3, 0.95) - 0.05_f64.powf(1.0 / 3.0)).abs() < 1e-9);
        assert_eq!((at_least(0, 0, 0.95), at_most(0, 0, 0.95)), (0.0, 1.0));
    }

    proptest! {
        #[test]
        fn at_a_bound_what_was_seen_is_just_as_rare_as_it_says(all in 1u64..300, part in 0.0f64..1.0) {
            let some = (all as f64 * part) as u64;
            if some > 0 {
                let tail = testing::at_least(some, all, at_least(some, all, 0.95));
                prop_assert!((tail - 0.05).abs() < 1e-5, "{}", tail);
            }
            if some < all {
                let tail = 1.0 - testing::at_least(some + 1, all, at_most(some, all, 0.95));
                prop_assert!((tail - 0.05).abs() < 1e-5, "{}", tail);
            }
        }
    }
}
