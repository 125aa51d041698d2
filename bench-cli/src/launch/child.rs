//! One child process: its start, its messages, its end.

use std::collections::VecDeque;
use std::io;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child as Process, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use super::Program;
use crate::cell::protocol::{CellSpec, FromChild, ToChild};

/// Lines of its standard error that are kept, to say why it ended.
const KEPT: usize = 20;

/// A child that is under way.
///
/// # Cancel safety
///
/// Dropped, it kills the process.
pub(super) struct Child {
    process: Process,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    stderr: Arc<Mutex<VecDeque<String>>>,
    hearing: JoinHandle<()>,
}

impl Child {
    pub(super) fn start(program: &Program, order: &CellSpec) -> Result<Self, String> {
        Self::spawn(program, order).map_err(|error| format!("cannot start {program} for it: {error}"))
    }

    fn spawn(program: &Program, order: &CellSpec) -> io::Result<Self> {
        let mut command = Command::new(program.path()?);
        command.arg("cell").arg(serde_json::to_string(order)?);
        // The child watches its standard input for our end.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        // Ctrl-C is for us; we end the child.
        #[cfg(unix)]
        command.process_group(0);
        let mut process = command.spawn()?;
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        let stdin = process.stdin.take().ok_or_else(gone)?;
        let lines = BufReader::new(process.stdout.take().ok_or_else(gone)?).lines();
        let said = BufReader::new(process.stderr.take().ok_or_else(gone)?).lines();
        let stderr = Arc::new(Mutex::new(VecDeque::new()));
        let hearing = tokio::spawn(keep_last(said, Arc::clone(&stderr)));
        Ok(Self { process, stdin, lines, stderr, hearing })
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
        let _ = (&mut self.hearing).await;
        let stderr = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        let last = stderr.iter().rfind(|line| !line.trim().is_empty());
        FromChild::Failed(format!(
            "its process ended ({status}): {}",
            last.map_or("it said nothing", String::as_str)
        ))
    }
}

async fn keep_last(
    mut lines: Lines<BufReader<tokio::process::ChildStderr>>,
    kept: Arc<Mutex<VecDeque<String>>>,
) {
    while let Ok(Some(line)) = lines.next_line().await {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(line);
    }
}
