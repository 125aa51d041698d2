//! Runs that were measured before, shown anew.

use std::path::PathBuf;

use clap::Args;

use super::output::FileArgs;

pub(crate) const EXAMPLES: &str = "\
Examples:
  bench-cli report out.json                          its tables, without measuring anything
  bench-cli report out.json --html out.html          one page for a browser; it needs no network
  bench-cli report old.json new.json --html both.html
  bench-cli report 2026-11-22-linux-amd-epyc-1 --csv -
  bench-cli report --update README.md results/README.md

Exit codes: 0 well, 1 a row of a run had failed, 2 a run cannot be read, or a file cannot be written.";

/// Runs to show.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReportArgs {
    /// Run files, folders with a run.json, or names of recorded runs
    #[arg(value_name = "RUN", required_unless_present = "update")]
    pub(crate) runs: Vec<PathBuf>,
    /// Folder of the recorded runs
    #[arg(long = "runs", value_name = "DIR", default_value = "results/runs")]
    pub(crate) store: PathBuf,
    /// Write the tables of recorded runs in these files anew: what lies between `<!-- table:RUN -->` and
    /// `<!-- /table -->`, and the list of all between `<!-- runs -->` and `<!-- /runs -->`
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "runs")]
    pub(crate) update: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) files: FileArgs,
}
