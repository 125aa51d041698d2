//! This test program as a child process that plays a part and can be killed.

use std::path::PathBuf;
use std::process::Stdio;

use listenrain::Transport;
use listenrain_transports::Fifo;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::support::*;
use crate::{at_path, processes, shortage};

const PART: &str = "LISTENRAIN_TEST_FIFO_PART";
const PATH: &str = "LISTENRAIN_TEST_FIFO_PATH";

/// A process that plays a part. Dropping it kills it.
pub(crate) struct Player {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Player {
    /// Starts `test` again, as the player of `part` at `path`.
    pub(crate) fn start(test: &str, part: &str, path: PathBuf) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(PART, part)
            .env(PATH, path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Waits until it says `line`.
    pub(crate) async fn says(&mut self, line: &str) {
        watched(async {
            loop {
                let said = self.lines.next_line().await.unwrap();
                let said = said.unwrap_or_else(|| panic!("it ended without saying `{line}`"));
                // The test harness writes the name of the test in front of the first line.
                if said.ends_with(line) {
                    break;
                }
                println!("the other process: {said}");
            }
        })
        .await;
    }

    /// Kills it by a signal that it cannot catch, and waits until it is gone.
    pub(crate) async fn kill(mut self) {
        watched(self.child.kill()).await.unwrap();
    }

    /// Waits until it ends by itself.
    pub(crate) async fn ends_well(mut self) {
        assert!(watched(self.child.wait()).await.unwrap().success());
    }
}

/// Plays the part that this process was started for, if any.
pub(crate) async fn plays() -> bool {
    let Ok(part) = std::env::var(PART) else { return false };
    let path = PathBuf::from(std::env::var_os(PATH).unwrap());
    match part.as_str() {
        "listener" => listener(path).await,
        "dialer" => dialer(path, true).await,
        "asker" => dialer(path, false).await,
        "leaver" => leaver(path).await,
        "ordinary" => processes::ordinary(path).await,
        "counter" => processes::counter(path).await,
        "short" => shortage::short(path).await,
        other => panic!("no part is called {other}"),
    }
    true
}

/// Accepts one channel, answers the first byte, then waits to be killed.
async fn listener(path: PathBuf) {
    let mut listener = Fifo::default().listen(&at_path(&path)).await.unwrap();
    println!("listening");
    let mut channel = listener.next().await.unwrap();
    let asked = read_exactly(&mut *channel.read, 1).await.unwrap();
    write_all(&mut *channel.write, asked).await.unwrap();
    std::future::pending().await
}

/// Dials, sends a byte, then waits to be killed; with nobody to answer, it waits before that.
async fn dialer(path: PathBuf, is_answered: bool) {
    let mut dialer = Fifo::default().dialer(&at_path(&path)).unwrap();
    let mut dial = dialer.next();
    if !is_answered {
        assert!(once(|cx| dial.as_mut().poll(cx)).await.is_none());
        println!("asked");
        return std::future::pending().await;
    }
    let mut channel = dial.await.unwrap();
    write_all(&mut *channel.write, "x".into()).await.unwrap();
    println!("sent");
    std::future::pending().await
}

/// Dials, sends a byte, and drops its channel.
async fn leaver(path: PathBuf) {
    let mut channel = Fifo::default().dialer(&at_path(&path)).unwrap().next().await.unwrap();
    write_all(&mut *channel.write, "x".into()).await.unwrap();
}
