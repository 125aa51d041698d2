//! Writes that take little of what they are offered.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use listenrain::ChannelWrite;
use listenrain::buffer::WriteBuffer;

use crate::random::Random;

/// Most bytes that a write takes: enough for a bulk transfer to end, too few for any packet but the smallest.
const MOST: usize = 64;

pub(super) struct Short {
    below: Box<dyn ChannelWrite>,
    random: Random,
}

impl Short {
    pub(super) fn new(below: Box<dyn ChannelWrite>, random: Random) -> Self {
        Self { below, random }
    }
}

impl ChannelWrite for Short {
    fn poll_write(&mut self, cx: &mut Context<'_>, from: &mut WriteBuffer) -> Poll<io::Result<usize>> {
        let count = self.random.size(MOST).min(from.chunk().len());
        let mut offered = WriteBuffer::new(self.below.flatten_below());
        offered.put_slice(&from.chunk()[..count]);
        // After `Pending` nothing of the offer was taken, and so nothing of `from`.
        let taken = ready!(self.below.poll_write(cx, &mut offered))?;
        from.advance(taken);
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.below.poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.below.poll_shutdown(cx)
    }

    fn abort(&mut self) {
        self.below.abort();
    }

    fn flatten_below(&self) -> usize {
        self.below.flatten_below()
    }
}
