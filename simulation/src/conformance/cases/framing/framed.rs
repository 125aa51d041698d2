//! An end whose bytes are packets of one codec.

use std::time::Duration;

use bytes::{Buf, Bytes};
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{Decoded, Kind, Packet, PacketCodec, PacketError, Payload};

use crate::conformance::connection::Connection;
use crate::conformance::context::TestContext;
use crate::conformance::failure::{Check, Failure, ensure};
use crate::conformance::framing::{Codec, Framing};
use crate::pattern::Pattern;

/// Writes packets, and decodes what the transport has delivered, checking the contract of the codec at every call.
pub(super) struct Framed {
    pub(super) end: Connection,
    pub(super) codec: Codec,
}

impl Framed {
    pub(super) fn new(mut end: Connection, codec: &Codec) -> Self {
        end.reader.read_into(ReadBuffer::new(codec.buffers()));
        Self { end, codec: codec.clone() }
    }

    /// Both ends of one more channel.
    pub(super) async fn pair(context: &mut TestContext, codec: &Codec) -> Check<(Self, Self)> {
        let (near, far) = context.pair().await?;
        Ok((Self::new(near, codec), Self::new(far, codec)))
    }

    /// Writes and flushes one packet.
    pub(super) async fn send(&mut self, packet: &Packet) -> Check {
        self.send_all(std::slice::from_ref(packet)).await
    }

    /// Writes several packets in one piece, and flushes.
    pub(super) async fn send_all(&mut self, packets: &[Packet]) -> Check {
        let mut bytes = Vec::new();
        for packet in packets {
            bytes.extend_from_slice(&encoded(&self.codec, packet)?);
        }
        self.end.writer.say(bytes).await
    }

    /// What the codec makes of the bytes that have come: a packet, or that one is missing.
    pub(super) fn decode(&mut self) -> Check<Result<Option<Packet>, PacketError>> {
        let buffer = self.end.reader.buffer();
        let before = buffer.len();
        if before == 0 {
            return Ok(Ok(None));
        }
        let decoded = self.codec.decode(buffer);
        let left = buffer.len();
        match decoded {
            Ok(Decoded::Packet(packet)) => {
                let size = packet.payload.len();
                ensure!(
                    left < before && size <= before - left && size <= self.codec.max_packet(),
                    "a packet of {size} bytes was decoded, and {before} bytes that waited became {left}"
                );
                Ok(Ok(Some(packet)))
            }
            Ok(Decoded::Incomplete { whole }) => {
                ensure!(left == before, "of part of a packet, {before} bytes that waited became {left}");
                ensure!(
                    whole.is_none_or(|whole| whole > before),
                    "{before} bytes are said to be part of a packet of {whole:?}"
                );
                buffer.expect(whole.unwrap_or(0));
                Ok(Ok(None))
            }
            Ok(Decoded::TooLarge { size, .. }) => {
                let limit = self.codec.max_packet();
                ensure!(size > limit as u64, "a packet of {size} bytes is called too large for {limit}");
                Ok(Err(PacketError::TooLarge { size, limit }))
            }
            Ok(other) => Err(Failure::new(format!("the codec came to {other:?}"))),
            Err(error) => Ok(Err(error)),
        }
    }

    /// The next packet; `None` at the end between two packets.
    pub(super) async fn try_next(&mut self) -> Check<Result<Option<Packet>, PacketError>> {
        loop {
            match self.decode()? {
                Ok(None) => {}
                decoded => return Ok(decoded),
            }
            let read = self.end.reader.more().await?;
            if !matches!(read, Ok(1..)) {
                let had = self.end.reader.buffer().len();
                ensure!(
                    had == 0 && read.is_ok(),
                    "instead of the rest of a packet, {had} bytes of which have come, there was {read:?}"
                );
                return Ok(Ok(None));
            }
        }
    }

    /// The next packet, which must be like `sent`.
    pub(super) async fn expect(&mut self, sent: &Packet) -> Check {
        match self.try_next().await? {
            Ok(Some(came)) => same(&self.codec, sent, &came),
            other => Err(Failure::new(format!("instead of {} came {other:?}", describe(sent)))),
        }
    }

    /// The next packet, which must be like `sent` and have come already.
    pub(super) fn expect_now(&mut self, sent: &Packet) -> Check {
        match self.decode()? {
            Ok(Some(came)) => same(&self.codec, sent, &came),
            other => Err(Failure::new(format!("all of {} has come, and gives {other:?}", describe(sent)))),
        }
    }

    /// What has come is part of a packet and no more.
    pub(super) fn expect_part(&mut self) -> Check {
        let decoded = self.decode()?;
        ensure!(matches!(decoded, Ok(None)), "part of a packet gives {decoded:?}");
        Ok(())
    }

    /// The end comes, and nothing before it.
    pub(super) async fn expect_end(&mut self) -> Check {
        let over = self.try_next().await?;
        ensure!(matches!(over, Ok(None)), "where the end was due came {over:?}");
        Ok(())
    }

