//! What can be typed.

mod args;
mod output;
mod report;
pub(crate) mod units;

use clap::{Parser, Subcommand};

pub(crate) use args::{MAX_PAYLOAD, RunArgs, ServeArgs, TableArgs};
pub(crate) use output::{FileArgs, Format, OutputArgs};
pub(crate) use report::ReportArgs;

const EXAMPLES: &str = "\
Examples:
  bench-cli                                       the original's 12 rows, in under three minutes
  bench-cli table --transport all                 those of every transport, and a summary; a quarter of an hour
  bench-cli run --parallel 1,16,64 --payload 4KiB --duration 3s --json out.json
  bench-cli run --transport tcp,unix,channel --parallel 1,16
  bench-cli run --stack bare --runtime current,multi:2 --payload 4KiB,4MiB
  bench-cli serve --listen tcp://127.0.0.1:8899   in one terminal, and in another:
  bench-cli run --target tcp://127.0.0.1:8899

Exit codes: 0 well, 1 a row failed, 2 wrong usage, 130 interrupted (what was measured is printed and written).";

/// Measures a transport the way the original's table does: an echo, in a closed loop, with every reply checked.
#[derive(Debug, Parser)]
#[command(name = "bench-cli", version, about, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) table: TableArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The original's 12 rows, each stack beside the bare transport. The default.
    #[command(after_help = EXAMPLES)]
    Table(Box<TableArgs>),
    /// Every combination of the lists given, each cell in a process of its own.
    #[command(after_help = EXAMPLES)]
    Run(Box<RunArgs>),
    /// Answers a client elsewhere, until interrupted.
    Serve(ServeArgs),
    /// What is registered: schemes, capabilities, options.
    Transports,
    /// Shows runs that were measured before, and writes their files, without measuring.
    #[command(after_help = report::EXAMPLES)]
    Report(Box<ReportArgs>),
    /// The JSON Schema of the run file, on standard output.
    Schema,
    /// A completion script for a shell, on standard output.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// One cell, started by `run` and `table`.
    #[command(hide = true)]
    Cell {
        /// What to measure, as JSON.
        order: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_flags_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_command_is_the_table() {
        let cli = Cli::try_parse_from(["bench-cli", "--duration", "1s"]).unwrap();
        assert!(cli.command.is_none());
        assert_eq!(cli.table.duration.as_secs(), 1);
    }

    #[test]
    fn lists_are_split_at_commas() {
        let line = [
            "bench-cli",
            "run",
            "--parallel",
            "1,16",
            "--payload",
            "4KiB,4MiB",
            "--runtime",
            "current,multi:2",
        ];
        let Some(Command::Run(args)) = Cli::try_parse_from(line).unwrap().command else { panic!("run") };
        assert_eq!((args.parallel, args.payload), (vec![1, 16], vec![4096, 4 << 20]));
        assert_eq!(args.runtime.len(), 2);
    }

    #[test]
    fn a_wrong_value_is_told_what_is_allowed() {
        for (flag, value, allowed) in [
            ("--parallel", "0", "1..=100000"),
            ("--payload", "8B", "allowed: 16B to 64MiB"),
            ("--payload", "65MiB", "allowed: 16B to 64MiB"),
            ("--duration", "0s", "allowed: 10ms to 1h"),
            ("--runtime", "multi:0", "multi:N with N from 1 to 256"),
            ("--protocol", "http", "native, original"),
            ("--lanes", "0", "1..=64"),
            ("--connections", "5000", "1..=1024"),
        ] {
            let error = Cli::try_parse_from(["bench-cli", "run", flag, value]).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(allowed), "{error}");
        }
    }
}
