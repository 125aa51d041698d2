//! The server: reads what has come, answers each message with itself, writes all answers together.

use std::future::poll_fn;
use std::io;

use ::listenrain::buffer::{ReadBuffer, WriteBuffer};
use ::listenrain::{Channel, ChannelWrite};

use super::frames;

/// Answers the messages of one channel to its end.
pub(super) async fn answer(mut channel: Channel) -> io::Result<()> {
    let mut incoming = ReadBuffer::default();
    let mut outgoing = WriteBuffer::new(channel.write.flatten_below());
    loop {
        if poll_fn(|cx| channel.read.poll_read(cx, &mut incoming)).await? == 0 {
            return poll_fn(|cx| channel.write.poll_shutdown(cx)).await;
        }
        while let Some(message) = frames::take(&mut incoming)? {
            frames::put(&mut outgoing, message);
        }
        if !outgoing.is_empty() {
            write_all(&mut *channel.write, &mut outgoing).await?;
        }
    }
}

async fn write_all(write: &mut dyn ChannelWrite, outgoing: &mut WriteBuffer) -> io::Result<()> {
    loop {
        if poll_fn(|cx| write.poll_write(cx, outgoing)).await? == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        if outgoing.is_empty() {
            return poll_fn(|cx| write.poll_flush(cx)).await;
        }
        // A write takes 256 KiB at most: the client drains the socket while the bytes are still in cache.
        tokio::task::yield_now().await;
    }
}
