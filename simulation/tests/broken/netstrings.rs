//! Netstrings: a packet codec of a user's own, which no part of this project uses.
//!
//! Their header has no fixed length and a byte follows the payload, so no case of group F can lean on how the packets of
//! `listenrain` look.

use std::sync::Arc;

use listenrain::buffer::{BufferPool, ReadBuffer, RecyclingPool, WriteBuffer};
use listenrain::{Decoded, Kind, Packet, PacketCapabilities, PacketCodec, PacketError};
use listenrain_simulation::conformance::{Framing, Subject};
use listenrain_simulation::registry;

/// `5:hello,`: the length in decimal digits, a colon, the payload, a comma.
#[derive(Debug)]
struct Netstrings {
    max: usize,
    buffers: Arc<dyn BufferPool>,
    /// Whether the comma is checked.
    is_strict: bool,
}

/// Digits of the longest length.
const DIGITS: usize = 10;

fn malformed(why: &str) -> PacketError {
    PacketError::Malformed(why.to_owned())
}

impl Netstrings {
    /// The digits that have come, and whether a colon is behind them.
    fn digits(input: &mut ReadBuffer) -> Result<(String, bool), PacketError> {
        let seen = input.peek(input.len().min(DIGITS + 1)).unwrap_or_default();
        let count = seen.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let has_colon = seen.get(count) == Some(&b':');
        let (is_full, is_odd) = (count > DIGITS, count < seen.len() && !has_colon);
        if is_full || is_odd || (has_colon && count == 0) {
            return Err(malformed("no length"));
        }
        Ok((String::from_utf8_lossy(&seen[..count]).into_owned(), has_colon))
    }

    fn check(&self, size: u64) -> Result<usize, PacketError> {
        let allowed = usize::try_from(size).ok().filter(|size| *size <= self.max);
        allowed.ok_or(PacketError::TooLarge { size, limit: self.max })
    }
}

impl PacketCodec for Netstrings {
    fn decode(&self, input: &mut ReadBuffer) -> Result<Decoded, PacketError> {
        let (digits, true) = Self::digits(input)? else {
            return Ok(Decoded::Incomplete { whole: None });
        };
        let size = self.check(digits.parse().map_err(|_| malformed("no length"))?)?;
        let header = digits.len() + 1;
        let whole = header + size + 1;
        if input.len() < whole {
            return Ok(Decoded::Incomplete { whole: Some(whole) });
        }
        input.skip(header);
        let payload = input.take(size);
        if self.is_strict && input.peek(1) != Some(b",") {
            return Err(malformed("no comma"));
        }
        input.skip(1);
        Ok(Decoded::Packet(Packet::new(Kind::Plain, 0, payload)))
    }

    fn encode(&self, packet: &Packet, output: &mut WriteBuffer) -> Result<(), PacketError> {
        if !matches!(packet.kind, Kind::Request | Kind::Reply | Kind::Plain) {
            return Err(PacketError::CannotExpress(packet.kind));
        }
        let size = self.check(packet.payload.len() as u64)?;
        output.put_slice(format!("{size}:").as_bytes());
        packet.payload.pieces().for_each(|piece| output.put(piece.clone()));
        output.put_slice(b",");
        Ok(())
    }

    fn capabilities(&self) -> PacketCapabilities {
        PacketCapabilities::NONE
    }

    fn max_packet(&self) -> usize {
        self.max
    }

    fn buffers(&self) -> Arc<dyn BufferPool> {
        self.buffers.clone()
    }
}

/// The in-process transport, whose packets are netstrings too.
pub(crate) fn subject(is_strict: bool) -> Subject {
    let make = move |max| Netstrings { max, buffers: Arc::new(RecyclingPool::default()), is_strict };
    // No length; one beyond every limit; a payload that is longer than it says.
    let refused = ["GET / HTTP/1.1\r\n", "9999999999:", "3:hello,"];
    registry::subject("channel").with_framing(Framing::new("netstrings", make).refusing(refused))
}
