//! SCTP packets made and read by hand, independently of the transport.

use crc::{CRC_32_ISCSI, Crc};

pub(crate) const DATA: u8 = 0;
pub(crate) const INIT: u8 = 1;
pub(crate) const INIT_ACK: u8 = 2;
pub(crate) const SACK: u8 = 3;
pub(crate) const HEARTBEAT: u8 = 4;
pub(crate) const ABORT: u8 = 6;
pub(crate) const SHUTDOWN: u8 = 7;
pub(crate) const SHUTDOWN_ACK: u8 = 8;
pub(crate) const COOKIE_ECHO: u8 = 10;
pub(crate) const COOKIE_ACK: u8 = 11;
pub(crate) const SHUTDOWN_COMPLETE: u8 = 14;

/// The SCTP port of both sides.
pub(crate) const PORT: u16 = 5000;

pub(crate) fn chunk(kind: u8, flags: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, flags];
    bytes.extend((4 + value.len() as u16).to_be_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

pub(crate) fn packet(tag: u32, chunks: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(PORT.to_be_bytes());
    bytes.extend(PORT.to_be_bytes());
    bytes.extend(tag.to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(chunks.concat());
    seal(&mut bytes);
    bytes
}

/// Puts the right checksum on `bytes`.
pub(crate) fn seal(bytes: &mut [u8]) {
    bytes[8..12].fill(0);
    let sum = Crc::<u32>::new(&CRC_32_ISCSI).checksum(bytes);
    bytes[8..12].copy_from_slice(&sum.to_le_bytes());
}

/// The tag of a packet, and its chunks: kind, flags and value.
pub(crate) fn parse(bytes: &[u8]) -> (u32, Vec<(u8, u8, Vec<u8>)>) {
    let mut chunks = Vec::new();
    let mut rest = &bytes[12..];
    while let [kind, flags, high, low, ..] = *rest {
        let len = usize::from(u16::from_be_bytes([high, low]));
        chunks.push((kind, flags, rest[4..len].to_vec()));
        rest = &rest[len.next_multiple_of(4).min(rest.len())..];
    }
    (number(bytes, 4), chunks)
}

pub(crate) fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// A DATA chunk with one whole message.
pub(crate) fn data(tsn: u32, stream: u16, sequence: u16, ppid: u32, payload: &[u8]) -> Vec<u8> {
    const WHOLE: u8 = 3;
    let mut value = tsn.to_be_bytes().to_vec();
    value.extend(stream.to_be_bytes());
    value.extend(sequence.to_be_bytes());
    value.extend(ppid.to_be_bytes());
    value.extend(payload);
    chunk(DATA, WHOLE, &value)
}
