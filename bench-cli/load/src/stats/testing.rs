//! Test support: seeded random draws, and reference computations that are slow but plain.

use fastrand::Rng;

/// Above 0 and up to 1.
pub fn uniform(random: &mut Rng) -> f64 {
    1.0 - random.f64()
}

/// Of mean 0 and deviation 1 (Box and Muller).
pub fn normal(random: &mut Rng) -> f64 {
    let (radius, angle) = (uniform(random), uniform(random));
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

/// Each value remembers `memory` of the one before it; mean 0, deviation 1.
pub fn remembering(random: &mut Rng, memory: f64, count: usize) -> Vec<f64> {
    let mut at = normal(random);
    let fresh = (1.0 - memory * memory).sqrt();
    (0..count)
        .map(|_| {
            at = memory * at + fresh * normal(random);
            at
        })
        .collect()
}

/// How often at least `least` of `of` happen that each happen with `share`: the binomial sum, term by term.
pub fn at_least(least: u64, of: u64, share: f64) -> f64 {
    let mut log_term = of as f64 * (1.0 - share).ln();
    let mut sum = 0.0;
    for k in 0..=of {
        if k >= least {
            sum += log_term.exp();
        }
        log_term += ((of - k) as f64 / (k + 1) as f64).ln() + share.ln() - (1.0 - share).ln();
    }
    sum
}

/// Hours of sleep that two drugs gave the same ten patients: Student, "The probable error of a mean", Biometrika 1908.
///
/// What came of them by R's `t.test` is in R's own documentation of its data set `sleep`.
pub const SLEEP: [[f64; 10]; 2] = [
    [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0],
    [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4],
];
