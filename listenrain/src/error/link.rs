//! Errors of packets and channels.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::wire::{GoodbyeReason, Kind};

/// What is wrong with bytes that should be packets. The channel is closed: nothing after them can be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PacketError {
    /// A packet claims, or would have, more bytes than allowed.
    #[error("packet of {size} bytes is longer than the limit of {limit}")]
    TooLarge {
        /// The payload's length in bytes.
        size: u64,
        /// The limit in bytes.
        limit: usize,
    },
    /// These bytes are no packet.
    #[error("malformed packet: {0}")]
    Malformed(String),
    /// The protocol has no packet of this kind.
    #[error("the protocol cannot express {0}")]
    CannotExpress(Kind),
}

/// Why a channel ended. It can be cloned, since everyone who waited is told.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The peer ended the stream between two packets.
    #[error("the peer closed the channel")]
    PeerClosed,
    /// The peer ended the stream inside a packet.
    #[error("the stream ended inside a packet, after {had} bytes of it")]
    Truncated {
        /// Bytes of the packet that had come.
        had: usize,
    },
    /// The channel failed.
    #[error("channel failed: {0}")]
    Io(#[source] Arc<io::Error>),
    /// What came was no packet, or what was to be sent could not be one.
    #[error("{0}")]
    Packet(#[source] PacketError),
    /// Nothing came for too long although the peer was asked.
    #[error("the peer has been silent for {0:?}")]
    Silent(Duration),
    /// What was to be written waited for too long, and the peer took none of it.
    #[error("the peer has taken nothing of what is written for {0:?}")]
    Stalled(Duration),
    /// The peer takes no channel from this side, or no longer this one.
    #[error("the peer ended the channel: {0}")]
    Goodbye(GoodbyeReason),
    /// A packet was begun and not finished in time.
    #[error("a packet was not complete after {0:?}")]
    SlowPacket(Duration),
    /// The packet codec, the queue or the transport panicked.
    #[error("packet codec, queue or transport panicked: {0}")]
    Panic(String),
    /// The peer answers in order, and owes too many answers to calls that have ended.
    #[error("{requests} requests unanswered on a channel that answers in order, the limit is {limit}")]
    Unanswered {
        /// Requests without an answer.
        requests: usize,
        /// Their limit.
        limit: usize,
    },
    /// This side closed it.
    #[error("closed by this side")]
    Closed,
}

impl From<io::Error> for LinkError {
    fn from(error: io::Error) -> Self {
        Self::Io(Arc::new(error))
    }
}

impl From<PacketError> for LinkError {
    fn from(error: PacketError) -> Self {
        Self::Packet(error)
    }
}
