//! The run file: which fields it has, what they mean, in which unit.
//!
//! Fields are only ever added, each with a default, so that a new reader reads an old file. A change of meaning is a new
//! [`SCHEMA`]; every one from [`OLDEST`] on can be read.
//!
//! `env` is the machine; `cell` what was measured, with `times`, `usage`, `launch` and `little`; `comparison` and
//! `verdicts` what came of it.

mod cell;
mod comparison;
mod env;
mod launch;
mod little;
mod times;
mod usage;
mod verdicts;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::cell::Cell;
pub use self::comparison::{BlockSample, Comparison, ComparisonRow, Verdict};
pub use self::env::Env;
pub use self::launch::{Launch, OpenLoop, Precision, Steadiness};
pub use self::little::LittlesLaw;
pub use self::times::{Histograms, Interval, Times};
pub use self::usage::{HostCpu, Series, Usage, Usages};
pub use self::verdicts::{Check, CheckRow, Search, Trial, Workers};

/// The schema that this version writes.
///
/// 2: a percentile that the sample cannot support is absent. 1 had no such thing, nor anything but closed loops.
pub const SCHEMA: u32 = 2;

/// The oldest schema that this version reads.
pub const OLDEST: u32 = 1;

/// One run: a machine, and the cells that were measured on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// [`SCHEMA`] in a run that this version wrote; what it was written with in one that was read.
    pub schema: u32,
    /// The machine and the build.
    pub env: Env,
    /// What was measured, in the order of the plan.
    pub cells: Vec<Cell>,
    /// What the order of launches was drawn from, where it was shuffled.
    #[serde(default)]
    pub seed: Option<u64>,
    /// What the reader should know of the run as a whole.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Set by `compare` and `aa`.
    #[serde(default)]
    pub comparison: Option<Comparison>,
    /// Set by `search`, one a cell.
    #[serde(default)]
    pub searches: Vec<Search>,
    /// Set by `check`.
    #[serde(default)]
    pub check: Option<Check>,
    /// Set where the load was spread over workers.
    #[serde(default)]
    pub workers: Option<Workers>,
}

impl Run {
    /// A run of the current schema.
    #[must_use]
    pub fn new(env: Env, cells: Vec<Cell>) -> Self {
        Self {
            schema: SCHEMA,
            env,
            cells,
            seed: None,
            warnings: Vec::new(),
            comparison: None,
            searches: Vec::new(),
            check: None,
            workers: None,
        }
    }
}
