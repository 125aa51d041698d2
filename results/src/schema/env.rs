//! The machine and the build.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The machine and the build that a run's figures belong to. Empty where it could not be found out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// Processors of the machine that are switched on.
    pub machine_cores: Option<u32>,
    /// The processors that this process may run on, as the kernel lists them: `0-3,8`.
    pub affinity: Option<String>,
    /// Cores' worth of time that the control group may use; absent where it is not limited.
    pub cpu_quota: Option<f64>,
    /// Whether cores run several threads each.
    pub smt: Option<bool>,
    /// Whether processors may run faster than their rated clock for a while.
    pub turbo: Option<bool>,
    /// The kind of virtual machine; `no` where it is none.
    pub virtual_machine: Option<String>,
    /// Memory of the machine, MiB.
    pub memory_mib: Option<u64>,
    /// Frequency governor, where there is one.
    pub governor: Option<String>,
    /// Load average of the last minute when the run began: other work on the machine.
    pub load_average: Option<f64>,
    /// What else the kernel is set to that figures depend on, by its own names.
    pub settings: BTreeMap<String, String>,
    /// Compiler.
    pub rustc: String,
    /// Optimisation level of the build.
    pub opt_level: String,
    /// Profile of the build: `debug`, `release`, or another's name.
    pub profile: String,
    /// Features of the tool that the build was made with.
    pub features: Vec<String>,
    /// Checksum of the file that pins every dependency's version.
    pub lock: String,
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
