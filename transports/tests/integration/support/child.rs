//! This test program as another process, which plays a part and can be killed.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::WATCHDOG;

const PART: &str = "LISTENRAIN_TEST_PART";
const PATH: &str = "LISTENRAIN_TEST_PART_PATH";
/// The part of a process that runs one test and nothing else.
const ALONE: &str = "alone";
/// What a process that runs one test may take: each of its waits has a watchdog of its own.
const LONGEST_TEST: Duration = Duration::from_secs(300);

/// The part that this process was started to play, if any, and the path that it is about.
pub(crate) fn part() -> Option<(String, PathBuf)> {
    Some((std::env::var(PART).ok()?, std::env::var_os(PATH)?.into()))
}

/// Runs `body`, which is all of `test`, in a process of its own, since it measures the whole process.
pub(crate) async fn alone(test: &str, body: impl Future<Output = ()>) {
    match part() {
        Some((part, _)) if part == ALONE => body.await,
        _ => Player::start(test, ALONE, "").patient(LONGEST_TEST).ends_well().await,
    }
}

/// A process that plays a part. Dropping it kills it.
pub(crate) struct Player {
    child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    patience: Duration,
}

impl Player {
    /// Starts `test` again, as the player of `part` at `path`.
    pub(crate) fn start(test: &str, part: &str, path: impl AsRef<OsStr>) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(PART, part)
            .env(PATH, path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { input: child.stdin.take().unwrap(), child, lines, patience: WATCHDOG }
    }

    /// The same, which may take `patience` to say a word.
    pub(crate) fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Waits until it says `words`; gives the rest of that line.
    pub(crate) async fn says(&mut self, words: &str) -> String {
        let said = timeout(self.patience, self.find(words)).await.expect("stuck");
        said.unwrap_or_else(|| panic!("it ended without saying `{words}`"))
    }

    async fn find(&mut self, words: &str) -> Option<String> {
        while let Some(said) = self.lines.next_line().await.unwrap() {
            // The test harness writes the name of the test in front of the first line.
            if let Some((_, rest)) = said.split_once(words) {
                return Some(rest.to_owned());
            }
            println!("the other process: {said}");
        }
        None
    }

    /// Writes `line` to its standard input.
    pub(crate) async fn hears(&mut self, line: &str) {
        self.input.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Kills it by a signal that it cannot catch, and waits until it is gone.
    pub(crate) async fn kill(mut self) {
        timeout(self.patience, self.child.kill()).await.expect("stuck").unwrap();
    }

    /// Waits until it ends by itself.
    pub(crate) async fn ends_well(mut self) {
        let ended = async {
            while let Some(said) = self.lines.next_line().await.unwrap() {
                println!("the other process: {said}");
            }
            self.child.wait().await.unwrap()
        };
        let status = timeout(self.patience, ended).await.expect("stuck");
        assert!(status.success(), "the other process has failed: {status}");
    }
}
