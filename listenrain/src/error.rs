//! How calls, links and packets fail.

use std::any::Any;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::packet::Kind;
use crate::transport::NextError;

/// How a call ended: with its reply, or with the reason why there is none. Told exactly once.
///
/// It is a [`Result`], so that `?` works on it.
pub type Outcome<M> = Result<M, CallError>;

/// Why a call got no reply.
///
/// After [`Refused`](Self::Refused) and [`Lost`](Self::Lost) with [`Sent::No`] the peer certainly did not see the
/// request, so it can be retried blindly.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// It was never executed: it did not leave, or the peer said so.
    #[error("refused")]
    Refused(#[source] Refusal),
    /// Its deadline passed. The peer may have executed it.
    #[error("no reply before the deadline")]
    Timeout,
    /// The link was lost before a reply came.
    #[error("link lost, request sent: {sent}")]
    Lost {
        /// Whether the whole request can have reached the peer.
        sent: Sent,
        /// Why the link ended.
        #[source]
        cause: LinkError,
    },
    /// Its caller took it back.
    #[error("cancelled")]
    Cancelled,
    /// A reply came, and is of no use.
    #[error("failed")]
    Failed(#[source] Failure),
}

impl CallError {
    /// Whether the peer certainly did not execute the request.
    #[must_use]
    pub fn never_executed(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Lost { sent: Sent::No, .. })
    }
}

/// Whether a request can have reached the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Not all of it was handed to the channel: the peer cannot have executed it.
    No,
    /// It was handed to the channel: the peer may or may not have executed it.
    Maybe,
}

impl std::fmt::Display for Sent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::No => "no",
            Self::Maybe => "maybe",
        })
    }
}

/// Why a request was not executed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The connection's budget is in use.
    #[error("full: {count} of {max_count} requests, {bytes} of {max_bytes} bytes are in flight")]
    Full {
        /// Requests in flight.
        count: usize,
        /// Their limit.
        max_count: usize,
        /// Bytes in flight.
        bytes: usize,
        /// Their limit.
        max_bytes: usize,
    },
    /// Nothing answers at the endpoint.
    #[error("{endpoint} is down")]
    Down {
        /// What was dialled.
        endpoint: String,
        /// The last failure.
        #[source]
        cause: Option<NextError>,
    },
    /// A call with the same id of the user's is in flight, or was and its reply may still come.
    #[error("message id {id} is {state}")]
    DuplicateId {
        /// The id, as its `Debug` shows it.
        id: String,
        /// Where the other use of it stands.
        state: IdState,
    },
    /// The connection finishes what it has and takes nothing new.
    #[error("draining")]
    Draining,
    /// The connection is closed.
    #[error("closed")]
    Closed,
    /// The encoded message is longer than a packet may be.
    #[error("message of {size} bytes is longer than the limit of {limit}")]
    TooLarge {
        /// Its length in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A blocking call from inside a runtime, which it would stall.
    #[error("call_blocking inside an async runtime would stall it; use call().await there")]
    InsideRuntime,
    /// The message codec could not encode the message.
    #[error("message cannot be encoded: {0}")]
    Encode(#[source] MessageError),
    /// The protocol has no packet of this kind.
    #[error("the protocol cannot express {0}")]
    CannotExpress(Kind),
    /// A queue of the user's lost it.
    #[error("the send queue dropped it")]
    Dropped,
    /// The peer said that it did not execute it.
    #[error("peer refused: {0}")]
    ByPeer(RemoteRefusal),
}

/// Where an earlier use of an id stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdState {
    /// Its call is in flight.
    InFlight,
    /// Its call ended without a reply, which may still come.
    Quarantined,
}

impl std::fmt::Display for IdState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::InFlight => "already in flight",
            Self::Quarantined => "quarantined: its last call ended without the reply, which may still come",
        })
    }
}

/// Why a peer did not execute a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteRefusal {
    /// It is at its limits; later may be better.
    #[error("overloaded")]
    Overloaded,
    /// It is shutting down.
    #[error("draining")]
    Draining,
    /// It does not know packets of this kind.
    #[error("packet kind {0} unknown")]
    UnknownKind(u8),
    /// It takes no requests at all.
    #[error("no server on that side")]
    NoServer,
    /// A reason that this side does not know.
    #[error("reason {0}")]
    Other(u8),
}

