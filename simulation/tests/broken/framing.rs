//! Broken in framing: the native packet codec with one flaw each, and transports that break only part of a packet.

use std::sync::{Arc, Mutex};
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::{BufMut, Bytes};
use listenrain::buffer::{BufferPool, ReadBuffer, WriteBuffer};
use listenrain::{Decoded, Kind, NativePackets, Packet, PacketCapabilities, PacketCodec, PacketError};
use listenrain_simulation::conformance::{Framing, Subject};

use super::fixture::{Fixture, fails, hangs};
use super::netstrings;
use crate::hooks::{deliver, lock, read_piece, reads, sound};

pub(crate) const FIXTURES: &[Fixture] = &[
    // An empty packet waits for the next one.
    fails("takes-nothing-for-missing", "F01", "20 bytes of which have come, there was Ok(0)", || {
        decoding(|sound, input, _| {
            let is_empty = input.peek(8).is_some_and(|header| header[4..] == [0; 4]);
            if is_empty && input.len() == NativePackets::HEADER {
                return Ok(Decoded::Incomplete { whole: None });
            }
            sound.decode(input)
        })
    }),
    // A packet of one byte is encoded as an empty one.
    fails("forgets-a-lone-byte", "F02", "id 0x1 and deadline None became a request of 0 bytes", || {
        encoding(|packet, _| {
            if packet.payload.len() == 1 {
                packet.payload = Bytes::new().into();
            }
            Ok(())
        })
    }),
    // The limit of a payload is taken for that of a packet.
    fails("counts-its-header", "F03", "packet of 999 bytes is longer than the limit of 980", || {
        encoding(|packet, max| refuse(packet, max - NativePackets::HEADER))
    }),
    // A packet as long as may be is refused.
    fails("limit-is-exclusive", "F04", "packet of 1000 bytes is longer than the limit of 999", || {
        encoding(|packet, max| refuse(packet, max - 1))
    }),
    // Of 4 KiB that are read, what does not fit into the room that is offered is lost.
    fails("reads-more-than-fits", "F04", "of 300 bytes with id 0x2 and deadline None came Err(", || {
        reads(Bytes::new, |held, below, cx, into| {
            const ONE_READ: usize = 4 << 10;
            if held.is_empty() {
                *held = ready!(read_piece(below, cx))?;
            }
            let mut read = held.split_to(held.len().min(ONE_READ));
            let mut room = into.spare();
            read.truncate(room.remaining_mut());
            room.put_slice(&read);
            Poll::Ready(Ok(read.len()))
        })
    }),
    // A packet of one byte more than may be passes.
    fails("limit-is-off-by-one", "F05", "encoding 1001 bytes where 1000 are allowed gave Ok(())", || {
        with_codec(|max| Flawed {
            sound: NativePackets::default().with_max_packet(max + 1),
            ..Flawed::new(max)
        })
    }),
    // Part of a header is malformed.
    fails("takes-a-part-for-garbage", "F06", "gives Err(Malformed(\"a header of 1 bytes\"))", || {
        decoding(|sound, input, _| {
            if input.len() < NativePackets::HEADER {
                return Err(PacketError::Malformed(format!("a header of {} bytes", input.len())));
            }
            sound.decode(input)
        })
    }),
    // A read loses a byte when its buffer still holds some.
    hangs("expects-an-empty-buffer", "F06", "an accepted end reads (after 319 bytes)", || {
        reads(<()>::default, |(), below, cx, into| {
            let mut piece = ready!(read_piece(below, cx))?;
            if !into.is_empty() && piece.len() > 1 {
                piece.truncate(piece.len() - 1);
            }
            deliver(piece, into)
        })
    }),
    // What has come behind a packet is lost.
    fails("takes-a-read-for-a-packet", "F07", "of 1 bytes with id 0x2 and deadline None has come", || {
        decoding(|sound, input, _| {
            let decoded = sound.decode(input)?;
            if matches!(decoded, Decoded::Packet(_)) {
                input.skip(input.len());
            }
            Ok(decoded)
        })
    }),
    // Part of a packet that has come behind a whole one is lost.
    fails("drops-a-half", "F08", "cut at 1: instead of a request of 3000 bytes", || {
        decoding(|sound, input, _| {
            let decoded = sound.decode(input)?;
            if matches!(decoded, Decoded::Packet(_)) {
                let length = |header: &[u8]| u32::from_be_bytes([4, 5, 6, 7].map(|at| header[at]));
                let whole = input.peek(8).map(|header| NativePackets::HEADER + length(header) as usize);
                if whole.is_none_or(|whole| input.len() < whole) {
                    input.skip(input.len());
                }
            }
            Ok(decoded)
        })
    }),
    // What is no packet is skipped.
    fails("searches-for-a-header", "F09", "bytes that waited became 0", || {
        decoding(|sound, input, _| {
            while input.peek(1).is_some_and(|first| first[0] != 0x4C) {
                input.skip(1);
            }
            sound.decode(input)
        })
    }),
    // What stands where a comma is due is not looked at.
    fails("netstrings-without-commas", "F09", "begins with b\"3:hello,\": it gave Ok(Some(", || {
        netstrings::subject(false)
    }),
    // A packet of an unknown kind is malformed.
    fails("dislikes-the-unknown", "F10", "came Err(Malformed(\"there is no kind 200\"))", || {
        decoding(|sound, input, _| match sound.decode(input)? {
            Decoded::Packet(Packet { kind: Kind::Unknown(kind), .. }) => {
                Err(PacketError::Malformed(format!("there is no kind {kind}")))
            }
            decoded => Ok(decoded),
        })
    }),
    // Of an id only 40 bits are encoded.
    fails("shortens-ids", "F14", "with another id, a", || {
        encoding(|packet, _| {
            // Enough for the library's own ids, whose generation in the upper half is small while a case runs.
            packet.id &= 0xFF_FFFF_FFFF;
            Ok(())
        })
    }),
    // Of a deadline only the half is encoded.
    fails("halves-deadlines", "F14", "with another deadline, a", || {
        changed_deadlines(|deadline| Some(deadline / 2))
    }),
    // A deadline of less than 1 ms is encoded as none.
    fails("takes-little-time-for-none", "F14", "with another deadline, a", || {
        changed_deadlines(|deadline| (deadline.as_millis() > 0).then_some(deadline))
    }),
    // A claimed length is allocated, and kept.
    fails("allocates-a-claim", "F15", "bytes were held where 16793536 are enough", || {
        decoding(|sound, input, claimed| {
            let decoded = sound.decode(input)?;
            if let Decoded::Incomplete { whole: Some(whole) } = decoded {
                claimed.push(Vec::with_capacity(whole));
            }
            Ok(decoded)
        })
    }),
];

