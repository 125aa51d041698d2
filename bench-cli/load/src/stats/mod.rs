//! Statistics over launches. Pure: numbers in, numbers out.
//!
//! - [`mean_interval`]: the mean of launches, and how sure it is.
//! - [`paired_ratio`], [`unpaired_ratio`]: one thing against another, in blocks or not.
//! - [`flips`]: how often chance alone does as much. [`holm`]: the same where many were asked at once.
//! - [`share`]: exact binomial bounds of a share.
//! - [`steadiness`]: what of a series to leave out, and whether the rest is at rest.

pub mod flips;
mod holm;
mod mean;
mod quantiles;
mod ratio;
mod series;
pub mod share;
mod steady;
#[cfg(test)]
pub mod testing;

pub use holm::holm;
pub use mean::mean_interval;
pub use ratio::{log_ratios, paired_ratio, smallest_difference, unpaired_ratio};
pub use steady::steadiness;

/// Confidence of every interval.
pub const LEVEL: f64 = 0.95;
