//! The reading side of a link: from bytes to packets.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::Role;
use super::half::ReadHalf;
use crate::buffer::ReadBuffer;
use crate::channel::ChannelRead;
use crate::counters::{Counters, count, count_by};
use crate::error::LinkError;
use crate::packet::{Decoded, Packet, Packets};
use crate::primitives::budget::{Account, Permit, Place};

pub(super) struct Reading {
    half: ReadHalf,
    input: ReadBuffer,
    /// What `input` keeps in memory, where the role accounts for it.
    memory: Option<Memory>,
    /// What the shared buffers of `input` keep, which grows by reads alone: looked at once a read.
    shared: Option<usize>,
    /// The payload of a packet that is too large, which is thrown away as it comes.
    skipped: Option<Skipped>,
    /// How long the packet is that has partly come, where that is known.
    expected: Option<usize>,
    /// The peer's stream is over.
    pub(super) ended: bool,
    /// Nothing is read for want of room, be it for a packet or for its bytes.
    pub(super) held_up: bool,
    /// It is memory for the bytes of a packet that there is no room for.
    pub(super) awaits_memory: bool,
    /// What comes is thrown away.
    is_given_up: bool,
    /// Bytes and packets seen so far.
    pub(super) bytes: u64,
    pub(super) packets: u64,
}

/// Memory of the read buffer beyond what every channel has.
struct Memory {
    account: Arc<Account>,
    permit: Permit,
    place: Place,
}

struct Skipped {
    packet: Packet,
    /// Bytes of its header.
    header: usize,
    size: u64,
    left: u64,
}

/// Memory that the read buffer of every channel may keep without being accounted for.
const FREE: usize = 16 * 1024;

/// How much is to be accounted for after the next read behind chunks of a packet that has partly come.
fn next_chunks(input: &mut ReadBuffer, expected: Option<usize>) -> u64 {
    let missing = expected.map_or(FREE, |whole| whole.saturating_sub(input.len()));
    (input.held() + missing.min(ReadBuffer::MAX_READ)).saturating_sub(FREE) as u64
}

/// Whether more may be decoded at once.
enum Decode {
    /// All that is whole has been.
    Done,
    /// There is no room for another packet.
    HeldUp,
}

impl Reading {
    pub(super) fn new(half: Box<dyn ChannelRead>, packets: &Packets, memory: Option<Arc<Account>>) -> Self {
        let memory = memory.map(|account| {
            let permit = account.force_acquire(0);
            Memory { account, permit, place: Place::default() }
        });
        Self {
            half: ReadHalf::new(half),
            input: ReadBuffer::new(Arc::clone(&packets.buffers)),
            memory,
            shared: None,
            skipped: None,
            expected: None,
            ended: false,
            held_up: false,
            awaits_memory: false,
            is_given_up: false,
            bytes: 0,
            packets: 0,
        }
    }

    /// Gives every whole packet to `role`, and reads once where there is room. Says how much was moved.
    pub(super) fn poll_some<R: Role>(
        &mut self,
        role: &mut R,
        packets: &Packets,
        counters: &Counters,
        cx: &mut Context<'_>,
    ) -> Result<usize, LinkError> {
        if self.is_given_up {
            return self.poll_discard(cx);
        }
        let mut moved = 0;
        self.awaits_memory = false;
        if std::mem::take(&mut self.held_up) {
            let before = self.packets;
            self.held_up = matches!(self.decode_all(role, packets, counters, cx)?, Decode::HeldUp);
            // What was decoded may have queued answers: that counts as progress.
            moved += (self.packets - before) as usize;
        }
        // Whatever ends this wait has the waker: the half, the memory, or what held up the role.
        if self.held_up || self.ended || !self.may_read(cx) {
            return Ok(moved);
        }
        self.shared = None;
        let Poll::Ready(read) = self.half.poll_read(cx, &mut self.input)? else { return Ok(moved) };
        let Some(read) = read else { return Ok(moved + 1) };
        self.ended = read == 0;
        self.bytes += read as u64;
        count_by(&counters.received_bytes, read);
        if read > 0 {
            self.held_up = matches!(self.decode_all(role, packets, counters, cx)?, Decode::HeldUp);
        }
        self.settle();
        Ok(moved + read)
    }

    fn decode_all<R: Role>(
        &mut self,
        role: &mut R,
        packets: &Packets,
        counters: &Counters,
        cx: &mut Context<'_>,
    ) -> Result<Decode, LinkError> {
        let before = self.packets;
        let decoded = self.decode_some(role, packets, cx);
        count_by(&counters.received, (self.packets - before) as usize);
        if decoded.is_err() {
            count(&counters.decode_errors);
        }
        role.batch_end();
        decoded
    }

