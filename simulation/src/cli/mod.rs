//! The tool: what can be typed, and what is done about it.

mod args;
mod exit;
mod junit;
mod list;
mod negative;
mod order;
mod output;
mod plan;
mod progress;
mod report;
mod session;
mod table;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use self::args::{Cli, Command};
use self::exit::Exit;
use crate::lineup::Lineup;

/// Runs the tool on this process's arguments, with the transports of `lineup`.
///
/// It starts this program again for cases that need a process of their own, so a program of your own calls this first
/// thing in its `main`. Memory is only accounted for when the program has [`Counted`](crate::gauge::Counted) as its
/// allocator.
#[must_use]
pub fn main_with(lineup: Lineup) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let exit = match cli.command {
        Command::Conformance(args) if args.list => list::list(&args),
        Command::Conformance(args) if args.negative_controls => negative::negative(&args),
        Command::Conformance(args) => session::conformance(&args, &lineup),
        Command::Completions { shell } => {
            let name = env!("CARGO_PKG_NAME");
            clap_complete::generate(shell, &mut Cli::command(), name, &mut std::io::stdout());
            Exit::Well
        }
        Command::Trial { order } => order::run(&order, &lineup),
    };
    exit.into()
}
