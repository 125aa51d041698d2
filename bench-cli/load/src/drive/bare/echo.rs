//! The echo server of the bare transport.

use std::future::poll_fn;
use std::io;

use ::listenrain::buffer::WriteBuffer;
use ::listenrain::{Channel, ChannelWrite};

use super::WRITE_CAP;

/// Echoes one channel to its end. An error needs no telling: the client sees its channel end.
pub(super) async fn echo(mut channel: Channel) -> io::Result<()> {
    let mut incoming = super::roomy();
    // Nothing is copied: what was read is what is written.
    let mut outgoing = WriteBuffer::new(0);
    loop {
        if poll_fn(|cx| channel.read.poll_read(cx, &mut incoming)).await? == 0 {
            return poll_fn(|cx| channel.write.poll_shutdown(cx)).await;
        }
        while !incoming.is_empty() {
            let piece = incoming.len().min(WRITE_CAP);
            outgoing.put(incoming.take(piece));
            write_all(&mut *channel.write, &mut outgoing).await?;
            if piece == WRITE_CAP {
                // The reader drains the socket while the bytes are still in cache.
                tokio::task::yield_now().await;
            }
        }
    }
}

async fn write_all(write: &mut dyn ChannelWrite, outgoing: &mut WriteBuffer) -> io::Result<()> {
    while !outgoing.is_empty() {
        if poll_fn(|cx| write.poll_write(cx, outgoing)).await? == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
    }
    poll_fn(|cx| write.poll_flush(cx)).await
}
