//! The states of a connection.

use std::fmt;

use crate::transport::NextError;

/// How a connection is.
///
/// It moves between working, recovering and down as its lanes come and go; draining and closed are for good.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ConnectionState {
    /// At least one lane is open.
    Working,
    /// No lane is open and dialling goes on; calls are queued until their deadline.
    Recovering,
    /// Several dials in a row have failed. Calls are refused at once; dialling goes on in the background.
    Down {
        /// The last dial's failure.
        cause: Option<NextError>,
    },
    /// It finishes the calls in flight and refuses new ones.
    Draining,
    /// It is over.
    Closed,
}

impl ConnectionState {
    /// Whether a connection in this state may become `next`.
    pub(super) fn may_become(&self, next: &Self) -> bool {
        match (self, next) {
            (Self::Closed, _) => false,
            (_, Self::Closed) => true,
            (Self::Draining, _) => false,
            (Self::Working, Self::Working) | (Self::Recovering, Self::Recovering) => false,
            _ => true,
        }
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed)
    }
}

impl fmt::Display for ConnectionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Working => "working",
            Self::Recovering => "recovering",
            Self::Down { .. } => "down",
            Self::Draining => "draining",
            Self::Closed => "closed",
        })
    }
}
