//! The writing side of a link: from packets to bytes.

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll};

use tokio::time::Instant;

use super::half::WriteHalf;
use super::{Batch, Role, TURN};
use crate::buffer::WriteBuffer;
use crate::channel::ChannelWrite;
use crate::counters::{Counters, count, count_by};
use crate::error::{LinkError, PacketError};
use crate::packet::{Packet, Packets};
use crate::primitives::outbox::{Outbox, Ticket};
use crate::queued::{Queued, Room};

pub(super) struct Writing {
    half: WriteHalf,
    output: WriteBuffer,
    batch: Batch,
    /// How many packets were last taken from the queue at once.
    pub(super) last_batch: usize,
    /// Encoded packets of which not every byte has been taken by the channel, with where in the stream they begin and end.
    leaving: VecDeque<Leaving>,
    encoded: u64,
    /// Bytes that the channel has taken.
    pub(super) written: u64,
    unflushed: bool,
    /// The channel takes nothing more for now.
    pub(super) clogged: bool,
}

struct Leaving {
    begins: u64,
    ends: u64,
    /// It could not be encoded: nothing of it leaves, and its channel ends by it.
    has_failed: bool,
    ticket: Ticket,
    queued: Queued,
}

/// A packet that did not wholly leave.
#[derive(Debug)]
pub(crate) struct Unwritten {
    pub(crate) ticket: Ticket,
    pub(crate) queued: Queued,
    /// Whether some of it did, or it could not be encoded: the channel may have ended by it.
    pub(crate) is_cut: bool,
}

impl Writing {
    pub(super) fn new(half: Box<dyn ChannelWrite>) -> Self {
        let (half, flatten_below) = WriteHalf::new(half);
        Self {
            half,
            output: WriteBuffer::new(flatten_below),
            batch: Vec::new(),
            last_batch: 0,
            leaving: VecDeque::new(),
            encoded: 0,
            written: 0,
            unflushed: false,
            clogged: false,
        }
    }

    /// Writes `packet` before all that is queued, where the protocol has it.
    pub(super) fn begin_with(&mut self, packet: &Packet, packets: &Packets) -> Result<(), LinkError> {
        let before = self.output.len();
        match packets.encode(packet, &mut self.output) {
            Err(LinkError::Packet(PacketError::CannotExpress(_))) => {}
            encoded => encoded?,
        }
        self.encoded += (self.output.len() - before) as u64;
        Ok(())
    }

    /// Encodes what is queued and writes it, a batch at a time. Says how many bytes the channel took.
    pub(super) fn poll_some<R: Role>(
        &mut self,
        role: &mut R,
        packets: &Packets,
        outbox: &Outbox<Queued>,
        counters: &Counters,
        cx: &mut Context<'_>,
    ) -> Result<usize, LinkError> {
        let mut total = 0;
        self.clogged = false;
        while total < TURN {
            if self.output.len() < TURN {
                outbox.pop_batch(&mut self.batch, TURN - self.output.len(), |queued| queued.len() + 64);
                if !self.batch.is_empty() {
                    self.last_batch = self.batch.len();
                    let mut now = None;
                    role.leaving(&mut self.batch, &mut now)?;
                    self.encode(packets, counters, now)?;
                }
            }
            if self.output.is_empty() {
                break;
            }
            match self.half.poll_write(cx, &mut self.output)? {
                Poll::Ready(Some(0)) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                Poll::Ready(Some(taken)) => {
                    total += taken;
                    self.took(taken, counters);
                }
                Poll::Ready(None) => {}
                Poll::Pending => {
                    self.clogged = true;
                    break;
                }
            }
        }
        self.flush(cx)?;
        Ok(total)
    }

    fn encode(
        &mut self,
        codec: &Packets,
        counters: &Counters,
        mut now: Option<Instant>,
    ) -> Result<(), LinkError> {
        let mut batch = std::mem::take(&mut self.batch);
        let all = batch.len();
        let mut packets = batch.drain(..);
        let encoded =
            packets.try_for_each(|(ticket, queued)| self.encode_one(ticket, queued, codec, &mut now));
        count_by(&counters.sent, all - packets.len());
        if encoded.is_err() {
            // Half a packet cannot be taken back: the channel is over. Those behind it have not left.
            self.batch = packets.collect();
        } else {
            drop(packets);
            self.batch = batch;
        }
        encoded
    }

    fn encode_one(
        &mut self,
        ticket: Ticket,
        mut queued: Queued,
        packets: &Packets,
        now: &mut Option<Instant>,
    ) -> Result<(), LinkError> {
        if let Some(deadline) = queued.0.deadline {
            let now = *now.get_or_insert_with(Instant::now);
            queued.0.packet.deadline = Some(deadline.saturating_duration_since(now));
        }
        let (begins, before) = (self.encoded, self.output.len());
        let encoded = packets.encode(&queued.0.packet, &mut self.output);
        self.encoded += (self.output.len() - before) as u64;
        let (ends, has_failed) = if encoded.is_ok() { (self.encoded, false) } else { (u64::MAX, true) };
        self.leaving.push_back(Leaving { begins, ends, has_failed, ticket, queued });
        encoded
    }

    fn took(&mut self, taken: usize, counters: &Counters) {
        self.written += taken as u64;
        self.unflushed = true;
        count(&counters.writes);
        count_by(&counters.sent_bytes, taken);
        // One step for what many packets give back.
        let mut room = Room::default();
        while let Some(packet) = self.leaving.front_mut().filter(|packet| packet.ends <= self.written) {
            room.merge(&mut packet.queued.0.room);
            self.leaving.pop_front();
        }
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), LinkError> {
        while self.unflushed && self.output.is_empty() {
            match self.half.poll_flush(cx)? {
                Poll::Ready(flushed) => self.unflushed = flushed.is_none(),
                Poll::Pending => break,
            }
        }
        Ok(())
    }

    /// Whether the channel takes nothing more for now; it wakes the task when it does again.
    pub(super) fn is_clogged(&self) -> bool {
        self.clogged && self.output.len() >= TURN
    }

    /// Whether another turn moves nothing: all is taken, or the channel takes nothing more for now.
    pub(super) fn is_at_rest(&self) -> bool {
        self.clogged || self.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.output.is_empty() && !self.unflushed
    }

    /// Whether the orderly end of writing is done.
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Result<bool, LinkError> {
        loop {
            match self.half.poll_shutdown(cx)? {
                Poll::Pending => return Ok(false),
                Poll::Ready(Some(())) => return Ok(true),
                Poll::Ready(None) => {}
            }
        }
    }

    /// Resets the channel when it ended badly, or inside a packet: the peer must not take a part for the whole.
    pub(super) fn abort_if(&mut self, badly: bool) {
        if badly || !self.output.is_empty() {
            self.half.abort();
        }
    }

    /// Packets that did not wholly leave, in their order.
    pub(super) fn take_unwritten(&mut self) -> Vec<Unwritten> {
        let written = self.written;
        let encoded = self.leaving.drain(..).map(|Leaving { begins, has_failed, ticket, queued, .. }| {
            Unwritten { ticket, queued, is_cut: has_failed || begins < written }
        });
        let batch = self.batch.drain(..).map(|(ticket, queued)| Unwritten { ticket, queued, is_cut: false });
        encoded.chain(batch).collect()
    }

    /// Gives back what it does not need while nothing is written.
    pub(super) fn shrink(&mut self) {
        self.output.shrink();
        self.batch.shrink_to_fit();
        self.leaving.shrink_to_fit();
    }
}
