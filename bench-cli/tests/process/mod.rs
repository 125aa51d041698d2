//! The built tool as a process, under a watchdog.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Far beyond what any of these processes takes on a busy machine.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(120);

pub(crate) const TOOL: &str = env!("CARGO_BIN_EXE_bench-cli");

/// A shell in `folder` that runs `script`, in which `$TOOL` is the tool.
pub(crate) fn shell(folder: &Path, script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]).env("TOOL", TOOL).env("TMPDIR", folder).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The tool in `folder`, which is also where its temporary files go.
pub(crate) fn tool(folder: &Path, line: &str) -> Command {
    let mut command = Command::new(TOOL);
    command.args(line.split_whitespace()).env("TMPDIR", folder).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub(crate) fn send(child: &Child, signal: Signal) {
    kill(pid(child), signal).unwrap();
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id().try_into().unwrap())
}

/// What became of it.
pub(crate) fn ended(child: Child) -> Output {
    let (pid, (over, is_over)) = (pid(&child), mpsc::channel());
    thread::spawn(move || over.send(child.wait_with_output()));
    match is_over.recv_timeout(WATCHDOG) {
        Ok(output) => output.unwrap(),
        Err(_) => {
            let _ = kill(pid, Signal::SIGKILL);
            panic!("a process did not end within {WATCHDOG:?}");
        }
    }
}

/// What became of it, and what it said: its code, standard output and standard error.
pub(crate) fn said(mut command: Command) -> (Option<i32>, String, String) {
    let output = ended(command.spawn().unwrap());
    let [out, err] =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    (output.status.code(), out, err)
}