fn refuse(packet: &Packet, limit: usize) -> Result<(), PacketError> {
    let size = packet.payload.len();
    if size <= limit { Ok(()) } else { Err(PacketError::TooLarge { size: size as u64, limit }) }
}

fn changed_deadlines(change: fn(Duration) -> Option<Duration>) -> Subject {
    with_codec(move |max| Flawed { deadline: change, ..Flawed::new(max) })
}

type Decode = fn(&NativePackets, &mut ReadBuffer, &mut Vec<Vec<u8>>) -> Result<Decoded, PacketError>;
type Encode = fn(&mut Packet, usize) -> Result<(), PacketError>;

/// The native codec, which decodes so, and may keep something.
fn decoding(decode: Decode) -> Subject {
    with_codec(move |max| Flawed { decode, ..Flawed::new(max) })
}

/// The native codec, which changes packets so before it encodes them.
fn encoding(encode: Encode) -> Subject {
    with_codec(move |max| Flawed { encode, ..Flawed::new(max) })
}

/// The sound transport, on which cases run with this codec too.
fn with_codec(make: impl Fn(usize) -> Flawed + Send + Sync + 'static) -> Subject {
    sound().with_framing(Framing::new("broken", make))
}

#[derive(Debug)]
struct Flawed {
    sound: NativePackets,
    max: usize,
    decode: Decode,
    encode: Encode,
    deadline: fn(Duration) -> Option<Duration>,
    kept: Mutex<Vec<Vec<u8>>>,
}

impl Flawed {
    /// Nothing is wrong with it.
    fn new(max: usize) -> Self {
        Self {
            sound: NativePackets::default().with_max_packet(max),
            max,
            decode: |sound, input, _| sound.decode(input),
            encode: |_, _| Ok(()),
            deadline: Some,
            kept: Mutex::default(),
        }
    }
}

impl PacketCodec for Flawed {
    fn decode(&self, input: &mut ReadBuffer) -> Result<Decoded, PacketError> {
        (self.decode)(&self.sound, input, &mut lock(&self.kept))
    }

    fn encode(&self, packet: &Packet, output: &mut WriteBuffer) -> Result<(), PacketError> {
        let mut packet = packet.clone();
        packet.deadline = packet.deadline.and_then(self.deadline);
        (self.encode)(&mut packet, self.max)?;
        self.sound.encode(&packet, output)
    }

    fn capabilities(&self) -> PacketCapabilities {
        self.sound.capabilities()
    }

    fn max_packet(&self) -> usize {
        self.max
    }

    fn buffers(&self) -> Arc<dyn BufferPool> {
        self.sound.buffers()
    }
}
