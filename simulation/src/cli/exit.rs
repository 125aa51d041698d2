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
