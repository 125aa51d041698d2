//! A packet codec: one byte that says what it is, three of length, little-endian; and the pool where its large packets
//! live.

use std::sync::{Arc, Mutex};

use bytes::BytesMut;
use listenrain::buffer::{BufferPool, ReadBuffer, WriteBuffer};
use listenrain::{Decoded, Kind, Packet, PacketCapabilities, PacketCodec, PacketError};

use super::used::Used;

const HEADER: usize = 4;
const MAX: usize = (1 << 24) - 1;

#[derive(Debug)]
pub(crate) struct TaggedPackets {
    buffers: Arc<Shelf>,
    used: Used,
}

impl TaggedPackets {
    pub(crate) fn new(used: &Used) -> Self {
        let buffers = Arc::new(Shelf { idle: Mutex::default(), used: used.clone() });
        Self { buffers, used: used.clone() }
    }
}

impl PacketCodec for TaggedPackets {
    fn decode(&self, input: &mut ReadBuffer) -> Result<Decoded, PacketError> {
        let Some(header) = input.peek(HEADER) else {
            return Ok(Decoded::Incomplete { whole: None });
        };
        let kind = match header[0] {
            b'?' => Kind::Request,
            b'!' => Kind::Reply,
            b'>' => Kind::OneWay,
            other => {
                return Err(PacketError::Malformed(format!("no packet begins with {other:#04x}")));
            }
        };
        let length = u32::from_le_bytes([header[1], header[2], header[3], 0]) as usize;
        let whole = Some(HEADER + length);
        if input.len() < HEADER + length {
            return Ok(Decoded::Incomplete { whole });
        }
        self.used.note("packets decoded");
        input.skip(HEADER);
        Ok(Decoded::Packet(Packet::new(kind, 0, input.take(length))))
    }

    fn encode(&self, packet: &Packet, output: &mut WriteBuffer) -> Result<(), PacketError> {
        let tag = match packet.kind {
            Kind::Request => b'?',
            Kind::Reply => b'!',
            Kind::OneWay => b'>',
            other => return Err(PacketError::CannotExpress(other)),
        };
        let size = packet.payload.len();
        if size > MAX {
            let (size, limit) = (size as u64, MAX);
            return Err(PacketError::TooLarge { size, limit });
        }
        self.used.note("packets encoded");
        let length = (size as u32).to_le_bytes();
        output.put_slice(&[tag, length[0], length[1], length[2]]);
        packet.payload.pieces().for_each(|piece| output.put(piece.clone()));
        Ok(())
    }

    fn capabilities(&self) -> PacketCapabilities {
        PacketCapabilities::NONE.with_one_way()
    }

    fn max_packet(&self) -> usize {
        MAX
    }

    fn buffers(&self) -> Arc<dyn BufferPool> {
        self.buffers.clone()
    }
}

/// A pool that keeps the last few buffers, whatever their size.
#[derive(Debug)]
struct Shelf {
    idle: Mutex<Vec<BytesMut>>,
    used: Used,
}

impl Shelf {
    const KEPT: usize = 4;
}

impl BufferPool for Shelf {
    fn lend(&self, len: usize, committed: usize) -> BytesMut {
        self.used.note("buffers lent");
        let idle = self.idle.lock().unwrap().pop();
        idle.unwrap_or_else(|| BytesMut::with_capacity(len.min(committed)))
    }

    fn give_back(&self, mut buffer: BytesMut) {
        self.used.note("buffers given back");
        buffer.clear();
        let mut idle = self.idle.lock().unwrap();
        if idle.len() < Self::KEPT {
            idle.push(buffer);
        }
    }
}