    fn decode_some<R: Role>(
        &mut self,
        role: &mut R,
        packets: &Packets,
        cx: &mut Context<'_>,
    ) -> Result<Decode, LinkError> {
        loop {
            self.skip(role, packets.limit);
            // The role may hold a packet back, so it is asked also when nothing waits behind that.
            if role.poll_room(cx).is_pending() {
                return Ok(Decode::HeldUp);
            }
            if self.input.is_empty() || self.skipped.is_some() {
                return Ok(Decode::Done);
            }
            let before = self.input.len();
            match packets.decode(&mut self.input)? {
                Decoded::Packet(packet) => {
                    self.packets += 1;
                    let (charge, kept) = self.charge_of(&packet);
                    role.packet(packet, charge, kept);
                }
                Decoded::Incomplete { whole } => {
                    self.expected = whole;
                    self.input.expect(whole.unwrap_or(0));
                    return Ok(Decode::Done);
                }
                Decoded::TooLarge { packet, size } => {
                    self.packets += 1;
                    let header = before - self.input.len();
                    self.skipped = Some(Skipped { packet, header, size, left: size });
                }
            }
        }
    }

    /// Throws away what has come of a packet that is too large; tells `role` of it once that is all.
    fn skip<R: Role>(&mut self, role: &mut R, limit: usize) {
        let Some(mut skipped) = self.skipped.take() else { return };
        let here = usize::try_from(skipped.left).unwrap_or(usize::MAX).min(self.input.len());
        self.input.skip(here);
        skipped.left -= here as u64;
        if skipped.left > 0 {
            self.skipped = Some(skipped);
        } else {
            role.too_large(skipped.packet, skipped.size, limit);
        }
    }

    /// The memory of a large packet, which goes with it; and how much is accounted for beside that, now or soon.
    #[inline]
    fn charge_of(&mut self, packet: &Packet) -> (Option<Permit>, u64) {
        let Some(memory) = &mut self.memory else { return (None, 0) };
        let is_large = packet.payload.len() >= ReadBuffer::OWN_BUFFER_FROM;
        let shared = *self.shared.get_or_insert_with(|| self.input.held_shared());
        let held = (self.input.held_else() + shared).saturating_sub(FREE) as u64;
        let charge = is_large.then(|| memory.permit.split(memory.permit.units().saturating_sub(held)));
        (charge, held.max(memory.permit.units()))
    }

    /// Whether there is memory for what the next read may deliver.
    fn may_read(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(Memory { permit, place, .. }) = &mut self.memory else { return true };
        if self.input.needs_nothing() {
            return true;
        }
        let wanted = match self.input.next_own_step() as u64 {
            0 if self.input.has_chunks() => next_chunks(&mut self.input, self.expected),
            step => permit.units() + step,
        };
        if wanted > permit.units() {
            self.awaits_memory = permit.poll_grow_to(place, wanted, cx).is_pending();
            self.held_up = self.awaits_memory;
            return !self.held_up;
        }
        let wish = self.input.next_shared_step() as u64;
        if wish > 0 {
            let may_grow = permit.try_grow_to(permit.units() + wish);
            self.input.set_lean(!may_grow);
        }
        true
    }

    /// Whether another channel waits for memory of which this one keeps some.
    pub(super) fn is_awaited(&self) -> bool {
        self.memory.as_ref().is_some_and(|memory| memory.permit.units() > 0 && memory.permit.is_awaited())
    }

    /// Accounts for the memory that is really in use, and keeps none in store while others wait for it.
    fn settle(&mut self) {
        if self.is_awaited() {
            self.input.shrink();
        }
        let Some(Memory { permit, .. }) = &mut self.memory else { return };
        let held = self.input.held().saturating_sub(FREE) as u64;
        if held > permit.units() {
            let has_room = permit.try_grow_to(held);
            permit.grow_to(held);
            self.input.set_lean(!has_room);
        } else {
            permit.shrink_to(held);
        }
    }

    /// Reads and throws away.
    pub(super) fn poll_discard(&mut self, cx: &mut Context<'_>) -> Result<usize, LinkError> {
        if self.ended {
            return Ok(0);
        }
        let Poll::Ready(read) = self.half.poll_read(cx, &mut self.input)? else { return Ok(0) };
        let Some(read) = read else { return Ok(1) };
        self.ended = read == 0;
        self.bytes += read as u64;
        self.input.skip(self.input.len());
        Ok(read)
    }

    /// Gives back the memory of the packet that has partly come; nothing is decoded any more.
    pub(super) fn give_up(&mut self, packets: &Packets) {
        (self.is_given_up, self.held_up, self.awaits_memory) = (true, false, false);
        (self.skipped, self.input) = (None, ReadBuffer::new(Arc::clone(&packets.buffers)));
        if let Some(Memory { account, permit, place }) = &mut self.memory {
            account.leave(place);
            permit.shrink_to(0);
        }
    }

    pub(super) fn is_inside_packet(&self) -> bool {
        !self.input.is_empty() || self.skipped.is_some()
    }

    /// What the end of the stream means here.
    pub(super) fn end_cause(&self) -> LinkError {
        match (&self.skipped, self.input.len()) {
            (Some(skipped), had) => {
                let skipped = skipped.header as u64 + skipped.size - skipped.left;
                LinkError::Truncated { had: skipped as usize + had }
            }
            (None, 0) => LinkError::PeerClosed,
            (None, had) => LinkError::Truncated { had },
        }
    }

    /// Gives back what it does not need while nothing comes.
    pub(super) fn shrink(&mut self) {
        self.input.shrink();
        self.settle();
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if let Some(Memory { account, place, .. }) = &mut self.memory {
            account.leave(place);
        }
    }
}
