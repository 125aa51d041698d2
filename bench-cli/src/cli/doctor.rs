//! `bench-cli doctor`.

use clap::Args;

use super::Exit;
use super::exit::failure;
use crate::doctor::examine;
use crate::streams;

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

/// Looks at this machine and prints what it finds.
pub(super) fn doctor(args: &DoctorArgs) -> Exit {
    let report = examine();
    let text = match args.json {
        // Plain data with string keys: there is nothing that JSON cannot say.
        true => serde_json::to_string_pretty(&report).unwrap_or_default() + "\n",
        false => report.text(),
    };
    match streams::print(text.as_bytes()) {
        Err(why) => failure(&why),
        Ok(()) if args.strict && report.may_spoil > 0 => Exit::LimitMissed,
        Ok(()) => Exit::Well,
    }
}
