//! Situations that a batch of runs must cover.

use std::fmt;

use crate::faults::FaultKind;

/// What must have happened at least once in a batch, or the batch proves nothing about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Situation {
    /// A fault, at a time when something was going on.
    Fault(FaultKind, When),
    /// Something that the parties see.
    Seen(&'static str),
}

/// What was going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum When {
    /// Calls were in flight.
    CallsInFlight,
    /// A dial was under way.
    Dialing,
    /// The client was being closed in an orderly way.
    Draining,
    /// A packet was written in part, or read in part.
    InPacket,
}

impl fmt::Display for Situation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seen(what) => f.write_str(what),
            Self::Fault(kind, when) => write!(
                f,
                "{kind} {}",
                match when {
                    When::CallsInFlight => "with calls in flight",
                    When::Dialing => "during a dial",
                    When::Draining => "during a drain",
                    When::InPacket => "in the middle of a packet",
                }
            ),
        }
    }
}
