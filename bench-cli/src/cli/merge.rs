//! The flags of `merge`.

use std::path::PathBuf;

use clap::Args;

use super::OutputArgs;

pub(super) const EXAMPLES: &str = "\
Examples:
  bench-cli merge parts/worker-0.json parts/worker-1.json --json whole.json";

/// Parts of one run.
#[derive(Debug, Clone, Args)]
pub(crate) struct MergeArgs {
    /// Every worker's part: what --parts of worker 0 or --json of the others wrote, in any order
    #[arg(value_name = "PART", required = true)]
    pub(crate) parts: Vec<PathBuf>,
    /// Merge what there is although workers are missing; the run says which, and exits with 1
    #[arg(long)]
    pub(crate) allow_missing: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}
