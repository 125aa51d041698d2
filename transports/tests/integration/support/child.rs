//! This test program as another process, which plays a part and can be killed.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::support::watched;

const PART: &str = "LISTENRAIN_TEST_PART";
const PATH: &str = "LISTENRAIN_TEST_PART_PATH";

/// The part that this process was started to play, if any, and the path that it is about.
pub(crate) fn part() -> Option<(String, PathBuf)> {
    Some((std::env::var(PART).ok()?, std::env::var_os(PATH)?.into()))
}

/// A process that plays a part. Dropping it kills it.
pub(crate) struct Player {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Player {
    /// Starts `test` again, as the player of `part` at `path`.
    pub(crate) fn start(test: &str, part: &str, path: impl AsRef<OsStr>) -> Self {
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

    /// Waits until it says `words`; gives the rest of that line.
    pub(crate) async fn says(&mut self, words: &str) -> String {
        watched(async {
            loop {
                let said = self.lines.next_line().await.unwrap();
                let said = said.unwrap_or_else(|| panic!("it ended without saying `{words}`"));
                // The test harness writes the name of the test in front of the first line.
                if let Some((_, rest)) = said.split_once(words) {
                    return rest.to_owned();
                }
                println!("the other process: {said}");
            }
        })
        .await
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap()
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
