//! Protocol violations of a peer, and reasons why an association is lost.

use std::io::{self, ErrorKind};
use std::time::Duration;

/// What a peer did that the lane protocol, or SCTP, does not allow. The association is aborted with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// A message has a payload protocol that is neither data nor control.
    #[error("payload protocol {ppid} on stream {stream}; there are 50 and 53")]
    UnknownProtocol {
        /// The stream.
        stream: u16,
        /// The payload protocol.
        ppid: u32,
    },
    /// A control message has a kind that there is not.
    #[error("control message of kind {kind}; there are 1 to 7")]
    UnknownControl {
        /// Its first byte.
        kind: u8,
    },
    /// A control message is too short or too long for its kind.
    #[error("control message of kind {kind} with {len} bytes")]
    Malformed {
        /// Its first byte; 0 where it has none.
        kind: u8,
        /// All its bytes.
        len: usize,
    },
    /// A message came on a stream that carries no lane, or that its sender may not open.
    #[error("{what} on stream {stream}, which carries no lane")]
    NoLane {
        /// What came.
        what: &'static str,
        /// The stream.
        stream: u16,
    },
    /// A message came that its lane's state does not allow.
    #[error("unexpected {what} on stream {stream}")]
    OutOfTurn {
        /// What came.
        what: &'static str,
        /// The stream.
        stream: u16,
    },
    /// More bytes came than this side had said it takes.
    #[error("{bytes} bytes on stream {stream}, which may carry {credit} more")]
    Overrun {
        /// The stream.
        stream: u16,
        /// How many bytes came.
        bytes: usize,
        /// How many were allowed.
        credit: u32,
    },
    /// The credits that a peer gave add up to more than it can mean.
    #[error("credit of {bytes} bytes on stream {stream}, which has {credit} already")]
    Credit {
        /// The stream.
        stream: u16,
        /// How many bytes it gave.
        bytes: u32,
        /// How many there were.
        credit: u32,
    },
    /// A stream beyond those that were agreed on.
    #[error("stream {stream}, where {streams} were agreed on")]
    Stream {
        /// The stream.
        stream: u16,
        /// How many there are.
        streams: u16,
    },
    /// A piece of a message that no sane sender makes: empty, unordered, or too small to be a fragment.
    #[error("a DATA chunk of {len} bytes with flags {flags:#04x}")]
    Data {
        /// Bytes of the user's in it.
        len: usize,
        /// The chunk's flags.
        flags: u8,
    },
    /// An acknowledgement, or a message, that contradicts what was said before.
    #[error("the data transfer cannot go on: {0}")]
    Transfer(&'static str),
}

/// Why an association, with all its channels, was lost.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Loss {
    /// The peer aborted it, or does not know it any more.
    #[error("the peer aborted the association")]
    Aborted,
    /// The peer began anew from the same port.
    #[error("the peer has restarted")]
    Restarted,
    /// The peer shut the association down while channels were open.
    #[error("the peer shut the association down")]
    Shutdown,
    /// The system says that the peer's port is closed.
    #[error("the peer's port is closed")]
    Unreachable,
    /// The peer did not answer.
    #[error("the peer was silent for {0:?}")]
    Silent(Duration),
    /// The peer answers, but what is sent never arrives.
    #[error("nothing that was sent was acknowledged for {0:?}; is the mtu larger than the path carries?")]
    Stuck(Duration),
    /// The peer broke the rules.
    #[error("the peer broke the protocol: {0}")]
    Violation(#[from] Violation),
    /// It had to make way for a newer association of the same listener.
    #[error("evicted for a newer association, as the oldest without a channel (associations, per_address)")]
    Evicted,
    /// The socket, or the runtime that drove it, is gone.
    #[error("the socket is gone")]
    Socket,
}

impl Loss {
    pub(super) fn error(&self) -> io::Error {
        let kind = match self {
            Self::Aborted | Self::Restarted | Self::Shutdown | Self::Unreachable | Self::Evicted => {
                ErrorKind::ConnectionReset
            }
            Self::Silent(_) | Self::Stuck(_) => ErrorKind::TimedOut,
            Self::Violation(_) => ErrorKind::InvalidData,
            Self::Socket => ErrorKind::ConnectionAborted,
        };
        io::Error::new(kind, self.clone())
    }
}
