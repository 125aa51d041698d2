//! The receiving half of a lane: unread bytes, and credit for the peer.

use std::collections::VecDeque;
use std::task::Waker;

use bytes::{BufMut, Bytes, BytesMut};
use listenrain::buffer::ReadBuffer;

use super::Close;
use crate::sctp::engine::Chunks;
use crate::sctp::fault::Violation;

/// Messages below this are copied behind one another, so that a peer that sends single bytes cannot make each of them
/// cost an allocation of its own.
const COPY_BELOW: usize = 1024;
/// Room for messages that are copied behind one another.
const TOGETHER: usize = 16 << 10;

#[derive(Debug)]
pub(super) struct Receiving {
    /// How many bytes may wait at once.
    window: u32,
    /// How many more bytes the peer may send.
    credit: u32,
    /// How many bytes were read and not credited again yet.
    read: u32,
    chunks: VecDeque<Bytes>,
    tail: BytesMut,
    waiting: usize,
    /// How the peer ended its writing.
    pub(super) closed: Option<Close>,
    pub(super) waker: Option<Waker>,
}

impl Receiving {
    pub(super) fn new(window: u32) -> Self {
        Self {
            window,
            credit: window,
            read: 0,
            chunks: VecDeque::new(),
            tail: BytesMut::new(),
            waiting: 0,
            closed: None,
            waker: None,
        }
    }

    /// Counts `bytes` that the peer sends on `stream`.
    pub(super) fn admit(&mut self, stream: u16, bytes: usize) -> Result<(), Violation> {
        let credit = self.credit;
        let left = u32::try_from(bytes).ok().and_then(|bytes| credit.checked_sub(bytes));
        self.credit = left.ok_or(Violation::Overrun { stream, bytes, credit })?;
        Ok(())
    }

    pub(super) fn push(&mut self, mut message: Chunks) {
        let len = message.len();
        self.waiting += len;
        if len >= COPY_BELOW {
            self.close_tail();
            self.chunks.extend(message.next(len).map(|chunk| chunk.bytes));
            return;
        }
        if self.tail.capacity() - self.tail.len() < len {
            self.close_tail();
            self.tail.reserve(TOGETHER);
        }
        let start = self.tail.len();
        self.tail.put_bytes(0, len);
        // The buffer has exactly the message's length.
        let _ = message.read(&mut self.tail[start..]);
    }

    /// Moves what one read may take; says how many bytes, and what to credit to the peer, if it is worth a message.
    pub(super) fn give_to(&mut self, into: &mut ReadBuffer) -> (usize, Option<u32>) {
        self.close_tail();
        let mut moved = 0;
        while moved < ReadBuffer::MAX_READ {
            let Some(mut chunk) = self.chunks.pop_front() else {
                break;
            };
            let room = ReadBuffer::MAX_READ - moved;
            if chunk.len() > room {
                self.chunks.push_front(chunk.split_off(room));
            }
            moved += chunk.len();
            into.push(chunk);
        }
        self.waiting -= moved;
        // At most what one read takes, and never more than the window.
        self.read += moved as u32;
        (moved, self.due_credit())
    }

    /// Half a window at a time: few messages, and the peer need not wait for them.
    fn due_credit(&mut self) -> Option<u32> {
        if self.read <= self.window / 2 || self.closed.is_some() {
            return None;
        }
        self.credit += self.read;
        Some(std::mem::take(&mut self.read))
    }

    /// Forgets what waits; says whether that was something.
    pub(super) fn discard(&mut self) -> bool {
        (self.chunks, self.tail) = Default::default();
        std::mem::take(&mut self.waiting) > 0
    }

    fn close_tail(&mut self) {
        if !self.tail.is_empty() {
            self.chunks.push_back(self.tail.split().freeze());
        }
    }
}
