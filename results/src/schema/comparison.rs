//! Comparison of several values of one thing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A paired comparison: in every block each value was measured once, in random order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// What differs: `transport`, `stack`, `runtime`, `protocol`, `set`, `binary`, `placement`; or `nothing`, for `aa`.
    pub factor: String,
    /// Its values; the first is what the others are compared with.
    pub values: Vec<String>,
    /// Blocks that were measured.
    pub blocks: u64,
    /// What the order of everything was drawn from.
    pub seed: u64,
    /// Confidence of the intervals: 0.95.
    pub level: f64,
    /// A difference smaller than this share is called none, however sure it is.
    pub noise_floor: f64,
    /// Every value but the first, in every cell, by every metric.
    pub rows: Vec<ComparisonRow>,
    /// The cells' blocks, for another analysis.
    pub samples: Vec<BlockSample>,
}

/// One value against the first, in one cell, by one metric.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ComparisonRow {
    /// Requests outstanding.
    pub parallel: u64,
    /// Bytes of a payload.
    pub payload_bytes: u64,
    /// What is compared with the first.
    pub value: String,
    /// `tps`, `service_p50_us`, `service_p99_us`, `response_p50_us`, `response_p99_us` or `cpu_us_per_request`.
    pub metric: String,
    /// Whether more of it is better.
    pub more_is_better: bool,
    /// Geometric mean of value / first over the blocks. Absent when a side failed.
    pub ratio: Option<f64>,
    /// Lower end of its interval.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// How often a difference this large comes by chance, by exact sign flips of the blocks.
    pub p: Option<f64>,
    /// The same, corrected for the number of rows of this metric (Holm).
    pub p_corrected: Option<f64>,
    /// Blocks in which both were measured without an error.
    pub blocks: u64,
    /// What follows.
    pub verdict: Verdict,
    /// Why there is no better verdict, in a sentence; else empty.
    pub why: String,
}

/// What follows from a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The value is better than the first.
    Better,
    /// It is worse.
    Worse,
    /// No difference was shown.
    #[default]
    NoDifference,
    /// A side had errors, or its generator lagged: it cannot win or lose.
    Invalid,
}

/// One launch of one value in one block.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BlockSample {
    /// The block, from 0.
    pub block: u64,
    /// Its place in the block, from 0.
    pub place: u64,
    /// Which of the comparison's values.
    pub value: u64,
    /// Requests outstanding.
    pub parallel: u64,
    /// Bytes of a payload.
    pub payload_bytes: u64,
    /// Metric by metric; none where the launch failed.
    pub metrics: std::collections::BTreeMap<String, f64>,
    /// Errors of every kind.
    pub errors: u64,
}
