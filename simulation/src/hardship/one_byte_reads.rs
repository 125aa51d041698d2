//! Reads of one byte.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes};
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{Channel, ChannelRead, ChannelWrite};
use tokio::task::coop::poll_proceed;

use crate::layer::map_halves;

/// `channel`, whose reads deliver one byte each.
pub(super) fn on(channel: Channel) -> Channel {
    let unread = Arc::new(AtomicBool::new(false));
    let left = unread.clone();
    map_halves(
        channel,
        |below| Box::new(OneByte { below, buffer: ReadBuffer::default(), held: Bytes::new(), unread }),
        |below| Box::new(Leaving { below, left }),
    )
}

struct OneByte {
    below: Box<dyn ChannelRead>,
    buffer: ReadBuffer,
    /// What has been read below and not been delivered.
    held: Bytes,
    unread: Arc<AtomicBool>,
}

impl ChannelRead for OneByte {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<io::Result<usize>> {
        // What is held is always ready, and must not starve other tasks.
        let budget = ready!(poll_proceed(cx));
        if self.held.is_empty() {
            let count = ready!(self.below.poll_read(cx, &mut self.buffer))?;
            self.held = self.buffer.take(count);
        }
        budget.made_progress();
        if self.held.is_empty() {
            return Poll::Ready(Ok(0));
        }
        into.spare().put_slice(&self.held.split_to(1));
        Poll::Ready(Ok(1))
    }
}

impl Drop for OneByte {
    fn drop(&mut self) {
        self.unread.store(!self.held.is_empty(), Ordering::Release);
    }
}

/// The write half beside it. Where unread bytes turn the drop of a channel into a reset, those that are held here count
/// too; as far as the read half, which comes first in a channel, is dropped first.
struct Leaving {
    below: Box<dyn ChannelWrite>,
    left: Arc<AtomicBool>,
}

impl ChannelWrite for Leaving {
    fn poll_write(&mut self, cx: &mut Context<'_>, from: &mut WriteBuffer) -> Poll<io::Result<usize>> {
        self.below.poll_write(cx, from)
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

impl Drop for Leaving {
    fn drop(&mut self) {
        if self.left.load(Ordering::Acquire) {
            self.below.abort();
        }
    }
}
