//! Settings of clients and servers.

use std::time::Duration;

use listenrain::Overflow;

use super::Runs;

/// How a client reaches the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reach {
    /// One connection to each server; a call says to which.
    Direct,
    /// One connection, to the first server that answers.
    Standby,
    /// A pool with a connection for each server and protocol, asked anew for each call.
    Pool {
        /// How many protocols. At least 1.
        protocols: usize,
    },
}

impl Reach {
    /// Which server a call by `way` goes to, where there are `servers`; `None`: any.
    #[must_use]
    pub fn server(self, way: usize, servers: usize) -> Option<usize> {
        (self != Self::Standby).then(|| way % servers)
    }

    /// How many ways there are for a call to go.
    #[must_use]
    pub fn ways(self, servers: usize) -> usize {
        match self {
            Self::Direct => servers,
            Self::Standby => 1,
            Self::Pool { protocols } => servers * protocols.max(1),
        }
    }
}

/// The client's settings.
#[derive(Debug, Clone)]
pub struct ClientSetup {
    /// Channels at once.
    pub lanes: usize,
    /// Most requests in flight.
    pub requests: usize,
    /// Most bytes of them.
    pub bytes: usize,
    /// What becomes of more.
    pub when_full: Overflow,
    /// After how many failed dials calls are refused.
    pub down_after: u32,
    /// What runs callbacks.
    pub runs: Runs,
}

impl Default for ClientSetup {
    fn default() -> Self {
        Self {
            lanes: 1,
            requests: 64,
            bytes: 4 << 20,
            when_full: Overflow::Wait,
            down_after: 5,
            runs: Runs::Default,
        }
    }
}

/// A server's settings.
#[derive(Debug, Clone)]
pub struct ServerSetup {
    /// Most channels.
    pub connections: usize,
    /// Most requests of a channel that are not answered.
    pub requests: usize,
    /// Most bytes of them.
    pub bytes: usize,
    /// Whether what is beyond is refused; otherwise it is not read.
    pub refuses: bool,
    /// Most requests of all channels that are not answered, and most bytes that all of them keep in memory.
    pub all: (usize, usize),
    /// Most handlers at once.
    pub handlers: usize,
    /// What runs handlers.
    pub runs: Runs,
    /// Largest request, in bytes.
    pub largest: usize,
    /// At which age channels are ended in an orderly way; `None`: at none.
    pub max_age: Option<Duration>,
}

/// Bytes of the largest packet, unless a scenario says otherwise.
pub(crate) const LARGEST: usize = 8 << 20;
/// Most handlers, or callbacks, at once, unless a scenario says otherwise.
pub(crate) const HANDLERS_AT_ONCE: usize = 4096;

impl Default for ServerSetup {
    fn default() -> Self {
        Self {
            connections: 64,
            requests: 64,
            bytes: 4 << 20,
            refuses: false,
            all: (65_536, 512 << 20),
            handlers: HANDLERS_AT_ONCE,
            runs: Runs::Default,
            largest: LARGEST,
            max_age: None,
        }
    }
}
