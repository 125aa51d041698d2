//! The native packet codec with one flaw each.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use listenrain::buffer::{BufferPool, ReadBuffer, WriteBuffer};
use listenrain::{Abilities, Decoded, Kind, NativePackets, Packet, PacketCodec, PacketError};

use super::super::flaws::sound;
use crate::conformance::{Framing, Subject};

/// The sound transport, on which cases run with the native codec with this flaw too.
pub(super) fn with_codec<F: CodecFlaw>(make: impl Fn(usize) -> F + Send + Sync + 'static) -> Subject {
    sound().with_framing(Framing::new("broken", move |max| Flawed {
        sound: NativePackets::default().with_max_packet(max + F::BEYOND),
        max,
        flaw: make(max),
    }))
}

/// What a codec does wrong. By default nothing.
pub(super) trait CodecFlaw: fmt::Debug + Send + Sync + 'static {
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
pub(super) struct TakesNothingForMissing;

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
pub(super) struct ForgetsALoneByte;

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
pub(super) struct CountsItsHeader {
    pub(super) max: usize,
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
pub(super) struct LimitIsExclusive {
    pub(super) max: usize,
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
pub(super) struct LimitIsOffByOne;

impl CodecFlaw for LimitIsOffByOne {
    const BEYOND: usize = 1;
}

#[derive(Debug)]
pub(super) struct TakesAPartForGarbage;

impl CodecFlaw for TakesAPartForGarbage {
    fn decode(&self, sound: &NativePackets, input: &mut ReadBuffer) -> Result<Decoded, PacketError> {
        if input.len() < NativePackets::HEADER {
            return Err(PacketError::Malformed(format!("a header of {} bytes", input.len())));
        }
        sound.decode(input)
    }
}

#[derive(Debug)]
pub(super) struct TakesAReadForAPacket;

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
pub(super) struct DropsAHalf;

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
pub(super) struct SearchesForAHeader;

impl CodecFlaw for SearchesForAHeader {
    fn decode(&self, sound: &NativePackets, input: &mut ReadBuffer) -> Result<Decoded, PacketError> {
        while input.peek(1).is_some_and(|first| first[0] != 0x4C) {
            input.skip(1);
        }
        sound.decode(input)
    }
}

#[derive(Debug)]
pub(super) struct DislikesTheUnknown;

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
pub(super) struct Hides {
    lengths: Range<usize>,
    hidden: Mutex<HashMap<usize, Bytes>>,
}

impl Hides {
    pub(super) fn parts_of(lengths: Range<usize>) -> Self {
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
pub(super) struct LosesPatience {
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
pub(super) struct ShortensIds;

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

#[derive(Debug)]
pub(super) struct ChangesDeadlines(pub(super) fn(Duration) -> Option<Duration>);

impl CodecFlaw for ChangesDeadlines {
    fn encode(
        &self,
        sound: &NativePackets,
        packet: &Packet,
        output: &mut WriteBuffer,
    ) -> Result<(), PacketError> {
        let deadline = packet.deadline.and_then(self.0);
        sound.encode(&Packet { deadline, ..packet.clone() }, output)
    }
}

#[derive(Debug, Default)]
pub(super) struct AllocatesAClaim {
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