    /// Reads until `count` bytes wait.
    pub(super) async fn until(&mut self, count: usize) -> Check {
        while self.end.reader.buffer().len() < count {
            let had = self.end.reader.buffer().len();
            let read = self.end.reader.more().await?;
            ensure!(matches!(read, Ok(1..)), "after {had} of {count} bytes there was {read:?}");
        }
        Ok(())
    }

    /// Whether every byte that has come was part of a packet that was taken.
    pub(super) fn expect_nothing(&mut self) -> Check {
        let left = self.end.reader.buffer().len();
        ensure!(left == 0, "{left} bytes are left that belong to no packet");
        Ok(())
    }
}

/// A request that tells which one it is, as far as the codec can.
pub(super) fn packet(codec: &Codec, number: u64, size: usize) -> Packet {
    let id = if codec.capabilities().id { number } else { 0 };
    Packet::new(Kind::Request, id, Pattern::new(number).bytes(0, size))
}

/// The bytes of `packet`.
pub(super) fn encoded(codec: &Codec, packet: &Packet) -> Check<Bytes> {
    let mut output = WriteBuffer::new(usize::MAX);
    let encoding = codec.encode(packet, &mut output);
    encoding.map_err(|error| Failure::new(format!("{} cannot be encoded: {error}", describe(packet))))?;
    Ok(output.copy_to_bytes(output.len()))
}

/// How many bytes `codec` adds to a payload: its header, and whatever it has behind.
pub(super) fn overhead(codec: &Codec) -> Check<usize> {
    Ok(encoded(codec, &packet(codec, 1, 100))?.len() - 100)
}

/// As many bytes of a request of `claim` bytes as its header is long, behind which nothing need be held.
pub(super) fn header_of(framing: &Framing, claim: usize) -> Check<Bytes> {
    let codec = framing.with_max(claim);
    // The same bytes many times over.
    let piece = Bytes::from(vec![0; 64 << 10]);
    let mut payload = Payload::new();
    (0..claim / piece.len()).for_each(|_| payload.push(piece.clone()));
    payload.push(piece.slice(..claim % piece.len()));
    let mut output = WriteBuffer::default();
    let encoding = codec.encode(&Packet::new(Kind::Request, 0, payload), &mut output);
    encoding.map_err(|error| Failure::new(format!("{claim} bytes, as many as may be, gave {error}")))?;
    let overhead = output.len() - claim;
    Ok(output.copy_to_bytes(overhead))
}

/// Whether a packet came as it was sent, as far as the codec can tell.
fn same(codec: &Codec, sent: &Packet, came: &Packet) -> Check {
    let capabilities = codec.capabilities();
    let is_like = came.kind == Kind::Plain || came.kind == sent.kind;
    let has_id = !capabilities.id || came.id == sent.id;
    let has_deadline = !capabilities.deadline || is_told(sent.deadline, came.deadline);
    for (is_same, what) in [(is_like, "kind"), (has_id, "id"), (has_deadline, "deadline")] {
        ensure!(is_same, "with another {what}, {} became {}", describe(sent), describe(came));
    }
    let (due, seen) = (sent.payload.clone().into_bytes(), came.payload.clone().into_bytes());
    let wrong = due.iter().zip(&seen).position(|(due, seen)| due != seen);
    ensure!(due == seen, "{} became {}, first difference at {wrong:?}", describe(sent), describe(came));
    Ok(())
}

/// What a deadline on the wire is rounded to.
const STEP: Duration = Duration::from_millis(1);

/// Whether a deadline came as it was sent: to the millisecond, and never as none, which is what less than one must not
/// become.
fn is_told(sent: Option<Duration>, came: Option<Duration>) -> bool {
    match (sent, came) {
        (None, None) => true,
        (Some(sent), Some(came)) => {
            let below =
                Duration::from_secs(sent.as_secs()) + Duration::from_millis(sent.subsec_millis().into());
            let above = if below == sent && !sent.is_zero() { sent } else { below + STEP };
            !came.is_zero() && (below..=above).contains(&came)
        }
        _ => false,
    }
}

fn describe(packet: &Packet) -> String {
    let Packet { kind, id, deadline, payload, .. } = packet;
    format!("a {kind} of {} bytes with id {id:#x} and deadline {deadline:?}", payload.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_told_to_the_millisecond_and_less_than_one_is_not_none() {
        // Broken by a comparison that looks only whether there is any.
        let told = |sent: u64, came: u64| {
            is_told(Some(Duration::from_micros(sent)), Some(Duration::from_micros(came)))
        };
        assert!(told(5_000, 5_000) && told(5_400, 5_000) && told(5_400, 6_000) && told(5_400, 5_400));
        assert!(!told(5_000, 4_000) && !told(5_000, 6_000) && !told(5_400, 4_999) && !told(5_400, 6_001));
        assert!(told(900, 1_000) && told(900, 900) && told(0, 1_000));
        assert!(!told(900, 0) && !told(0, 0) && !told(900, 2_000));
        assert!(is_told(None, None) && !is_told(None, Some(STEP)) && !is_told(Some(STEP), None));
    }
}
