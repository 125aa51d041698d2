//! A tick: what a cell reports while it is measured.

use serde::{Deserialize, Serialize};

/// What a cell's process tells while it measures, a few times a second. Times are of the last second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tick {
    /// Seconds since the load began, warm-up included.
    pub at_s: f64,
    /// Whether the timed window has not begun yet.
    pub is_warm_up: bool,
    /// Requests a second.
    pub tps: f64,
    /// Half took no longer, µs.
    pub p50_us: Option<f64>,
    /// 99 in 100 took no longer, µs.
    pub p99_us: Option<f64>,
    /// The longest, µs.
    pub max_us: Option<f64>,
    /// CPU of the client, or of both ends where they share a process; 100 = one core.
    pub client_cpu_percent: Option<f64>,
    /// CPU of the server, where it is a process of its own and within reach.
    pub server_cpu_percent: Option<f64>,
    /// Requests that were due and not sent, since the load began.
    pub dropped: u64,
    /// Errors of every kind, since the load began.
    pub errors: u64,
}
