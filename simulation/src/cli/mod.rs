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

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser};

use self::args::{Cli, Command};
use self::exit::Exit;
use crate::registry::Subjects;

/// Runs the tool on this process's arguments, with the transports of `registry`, and otherwise with what
/// [`Tool::default`] has.
///
/// It starts this program again for cases that need a process of their own, so a program of your own calls this first
/// thing in its `main`. Memory is only accounted for when the program has
/// [`AllocationCounter`](crate::allocations::AllocationCounter) as its allocator.
#[must_use]
pub fn main_with(registry: Subjects) -> ExitCode {
    Tool::default().registry(registry).main()
}

/// Flags of earlier versions, and what to use instead.
const GONE: [(&str, &str); 4] = [
    (
        "--junit",
        "use `cargo nextest` on the tests that `conformance!` makes, whose profiles write JUnit XML, or --json",
    ),
    ("--negative-controls", "use `cargo test -p listenrain-simulation --examples --test tool caught::`"),
    ("--doubles", "use `cargo test -p listenrain-simulation --test runs noticed::`"),
    ("--double", "use the example `broken`, or a program of your own with a `Tool` and its stack"),
];

/// The flag of an earlier version that `error` is about.
fn instead(error: &clap::Error) -> Option<(&'static str, &'static str)> {
    let Some(ContextValue::String(given)) = error.get(ContextKind::InvalidArg) else { return None };
    GONE.into_iter().find(|(flag, _)| flag == given)
}

/// Does what this process's arguments ask of `tool`.
fn obey(tool: &Tool) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => match instead(&error) {
            Some((flag, instead)) => return Exit::Usage.told(&format!("{flag} is gone: {instead}")).into(),
            None => error.exit(),
        },
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
