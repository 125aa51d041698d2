//! Little's law: the self-check of a closed loop.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Little's law, N = X x R: what the loop kept outstanding, against throughput times mean service time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LittlesLaw {
    /// Requests outstanding by the plan: `parallel`, or fewer where the byte window says so.
    pub planned: f64,
    /// tps x mean service time.
    pub measured: f64,
}

impl LittlesLaw {
    /// N = X x R of `tps` requests a second that took `mean_us` each.
    #[must_use]
    pub fn new(planned: u64, tps: f64, mean_us: f64) -> Self {
        Self { planned: planned as f64, measured: tps * mean_us / 1e6 }
    }

    /// How far the measured figure is off, as a share of the planned one.
    #[must_use]
    pub fn off_by(&self) -> f64 {
        if self.planned == 0.0 { 0.0 } else { (self.measured / self.planned - 1.0).abs() }
    }
}
