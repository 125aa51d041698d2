//! The native protocol's packets: everything the library can say.

use std::sync::Arc;
use std::time::Duration;

use super::{
    DEFAULT_MAX_PACKET, Decoded, Kind, Packet, PacketCapabilities, PacketCodec, Payload, checked_length,
};
use crate::buffer::{BufferPool, ReadBuffer, RecyclingPool, WriteBuffer};
use crate::error::PacketError;
use crate::setters::setters;

/// The native packet header, and the payload behind it.
///
/// | bytes | what |
/// |---|---|
/// | 0 | `0x4C`, so that another protocol's bytes are not taken for a length |
/// | 1 | kind: 1 request, 2 reply, 3 error, 4 refused, 5 one-way, 6 ping, 7 cancel, 8 hello, 9 goodbye |
/// | 2–3 | flags: bit 0 on a ping, hello or goodbye says that it answers one; the others are 0 and ignored |
/// | 4–7 | length of the payload |
/// | 8–15 | id: generation in the high half, slot in the low; 0 where none is needed |
/// | 16–19 | milliseconds that the sender will still wait; 0 says nothing |
///
/// Numbers are big-endian. A packet of an unknown kind is still delimited, and is refused by its number.
#[derive(Debug, Clone)]
pub struct NativePackets {
    max_packet: usize,
    buffers: Arc<dyn BufferPool>,
}

const MAGIC: u8 = 0x4C;
const ANSWER: u16 = 1;

impl NativePackets {
    /// Length of the header, in bytes.
    pub const HEADER: usize = 20;

    setters! {
        /// Packets with payloads of at most `max_packet` bytes (64 to `u32::MAX`), default [`DEFAULT_MAX_PACKET`].
        with_max_packet(max_packet: usize) => max_packet = max_packet.min(u32::MAX as usize);

        /// Large packets live in buffers of `pool`.
        with_buffers(pool: Arc<dyn BufferPool>) => buffers;
    }
}

impl Default for NativePackets {
    fn default() -> Self {
        Self { max_packet: DEFAULT_MAX_PACKET, buffers: Arc::new(RecyclingPool::default()) }
    }
}

fn kind_to_wire(kind: Kind) -> (u8, u16) {
    match kind {
        Kind::Request => (1, 0),
        Kind::Reply => (2, 0),
        Kind::Error => (3, 0),
        Kind::Refused => (4, 0),
        Kind::OneWay => (5, 0),
        Kind::Ping => (6, 0),
        Kind::Pong => (6, ANSWER),
        Kind::Cancel => (7, 0),
        Kind::Hello => (8, 0),
        Kind::HelloAnswer => (8, ANSWER),
        Kind::Goodbye => (9, 0),
        Kind::GoodbyeAnswer => (9, ANSWER),
        Kind::Plain => (0, 0),
        Kind::Unknown(kind) => (kind, 0),
    }
}

fn kind_from_wire(kind: u8, flags: u16) -> Kind {
    match kind {
        1 => Kind::Request,
        2 => Kind::Reply,
        3 => Kind::Error,
        4 => Kind::Refused,
        5 => Kind::OneWay,
        6 if flags & ANSWER != 0 => Kind::Pong,
        6 => Kind::Ping,
        7 => Kind::Cancel,
        8 if flags & ANSWER != 0 => Kind::HelloAnswer,
        8 => Kind::Hello,
        9 if flags & ANSWER != 0 => Kind::GoodbyeAnswer,
        9 => Kind::Goodbye,
        other => Kind::Unknown(other),
    }
}

fn check_magic(first: u8) -> Result<(), PacketError> {
    if first == MAGIC {
        return Ok(());
    }
    Err(PacketError::Malformed(format!("first byte {first:#04x}, not {MAGIC:#04x}")))
}

/// Whether a packet is one call's affair, so that one that is too large need not end the channel.
fn may_be_skipped(kind: Kind) -> bool {
    matches!(kind, Kind::Request | Kind::Reply | Kind::Error | Kind::OneWay)
}

