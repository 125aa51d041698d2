//! Resource usage of a measurement: CPU, memory, context switches, page faults, of a process and of the machine.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What one process, or both together, used between the same two marks as everything else of the cell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Usage {
    /// Time on processors in user code, seconds.
    pub user_s: f64,
    /// Time on processors in the kernel, seconds.
    pub system_s: f64,
    /// Both, over the time measured; 100 = one core.
    pub cpu_percent: f64,
    /// Both, µs a completed request.
    pub cpu_us_per_request: f64,
    /// Both, µs a KiB of payload, one way.
    pub cpu_us_per_kib: f64,
    /// Most memory that was resident at once, MiB, from the start of the process on. Absent where it cannot be had.
    pub rss_peak_mib: Option<f64>,
    /// Memory that was resident at the marks, MiB, their mean.
    pub rss_mean_mib: Option<f64>,
    /// Times that a thread gave up its processor to wait.
    pub voluntary_switches: u64,
    /// Times that a thread was taken off its processor.
    pub involuntary_switches: u64,
    /// Page faults that were served without reading a file.
    pub minor_faults: u64,
    /// Page faults that had to read one.
    pub major_faults: u64,
}

/// Who used it. With both ends in one process there is only `both`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Usages {
    /// Client and server together.
    pub both: Option<Usage>,
    /// The client's process, where it is one of its own.
    pub client: Option<Usage>,
    /// The server's process, where it is one of its own and within reach.
    pub server: Option<Usage>,
}

/// What the whole machine used between the marks, other processes and interrupts included; 100 = one core.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HostCpu {
    /// Everything but idling and waiting for a disk.
    pub busy_percent: f64,
    /// User code.
    pub user_percent: f64,
    /// The kernel, interrupts excepted.
    pub system_percent: f64,
    /// Interrupts, where much of the work of a network is done and charged to no process.
    pub interrupt_percent: f64,
    /// Taken by the hypervisor.
    pub steal_percent: f64,
    /// What the machine was busy with before anything was measured, to be taken off.
    pub idle_busy_percent: f64,
}

/// Figures over time, one column a figure, all of the same length. Points are as far apart as the windows were long.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Series {
    /// Length of each window, seconds.
    pub window_s: f64,
    /// Requests a second.
    pub tps: Vec<f64>,
    /// Median of the window, µs: response time of an open loop, service time of a closed one.
    pub p50_us: Vec<f64>,
    /// 99 in 100 of the window, µs.
    pub p99_us: Vec<f64>,
    /// The longest of the window, µs.
    pub max_us: Vec<f64>,
    /// CPU of the client, or of both ends where they share a process; 100 = one core.
    pub client_cpu_percent: Vec<f64>,
    /// CPU of the server, where it is a process of its own and within reach.
    pub server_cpu_percent: Vec<f64>,
    /// How many windows at the beginning are left out of the cell's figures.
    pub cut: u64,
}
