//! The greeting on a new stream: the dialer names its version, the listener answers with the same.
//!
//! QUIC shows a stream to the peer with its first byte only, so that byte lets the listener speak first. The answer tells the
//! dialer that the channel is in the listener's queue, and that a connection which it made long ago still leads somewhere.

use quinn::{ConnectionError, ReadError, ReadExactError, RecvStream, SendStream, VarInt, WriteError};

use super::carrier::Unclaimed;

/// The first byte of either direction.
const VERSION: u8 = 1;

/// Why the listener gave no channel.
pub(super) enum Unanswered {
    /// It reset the stream with this code.
    Refused(VarInt),
    /// The connection was lost.
    Lost(ConnectionError),
    /// It answered what is no answer.
    Garbled,
}

/// The dialling side's part. Dropping it leaves the stream to its owner.
pub(super) async fn call(streams: &mut Unclaimed) -> Result<(), Unanswered> {
    let (send, recv) = streams.streams();
    let called = send.write_all(&[VERSION]).await;
    // An answer, be it a refusal, says more than a stream that the listener did not want.
    match (first(recv).await, called) {
        (Ok(Some(VERSION)), Ok(())) => Ok(()),
        (Err(ReadError::Reset(code)), _) => Err(Unanswered::Refused(code)),
        (Err(ReadError::ConnectionLost(lost)), _) | (_, Err(WriteError::ConnectionLost(lost))) => {
            Err(Unanswered::Lost(lost))
        }
        _ => Err(Unanswered::Garbled),
    }
}

/// What the listening side has heard.
pub(super) enum Heard {
    ThisVersion,
    AnotherVersion,
    /// The dialer has given up.
    Nothing,
}

/// The listening side's first part.
pub(super) async fn hear(recv: &mut RecvStream) -> Heard {
    match first(recv).await {
        Ok(Some(VERSION)) => Heard::ThisVersion,
        Ok(Some(_)) => Heard::AnotherVersion,
        Ok(None) | Err(_) => Heard::Nothing,
    }
}

/// The listening side's second part, once there is room for the channel.
pub(super) async fn answer(send: &mut SendStream) -> Result<(), WriteError> {
    send.write_all(&[VERSION]).await
}

async fn first(recv: &mut RecvStream) -> Result<Option<u8>, ReadError> {
    let mut byte = [0];
    match recv.read_exact(&mut byte).await {
        Ok(()) => Ok(Some(byte[0])),
        Err(ReadExactError::FinishedEarly(_)) => Ok(None),
        Err(ReadExactError::ReadError(error)) => Err(error),
    }
}