impl PacketCodec for NativePackets {
    fn decode(&self, input: &mut ReadBuffer) -> Result<Decoded, PacketError> {
        let Some(header) = input.peek(Self::HEADER) else {
            if let Some(first) = input.peek(1) {
                check_magic(first[0])?;
            }
            return Ok(Decoded::Incomplete { whole: None });
        };
        check_magic(header[0])?;
        let number = |from: usize| {
            u32::from_be_bytes([header[from], header[from + 1], header[from + 2], header[from + 3]])
        };
        let flags = u16::from_be_bytes([header[2], header[3]]);
        let kind = kind_from_wire(header[1], flags);
        let id = u64::from(number(8)) << 32 | u64::from(number(12));
        let deadline = match number(16) {
            0 => None,
            millis => Some(Duration::from_millis(millis.into())),
        };
        let size = number(4).into();
        let length = match checked_length(size, self.max_packet) {
            Ok(length) => length,
            Err(_) if may_be_skipped(kind) => {
                input.skip(Self::HEADER);
                let packet = Packet { kind, flags, id, deadline, payload: Payload::new() };
                return Ok(Decoded::TooLarge { packet, size });
            }
            Err(error) => return Err(error),
        };
        if input.len() < Self::HEADER + length {
            return Ok(Decoded::Incomplete { whole: Some(Self::HEADER + length) });
        }
        let payload = input.take_behind(Self::HEADER, length).into();
        Ok(Decoded::Packet(Packet { kind, flags, id, deadline, payload }))
    }

    fn encode(&self, packet: &Packet, output: &mut WriteBuffer) -> Result<(), PacketError> {
        let length = checked_length(packet.payload.len() as u64, self.max_packet)? as u32;
        let (kind, answer) = kind_to_wire(packet.kind);
        let flags = packet.flags | answer;
        let millis =
            packet.deadline.map_or(0, |left| u32::try_from(left.as_millis()).unwrap_or(u32::MAX).max(1));
        let mut header = [0; Self::HEADER];
        header[0] = MAGIC;
        header[1] = kind;
        header[2..4].copy_from_slice(&flags.to_be_bytes());
        header[4..8].copy_from_slice(&length.to_be_bytes());
        header[8..16].copy_from_slice(&packet.id.to_be_bytes());
        header[16..20].copy_from_slice(&millis.to_be_bytes());
        output.put_slice(&header);
        packet.payload.append_to(output);
        Ok(())
    }

    fn capabilities(&self) -> PacketCapabilities {
        PacketCapabilities::ALL
    }

    fn max_packet(&self) -> usize {
        self.max_packet
    }

    fn buffers(&self) -> Arc<dyn BufferPool> {
        Arc::clone(&self.buffers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_headers_of_every_kind() {
        let kinds = [
            ([1, 0, 0], Kind::Request),
            ([2, 0, 0], Kind::Reply),
            ([3, 0, 0], Kind::Error),
            ([4, 0, 0], Kind::Refused),
            ([5, 0, 0], Kind::OneWay),
            ([6, 0, 0], Kind::Ping),
            ([6, 0, 1], Kind::Pong),
            ([7, 0, 0], Kind::Cancel),
            ([8, 0, 0], Kind::Hello),
            ([8, 0, 1], Kind::HelloAnswer),
            ([9, 0, 0], Kind::Goodbye),
            ([9, 0, 1], Kind::GoodbyeAnswer),
        ];
        let packets = NativePackets::default();
        for ([kind, high, low], is) in kinds {
            let bytes = [0x4C, kind, high, low, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0x58];
            let mut input = ReadBuffer::default();
            input.push(bytes.to_vec().into());
            let Ok(Decoded::Packet(packet)) = packets.decode(&mut input) else { panic!("{is}") };
            assert_eq!((packet.kind, packet.id, &packet.payload.first()[..]), (is, 2 << 32 | 3, &b"X"[..]));
            let mut output = WriteBuffer::default();
            packets.encode(&Packet::new(is, 2 << 32 | 3, &b"X"[..]), &mut output).unwrap();
            let mut written = Vec::new();
            while let Some(segment) = output.take_segment() {
                written.extend_from_slice(&segment);
            }
            assert_eq!(written, bytes, "{is}");
        }
    }
}
