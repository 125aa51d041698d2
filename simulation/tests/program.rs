//! The built program, as a user runs it, and the example that runs it with what is broken on purpose.

use std::env;
use std::process::{Command, Output};

pub(crate) fn tool(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_listenrain-simulation"));
    command.args(line.split_whitespace());
    command
}

/// The tool with broken transports and a faulty stack.
pub(crate) fn broken_tool(line: &str) -> Command {
    let this = env::current_exe().unwrap();
    let built = this.parent().and_then(|folder| folder.parent()).unwrap().join("examples/broken");
    assert!(built.exists(), "{} is not built: run `cargo test` with --examples", built.display());
    let mut command = Command::new(built);
    command.args(line.split_whitespace());
    command
}

pub(crate) fn run(line: &str) -> Output {
    tool(line).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
