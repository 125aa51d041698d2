//! The reading side of a link: from bytes to packets.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll};

use super::Role;
use crate::buffer::{BufferPool, ReadBuffer};
use crate::channel::ChannelRead;
use crate::counters::{Counters, count, count_by};
use crate::error::{LinkError, panic_text};
use crate::packet::{Decoded, PacketCodec};

pub(super) struct Reading {
    half: Box<dyn ChannelRead>,
    input: ReadBuffer,
    /// The peer's stream is over.
    pub(super) ended: bool,
    /// Packets wait that there is no room for.
    pub(super) held_up: bool,
    /// Bytes and packets seen so far.
    pub(super) bytes: u64,
    pub(super) packets: u64,
}

impl Reading {
    pub(super) fn new(half: Box<dyn ChannelRead>, pool: Arc<dyn BufferPool>) -> Self {
        Self { half, input: ReadBuffer::new(pool), ended: false, held_up: false, bytes: 0, packets: 0 }
    }

    /// Reads once and gives every whole packet to `role`. Says how many bytes came.
    pub(super) fn poll_some<R: Role>(
        &mut self,
        role: &mut R,
        codec: &dyn PacketCodec,
        counters: &Counters,
        cx: &mut Context<'_>,
    ) -> Result<usize, LinkError> {
        if self.held_up {
            let packets = self.packets;
            self.decode_all(role, codec, counters, cx)?;
            // What was decoded may have queued answers: that counts as progress.
            return Ok((self.packets - packets) as usize);
        }
        if self.ended {
            return Ok(0);
        }
        let Poll::Ready(read) = self.half.poll_read(cx, &mut self.input) else {
            return Ok(0);
        };
        let read = match read {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(1),
            Err(error) => return Err(error.into()),
        };
        self.ended = read == 0;
        self.bytes += read as u64;
        count_by(&counters.received_bytes, read);
        if read > 0 {
            self.decode_all(role, codec, counters, cx)?;
        }
        Ok(read)
    }

    fn decode_all<R: Role>(
        &mut self,
        role: &mut R,
        codec: &dyn PacketCodec,
        counters: &Counters,
        cx: &mut Context<'_>,
    ) -> Result<(), LinkError> {
        let before = self.packets;
        let decoded = loop {
            self.held_up = !self.input.is_empty() && role.poll_room(cx).is_pending();
            if self.held_up || self.input.is_empty() {
                break Ok(());
            }
            match self.decode(codec) {
                Ok(Decoded::Packet(packet)) => {
                    self.packets += 1;
                    role.packet(packet);
                }
                Ok(Decoded::Incomplete { whole }) => {
                    self.input.expect(whole.unwrap_or(0));
                    break Ok(());
                }
                Err(error) => {
                    count(&counters.decode_errors);
                    break Err(error);
                }
            }
        };
        count_by(&counters.received, (self.packets - before) as usize);
        role.batch_end();
        decoded
    }

    fn decode(&mut self, codec: &dyn PacketCodec) -> Result<Decoded, LinkError> {
        let input = &mut self.input;
        match catch_unwind(AssertUnwindSafe(|| codec.decode(input))) {
            Ok(decoded) => Ok(decoded?),
            Err(panic) => Err(LinkError::Panic(panic_text(&*panic))),
        }
    }

    /// Reads and throws away.
    pub(super) fn poll_discard(&mut self, cx: &mut Context<'_>) -> Result<usize, LinkError> {
        if self.ended {
            return Ok(0);
        }
        let Poll::Ready(read) = self.half.poll_read(cx, &mut self.input) else {
            return Ok(0);
        };
        let read = match read {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(1),
            read => read?,
        };
        self.ended = read == 0;
        self.input.skip(self.input.len());
        Ok(read)
    }

    pub(super) fn is_inside_packet(&self) -> bool {
        !self.held_up && !self.input.is_empty()
    }

    /// What the end of the stream means here.
    pub(super) fn end_cause(&self) -> LinkError {
        match self.input.len() {
            0 => LinkError::PeerClosed,
            had => LinkError::Truncated { had },
        }
    }
}
