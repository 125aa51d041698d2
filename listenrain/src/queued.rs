//! What stands in a send queue.

use std::fmt;

use tokio::time::Instant;

use crate::packet::{Kind, Packet};
use crate::primitives::budget::Permit;

/// A packet that waits to be written, with the room it takes up. A queue may look at it, not into it.
///
/// It lies on the heap, since it changes hands some ten times on its way and is 150 bytes long.
pub struct Queued(pub(crate) Box<Parts>);

pub(crate) struct Parts {
    pub(crate) packet: Packet,
    /// When its sender stops waiting; becomes the packet's relative deadline at the moment of writing.
    pub(crate) deadline: Option<Instant>,
    /// Room that is given back once it is written, or dropped.
    pub(crate) permits: [Option<Permit>; 3],
}

impl Queued {
    pub(crate) fn new(packet: Packet) -> Self {
        Self(Box::new(Parts { packet, deadline: None, permits: [None, None, None] }))
    }

    /// What kind of packet.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.packet.kind
    }

    /// Bytes of its payload.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.packet.payload.len()
    }

    /// Whether its payload is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Queued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queued").field("kind", &self.kind()).field("len", &self.len()).finish_non_exhaustive()
    }
}
