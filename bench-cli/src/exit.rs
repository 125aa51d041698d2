//! How the program ends.

use std::process::ExitCode;

/// Each has its own code. 3 and 5 are kept for comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything was measured, without an error.
    Well,
    /// A row had errors, or a file could not be written.
    RowFailed,
    /// The command line asks for what cannot be, or for a file where none can be written.
    Usage,
    /// Something misses what was asked for as a limit.
    LimitMissed,
    /// Ctrl-C.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Well => 0,
            Exit::RowFailed => 1,
            Exit::Usage => 2,
            Exit::LimitMissed => 4,
            Exit::Interrupted => 130,
        })
    }
}
