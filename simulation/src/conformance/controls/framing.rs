//! Broken in framing: codecs on a sound transport, and transports that break only who keeps part of a packet.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes};
use listenrain::buffer::{BufferPool, ReadBuffer, WriteBuffer};
use listenrain::{Abilities, ChannelRead, Decoded, Kind, NativePackets, Packet, PacketCodec, PacketError};

use super::Control;
use super::flaws::{ReadFlaw, deliver, read_piece, sound, with_reads};
use crate::conformance::{Framing, Subject};

pub(super) const CONTROLS: &[Control] = &[
    Control::new("takes-nothing-for-missing", "F01", "an empty packet waits for the next one", || {
        with_codec(|_| TakesNothingForMissing)
    }),
    Control::new("forgets-a-lone-byte", "F02", "a packet of one byte is encoded as an empty one", || {
        with_codec(|_| ForgetsALoneByte)
    }),
    Control::new("counts-its-header", "F03", "the limit of a payload is taken for that of a packet", || {
        with_codec(|max| CountsItsHeader { max })
    }),
    Control::new("limit-is-exclusive", "F04", "a packet as long as may be is refused", || {
        with_codec(|max| LimitIsExclusive { max })
    }),
    Control::new(
        "reads-more-than-fits",
        "F04",
        "of 4 KiB that are read, what does not fit into the room that is offered is lost",
        || with_reads(ReadsMoreThanFits::default),
    ),
    Control::new("limit-is-off-by-one", "F05", "a packet of one byte more than may be passes", || {
        with_codec(|_| LimitIsOffByOne)
    }),
    Control::new("takes-a-part-for-garbage", "F06", "part of a header is malformed", || {
        with_codec(|_| TakesAPartForGarbage)
    }),
    Control::new(
        "expects-an-empty-buffer",
        "F06",
        "a read loses a byte when its buffer still holds some",
        || with_reads(|| ExpectsAnEmptyBuffer),
    ),
    Control::new("takes-a-read-for-a-packet", "F07", "what has come behind a packet is lost", || {
        with_codec(|_| TakesAReadForAPacket)
    }),
    Control::new("drops-a-half", "F08", "part of a packet that has come behind a whole one is lost", || {
        with_codec(|_| DropsAHalf)
    }),
    Control::new("searches-for-a-header", "F09", "what is no packet is skipped", || {
        with_codec(|_| SearchesForAHeader)
    }),
    Control::new("dislikes-the-unknown", "F10", "a packet of an unknown kind is malformed", || {
        with_codec(|_| DislikesTheUnknown)
    }),
    Control::new("hides-half-a-header", "F11", "a codec keeps part of a header to itself", || {
        with_codec(|_| Hides::parts_of(1..NativePackets::HEADER))
    }),
    Control::new("hides-a-whole-header", "F12", "a codec keeps part of a payload to itself", || {
        with_codec(|_| Hides::parts_of(NativePackets::HEADER..usize::MAX))
    }),
    Control::new("loses-patience", "F13", "a packet that is looked at 64 times is malformed", || {
        with_codec(|_| LosesPatience::default())
    }),
    Control::new("shortens-ids", "F14", "of an id only 40 bits are encoded", || with_codec(|_| ShortensIds)),
    Control::new("allocates-a-claim", "F15", "a claimed length is allocated, and kept", || {
        with_codec(|_| AllocatesAClaim::default())
    }),
];

/// The sound transport, on which cases run with the native codec with this flaw too.
fn with_codec<F: CodecFlaw>(make: impl Fn(usize) -> F + Send + Sync + 'static) -> Subject {
    sound().with_framing(Framing::new("broken", move |max| Flawed {
        sound: NativePackets::default().with_max_packet(max + F::BEYOND),
        max,
        flaw: make(max),
    }))
}

/// What a codec does wrong. By default nothing.
trait CodecFlaw: fmt::Debug + Send + Sync + 'static {
    /// Bytes by which a payload may be longer than it may.
    const BEYOND: usize = 0;

    fn decode(&self, sound: &NativePackets, input: &mut ReadBuffer) -> Result<Decoded, PacketError> {
        sound.decode(input)
    }

    fn encode(
        &self,
        sound: &NativePackets,
        packet: &Packet,
        output: &mut WriteBuffer,
    ) -> Result<(), PacketError> {
        sound.encode(packet, output)
    }
}

#[derive(Debug)]
struct Flawed<F> {
    sound: NativePackets,
    max: usize,
    flaw: F,
}

