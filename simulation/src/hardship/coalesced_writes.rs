//! Writes that are held back and go together.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use listenrain::ChannelWrite;
use listenrain::buffer::WriteBuffer;
use tokio::task::coop::poll_proceed;

/// Bytes that are held back at most, so that a peer that does not read is still felt.
const MOST: usize = 64 << 10;

pub(super) struct Coalesced {
    below: Box<dyn ChannelWrite>,
    held: WriteBuffer,
    /// Writing is over, one way or the other: only the half below knows which error that is.
    over: bool,
}

impl Coalesced {
    pub(super) fn new(below: Box<dyn ChannelWrite>) -> Self {
        Self { below, held: WriteBuffer::new(usize::MAX), over: false }
    }

    fn poll_let_go(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.held.is_empty() {
            ready!(self.below.poll_write(cx, &mut self.held))?;
        }
        Poll::Ready(Ok(()))
    }
}

impl ChannelWrite for Coalesced {
    fn poll_write(&mut self, cx: &mut Context<'_>, from: &mut WriteBuffer) -> Poll<io::Result<usize>> {
        if self.over && !self.held.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if self.over || from.is_empty() {
            return self.below.poll_write(cx, from);
        }
        if self.held.len() >= MOST {
            ready!(self.poll_let_go(cx))?;
        }
        let budget = ready!(poll_proceed(cx));
        budget.made_progress();
        let count = from.len().min(MOST - self.held.len());
        self.held.put_slice(&from.copy_to_bytes(count));
        Poll::Ready(Ok(count))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_let_go(cx))?;
        self.below.poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.over = true;
        ready!(self.poll_let_go(cx))?;
        self.below.poll_shutdown(cx)
    }

    fn abort(&mut self) {
        self.over = true;
        self.held.clear();
        self.below.abort();
    }

    fn flatten_below(&self) -> usize {
        self.below.flatten_below()
    }
}
