//! The writing half of a client: requests in one buffer, their callers in a line.

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll};

use ::listenrain::ChannelWrite;
use ::listenrain::buffer::WriteBuffer;
use bytes::Bytes;
use tokio::sync::oneshot;

use super::frames;

/// What a caller wants to be sent, and where it waits.
pub(super) struct Request {
    pub(super) payload: Bytes,
    pub(super) caller: oneshot::Sender<Bytes>,
}

/// Writes requests, and knows whose reply comes next.
pub(super) struct Writer {
    half: Box<dyn ChannelWrite>,
    outgoing: WriteBuffer,
    /// Callers whose requests were taken in, the oldest first: replies come in that order.
    waiting: VecDeque<oneshot::Sender<Bytes>>,
    /// What was queued, while it is taken in.
    taken: Vec<Request>,
    is_unflushed: bool,
    /// Whether the last replies came one by one, so that a write gathers nothing by waiting.
    is_one_by_one: bool,
}

impl Writer {
    pub(super) fn new(half: Box<dyn ChannelWrite>) -> Self {
        let outgoing = WriteBuffer::new(half.flatten_below());
        let (waiting, taken) = (VecDeque::new(), Vec::new());
        Self { half, outgoing, waiting, taken, is_unflushed: false, is_one_by_one: true }
    }

    /// Whether a request that is made now is the only one.
    pub(super) fn is_alone(&self) -> bool {
        self.is_one_by_one && self.waiting.is_empty() && self.is_idle()
    }

    /// Whether nothing waits to be written.
    pub(super) fn is_idle(&self) -> bool {
        self.outgoing.is_empty() && !self.is_unflushed
    }

    /// Takes in all that is queued.
    pub(super) fn take_in(&mut self, queued: &mut Vec<Request>) {
        // Both keep their memory.
        std::mem::swap(queued, &mut self.taken);
        for Request { payload, caller } in self.taken.drain(..) {
            frames::put(&mut self.outgoing, payload);
            self.waiting.push_back(caller);
        }
    }

    /// Writes once, at most 256 KiB; how many bytes were taken. None while the peer does not read.
    pub(super) fn write(&mut self, cx: &mut Context<'_>) -> io::Result<usize> {
        let mut written = 0;
        if !self.outgoing.is_empty() {
            match self.half.poll_write(cx, &mut self.outgoing)? {
                Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(count) => (written, self.is_unflushed) = (count, true),
                Poll::Pending => {}
            }
        }
        if self.outgoing.is_empty() && self.is_unflushed {
            self.is_unflushed = self.half.poll_flush(cx)?.is_pending();
        }
        Ok(written)
    }

    /// The oldest caller has its reply.
    pub(super) fn answered(&mut self, reply: Bytes) -> io::Result<()> {
        let caller = self.waiting.pop_front().ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "a reply came that nobody had asked for")
        })?;
        // A caller that is gone wants none.
        let _ = caller.send(reply);
        Ok(())
    }

    /// Notes how many replies came together.
    pub(super) fn note_batch(&mut self, replies: usize) {
        if replies > 0 {
            self.is_one_by_one = replies == 1;
        }
    }

    /// Their replies will not come.
    pub(super) fn forget_callers(&mut self) {
        self.waiting.clear();
    }
}
