//! The frame of a message: its length in 4 bytes, big-endian with the top bit set, then its bytes.
//!
//! No other protocol here begins with such a bit and a length within the limit, so none is taken for this one.

use std::io;

use ::listenrain::buffer::{ReadBuffer, WriteBuffer};
use bytes::Bytes;

use crate::limits::MAX_PAYLOAD;

const HEADER: usize = 4;
const MARK: u32 = 1 << 31;

/// Appends `message` to what is to be written.
pub(super) fn put(into: &mut WriteBuffer, message: Bytes) {
    // No payload is longer than MAX_PAYLOAD.
    into.put_slice(&(MARK | message.len() as u32).to_be_bytes());
    into.put(message);
}

/// The next message, once all of it has come.
///
/// # Errors
///
/// [`io::ErrorKind::InvalidData`]: what came is no frame, or longer than any payload may be.
pub(super) fn take(from: &mut ReadBuffer) -> io::Result<Option<Bytes>> {
    let Some(header) = from.peek(HEADER) else { return Ok(None) };
    let mut bytes = [0; HEADER];
    bytes.copy_from_slice(header);
    let (is_marked, len) = (bytes[0] >> 7 == 1, u32::from_be_bytes(bytes) & !MARK);
    if !is_marked || u64::from(len) > MAX_PAYLOAD {
        let said = format!("no message begins with the bytes `{}`", bytes.escape_ascii());
        return Err(io::Error::new(io::ErrorKind::InvalidData, said));
    }
    let len = len as usize;
    if from.len() < HEADER + len {
        from.expect(HEADER + len);
        return Ok(None);
    }
    Ok(Some(from.take_behind(HEADER, len)))
}

#[cfg(test)]
mod tests {
    use bytes::{Buf, BufMut};
    use proptest::prelude::*;

    use super::*;

    fn arrive(buffer: &mut ReadBuffer, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let mut spare = buffer.spare();
            let count = spare.remaining_mut().min(bytes.len());
            spare.put_slice(&bytes[..count]);
            bytes = &bytes[count..];
        }
    }

    proptest! {
        #[test]
        fn messages_come_out_as_they_went_in_however_the_stream_is_cut(
            lengths in prop::collection::vec(prop_oneof![0usize..100, 1000usize..200_000], 1..6),
            cut in 1usize..70_000,
        ) {
            let messages: Vec<Bytes> =
                lengths.iter().enumerate().map(|(byte, len)| vec![byte as u8; *len].into()).collect();
            let mut outgoing = WriteBuffer::default();
            messages.iter().for_each(|message| put(&mut outgoing, message.clone()));
            let stream = outgoing.copy_to_bytes(outgoing.len());
            let (mut incoming, mut came) = (ReadBuffer::default(), Vec::new());
            for piece in stream.chunks(cut) {
                arrive(&mut incoming, piece);
                while let Some(message) = take(&mut incoming).unwrap() { came.push(message) }
            }
            prop_assert_eq!(came, messages);
        }
    }

    #[test]
    fn other_protocols_are_no_frames_and_nor_is_a_length_beyond_the_limit() {
        let too_long = (MARK | (MAX_PAYLOAD as u32 + 1)).to_be_bytes();
        for bytes in [*b"HTTP", *b"L\x08\0\0", [0, 0, 0, 20], [0xFF; 4], too_long] {
            let mut incoming = ReadBuffer::default();
            arrive(&mut incoming, &bytes);
            assert_eq!(take(&mut incoming).unwrap_err().kind(), io::ErrorKind::InvalidData, "{bytes:?}");
        }
    }
}
