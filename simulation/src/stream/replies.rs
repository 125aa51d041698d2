//! Replies that come twice or in another order.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{Decoded, Kind, Packet, PacketCodec};

use super::wire::Wire;
use crate::faults::FaultKind;
use crate::random::Random;

/// How long a reply is held back, at most, for others to overtake it.
const HELD: Duration = Duration::from_millis(10);

/// Takes what a client reads apart into packets, and puts it together again.
///
/// What is no packet passes as it is, from there on.
pub(super) struct Replies {
    packets: Arc<dyn PacketCodec>,
    random: Random,
    input: ReadBuffer,
    held: Vec<Packet>,
    release: Duration,
    is_lost: bool,
}

impl Replies {
    pub(super) fn new(packets: Arc<dyn PacketCodec>, random: Random) -> Self {
        Self {
            packets,
            random,
            input: ReadBuffer::default(),
            held: Vec::new(),
            release: Duration::ZERO,
            is_lost: false,
        }
    }

    /// Whether nothing is held back.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty() && self.input.is_empty()
    }

    /// When to look again.
    pub(super) fn next(&self) -> Option<Duration> {
        (!self.held.is_empty()).then_some(self.release)
    }

    /// What comes out for `bytes`.
    pub(super) fn pass(&mut self, wire: &Wire, bytes: Bytes) -> Bytes {
        let faults = &wire.run.plan().faults;
        let concerned = |kind| matches!(kind, FaultKind::DuplicateReplies | FaultKind::ReorderReplies);
        if self.is_lost || !wire.is_ours() || !faults.iter().any(|fault| concerned(fault.kind)) {
            return bytes;
        }
        self.input.push(bytes);
        let mut output = WriteBuffer::default();
        loop {
            match self.packets.decode(&mut self.input) {
                Ok(Decoded::Packet(packet)) => self.route(wire, packet, &mut output),
                Ok(Decoded::Incomplete { .. }) => break,
                Ok(_) | Err(_) => {
                    self.is_lost = true;
                    let rest = self.input.take(self.input.len());
                    output.put(rest);
                    break;
                }
            }
        }
        together(&mut output)
    }

    /// What was held back for long enough; everything where the stream is over.
    pub(super) fn due(&mut self, wire: &Wire, is_over: bool) -> Bytes {
        let mut output = WriteBuffer::default();
        if !self.held.is_empty() && (is_over || wire.run.now() >= self.release) {
            self.shuffle(&mut output);
        }
        if is_over && !self.input.is_empty() {
            let rest = self.input.take(self.input.len());
            output.put(rest);
        }
        together(&mut output)
    }

    fn route(&mut self, wire: &Wire, packet: Packet, output: &mut WriteBuffer) {
        let is_reply = matches!(packet.kind, Kind::Reply | Kind::Error | Kind::Plain);
        let twice = wire.amount(FaultKind::DuplicateReplies).filter(|_| is_reply);
        if let Some((fault, in_thousand)) = twice
            && (self.random.below(1000) as u64) < in_thousand
        {
            wire.fired(fault, false);
            self.encode(&packet, output);
        }
        match wire.amount(FaultKind::ReorderReplies).filter(|_| is_reply) {
            Some((fault, most)) => {
                if self.held.is_empty() {
                    self.release = wire.run.now() + HELD;
                }
                self.held.push(packet);
                if self.held.len() > 1 {
                    wire.fired(fault, false);
                }
                if self.held.len() >= most.max(2) as usize {
                    self.shuffle(output);
                }
            }
            None => self.encode(&packet, output),
        }
    }

    fn shuffle(&mut self, output: &mut WriteBuffer) {
        let mut held = std::mem::take(&mut self.held);
        while !held.is_empty() {
            let packet = held.swap_remove(self.random.below(held.len()));
            self.encode(&packet, output);
        }
    }

    fn encode(&self, packet: &Packet, output: &mut WriteBuffer) {
        // It was decoded by the same codec.
        let _ = self.packets.encode(packet, output);
    }
}

fn together(output: &mut WriteBuffer) -> Bytes {
    let mut bytes = BytesMut::with_capacity(output.remaining());
    while output.has_remaining() {
        let piece = output.copy_to_bytes(output.chunk().len());
        bytes.extend_from_slice(&piece);
    }
    bytes.freeze()
}
