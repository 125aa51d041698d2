//! What a cell's process tells while it measures.

use serde::{Deserialize, Serialize};

/// The last second of a cell that is under way.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tick {
    /// Since the load began, warm-up included, seconds.
    pub(crate) at_s: f64,
    /// Whether nothing counts yet.
    pub(crate) is_warm_up: bool,
    /// Requests a second.
    pub(crate) tps: f64,
    /// Response time of an open loop, service time of a closed one, µs.
    pub(crate) p50_us: Option<f64>,
    pub(crate) p99_us: Option<f64>,
    pub(crate) max_us: Option<f64>,
    /// 100 = one core; both ends where they share a process.
    pub(crate) client_cpu_percent: Option<f64>,
    /// The server's, where it is a process of its own.
    pub(crate) server_cpu_percent: Option<f64>,
    /// Requests that were due and not sent, so far.
    pub(crate) dropped: u64,
    /// Errors so far.
    pub(crate) errors: u64,
}