impl<F: CodecFlaw> PacketCodec for Flawed<F> {
    fn decode(&self, input: &mut ReadBuffer) -> Result<Decoded, PacketError> {
        self.flaw.decode(&self.sound, input)
    }

    fn encode(&self, packet: &Packet, output: &mut WriteBuffer) -> Result<(), PacketError> {
        self.flaw.encode(&self.sound, packet, output)
    }

    fn abilities(&self) -> Abilities {
        self.sound.abilities()
    }

    fn max_packet(&self) -> usize {
        self.max
    }

    fn buffers(&self) -> Arc<dyn BufferPool> {
        self.sound.buffers()
    }
}

#[derive(Debug)]
struct TakesNothingForMissing;

impl CodecFlaw for TakesNothingForMissing {
    fn decode(&self, sound: &NativePackets, input: &mut ReadBuffer) -> Result<Decoded, PacketError> {
        let is_empty = input.peek(8).is_some_and(|header| header[4..] == [0; 4]);
        if is_empty && input.len() == NativePackets::HEADER {
            return Ok(Decoded::Incomplete { whole: None });
        }
        sound.decode(input)
    }
}

#[derive(Debug)]
struct ForgetsALoneByte;

impl CodecFlaw for ForgetsALoneByte {
    fn encode(
        &self,
        sound: &NativePackets,
        packet: &Packet,
        output: &mut WriteBuffer,
    ) -> Result<(), PacketError> {
        if packet.payload.len() != 1 {
            return sound.encode(packet, output);
        }
        sound.encode(&Packet { payload: Bytes::new().into(), ..packet.clone() }, output)
    }
}

fn refuse(packet: &Packet, limit: usize) -> Result<(), PacketError> {
    let size = packet.payload.len();
    if size <= limit { Ok(()) } else { Err(PacketError::TooLarge { size: size as u64, limit }) }
}

#[derive(Debug)]
struct CountsItsHeader {
    max: usize,
}

impl CodecFlaw for CountsItsHeader {
    fn encode(
        &self,
        sound: &NativePackets,
        packet: &Packet,
        output: &mut WriteBuffer,
    ) -> Result<(), PacketError> {
        refuse(packet, self.max - NativePackets::HEADER)?;
        sound.encode(packet, output)
    }
}

#[derive(Debug)]
struct LimitIsExclusive {
    max: usize,
}

impl CodecFlaw for LimitIsExclusive {
    fn encode(
        &self,
        sound: &NativePackets,
        packet: &Packet,
        output: &mut WriteBuffer,
    ) -> Result<(), PacketError> {
        refuse(packet, self.max - 1)?;
        sound.encode(packet, output)
    }
}

#[derive(Debug)]
struct LimitIsOffByOne;

impl CodecFlaw for LimitIsOffByOne {
    const BEYOND: usize = 1;
}

#[derive(Default)]
struct ReadsMoreThanFits {
    held: Bytes,
}

impl ReadFlaw for ReadsMoreThanFits {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        const ONE_READ: usize = 4 << 10;
        if self.held.is_empty() {
            self.held = ready!(read_piece(below, cx))?;
        }
        let mut read = self.held.split_to(self.held.len().min(ONE_READ));
        let mut room = into.spare();
        read.truncate(room.remaining_mut());
        room.put_slice(&read);
        Poll::Ready(Ok(read.len()))
    }
}

#[derive(Debug)]
struct TakesAPartForGarbage;

impl CodecFlaw for TakesAPartForGarbage {
    fn decode(&self, sound: &NativePackets, input: &mut ReadBuffer) -> Result<Decoded, PacketError> {
        if input.len() < NativePackets::HEADER {
            return Err(PacketError::Malformed(format!("a header of {} bytes", input.len())));
        }
        sound.decode(input)
    }
}

struct ExpectsAnEmptyBuffer;

impl ReadFlaw for ExpectsAnEmptyBuffer {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        let mut piece = ready!(read_piece(below, cx))?;
        if !into.is_empty() && piece.len() > 1 {
            piece.truncate(piece.len() - 1);
        }
        deliver(piece, into)
    }
}

#[derive(Debug)]
struct TakesAReadForAPacket;

impl CodecFlaw for TakesAReadForAPacket {
    fn decode(&self, sound: &NativePackets, input: &mut ReadBuffer) -> Result<Decoded, PacketError> {
        let decoded = sound.decode(input)?;
        if matches!(decoded, Decoded::Packet(_)) {
            input.skip(input.len());
        }
        Ok(decoded)
    }
}

