//! Distributions of times: their figures, and the histograms that the figures come from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Figures of a distribution of times, µs.
///
/// A percentile is absent where the sample is too small to say it: to claim that 99 in 100 are no longer, with 99 %
/// confidence, takes 459 samples (0.99^459 < 0.01); 44 for p90, 4,603 for p99.9, 46,050 for p99.99. Runs of schema 1 have
/// every percentile, however small the sample.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Times {
    /// How many times there are. 0 in runs of schema 1, which don't say it here.
    pub count: u64,
    /// The shortest, exactly.
    pub min: f64,
    /// Half took no longer.
    pub p50: Option<f64>,
    /// 90 in 100.
    pub p90: Option<f64>,
    /// 99 in 100.
    pub p99: Option<f64>,
    /// 999 in 1,000.
    pub p999: Option<f64>,
    /// 9,999 in 10,000.
    pub p9999: Option<f64>,
    /// The longest, exactly.
    pub max: f64,
    /// The mean, exactly.
    pub mean: f64,
}

/// The histograms behind a cell's times: HdrHistogram V2, base64, nanoseconds from 1 to 60 s at three digits.
///
/// All have the same bounds, so that those of two cells add up count by count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Histograms {
    /// From sent to done.
    pub service: Option<String>,
    /// From intended to done; open loops only.
    pub response: Option<String>,
    /// From intended to sent; open loops only.
    pub send_lag: Option<String>,
}

/// A mean of several launches and how sure it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    /// The mean.
    pub mean: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// How many launches it is made of.
    pub n: u64,
}

impl Interval {
    /// Half its width as a share of the mean: 0.025 is "± 2.5 %". Infinite for a mean of 0.
    #[must_use]
    pub fn half_width(&self) -> f64 {
        if self.mean == 0.0 { f64::INFINITY } else { ((self.high - self.low) / 2.0 / self.mean).abs() }
    }
}
