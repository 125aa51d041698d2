//! The echo server of the bare transport.

use std::future::poll_fn;
use std::io;
use std::time::Duration;

use ::listenrain::buffer::WriteBuffer;
use ::listenrain::{Channel, ChannelGenerator, ChannelWrite, NextError};

use super::WRITE_CAP;

/// How long to wait after a failure to accept that may pass, such as too many open files.
const BACK_OFF: Duration = Duration::from_millis(50);

/// Echoes every channel that comes, until no more can come.
pub(super) async fn accept(mut listener: Box<dyn ChannelGenerator>) -> NextError {
    loop {
        match listener.next().await {
            Ok(channel) => drop(tokio::spawn(echo(channel))),
            Err(error) if error.is_final => return error,
            Err(_) => tokio::time::sleep(BACK_OFF).await,
        }
    }
}

/// Echoes one channel to its end. An error needs no telling: the client sees its channel end.
async fn echo(mut channel: Channel) -> io::Result<()> {
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
