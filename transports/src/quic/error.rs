//! Error codes of streams and connections, and the errors of channels and dials that they mean.

use std::io;

use quinn::{ConnectionError, ReadError, TransportErrorCode, VarInt, WriteError};
use rustls::AlertDescription;

use super::greeting::Unanswered;
use crate::certificates::HandshakeError;

/// The codes with which this side resets and stops streams and closes connections. They are part of the protocol between
/// two of these transports.
pub(super) mod code {
    use super::VarInt;

    /// Nobody needs it any more.
    pub(in super::super) const DONE: VarInt = VarInt::from_u32(0);
    /// Its owner aborted it.
    pub(in super::super) const ABORTED: VarInt = VarInt::from_u32(1);
    /// Its owner left bytes unread.
    pub(in super::super) const UNREAD: VarInt = VarInt::from_u32(2);
    /// Nobody listens any more.
    pub(in super::super) const GONE: VarInt = VarInt::from_u32(3);
    /// Too many channels wait to be accepted.
    pub(in super::super) const FULL: VarInt = VarInt::from_u32(4);
    /// Its first byte names another version of this protocol.
    pub(in super::super) const VERSION: VarInt = VarInt::from_u32(5);
    /// What was due did not come in time.
    pub(in super::super) const LATE: VarInt = VarInt::from_u32(6);
    /// It had to make way for a newer connection.
    pub(in super::super) const EVICTED: VarInt = VarInt::from_u32(7);
    /// It has carried no channel for too long: a dialer that needs one dials anew.
    pub(in super::super) const UNUSED: VarInt = VarInt::from_u32(8);

    /// Codes from here on say how much a reader had read when it left in an orderly way. Its peer, when it reads the end, can
    /// then tell whether all that it wrote was wanted.
    const READ: u64 = 16;

    /// The code of a reader that leaves in an orderly way, having read `count` bytes.
    pub(in super::super) fn read(count: u64) -> VarInt {
        VarInt::from_u64(READ.saturating_add(count)).unwrap_or(VarInt::MAX)
    }

    /// What a reader that left in an orderly way had read.
    pub(in super::super) fn count_read(code: VarInt) -> Option<u64> {
        u64::from(code).checked_sub(READ)
    }
}

/// What it means to a reader.
pub(super) fn of_read(error: ReadError) -> io::Error {
    match error {
        ReadError::Reset(_) => io::Error::new(io::ErrorKind::ConnectionReset, error),
        ReadError::ConnectionLost(lost) => of_lost(lost),
        error => error.into(),
    }
}

/// What it means to a writer.
pub(super) fn of_write(error: WriteError) -> io::Error {
    match error {
        WriteError::Stopped(code) if code::count_read(code).is_none() => {
            io::Error::new(io::ErrorKind::ConnectionReset, error)
        }
        // Who drops a channel in an orderly way stops reading it, too.
        WriteError::Stopped(_) | WriteError::ClosedStream => io::Error::new(io::ErrorKind::BrokenPipe, error),
        WriteError::ConnectionLost(lost) => of_lost(lost),
        error => error.into(),
    }
}

/// What the loss of the connection means to a channel that it carried. An orderly end of the channel came before it, or none
/// came.
pub(super) fn of_lost(error: ConnectionError) -> io::Error {
    let kind = match error {
        ConnectionError::TimedOut => io::ErrorKind::TimedOut,
        ConnectionError::LocallyClosed => io::ErrorKind::ConnectionAborted,
        _ => io::ErrorKind::ConnectionReset,
    };
    io::Error::new(kind, error)
}

/// What a failed handshake means to a dial that wanted to speak `alpn`. `judged` is what this side itself said of the peer's
/// certificate, which is less than what a connection can say.
pub(super) fn of_handshake(error: ConnectionError, judged: Option<&rustls::Error>, alpn: &str) -> io::Error {
    if let Some(judged) = judged {
        return HandshakeError::of(judged, alpn).into();
    }
    let code = match &error {
        ConnectionError::ConnectionClosed(close) => close.error_code,
        ConnectionError::TransportError(local) => local.code,
        _ => return of_lost(error),
    };
    match alert(code) {
        Some(AlertDescription::NoApplicationProtocol) => {
            HandshakeError::Protocol { wanted: alpn.to_owned() }.into()
        }
        Some(alert) if matches!(error, ConnectionError::ConnectionClosed(_)) => {
            HandshakeError::Refused(alert).into()
        }
        None if code == TransportErrorCode::CONNECTION_REFUSED => {
            io::Error::new(io::ErrorKind::ConnectionRefused, Refused(error))
        }
        _ => io::Error::new(io::ErrorKind::InvalidData, error),
    }
}

/// A listener that refuses gives no reason, since it wants to spend nothing on it.
#[derive(Debug, thiserror::Error)]
#[error(
    "the listener refused the connection: it has as many as it takes (its `connections`, or its `per_address` of this \
     address), or there is no listener any more"
)]
struct Refused(#[source] ConnectionError);

/// The TLS alert that a code carries.
fn alert(code: TransportErrorCode) -> Option<AlertDescription> {
    let code = u64::from(code);
    u8::try_from(code.checked_sub(0x100)?).ok().map(AlertDescription::from)
}

/// What a listener that gave no channel means to a dial.
pub(super) fn of_unanswered(unanswered: Unanswered, alpn: &str) -> io::Error {
    let refused = io::ErrorKind::ConnectionRefused;
    match unanswered {
        Unanswered::Refused(code::GONE) => io::Error::new(refused, "there is no listener any more"),
        Unanswered::Refused(code::FULL) => {
            io::Error::new(refused, "the listener's backlog is full (backlog)")
        }
        Unanswered::Refused(code::VERSION) | Unanswered::Garbled => {
            io::Error::new(io::ErrorKind::Unsupported, "the listener speaks another version of this protocol")
        }
        Unanswered::Refused(code) => io::Error::new(
            io::ErrorKind::ConnectionReset,
            format!("the listener reset the channel: code {code}"),
        ),
        Unanswered::Lost(closed @ ConnectionError::ApplicationClosed(_)) => io::Error::new(refused, closed),
        // A listener judges a dialer's certificate after the dialer is done: this is how the dialer hears of it.
        Unanswered::Lost(lost) => of_handshake(lost, None, alpn),
    }
}
