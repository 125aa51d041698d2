//! The states of a connection.

use std::fmt;

use tokio::sync::watch;

use crate::endpoint::Endpoint;
use crate::primitives::lanes::{Condition, Shown};
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

/// The state of a connection, and those who watch it.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) endpoint: Endpoint,
    /// The state as it is; none is entered while it is borrowed.
    pub(super) states: watch::Sender<ConnectionState>,
}

impl Watched {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, states: watch::Sender::new(ConnectionState::Recovering) }
    }
}

impl Shown for Watched {
    type State = ConnectionState;

    fn condition(state: &ConnectionState) -> Condition {
        match state {
            ConnectionState::Working => Condition::Working,
            ConnectionState::Recovering => Condition::Recovering,
            ConnectionState::Down { .. } => Condition::Down,
            ConnectionState::Draining => Condition::Draining,
            ConnectionState::Closed => Condition::Closed,
        }
    }

    fn now(&self) -> Condition {
        Self::condition(&self.states.borrow())
    }

    fn change(&self, step: impl FnOnce(&mut ConnectionState) -> bool) {
        self.states.send_if_modified(|state| {
            let from = state.clone();
            let changed = step(state);
            if changed {
                tracing::debug!(endpoint = %self.endpoint, %from, to = %state, "connection state");
            }
            changed
        });
    }
}
