//! One child process: its start, its messages, its end.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child as Process, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use super::Program;
use crate::cell::protocol::{CellSpec, FromChild, ToChild};

/// A child that is under way.
///
/// # Cancel safety
///
/// Dropped, it kills the process.
pub(super) struct Child {
    process: Process,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    /// The last line of its standard error, which says why it ended.
    last_words: JoinHandle<Option<String>>,
}

impl Child {
    /// Temporary files of it go below `scratch`, where that is given.
    pub(super) fn start(program: &Program, order: &CellSpec, scratch: Option<&Path>) -> Result<Self, String> {
        Self::spawn(program, order, scratch)
            .map_err(|error| format!("cannot start {program} for it: {error}"))
    }

    fn spawn(program: &Program, order: &CellSpec, scratch: Option<&Path>) -> io::Result<Self> {
        let mut command = Command::new(program.path()?);
        command.arg("cell").arg(serde_json::to_string(order)?);
        // The child watches its standard input for our end.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command.envs(scratch.map(|folder| ("TMPDIR", folder)));
        // Ctrl-C is for us; we end the child.
        #[cfg(unix)]
        command.process_group(0);
        let mut process = command.spawn()?;
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        let stdin = process.stdin.take().ok_or_else(gone)?;
        let lines = BufReader::new(process.stdout.take().ok_or_else(gone)?).lines();
        let said = BufReader::new(process.stderr.take().ok_or_else(gone)?).lines();
        Ok(Self { process, stdin, lines, last_words: tokio::spawn(last_line(said)) })
    }

    /// Tells it, if it still listens: that it doesn't is seen when it is heard next.
    pub(super) async fn tell(&mut self, told: ToChild) {
        let line = serde_json::to_string(&told).unwrap_or_default() + "\n";
        let _ = self.stdin.write_all(line.as_bytes()).await;
    }

    /// Time that it has spent on processors so far, where the system can say.
    pub(super) fn cpu_time(&self) -> Option<Duration> {
        #[cfg(target_os = "linux")]
        {
            use nix::time::{clock_getcpuclockid, clock_gettime};
            use nix::unistd::Pid;
            let pid = Pid::from_raw(self.process.id()?.try_into().ok()?);
            clock_gettime(clock_getcpuclockid(pid).ok()?).ok().map(Duration::from)
        }
        #[cfg(not(target_os = "linux"))]
        None
    }

    /// What it says next. An end without an answer is [`FromChild::Failed`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub(super) async fn hear(&mut self) -> FromChild {
        // Whatever a transport prints, only what is a word counts.
        while let Ok(Some(line)) = self.lines.next_line().await {
            if let Ok(said) = serde_json::from_str(&line) {
                return said;
            }
        }
        let status =
            self.process.wait().await.map_or_else(|error| error.to_string(), |status| status.to_string());
        // It ends with the process's standard error.
        let last = (&mut self.last_words).await.ok().flatten();
        let last = last.as_deref().unwrap_or("it said nothing");
        FromChild::Failed(format!("its process ended ({status}): {last}"))
    }
}

async fn last_line(mut lines: Lines<BufReader<ChildStderr>>) -> Option<String> {
    let mut last = None;
    while let Ok(Some(line)) = lines.next_line().await {
        if !line.trim().is_empty() {
            last = Some(line);
        }
    }
    last
}
