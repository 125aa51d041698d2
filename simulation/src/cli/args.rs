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
    #[arg(long, hide = true, num_args = 0..=1)]
    junit: Option<Option<PathBuf>>,
    #[arg(long, hide = true)]
    negative_controls: bool,
}

impl ConformanceArgs {
    /// What to use instead of a flag that is gone, if one was given.
    pub(super) fn removed(&self) -> Option<&'static str> {
        if self.junit.is_some() {
            return Some(
                "--junit is gone: use `cargo nextest` on the tests that `conformance!` makes, whose profiles write \
                 JUnit XML, or --json",
            );
        }
        self.negative_controls.then_some(
            "--negative-controls is gone: use `cargo test -p listenrain-simulation --examples --test broken`, and the \
             example `broken` to see a broken transport fail",
        )
    }
}

fn patience(text: &str) -> Result<f64, String> {
    let allowed = 0.1..=100.0;
    let factor = text.parse().ok().filter(|factor| allowed.contains(factor));
    factor.ok_or_else(|| "allowed: a number from 0.1 to 100".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<ConformanceArgs, clap::Error> {
        let words = ["listenrain-simulation", "conformance"].into_iter().chain(line.split_whitespace());
        match Cli::try_parse_from(words)?.command {
            Command::Conformance(args) => Ok(args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_flags_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn lists_are_split_at_commas_and_everything_has_a_default() {
        let args = parse("--transport tcp,channel --case A01,B*").unwrap();
        assert_eq!(
            (args.transport, args.case),
            (vec!["tcp".to_owned(), "channel".to_owned()], vec!["A01".to_owned(), "B*".to_owned()])
        );
        assert_eq!((args.hardship, args.seed, args.patience), (vec!["all".to_owned()], 1, 1.0));
    }

    #[test]
    fn a_wrong_value_is_told_what_is_allowed() {
        for (line, allowed) in [
            ("--patience 0", "0.1 to 100"),
            ("--patience NaN", "0.1 to 100"),
            ("--smaller 0", "1..=1000"),
            ("--seed -1", "unexpected argument"),
            ("--list --json -", "cannot be used with"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.exit_code() == 2 && error.to_string().contains(allowed), "{error}");
        }
    }
}
