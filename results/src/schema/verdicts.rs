//! Verdicts of a search, of a check against a baseline, and of a run that was spread over workers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::times::Times;

/// A search for the highest rate at which a service level holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Search {
    /// The cell, in a few words.
    pub cell: String,
    /// What had to hold, as it was typed.
    pub slo: String,
    /// The highest rate that held, requests a second. Absent when none did.
    pub highest_rate: Option<f64>,
    /// The lowest rate that was tried and did not hold.
    pub lowest_missed: Option<f64>,
    /// Every trial, in the order of trying.
    pub trials: Vec<Trial>,
}

/// One rate that was tried.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trial {
    /// Requests a second that were intended.
    pub rate: f64,
    /// Requests a second that were completed.
    pub achieved: f64,
    /// Length of its timed window, seconds.
    pub duration_s: f64,
    /// From intended to done, µs.
    pub response_us: Times,
    /// From intended to sent, µs.
    pub send_lag_us: Times,
    /// Requests that were due and not sent.
    pub dropped: u64,
    /// Errors of every kind.
    pub errors: u64,
    /// `holds`, `missed`, `unclear`, or `generator-limited`.
    pub verdict: String,
    /// Why, in a sentence.
    pub why: String,
}

/// A check against a baseline.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// The baseline's file.
    pub baseline: String,
    /// Every threshold in every cell.
    pub rows: Vec<CheckRow>,
    /// `passed`, `regression`, `limit-missed` or `inconclusive`: the gravest of the rows.
    pub verdict: String,
}

/// One threshold in one cell.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckRow {
    /// The cell, in a few words.
    pub cell: String,
    /// What was compared, such as `tps`.
    pub metric: String,
    /// What was asked for, as it was typed.
    pub threshold: String,
    /// The baseline's figure, for thresholds against it.
    pub baseline: Option<f64>,
    /// The candidate's figure.
    pub candidate: Option<f64>,
    /// The change as a share, and its 95 % interval.
    pub change: Option<f64>,
    /// Lower end.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// `passed`, `regression`, `limit-missed` or `inconclusive`.
    pub verdict: String,
    /// Why, in a sentence.
    pub why: String,
}

/// A run's share of one that is spread over workers, or the whole of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Workers {
    /// Which worker this is, from 0; absent when all have been merged.
    pub index: Option<u64>,
    /// How many there are.
    pub count: u64,
    /// A hash of everything that must be the same for all.
    pub settings: String,
    /// A name that all workers of one run share, and no other run.
    pub run: String,
    /// Indices of workers that are missing from the merged whole: the run is then invalid.
    pub missing: Vec<u64>,
    /// How far the workers' beginnings lay apart, µs, at most; by the rendezvous' measure of their clocks.
    pub skew_us: Option<f64>,
}
