//! The machine and the build.

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
