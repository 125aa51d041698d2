//! Schema of a launch, and of how a cell was driven.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::times::Times;

/// How an open loop lets requests go.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OpenLoop {
    /// Requests a second that were intended.
    pub rate: f64,
    /// `fixed`: equally far apart. `exp`: exponentially, as independent users come.
    pub arrivals: String,
    /// Most requests outstanding at once; one that is due beyond them is dropped.
    pub max_in_flight: u64,
    /// `thread`: a thread of its own keeps the time. `tick`: the runtime's timers do, to the millisecond.
    pub pacer: String,
    /// Requests that were due in the timed window.
    pub intended: u64,
    /// Those of them that were not sent since too many were outstanding.
    pub dropped: u64,
}

/// Whether the figures had come to rest, and what was cut off for it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Steadiness {
    /// Whether throughput and median neither rise nor fall in the second half. Absent where there are too few windows.
    pub steady: Option<bool>,
    /// Seconds at the beginning of the timed window that are left out of every figure.
    pub cut_s: f64,
    /// Why it is not, in a sentence; empty when it is.
    pub why: String,
}

/// How exact the mean of the launches was to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Precision {
    /// Half the 95 % interval that was asked for, as a share of the mean.
    pub wanted: f64,
    /// Half the interval of throughput and of CPU a request, whichever is wider.
    pub got: f64,
    /// Whether that is enough.
    pub reached: bool,
}

/// One fresh start of a cell.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Launch {
    /// Its place among all launches of the run, from 0.
    pub order: u64,
    /// Requests completed.
    pub requests: u64,
    /// Errors of every kind.
    pub errors: u64,
    /// Requests a second.
    pub tps: f64,
    /// CPU of both ends a request, µs.
    pub cpu_us_per_request: Option<f64>,
    /// CPU of both ends; 100 = one core.
    pub cpu_percent: Option<f64>,
    /// Peak resident memory of both ends, MiB.
    pub rss_mib: Option<f64>,
    /// From sent to done, µs.
    pub service_us: Times,
    /// From intended to done, µs; open loops only.
    pub response_us: Option<Times>,
    /// Whether its figures had come to rest.
    pub steadiness: Option<Steadiness>,
}