#[derive(Debug)]
struct DropsAHalf;

impl CodecFlaw for DropsAHalf {
    fn decode(&self, sound: &NativePackets, input: &mut ReadBuffer) -> Result<Decoded, PacketError> {
        let decoded = sound.decode(input)?;
        if matches!(decoded, Decoded::Packet(_)) {
            let length = input.peek(8).map(|header| u32::from_be_bytes([4, 5, 6, 7].map(|at| header[at])));
            let is_whole =
                length.is_some_and(|length| input.len() >= NativePackets::HEADER + length as usize);
            if !is_whole {
                input.skip(input.len());
            }
        }
        Ok(decoded)
    }
}

#[derive(Debug)]
struct SearchesForAHeader;

impl CodecFlaw for SearchesForAHeader {
    fn decode(&self, sound: &NativePackets, input: &mut ReadBuffer) -> Result<Decoded, PacketError> {
        while input.peek(1).is_some_and(|first| first[0] != 0x4C) {
            input.skip(1);
        }
        sound.decode(input)
    }
}

#[derive(Debug)]
struct DislikesTheUnknown;

impl CodecFlaw for DislikesTheUnknown {
    fn decode(&self, sound: &NativePackets, input: &mut ReadBuffer) -> Result<Decoded, PacketError> {
        match sound.decode(input)? {
            Decoded::Packet(Packet { kind: Kind::Unknown(kind), .. }) => {
                Err(PacketError::Malformed(format!("there is no kind {kind}")))
            }
            decoded => Ok(decoded),
        }
    }
}

/// Bytes of which the buffer that they came in knows nothing any more, by that buffer's place in memory.
#[derive(Debug)]
struct Hides {
    lengths: Range<usize>,
    hidden: Mutex<HashMap<usize, Bytes>>,
}

impl Hides {
    fn parts_of(lengths: Range<usize>) -> Self {
        Self { lengths, hidden: Mutex::default() }
    }
}

impl CodecFlaw for Hides {
    fn decode(&self, sound: &NativePackets, input: &mut ReadBuffer) -> Result<Decoded, PacketError> {
        let mut hidden = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        let buffer = std::ptr::from_ref(input) as usize;
        if let Some(front) = hidden.remove(&buffer) {
            let rest = input.take(input.len());
            input.push(front);
            input.push(rest);
        }
        let decoded = sound.decode(input)?;
        if matches!(decoded, Decoded::Incomplete { .. }) && self.lengths.contains(&input.len()) {
            hidden.insert(buffer, input.take(input.len()));
        }
        Ok(decoded)
    }
}

#[derive(Debug, Default)]
struct LosesPatience {
    looks: AtomicUsize,
}

impl CodecFlaw for LosesPatience {
    fn decode(&self, sound: &NativePackets, input: &mut ReadBuffer) -> Result<Decoded, PacketError> {
        let decoded = sound.decode(input)?;
        if matches!(decoded, Decoded::Packet(_)) {
            self.looks.store(0, Ordering::Relaxed);
        } else if self.looks.fetch_add(1, Ordering::Relaxed) >= 64 {
            return Err(PacketError::Malformed("it takes too long".to_owned()));
        }
        Ok(decoded)
    }
}

#[derive(Debug)]
struct ShortensIds;

impl CodecFlaw for ShortensIds {
    fn encode(
        &self,
        sound: &NativePackets,
        packet: &Packet,
        output: &mut WriteBuffer,
    ) -> Result<(), PacketError> {
        // Enough for the library's own ids, whose generation in the upper half is small while a case runs.
        let id = packet.id & 0xFF_FFFF_FFFF;
        sound.encode(&Packet { id, ..packet.clone() }, output)
    }
}

#[derive(Debug, Default)]
struct AllocatesAClaim {
    claimed: Mutex<Vec<Vec<u8>>>,
}

impl CodecFlaw for AllocatesAClaim {
    fn decode(&self, sound: &NativePackets, input: &mut ReadBuffer) -> Result<Decoded, PacketError> {
        let decoded = sound.decode(input)?;
        if let Decoded::Incomplete { whole: Some(whole) } = decoded {
            let mut claimed = self.claimed.lock().unwrap_or_else(PoisonError::into_inner);
            claimed.push(Vec::with_capacity(whole));
        }
        Ok(decoded)
    }
}
