//! Exit codes.

use std::process::ExitCode;

use crate::report::plain;
use crate::session::INTERRUPTED;
use crate::streams::say;

/// Each has its own code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything was measured, without an error.
    Well,
    /// What was asked about what was measured holds, whatever errors single rows had: the answer counts them in.
    Holds,
    /// A row had errors, or a file could not be written.
    RowFailed,
    /// The command line asks for what cannot be, or for a file where none can be written.
    Usage,
    /// Something got worse than a threshold allows.
    Regression,
    /// A limit does not hold, or no rate at which it does was found.
    LimitMissed,
    /// The intervals are too wide to tell.
    Inconclusive,
    /// A signal asked for the end.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Well | Exit::Holds => 0,
            Exit::RowFailed => 1,
            Exit::Usage => 2,
            Exit::Regression => 3,
            Exit::LimitMissed => 4,
            Exit::Inconclusive => 5,
            Exit::Interrupted => INTERRUPTED,
        })
    }
}

/// Tells the user why nothing was done.
pub(crate) fn usage(why: &str) -> Exit {
    say(format_args!("error: {}", plain::lines(why)));
    Exit::Usage
}

/// Tells the user what went wrong.
pub(crate) fn failure(why: &str) -> Exit {
    say(format_args!("error: {}", plain::lines(why)));
    Exit::RowFailed
}

/// How a command ended, or what was wrong with what it was asked for.
pub(crate) fn ended(exit: Result<Exit, String>) -> Exit {
    exit.unwrap_or_else(|why| usage(&why))
}