impl RemoteRefusal {
    pub(crate) fn to_bytes(self) -> [u8; 2] {
        match self {
            Self::Overloaded => [1, 0],
            Self::Draining => [2, 0],
            Self::UnknownKind(kind) => [3, kind],
            Self::NoServer => [4, 0],
            Self::Other(code) => [code, 0],
        }
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        match bytes {
            [1, ..] => Self::Overloaded,
            [2, ..] => Self::Draining,
            [3, kind, ..] => Self::UnknownKind(*kind),
            [4, ..] => Self::NoServer,
            [code, ..] => Self::Other(*code),
            [] => Self::Other(0),
        }
    }
}

/// Why a call that was answered has no reply.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The peer answered with an error.
    #[error("peer: {0}")]
    Remote(#[source] RemoteError),
    /// The reply could not be decoded.
    #[error("reply cannot be decoded: {0}")]
    Decode(#[source] MessageError),
    /// User code of this side panicked.
    #[error("panicked: {0}")]
    Panic(String),
    /// The reply did not fit beside those that wait to be taken.
    #[error("reply of {size} bytes dropped: {waiting} of {limit} bytes of replies wait to be taken")]
    ReplyOverflow {
        /// Its length in bytes.
        size: usize,
        /// Bytes of replies that wait.
        waiting: usize,
        /// The limit in bytes.
        limit: usize,
    },
}

/// What a peer says went wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
#[non_exhaustive]
pub struct RemoteError {
    /// What kind of error.
    pub code: ErrorCode,
    /// For people to read. Limit: [`RemoteError::MAX_MESSAGE`] bytes, cut beyond.
    pub message: String,
}

impl RemoteError {
    /// Longest message, in bytes.
    pub const MAX_MESSAGE: usize = 1024;

    /// An error of `code`; the message is cut at [`MAX_MESSAGE`](Self::MAX_MESSAGE).
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if message.len() > Self::MAX_MESSAGE {
            let cut = (0..=Self::MAX_MESSAGE).rev().find(|at| message.is_char_boundary(*at)).unwrap_or(0);
            message.truncate(cut);
        }
        Self { code, message }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.code.to_number().to_be_bytes().to_vec();
        bytes.extend_from_slice(self.message.as_bytes());
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let (code, message) =
            bytes.split_first_chunk::<2>().map_or(([0, 0], bytes), |(code, rest)| (*code, rest));
        Self::new(ErrorCode::from_number(u16::from_be_bytes(code)), String::from_utf8_lossy(message))
    }
}

/// The kinds of [`RemoteError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// No handler for the command.
    UnknownCommand,
    /// The request could not be decoded.
    Decode,
    /// The handler said so.
    Handler,
    /// The handler or a codec panicked.
    Panic,
    /// The handler let go of its responder without a reply.
    NoReply,
    /// The reply could not be encoded, or is longer than a packet may be.
    Encode,
    /// A code that this side does not know.
    Other(u16),
}

impl ErrorCode {
    fn to_number(self) -> u16 {
        match self {
            Self::UnknownCommand => 1,
            Self::Decode => 2,
            Self::Handler => 3,
            Self::Panic => 4,
            Self::NoReply => 5,
            Self::Encode => 6,
            Self::Other(code) => code,
        }
    }

    fn from_number(code: u16) -> Self {
        match code {
            1 => Self::UnknownCommand,
            2 => Self::Decode,
            3 => Self::Handler,
            4 => Self::Panic,
            5 => Self::NoReply,
            6 => Self::Encode,
            other => Self::Other(other),
        }
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnknownCommand => f.write_str("unknown command"),
            Self::Decode => f.write_str("request cannot be decoded"),
            Self::Handler => f.write_str("handler failed"),
            Self::Panic => f.write_str("handler panicked"),
            Self::NoReply => f.write_str("handler gave no reply"),
            Self::Encode => f.write_str("reply cannot be encoded"),
            Self::Other(code) => write!(f, "error {code}"),
        }
    }
}

/// Why a message codec could not encode or decode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct MessageError {
    /// What is wrong: the thing, the limit, the value.
    pub why: String,
}

impl MessageError {
    /// An error that says `why`.
    pub fn new(why: impl Into<String>) -> Self {
        Self { why: why.into() }
    }
}

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
    /// A packet was begun and not finished in time.
    #[error("a packet was not complete after {0:?}")]
    SlowPacket(Duration),
    /// A packet codec panicked.
    #[error("packet codec panicked: {0}")]
    Panic(String),
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

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
