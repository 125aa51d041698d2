//! `CallError` and `Outcome`: how a call ends.

use super::MessageError;
use super::link::LinkError;
use super::next::NextError;
use super::remote::{RemoteError, RemoteRefusal};
use crate::wire::Kind;

/// How a call ended: with its reply, or with the reason why there is none. Told exactly once.
///
/// It is a [`Result`], so that `?` works on it.
pub type Outcome<M> = Result<M, CallError>;

/// Why a call got no reply.
///
/// After [`Refused`](Self::Refused), [`Expired`](Self::Expired) and [`Lost`](Self::Lost) with [`Sent::No`] the peer certainly
/// did not execute the request, so it can be retried blindly.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// It was never executed: it did not leave, or the peer said so.
    #[error("refused")]
    Refused(#[source] Refusal),
    /// Its deadline passed after it had left. The peer may have executed it.
    #[error("no reply before the deadline")]
    Timeout,
    /// Its deadline passed before it left. The peer has not seen it.
    #[error("not sent before the deadline")]
    Expired,
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
        matches!(self, Self::Refused(_) | Self::Expired | Self::Lost { sent: Sent::No, .. })
    }

    /// Whether its deadline passed, be it before or after it left.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout | Self::Expired)
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
    /// The runtime that drove the connection is gone, and the connection with it.
    #[error("the runtime that drove the connection is gone")]
    RuntimeGone,
    /// So many channels were lost while it was being written that it may be what they were lost by.
    #[error("given up: {channels} channels were lost while it was being written")]
    GivenUp {
        /// How many.
        channels: u32,
    },
    /// A part of the protocol on this side panicked: its queue, timers, pool of calls or executor.
    #[error("{part} panicked: {text}")]
    Panicked {
        /// Which part.
        part: &'static str,
        /// What the panic said.
        text: String,
    },
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
    /// The executor of callbacks dropped the job in which its state machine would have been told.
    #[error("the executor dropped its callback")]
    NotRun,
    /// The reply is longer than a packet may be on this side.
    #[error("reply of {size} bytes is longer than the limit of {limit}")]
    ReplyTooLarge {
        /// Its length in bytes.
        size: u64,
        /// The limit in bytes.
        limit: usize,
    },
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
