//! The sending half of a lane: credit, and unacknowledged bytes.

use std::collections::VecDeque;
use std::task::Waker;

use bytes::{Buf, Bytes};
use listenrain::buffer::WriteBuffer;

use super::{Close, Limits};
use crate::sctp::engine::Engine;
use crate::sctp::fault::Violation;

#[derive(Debug, Default)]
pub(super) struct Sending {
    /// How many more bytes the peer takes.
    credit: u32,
    /// How many bytes were ever written.
    written: u64,
    /// Up to which byte each message reaches that is not acknowledged, oldest first.
    on_their_way: VecDeque<u64>,
    /// How this side ended its writing.
    pub(super) closed: Option<Close>,
    /// Whether the peer reads no more.
    pub(super) is_stopped: bool,
    pub(super) waker: Option<Waker>,
}

impl Sending {
    pub(super) fn credit(&mut self, stream: u16, bytes: u32) -> Result<(), Violation> {
        let credit = self.credit;
        self.credit = credit.checked_add(bytes).ok_or(Violation::Credit { stream, bytes, credit })?;
        Ok(())
    }

    /// Takes what there is room for; says how many bytes.
    pub(super) fn take_from(
        &mut self,
        stream: u16,
        engine: &mut Engine,
        limits: &Limits,
        from: &mut WriteBuffer,
    ) -> usize {
        let mut room = self.room(stream, engine, limits);
        let mut taken = 0;
        while room > 0 && !from.is_empty() && self.on_their_way.len() < limits.messages {
            let message = next_message(from, room.min(limits.message));
            let len = message.len();
            (room, taken) = (room - len, taken + len);
            // A message is no longer than the credit, which is 32 bits.
            self.credit -= len as u32;
            self.written += len as u64;
            self.on_their_way.push_back(self.written);
            engine.send(stream, message);
        }
        taken
    }

    /// Whether as many messages are on their way as may be.
    pub(super) fn is_pressed(&mut self, stream: u16, engine: &mut Engine, limits: &Limits) -> bool {
        // Few ever are, and the others need not ask what was acknowledged.
        self.on_their_way.len() >= limits.messages && {
            self.forget_acknowledged(engine.queued(stream));
            self.on_their_way.len() >= limits.messages
        }
    }

    /// How many bytes may be written now.
    fn room(&mut self, stream: u16, engine: &mut Engine, limits: &Limits) -> usize {
        let queued = engine.queued(stream);
        self.forget_acknowledged(queued);
        limits.send_buffer.saturating_sub(queued).min(self.credit as usize)
    }

    fn forget_acknowledged(&mut self, queued: usize) {
        // Acknowledgements of control messages come with the others', but those are a few bytes.
        let acknowledged = self.written.saturating_sub(queued as u64);
        while self.on_their_way.front().is_some_and(|end| *end <= acknowledged) {
            self.on_their_way.pop_front();
        }
    }

    /// Whether a write that waits could go on.
    pub(super) fn has_room(&mut self, stream: u16, engine: &mut Engine, limits: &Limits) -> bool {
        self.room(stream, engine, limits) > 0 && self.on_their_way.len() < limits.messages
    }
}

/// At most `most` bytes: a slice of the first segment when it is long, else small ones copied together.
fn next_message(from: &mut WriteBuffer, most: usize) -> Bytes {
    let most = most.min(from.len());
    // The tail of small pieces is no segment before it is taken.
    if from.chunk().len() < most {
        return from.copy_to_bytes(most);
    }
    let mut segment = from.take_segment().unwrap_or_default();
    if segment.len() > most {
        from.untake(segment.split_off(most));
    }
    segment
}
