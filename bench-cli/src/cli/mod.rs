//! What can be typed.

mod args;
pub(crate) mod check;
pub(crate) mod compare;
mod doctor;
mod drive;
mod manual;
mod merge;
mod output;
mod report;
pub(crate) mod scenario;
pub(crate) mod search;
pub(crate) mod units;
mod workers;

use clap::{Parser, Subcommand};

pub(crate) use args::{MAX_PARALLEL, MAX_PAYLOAD, MAX_WINDOW, RunArgs, ServeArgs, TableArgs};
pub(crate) use check::CheckArgs;
pub(crate) use compare::CompareArgs;
pub(crate) use doctor::DoctorArgs;
pub(crate) use drive::{DriveArgs, RepeatArgs};
pub(crate) use manual::ManArgs;
pub(crate) use merge::MergeArgs;
pub(crate) use output::{FileArgs, Format, OutputArgs};
pub(crate) use report::ReportArgs;
pub(crate) use scenario::ScenarioArgs;
pub(crate) use search::SearchArgs;
pub(crate) use workers::{TakePartArgs, WorkerArgs};

const EXAMPLES: &str = "\
Examples:
  bench-cli                                       the original's 12 rows, in under three minutes
  bench-cli run --parallel 1,16,64 --payload 4KiB --duration 3s --json out.json
  bench-cli serve --listen tcp://127.0.0.1:8899   in one terminal, and in another:
  bench-cli run --target tcp://127.0.0.1:8899
  bench-cli doctor                                what on this machine spoils figures

Exit codes: 0 well, 1 a row failed, 2 wrong usage, 4 a limit was missed, 130 interrupted (what was measured is printed
and written).";

const TABLE_EXAMPLES: &str = "\
Examples:
  bench-cli table
  bench-cli table --transport tcp,unix            those of two transports, and a summary
  bench-cli table --runtime multi:2 --duration 2s --json table.json";

const RUN_EXAMPLES: &str = "\
Examples:
  bench-cli run --parallel 1,16,64 --payload 4KiB --duration 3s --json out.json
  bench-cli run --transport tcp,unix,channel --parallel 1,16
  bench-cli run --stack bare --runtime current,multi:2 --payload 4KiB,4MiB
  bench-cli run --rate 20k --placement split --duration 5s
  bench-cli run --until 2.5% --max-launches 10    fresh starts until it is that exact
  bench-cli run --set tcp.nodelay=false --quiet
  bench-cli run --record=runs                     kept in a new folder below runs
  bench-cli run --target tcp://127.0.0.1:8899     with `bench-cli serve` in another terminal";

const SERVE_EXAMPLES: &str = "\
Examples:
  bench-cli serve
  bench-cli serve --listen tcp://127.0.0.1:8899 --runtime multi:2";

const SCHEMA_EXAMPLES: &str = "\
Examples:
  bench-cli schema";

const TRANSPORTS_EXAMPLES: &str = "\
Examples:
  bench-cli transports";

/// Measures a transport the way the original's table does: an echo, in a closed loop, with every reply checked.
#[derive(Debug, Parser)]
#[command(name = "bench-cli", version, about, after_help = EXAMPLES, args_conflicts_with_subcommands = true,
    args_override_self = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) table: TableArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The original's 12 rows, each stack beside the bare transport. The default.
    #[command(after_help = TABLE_EXAMPLES)]
    Table(Box<TableArgs>),
    /// Every combination of the lists given, each cell in a process of its own.
    #[command(after_help = RUN_EXAMPLES)]
    Run(Box<RunArgs>),
    /// Several values of one thing against each other, in random blocks: ratio, interval and p-value.
    #[command(after_help = compare::EXAMPLES, mut_arg("duration", |arg| arg.default_value(compare::DURATION)), mut_arg("warmup", |arg| arg.default_value(compare::WARMUP)))]
    Compare(Box<CompareArgs>),
    /// A thing against itself: what this machine makes of no difference, and the smallest that it can show.
    #[command(after_help = compare::EXAMPLES, mut_arg("duration", |arg| arg.default_value(compare::DURATION)), mut_arg("warmup", |arg| arg.default_value(compare::WARMUP)))]
    Aa(Box<CompareArgs>),
    /// A run against a baseline: did anything get worse?
    #[command(after_help = check::EXAMPLES, mut_arg("force", |arg| arg.help(check::FORCE)))]
    Check(Box<CheckArgs>),
    /// The highest rate at which a service level holds, and latency by load.
    #[command(after_help = search::EXAMPLES)]
    Search(Box<SearchArgs>),
    /// Load from a file: mixes of requests, phases, faults; on real transports or in the simulation.
    #[command(after_help = scenario::EXAMPLES)]
    Scenario(Box<ScenarioArgs>),
    /// Answers a client elsewhere, until interrupted.
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(ServeArgs),
    /// One run of the parts that several workers measured: histograms are added, never percentiles.
    #[command(after_help = merge::EXAMPLES)]
    Merge(MergeArgs),
    /// What is registered: schemes, capabilities, options.
    #[command(after_help = TRANSPORTS_EXAMPLES)]
    Transports,
    /// What on this machine will spoil figures, and what to try. Takes about a second.
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(DoctorArgs),
    /// Shows runs that were measured before, and writes their files, without measuring.
    #[command(after_help = report::EXAMPLES)]
    Report(Box<ReportArgs>),
    /// The JSON Schema of the run file, on standard output.
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema,
    /// The manual, for `man`.
    #[command(after_help = manual::MAN_EXAMPLES)]
    Man(ManArgs),
    /// A completion script for a shell, on standard output.
    #[command(after_help = manual::COMPLETIONS_EXAMPLES)]
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
            ("--duration", "0s", "allowed: 10ms to 1day"),
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
