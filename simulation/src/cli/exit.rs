//! Exit codes.

use std::process::ExitCode;

/// Each has its own code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Every trial passed or was skipped; no run failed, and all happened that was enabled.
    Well,
    /// A trial failed or timed out, a run failed or something never happened, or a file could not be written.
    Failed,
    /// The command line asks for what cannot be, or for a file where none can be written.
    Usage,
    /// Ctrl-C.
    Interrupted,
}

/// How a command ended; a text is what was wrong with its command line.
pub(super) type Done = Result<Exit, String>;

impl Exit {
    /// The end of what ran to the end, or was interrupted, and found all well or not.
    pub(super) fn of(is_interrupted: bool, is_good: bool) -> Self {
        match is_interrupted {
            true => Self::Interrupted,
            false if is_good => Self::Well,
            false => Self::Failed,
        }
    }

    /// The same, unless something could not be written, which is told.
    pub(super) fn after(self, written: Result<(), String>) -> Self {
        written.map_or_else(|why| Self::Failed.told(&why), |()| self)
    }

    /// The same, told with why it is so.
    pub(super) fn told(self, why: &str) -> Self {
        eprintln!("error: {why}");
        self
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Well => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Interrupted => 130,
        })
    }
}
