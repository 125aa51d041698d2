//! The halves of a channel under a hardship.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{ChannelRead, ChannelWrite};
use tokio::task::coop::poll_proceed;
use tokio::time::{Sleep, sleep};

use crate::faults::{ReadFilter, WriteFilter};
use crate::random::Random;

/// Reads of one byte. The write half aborts where bytes that were held back here stay unread, as a transport does of its
/// own; as far as the read half, which comes first in a channel, is dropped first.
#[derive(Default, Clone)]
pub(super) struct OneByte {
    /// What has been read below and not been delivered.
    held: Bytes,
    has_unread: Arc<AtomicBool>,
}

impl ReadFilter for OneByte {
    fn poll_read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        // What is held is always ready, and must not starve other tasks.
        let budget = ready!(poll_proceed(cx));
        if self.held.is_empty() {
            let mut buffer = ReadBuffer::default();
            let count = ready!(below.poll_read(cx, &mut buffer))?;
            self.held = buffer.take(count);
        }
        budget.made_progress();
        if self.held.is_empty() {
            return Poll::Ready(Ok(0));
        }
        into.spare().put_slice(&self.held.split_to(1));
        self.has_unread.store(!self.held.is_empty(), Ordering::Release);
        Poll::Ready(Ok(1))
    }
}

impl WriteFilter for OneByte {
    fn dropped(&mut self, below: &mut dyn ChannelWrite) {
        if self.has_unread.load(Ordering::Acquire) {
            below.abort();
        }
    }
}

/// Most bytes that a short write takes: enough for a bulk transfer to end, too few for any packet but the smallest.
const SHORT: usize = 64;

/// Writes that take little of what they are offered.
pub(super) struct Short(pub(super) Random);

impl WriteFilter for Short {
    fn poll_write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        let count = self.0.size(SHORT).min(from.chunk().len());
        let mut offered = WriteBuffer::new(below.flatten_below());
        offered.put_slice(&from.chunk()[..count]);
        // After `Pending` nothing of the offer was taken, and so nothing of `from`.
        let taken = ready!(below.poll_write(cx, &mut offered))?;
        from.advance(taken);
        Poll::Ready(Ok(taken))
    }
}

/// Bytes that are held back at most, so that a peer that does not read is still felt.
const HELD: usize = 64 << 10;

/// Writes that are held back and go together.
pub(super) struct Coalesced {
    held: WriteBuffer,
    /// Writing is over, one way or the other: only the half below knows which error that is.
    over: bool,
}

impl Default for Coalesced {
    fn default() -> Self {
        Self { held: WriteBuffer::new(usize::MAX), over: false }
    }
}

impl Coalesced {
    fn poll_let_go(&mut self, below: &mut dyn ChannelWrite, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.held.is_empty() {
            ready!(below.poll_write(cx, &mut self.held))?;
        }
        Poll::Ready(Ok(()))
    }
}

impl WriteFilter for Coalesced {
    fn poll_write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        if self.over && !self.held.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if self.over || from.is_empty() {
            return below.poll_write(cx, from);
        }
        if self.held.len() >= HELD {
            ready!(self.poll_let_go(below, cx))?;
        }
        let budget = ready!(poll_proceed(cx));
        budget.made_progress();
        let count = from.len().min(HELD - self.held.len());
        self.held.put_slice(&from.copy_to_bytes(count));
        Poll::Ready(Ok(count))
    }

    fn poll_flush(&mut self, below: &mut dyn ChannelWrite, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_let_go(below, cx))?;
        below.poll_flush(cx)
    }

    fn poll_shutdown(&mut self, below: &mut dyn ChannelWrite, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.over = true;
        ready!(self.poll_let_go(below, cx))?;
        below.poll_shutdown(cx)
    }

    fn abort(&mut self, below: &mut dyn ChannelWrite) {
        self.over = true;
        self.held.clear();
        below.abort();
    }
}

/// How long a delayed wake takes; the shortest that tokio's timer can tell.
const DELAY: Duration = Duration::from_millis(1);

/// Decides before each poll whether it is held up: one in three wakes its task at once, one in 256 later.
pub(super) struct Storm {
    random: Random,
    delay: Option<Pin<Box<Sleep>>>,
}

impl Storm {
    pub(super) fn new(random: Random) -> Self {
        Self { random, delay: None }
    }

    /// Ready when the poll may go on.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.delay.is_none() {
            if self.random.one_in(256) {
                self.delay = Some(Box::pin(sleep(DELAY)));
            } else if self.random.one_in(3) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        if let Some(delay) = &mut self.delay {
            ready!(delay.as_mut().poll(cx));
            self.delay = None;
        }
        Poll::Ready(())
    }
}

impl ReadFilter for Storm {
    fn poll_read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll(cx));
        below.poll_read(cx, into)
    }
}

impl WriteFilter for Storm {
    fn poll_write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll(cx));
        below.poll_write(cx, from)
    }

    fn poll_flush(&mut self, below: &mut dyn ChannelWrite, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll(cx));
        below.poll_flush(cx)
    }

    fn poll_shutdown(&mut self, below: &mut dyn ChannelWrite, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll(cx));
        below.poll_shutdown(cx)
    }
}
