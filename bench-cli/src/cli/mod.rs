//! The command line: every command with its flags, and what it does.

mod check;
mod compare;
mod doctor;
mod drive;
mod exit;
mod input;
mod manual;
mod measured;
mod merge;
mod output;
mod plan;
mod planned;
mod report;
mod run;
mod scenario;
mod search;
mod selection;
mod serve;
mod transports;
mod workers;

use std::io;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use self::exit::Exit;
use self::output::{Beside, FileArgs, OutputArgs};
use self::workers::{TakePartArgs, WorkerArgs};
use crate::cell;
use crate::drive::Registry;
use crate::session::hear_signals;
use crate::streams;

const EXAMPLES: &str = "\
Examples:
  bench-cli                                       the original's 12 rows, in under three minutes
  bench-cli run --parallel 1,16,64 --payload 4KiB --duration 3s --json out.json
  bench-cli serve --listen tcp://127.0.0.1:8899   in one terminal, and in another:
  bench-cli run --target tcp://127.0.0.1:8899
  bench-cli doctor                                what on this machine spoils figures

Exit codes: 0 well, 1 a row failed or a file could not be written, 2 wrong usage, 4 a limit was missed, 130 interrupted
(what was measured is printed and written).

With a file to write, each launch that is over is kept in FILE.journal until all files are written: `bench-cli report
FILE.journal` shows what a run that was killed had measured. The first Ctrl-C, TERM or HUP ends a run with what it has, the
second at once.";

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
  bench-cli run --target tcp://127.0.0.1:8899     with `bench-cli serve` in another terminal

Each launch that is over is kept in FILE.journal, beside the first file that is asked for, until all of them are written.";

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
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    table: run::TableArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The original's 12 rows, each stack beside the bare transport. The default.
    #[command(after_help = TABLE_EXAMPLES)]
    Table(Box<run::TableArgs>),
    /// Every combination of the lists given, each cell in a process of its own.
    #[command(after_help = RUN_EXAMPLES)]
    Run(Box<run::RunArgs>),
    /// Several values of one thing against each other, in random blocks: ratio, interval and p-value.
    #[command(after_help = compare::EXAMPLES, mut_args(compare::argument))]
    Compare(Box<compare::CompareArgs>),
    /// A thing against itself: what this machine makes of no difference, and the smallest that it can show.
    #[command(after_help = compare::EXAMPLES, mut_args(compare::argument))]
    Aa(Box<compare::CompareArgs>),
    /// A run against a baseline: did anything get worse?
    #[command(after_help = check::EXAMPLES, mut_arg("force", |arg| arg.help(check::FORCE)))]
    Check(Box<check::CheckArgs>),
    /// The highest rate at which a service level holds, and latency by load.
    #[command(after_help = search::EXAMPLES)]
    Search(Box<search::SearchArgs>),
    /// Load from a file: mixes of requests, phases, faults; on real transports or in the simulation.
    #[command(after_help = scenario::EXAMPLES)]
    Scenario(Box<scenario::ScenarioArgs>),
    /// Answers a client elsewhere, until interrupted by Ctrl-C, TERM or HUP.
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(serve::ServeArgs),
    /// One run of the parts that several workers measured: histograms are added, never percentiles.
    #[command(after_help = merge::EXAMPLES)]
    Merge(merge::MergeArgs),
    /// What is registered: schemes, capabilities, options.
    #[command(after_help = TRANSPORTS_EXAMPLES)]
    Transports,
    /// What on this machine will spoil figures, and what to try. Takes about a second.
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(doctor::DoctorArgs),
    /// Shows runs that were measured before, and writes their files, without measuring.
    #[command(after_help = report::EXAMPLES)]
    Report(Box<report::ReportArgs>),
    /// The JSON Schema of the run file, on standard output.
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema,
    /// The manual, for `man`.
    #[command(after_help = manual::MAN_EXAMPLES)]
    Man(manual::ManArgs),
    /// A completion script for a shell, on standard output.
    #[command(after_help = manual::COMPLETIONS_EXAMPLES)]
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// One cell, started by `run` and `table`.
    #[command(hide = true)]
    Cell {
        /// The cell spec, as JSON.
        spec: String,
    },
}

/// Runs the tool on this process's arguments.
pub(crate) fn main(registry: &Registry) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return told(&error).into(),
    };
    // A cell's end is its parent's matter.
    if !matches!(cli.command, Some(Command::Cell { .. })) {
        hear_signals();
    }
    let exit = match cli.command.unwrap_or_else(|| Command::Table(Box::new(cli.table))) {
        Command::Table(args) => run::table(&args, registry),
        Command::Run(args) => run::run(&args, registry),
        Command::Compare(args) => compare::compare(&args, registry),
        Command::Aa(args) => compare::aa(&args, registry),
        Command::Check(args) => check::check(&args, registry),
        Command::Search(args) => search::search(&args, registry),
        Command::Scenario(args) => scenario::scenario(&args, registry),
        Command::Serve(args) => serve::serve(&args, registry),
        Command::Merge(args) => merge::merge(&args),
        Command::Transports => printed(&transports::listing(registry)),
        Command::Doctor(args) => doctor::doctor(&args),
        Command::Report(args) => report::report(&args),
        Command::Schema => printed(&listenrain_results::json_schema()),
        Command::Man(args) => manual::manual(&args),
        Command::Completions { shell } => printed(&manual::completions(shell)),
        Command::Cell { spec } => return cell::main(&spec, registry),
    };
    exit.into()
}

/// Tells what is wrong with the arguments, or prints the help that they ask for.
fn told(error: &clap::Error) -> Exit {
    if error.kind() == ErrorKind::InvalidUtf8
        && let Some(argument) = std::env::args_os().find(|argument| argument.to_str().is_none())
    {
        return exit::usage(&format!("{argument:?} is not UTF-8, which only a path may not be"));
    }
    // It knows where colours are wanted.
    match error.print() {
        _ if error.use_stderr() => Exit::Usage,
        Err(why) if why.kind() != io::ErrorKind::BrokenPipe => exit::failure(&format!("cannot print: {why}")),
        _ => printed(""),
    }
}

fn printed(text: &str) -> Exit {
    streams::print(text.as_bytes()).map_or_else(|why| exit::failure(&why), |()| Exit::Well)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_flags_are_consistent() {
        Cli::command().debug_assert();
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
