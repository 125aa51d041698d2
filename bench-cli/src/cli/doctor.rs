//! `bench-cli doctor`.

use clap::Args;

pub(super) const EXAMPLES: &str = "\
Examples:
  bench-cli doctor
  bench-cli doctor --json
  bench-cli doctor --strict    before a run that is to be kept

Exit codes: 0 it was looked at, whatever was found; 4 with --strict when something may spoil figures.";

/// What is looked at.
#[derive(Debug, Clone, Args)]
pub(crate) struct DoctorArgs {
    /// Print every finding as JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
    /// End with code 4 when something may spoil figures
    #[arg(long)]
    pub(crate) strict: bool,
}
