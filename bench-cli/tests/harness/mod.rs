//! What runs the tests of a program that needs a `main` of its own: it is the tool, and starts itself again for each cell.

use std::env;
use std::panic::catch_unwind;
use std::process::{Command, ExitCode, Output};

/// A test and its name.
pub(crate) type Test = (&'static str, fn());

/// Whether this process was started as the tool: its first argument is none of a test harness.
pub(crate) fn is_tool(commands: &[&str]) -> bool {
    env::args().nth(1).is_some_and(|first| commands.contains(&&*first))
}

/// Runs this program as the tool.
pub(crate) fn tool(line: &str) -> Output {
    Command::new(env::current_exe().unwrap()).args(line.split(' ')).output().unwrap()
}

/// Runs those of `tests` that the arguments ask for, or lists them, as the usual harness does.
pub(crate) fn run(tests: &[Test]) -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let wanted: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let is_asked_for = |name: &str| {
        let fits =
            |wanted: &&String| if has("--exact") { name == **wanted } else { name.contains(&***wanted) };
        wanted.is_empty() || has("--list") || wanted.iter().any(fits)
    };
    let mut failed = 0;
    // None is ignored.
    for (name, test) in tests.iter().filter(|(name, _)| is_asked_for(name) && !has("--ignored")) {
        if has("--list") {
            println!("{name}: test");
            continue;
        }
        let is_well = catch_unwind(test).is_ok();
        println!("test {name} ... {}", if is_well { "ok" } else { "FAILED" });
        failed += usize::from(!is_well);
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(101) }
}

/// Tests by their names.
#[allow(unused_macros, reason = "each program has its own tests")]
macro_rules! tests {
    ($($test:ident),+ $(,)?) => { &[$((stringify!($test), $test as fn())),+] };
}
pub(crate) use tests;
