//! The built program, as a user runs it.

use std::process::{Command, Output};

pub(crate) fn tool(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_listenrain-simulation"));
    command.args(line.split_whitespace());
    command
}

pub(crate) fn run(line: &str) -> Output {
    tool(line).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
