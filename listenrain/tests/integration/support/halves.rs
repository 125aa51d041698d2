//! Halves of a channel whose other end is the test itself.

use std::io;
use std::task::{Context, Poll};

use listenrain::buffer::WriteBuffer;
use listenrain::transport::generator;
use listenrain::{Channel, ChannelGenerator, ChannelWrite};

/// Takes everything.
pub(crate) struct Sink;

impl ChannelWrite for Sink {
    fn poll_write(&mut self, _: &mut Context<'_>, from: &mut WriteBuffer) -> Poll<io::Result<usize>> {
        let taken = from.len();
        from.clear();
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A listener that accepts these channels, the last one first, and no others.
pub(crate) fn accepting(mut channels: Vec<Channel>) -> Box<dyn ChannelGenerator> {
    generator("halves://here".parse().unwrap(), move || {
        let next = channels.pop();
        async move { if let Some(channel) = next { Ok(channel) } else { std::future::pending().await } }
    })
}
