//! The messages of the original's benchmark, typed.

use ::listenrain::{MessageCodec, MessageError, Payload};
use bytes::Bytes;

use super::original;

/// A payload and the id that its caller gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tagged {
    pub(super) id: u64,
    pub(super) data: Bytes,
}

/// [`Tagged`] on the wire: the id in 36 bytes, then the payload, which is not copied.
#[derive(Debug, Clone, Copy)]
pub(super) struct TaggedMessages;

impl MessageCodec for TaggedMessages {
    type Message = Tagged;

    fn encode(&self, message: Tagged) -> Result<Payload, MessageError> {
        let mut payload = Payload::new();
        payload.push(Bytes::copy_from_slice(&original::encode_id(message.id)));
        payload.push(message.data);
        Ok(payload)
    }

    fn decode(&self, payload: Bytes) -> Result<Tagged, MessageError> {
        let (id, data) = original::split(payload).map_err(|error| MessageError::new(error.to_string()))?;
        Ok(Tagged { id, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use listenrain::buffer::{ReadBuffer, WriteBuffer};
    use listenrain::{Decoded, Kind, OriginalPackets, Packet, PacketCodec};

    /// Length 43 = 36 of id and 7 of payload, as the original writes it.
    const GOLDEN: &[u8] = b"\x00\x00\x00\x2b                         20000000007payload";

    #[test]
    fn a_request_has_the_originals_golden_bytes() {
        let message = Tagged { id: 20_000_000_007, data: Bytes::from_static(b"payload") };
        let packet = Packet::new(Kind::Request, 0, TaggedMessages.encode(message).unwrap());
        let mut written = WriteBuffer::default();
        OriginalPackets::default().encode(&packet, &mut written).unwrap();
        let mut bytes = Vec::new();
        while let Some(segment) = written.take_segment() {
            bytes.extend_from_slice(&segment);
        }
        assert_eq!(bytes, GOLDEN);
    }

    #[test]
    fn the_originals_golden_reply_reads_as_its_message() {
        let mut read = ReadBuffer::default();
        read.push(Bytes::from_static(GOLDEN));
        let Ok(Decoded::Packet(packet)) = OriginalPackets::default().decode(&mut read) else {
            panic!("a whole packet is there");
        };
        let message = TaggedMessages.decode(packet.payload.into_bytes()).unwrap();
        assert_eq!(message, Tagged { id: 20_000_000_007, data: Bytes::from_static(b"payload") });
    }
}
