//! The original's default packets: a length, then that many bytes.

use std::sync::Arc;

use super::{DEFAULT_MAX_PACKET, Decoded, Kind, Packet, PacketCapabilities, PacketCodec, checked_length};
use crate::buffer::{BufferPool, ReadBuffer, RecyclingPool, WriteBuffer};
use crate::error::PacketError;
use crate::setters::setters;

/// Four bytes of length, big-endian, then the payload: wire-compatible with the original. An empty payload is legal.
///
/// It cannot tell a request from a reply, so each side takes what it reads for what it waits for: a server for
/// requests, a client for replies. Use it with [`Correlation::by_message`](crate::Correlation::by_message) or
/// [`Correlation::by_order`](crate::Correlation::by_order).
#[derive(Debug, Clone)]
#[doc(alias = "DefaultEnDecPacket")]
pub struct OriginalPackets {
    max_packet: usize,
    buffers: Arc<dyn BufferPool>,
}

impl OriginalPackets {
    /// Length of the header, in bytes.
    pub const HEADER: usize = 4;

    setters! {
        /// Packets with payloads of at most `max_packet` bytes (at most `u32::MAX`), default [`DEFAULT_MAX_PACKET`].
        with_max_packet(max_packet: usize) => max_packet = max_packet.min(u32::MAX as usize);

        /// Large packets live in buffers of `pool`.
        with_buffers(pool: Arc<dyn BufferPool>) => buffers;
    }
}

impl Default for OriginalPackets {
    fn default() -> Self {
        Self { max_packet: DEFAULT_MAX_PACKET, buffers: Arc::new(RecyclingPool::default()) }
    }
}

impl PacketCodec for OriginalPackets {
    fn decode(&self, input: &mut ReadBuffer) -> Result<Decoded, PacketError> {
        let Some(header) = input.peek(Self::HEADER) else {
            return Ok(Decoded::Incomplete { whole: None });
        };
        let length = u32::from_be_bytes([header[0], header[1], header[2], header[3]]);
        let length = checked_length(length.into(), self.max_packet)?;
        if input.len() < Self::HEADER + length {
            return Ok(Decoded::Incomplete { whole: Some(Self::HEADER + length) });
        }
        Ok(Decoded::Packet(Packet::new(Kind::Plain, 0, input.take_behind(Self::HEADER, length))))
    }

    fn encode(&self, packet: &Packet, output: &mut WriteBuffer) -> Result<(), PacketError> {
        if !self.capabilities().can(packet.kind) {
            return Err(PacketError::CannotExpress(packet.kind));
        }
        let length = checked_length(packet.payload.len() as u64, self.max_packet)? as u32;
        output.put_slice(&length.to_be_bytes());
        packet.payload.append_to(output);
        Ok(())
    }

    fn capabilities(&self) -> PacketCapabilities {
        PacketCapabilities::NONE
    }

    fn max_packet(&self) -> usize {
        self.max_packet
    }

    fn buffers(&self) -> Arc<dyn BufferPool> {
        Arc::clone(&self.buffers)
    }
}
