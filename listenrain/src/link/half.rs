//! Guarded calls of a channel's halves: the one place where they are polled.

use std::io;
use std::task::{Context, Poll};

use crate::buffer::{ReadBuffer, WriteBuffer};
use crate::channel::{ChannelRead, ChannelWrite};
use crate::error::LinkError;
use crate::guard::{Foreign, drop_guarded, guard};

/// What the half of a channel comes to: nothing yet, or a value, or the end of the channel.
type Polled<T> = Poll<Result<Option<T>, LinkError>>;

/// A read half, whose panics end the channel.
pub(super) struct ReadHalf(Foreign<Box<dyn ChannelRead>>);

/// A write half, whose panics end the channel.
pub(super) struct WriteHalf(Foreign<Box<dyn ChannelWrite>>);

/// `None` where the call was interrupted and is to be made again.
#[inline]
fn ended<T>(result: Result<Poll<io::Result<T>>, String>) -> Polled<T> {
    match result {
        Err(panic) => Poll::Ready(Err(LinkError::Panic(panic))),
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(Ok(value))) => Poll::Ready(Ok(Some(value))),
        Ok(Poll::Ready(Err(error))) if error.kind() == io::ErrorKind::Interrupted => Poll::Ready(Ok(None)),
        Ok(Poll::Ready(Err(error))) => Poll::Ready(Err(error.into())),
    }
}

impl ReadHalf {
    pub(super) fn new(half: Box<dyn ChannelRead>) -> Self {
        Self(Foreign::new(half))
    }

    /// Bytes that were read, 0 at the end; `None` when interrupted.
    #[inline]
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Polled<usize> {
        ended(guard(|| self.0.poll_read(cx, into)))
    }
}

impl WriteHalf {
    /// The half, and how short pieces must be to be flattened.
    pub(super) fn new(half: Box<dyn ChannelWrite>) -> (Self, usize) {
        let half = Self(Foreign::new(half));
        let flatten_below = guard(|| half.0.flatten_below()).unwrap_or(WriteBuffer::DEFAULT_FLATTEN_BELOW);
        (half, flatten_below)
    }

    /// Bytes that were taken; `None` when interrupted.
    #[inline]
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, from: &mut WriteBuffer) -> Polled<usize> {
        ended(guard(|| self.0.poll_write(cx, from)))
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Polled<()> {
        ended(guard(|| self.0.poll_flush(cx)))
    }

    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Polled<()> {
        match ended(guard(|| self.0.poll_shutdown(cx))) {
            // The peer was faster.
            Poll::Ready(Err(LinkError::Io(error))) if error.kind() == io::ErrorKind::NotConnected => {
                Poll::Ready(Ok(Some(())))
            }
            polled => polled,
        }
    }

    pub(super) fn abort(&mut self) {
        drop_guarded(guard(|| self.0.abort()));
    }
}
