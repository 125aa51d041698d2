//! Packet kinds and goodbye reasons: the numbers on the wire that errors name too.

use std::fmt;
use std::time::Duration;

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Wants one reply.
    Request,
    /// Answers a request.
    Reply,
    /// Says what went wrong with a request.
    Error,
    /// Says that a request was not executed.
    Refused,
    /// Wants no reply.
    OneWay,
    /// Wants a pong, to see whether the peer lives.
    Ping,
    /// Answers a ping.
    Pong,
    /// Takes a request back.
    Cancel,
    /// Says what the sender speaks, before all else.
    Hello,
    /// Answers a hello.
    HelloAnswer,
    /// Says that nothing more is taken on the channel, and what was.
    Goodbye,
    /// Answers a goodbye: no more requests come.
    GoodbyeAnswer,
    /// A packet of a protocol whose packets have no kind: a server takes it for a request, a client for a reply.
    Plain,
    /// A kind of a newer peer.
    Unknown(u8),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request => f.write_str("request"),
            Self::Reply => f.write_str("reply"),
            Self::Error => f.write_str("error"),
            Self::Refused => f.write_str("refused"),
            Self::OneWay => f.write_str("one-way"),
            Self::Ping => f.write_str("ping"),
            Self::Pong => f.write_str("pong"),
            Self::Cancel => f.write_str("cancel"),
            Self::Hello => f.write_str("hello"),
            Self::HelloAnswer => f.write_str("hello answer"),
            Self::Goodbye => f.write_str("goodbye"),
            Self::GoodbyeAnswer => f.write_str("goodbye answer"),
            Self::Plain => f.write_str("packet"),
            Self::Unknown(kind) => write!(f, "kind {kind}"),
        }
    }
}

/// Why a peer ends a channel, or takes none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GoodbyeReason {
    /// It is shutting down.
    #[error("it is shutting down")]
    Draining,
    /// It has as many channels as it takes.
    #[error("it is full")]
    Full,
    /// It does not admit this peer.
    #[error("it does not admit this peer")]
    NotAdmitted,
    /// It does not speak this version of the protocol.
    #[error("it does not speak this version of the protocol")]
    Version,
    /// The channel is as old as it lets channels grow.
    #[error("the channel has reached its largest age")]
    Age,
    /// It had no memory for a packet, for longer than a packet may take.
    #[error("it had no memory for a packet")]
    Overloaded,
    /// A reason that this side does not know.
    #[error("reason {0}")]
    Other(u8),
}

impl GoodbyeReason {
    pub(crate) const fn to_byte(self) -> u8 {
        match self {
            Self::Draining => 1,
            Self::Full => 2,
            Self::NotAdmitted => 3,
            Self::Version => 4,
            Self::Age => 5,
            Self::Overloaded => 6,
            Self::Other(byte) => byte,
        }
    }

    pub(crate) const fn from_byte(byte: u8) -> Self {
        match byte {
            1 => Self::Draining,
            2 => Self::Full,
            3 => Self::NotAdmitted,
            4 => Self::Version,
            5 => Self::Age,
            6 => Self::Overloaded,
            other => Self::Other(other),
        }
    }

    /// Whether the channel was never taken: nothing that was sent on it was served.
    pub(crate) const fn is_refusal(self) -> bool {
        matches!(self, Self::Full | Self::NotAdmitted | Self::Version)
    }

    /// Whether it will hold for the next channel too.
    pub(crate) const fn is_lasting(self) -> bool {
        matches!(self, Self::NotAdmitted | Self::Version)
    }

    /// For how long a peer is asked to stay away.
    pub(crate) const fn stay_away(self) -> Duration {
        match self {
            Self::Draining | Self::Full | Self::Overloaded => Duration::from_secs(1),
            Self::NotAdmitted | Self::Version => Duration::from_secs(30),
            Self::Age | Self::Other(_) => Duration::ZERO,
        }
    }
}
