//! The run file: which fields it has, what they mean, in which unit.
//!
//! Fields are only ever added, each with a default, so that an old reader reads a newer file and a new reader an old
//! one. A change of meaning is a new [`SCHEMA`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The schema that this version writes, and the only one it reads.
pub const SCHEMA: u32 = 1;

/// One run: a machine, and the cells that were measured on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Always [`SCHEMA`].
    pub schema: u32,
    /// The machine and the build.
    pub env: Env,
    /// What was measured, in the order of measuring.
    pub cells: Vec<Cell>,
}

impl Run {
    /// A run of the current schema.
    #[must_use]
    pub fn new(env: Env, cells: Vec<Cell>) -> Self {
        Self { schema: SCHEMA, env, cells }
    }
}

/// The machine and the build that a run's figures belong to. Empty where it could not be found out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Env {
    /// When the run began, UTC, RFC 3339.
    pub started: String,
    /// The command as it was typed, without the program's folder.
    pub command: String,
    /// Operating system, as Rust names it.
    pub os: String,
    /// Processor architecture, as Rust names it.
    pub arch: String,
    /// Kernel release.
    pub kernel: String,
    /// Processor model.
    pub cpu: String,
    /// Cores that this process may use.
    pub cores: u32,
    /// Memory of the machine, MiB.
    pub memory_mib: Option<u64>,
    /// Frequency governor, where there is one.
    pub governor: Option<String>,
    /// Load average of the last minute when the run began: other work on the machine.
    pub load_average: Option<f64>,
    /// Compiler.
    pub rustc: String,
    /// Optimisation level of the build.
    pub opt_level: String,
    /// Memory allocator of the program.
    pub allocator: String,
    /// Version of the tool.
    pub version: String,
    /// Commit that was built, where known.
    pub commit: Option<String>,
    /// Whether files differed from that commit.
    pub dirty: Option<bool>,
    /// Whether the run was cut short.
    pub interrupted: bool,
}

/// One cell: one combination, measured in a process of its own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Scheme of the transport.
    pub transport: String,
    /// What was driven on top of it: `listenrain`, `bare`, or a peer.
    pub stack: String,
    /// `current` or `multi:N`.
    pub runtime: String,
    /// Wire protocol; `stream` where there is none.
    pub protocol: String,
    /// Requests kept outstanding: a closed loop of that many callers.
    pub parallel: u64,
    /// Bytes of a request's payload, and of its reply's.
    pub payload_bytes: u64,
    /// Requests completed inside the timed window.
    pub requests: u64,
    /// Errors of every kind, warm-up included.
    pub errors: u64,
    /// Requests a second.
    pub tps: f64,
    /// Payload one way, decimal: tps x payload x 8 / 10^9.
    pub gbit_per_s: f64,
    /// CPU time of the process (both ends) over the window; 100 = one core. Absent where it cannot be had.
    pub cpu_percent: Option<f64>,
    /// Peak resident memory of the process (both ends), MiB. Absent where it cannot be had.
    pub rss_mib: Option<f64>,
    /// From call to reply, µs. Closed loop: service time, not response time.
    pub service_us: ServiceUs,

    /// Channels of each connection.
    #[serde(default)]
    pub lanes: u64,
    /// Connections.
    #[serde(default)]
    pub connections: u64,
    /// Length of the timed window, seconds, as measured.
    #[serde(default)]
    pub duration_s: f64,
    /// Length of the warm-up, seconds, as asked.
    #[serde(default)]
    pub warmup_s: f64,
    /// Most payload bytes outstanding at once.
    #[serde(default)]
    pub window_bytes: u64,
    /// The self-check of a closed loop.
    #[serde(default)]
    pub littles_law: LittlesLaw,
    /// Errors by kind.
    #[serde(default)]
    pub error_kinds: BTreeMap<String, u64>,
    /// The first few errors, in words.
    #[serde(default)]
    pub error_samples: Vec<String>,
    /// What the reader of the figures should know.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// The live server that was driven, when it was not this process's own.
    #[serde(default)]
    pub target: Option<String>,
    /// What stood between client and server.
    #[serde(default)]
    pub via: Option<String>,
    /// Options that were set on the transport, as `scheme.name=value`.
    #[serde(default)]
    pub options: Vec<String>,
}

/// Service times, µs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ServiceUs {
    /// Half of the requests took no longer.
    pub p50: f64,
    /// 90 in 100.
    pub p90: f64,
    /// 99 in 100.
    pub p99: f64,
    /// 999 in 1,000.
    pub p999: f64,
    /// The longest, exactly.
    pub max: f64,
    /// The mean.
    pub mean: f64,
}

/// Little's law, N = X x R: what the loop kept outstanding, against throughput times mean service time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
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

impl Cell {
    /// The column that the original calls bandwidth: payload one way, decimal Gbit/s.
    #[must_use]
    pub fn gbit_per_s(tps: f64, payload_bytes: u64) -> f64 {
        tps * payload_bytes as f64 * 8.0 / 1e9
    }

    /// Whether the row may be used: requests completed, and none went wrong.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.errors == 0 && self.requests > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifty_thousand_times_4_kib_is_the_originals_1_638_gbit() {
        assert_eq!(format!("{:.3}", Cell::gbit_per_s(50_000.0, 4096)), "1.638");
    }

    #[test]
    fn littles_law_holds_when_throughput_times_time_is_what_was_outstanding() {
        let law = LittlesLaw::new(16, 1_000_000.0, 16.0);
        assert!(law.off_by() < 1e-9);
        assert!((LittlesLaw::new(16, 1_000_000.0, 8.0).off_by() - 0.5).abs() < 1e-9);
        assert!(LittlesLaw::default().off_by() == 0.0);
    }
}
