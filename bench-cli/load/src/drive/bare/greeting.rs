//! The first request of a channel, before its loop.

use std::future::poll_fn;
use std::io;

use ::listenrain::Channel;
use ::listenrain::buffer::{ReadBuffer, WriteBuffer};
use bytes::Bytes;

use crate::drive::callers::Failure;

/// Sends `request` and reads as many bytes, or what comes before the end; a server that speaks before its turn may send
/// more.
pub(super) async fn exchange(channel: &mut Channel, request: Bytes) -> Result<Bytes, Failure> {
    let failure = |error: io::Error| Failure { kind: "channel", message: error.to_string() };
    echoed(channel, request).await.map_err(failure)
}

async fn echoed(channel: &mut Channel, request: Bytes) -> io::Result<Bytes> {
    let expected = request.len();
    let mut outgoing = WriteBuffer::new(0);
    outgoing.put(request);
    while !outgoing.is_empty() {
        if poll_fn(|cx| channel.write.poll_write(cx, &mut outgoing)).await? == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
    }
    poll_fn(|cx| channel.write.poll_flush(cx)).await?;
    let mut incoming = ReadBuffer::default();
    while incoming.len() < expected {
        if poll_fn(|cx| channel.read.poll_read(cx, &mut incoming)).await? == 0 {
            let said = format!("it hung up after {} of {expected} bytes", incoming.len());
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, said));
        }
    }
    Ok(incoming.take(incoming.len()))
}
