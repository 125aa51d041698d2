//! The mix of requests, and think time: drawn from the seed.

use std::time::Duration;

use fastrand::Rng;
use serde::{Deserialize, Serialize};

use super::Request;
use crate::random::exponential;

/// Kinds of requests by their shares.
#[derive(Debug, Clone)]
pub struct Mix {
    /// Each kind's share and those before it, as a part of 1.
    upto: Vec<f64>,
}

impl Mix {
    /// The mix of `requests`, whose shares are weights.
    #[must_use]
    pub fn new(requests: &[Request]) -> Self {
        let all: f64 = requests.iter().map(|request| request.share).sum();
        let mut sum = 0.0;
        let upto = requests.iter().map(|request| {
            sum += request.share;
            sum / all
        });
        Self { upto: upto.collect() }
    }

    /// The next request's kind, as its place among the requests.
    pub fn draw(&self, random: &mut Rng) -> usize {
        let drawn = random.f64();
        // Rounding may leave the last sum below 1.
        self.upto.iter().position(|upto| drawn < *upto).unwrap_or(self.upto.len() - 1)
    }
}

/// Time between a caller's reply and its next request.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Think {
    /// Its mean.
    pub mean: Duration,
    /// Whether it is exponentially distributed; else it is always the same.
    pub is_exp: bool,
}

impl Think {
    /// The next one.
    #[must_use]
    pub fn draw(&self, random: &mut Rng) -> Duration {
        match self.is_exp {
            true => self.mean.mul_f64(exponential(random)),
            false => self.mean,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::seeded;

    #[test]
    fn a_mix_comes_out_by_its_shares_and_the_seed_decides_it() {
        let request = |share| Request { payload: 16, share, one_way: false };
        let mix = Mix::new(&[request(8.0), request(1.0), request(0.5), request(0.5)]);
        for seed in 0..20 {
            let drawn = || {
                let mut random = seeded(seed, "mix");
                (0..20_000).map(|_| mix.draw(&mut random)).collect::<Vec<_>>()
            };
            assert_eq!(drawn(), drawn());
            for (kind, share) in [0.8, 0.1, 0.05, 0.05].into_iter().enumerate() {
                let count = drawn().iter().filter(|drawn| **drawn == kind).count() as f64;
                // Binomial: five deviations are exceeded once in 1.7 million.
                let deviation = (20_000.0 * share * (1.0_f64 - share)).sqrt();
                assert!((count - 20_000.0 * share).abs() < 5.0 * deviation, "{seed} {kind}: {count}");
            }
        }
    }

    #[test]
    fn exponential_think_time_has_its_mean_and_no_fixed_length() {
        let think = Think { mean: Duration::from_millis(10), is_exp: true };
        let mut random = seeded(1, "think");
        let drawn: Vec<_> = (0..20_000).map(|_| think.draw(&mut random).as_secs_f64()).collect();
        // The deviation of the mean is 10 ms / √20,000 = 71 µs.
        let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
        assert!((mean - 0.01).abs() < 5.0 * 71e-6, "{mean}");
        let longer = drawn.iter().filter(|drawn| **drawn > 0.01).count() as f64 / 20_000.0;
        assert!((longer - (-1.0_f64).exp()).abs() < 0.02, "{longer}");
        let fixed = Think { is_exp: false, ..think };
        assert_eq!(fixed.draw(&mut random), fixed.mean);
    }
}
