//! A test harness for programs with a `main` of their own: each is the tool, and starts itself again for each cell.

use std::env;
use std::process::{Command, ExitCode, Output};

use libtest_mimic::{Arguments, Trial};

/// Whether this process was started as the tool: its first argument is none of a test harness.
pub(crate) fn is_tool(commands: &[&str]) -> bool {
    env::args().nth(1).is_some_and(|first| commands.contains(&&*first))
}

/// Runs this program as the tool.
pub(crate) fn tool(line: &str) -> Output {
    Command::new(env::current_exe().unwrap()).args(line.split(' ')).output().unwrap()
}

/// Runs those of `tests` that the arguments ask for, one after the other: two that measure at once would starve each
/// other.
pub(crate) fn run(tests: &[(&'static str, fn())]) -> ExitCode {
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    let trial = |(name, test): &(&'static str, fn())| {
        let test = *test;
        Trial::test(*name, move || {
            test();
            Ok(())
        })
    };
    libtest_mimic::run(&arguments, tests.iter().map(trial).collect()).exit_code()
}

/// Tests by their names.
#[allow(unused_macros, reason = "each program has its own tests")]
macro_rules! tests {
    ($($test:ident),+ $(,)?) => { &[$((stringify!($test), $test as fn())),+] };
}
pub(crate) use tests;
