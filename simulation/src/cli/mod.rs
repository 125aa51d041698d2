//! The command-line tool.

mod args;
mod choose;
mod exit;
mod list;
mod output;
mod plan;
mod progress;
mod report;
mod session;
mod sweep;
mod table;
mod tool;

pub use self::tool::Tool;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use self::args::{Cli, Command};
use self::exit::Exit;
use crate::registry::Subjects;

/// Runs the tool on this process's arguments, with the transports of `registry`, and otherwise with what
/// [`Tool::default`] has.
///
/// It starts this program again for cases that need a process of their own, so a program of your own calls this first
/// thing in its `main`. Memory is only accounted for when the program has [`AllocationCounter`](crate::allocations::AllocationCounter) as its
/// allocator.
#[must_use]
pub fn main_with(registry: Subjects) -> ExitCode {
    Tool::default().registry(registry).main()
}

/// Does what this process's arguments ask of `tool`.
fn obey(tool: &Tool) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let done = match cli.command {
        Command::Conformance(args) if args.list => list::list(&args),
        Command::Conformance(args) => session::conformance(&args, &tool.registry),
        Command::Sweep(args) => sweep::sweep(&args, tool),
        Command::Replay(args) => sweep::replay(&args, tool),
        Command::List(args) => sweep::list(&args, tool),
        Command::Completions { shell } => {
            let name = env!("CARGO_PKG_NAME");
            clap_complete::generate(shell, &mut Cli::command(), name, &mut std::io::stdout());
            Ok(Exit::Well)
        }
    };
    done.unwrap_or_else(|why| Exit::Usage.told(&why)).into()
}
