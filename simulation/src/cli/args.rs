//! Command-line arguments.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::sweep::{EXAMPLES as SWEEP_EXAMPLES, ListArgs, ReplayArgs, SweepArgs};

const EXAMPLES: &str = "\
Examples:
  listenrain-simulation conformance                      every case on every transport
  listenrain-simulation conformance --transport tcp --hardship none --case 'A*,C07'
  listenrain-simulation conformance --json report.json
  listenrain-simulation conformance --list --case 'D*'   what the cases of group D check

Exit codes: 0 every trial passed or was skipped, 1 one failed or timed out, 2 wrong usage,
130 interrupted (what was run is printed and written).";

/// Puts transports to the test: what every transport must do, and again under hardships; and puts whole runs of clients
/// and servers through faults, in simulated time.
#[derive(Debug, Parser)]
#[command(name = "listenrain-simulation", version, about, after_help = format!("{EXAMPLES}\n\n{SWEEP_EXAMPLES}"))]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Runs the cases of the conformance kit and prints the matrix of case by transport.
    #[command(after_help = EXAMPLES)]
    Conformance(ConformanceArgs),
    /// Plays many seeds, each with faults of its own, and looks whether every call ended as it must.
    #[command(after_help = SWEEP_EXAMPLES)]
    Sweep(SweepArgs),
    /// Plays one seed or one plan again.
    #[command(after_help = SWEEP_EXAMPLES)]
    Replay(ReplayArgs),
    /// What there is to be swept: scenarios and networks, which of them go together, and faults.
    List(ListArgs),
    /// A completion script for a shell, on standard output.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Clone, Args)]
pub(super) struct ConformanceArgs {
    /// Transports, by name; `all` is every one
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', default_value = "all")]
    pub(super) transport: Vec<String>,
    /// Cases, by id; `B*` is every case of group B
    #[arg(long, value_name = "ID,…", value_delimiter = ',', default_value = "*")]
    pub(super) case: Vec<String>,
    /// Hardships, by name; `none` is to be without one, `all` is `none` and every hardship
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', default_value = "all")]
    pub(super) hardship: Vec<String>,
    /// Decides every random choice, 0 to 18446744073709551615; a failure names it
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,
    /// How many times smaller bulk transfers and repetitions are than their full sizes
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) smaller: u32,
    /// How many times longer than its own limit a case may take before it counts as stuck, 0.1 to 100
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = patience)]
    pub(super) patience: f64,
    /// Write the records as JSON; `-` is standard output, and the matrix then goes to standard error
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Only list the cases: id, name, priority, needs, what they check and where they come from
    #[arg(long, conflicts_with = "json")]
    pub(super) list: bool,
    /// This process was started for trials that need one of their own; each record is printed on a line
    #[arg(long, hide = true)]
    pub(super) here: bool,
}

fn patience(text: &str) -> Result<f64, String> {
    let allowed = 0.1..=100.0;
    let factor = text.parse().ok().filter(|factor| allowed.contains(factor));
    factor.ok_or_else(|| "allowed: a number from 0.1 to 100".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_flags_are_consistent() {
        Cli::command().debug_assert();
    }
}
