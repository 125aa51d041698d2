//! `PacketCodec`: framing, and where bytes live.

mod guarded;
mod native;
mod original;
mod session;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::buffer::{BufferPool, ReadBuffer, WriteBuffer};
use crate::error::PacketError;
pub use crate::wire::{GoodbyeReason, Kind};

pub(crate) use guarded::Packets;
pub use native::NativePackets;
pub use original::OriginalPackets;
pub(crate) use session::{Goodbye, Hello};

/// Solves the sticky-packet problem: where a packet begins and ends in a stream, and what its header says.
///
/// One codec serves every channel of its protocol, so it keeps no state of a channel: what it needs stands in the
/// buffers.
///
/// # Contract
///
/// 1. [`decode`](Self::decode) takes whole packets off the front and nothing else; what it encoded it decodes to the
///    same packet, however the bytes were cut on their way.
/// 2. It refuses a claimed length above [`max_packet`](Self::max_packet) as soon as it sees it, by [`Decoded::TooLarge`] where
///    the header tells which request that is, else by an error.
/// 3. It never panics on input. If it does, that channel is closed and no other harmed.
/// 4. [`encode`](Self::encode) appends one whole packet, or fails and has appended nothing.
///
/// # Implementing
///
/// See `transports/tests/integration/plug_points/packets.rs` for a codec with a pool of its own, outside this crate.
#[doc(alias = "EnDecPacket")]
pub trait PacketCodec: Send + Sync + fmt::Debug + 'static {
    /// The next packet, or how much of it is missing.
    ///
    /// # Errors
    ///
    /// [`PacketError`] when the bytes are no packet; the channel is closed then.
    fn decode(&self, input: &mut ReadBuffer) -> Result<Decoded, PacketError>;

    /// Appends `packet` to `output`; long payloads are handed over, not copied ([`WriteBuffer::put`]).
    ///
    /// # Errors
    ///
    /// [`PacketError`] when it is too large or of a kind that the protocol cannot express.
    fn encode(&self, packet: &Packet, output: &mut WriteBuffer) -> Result<(), PacketError>;

    /// What its header can say beyond request and reply.
    fn capabilities(&self) -> PacketCapabilities;

    /// Longest payload, in bytes.
    fn max_packet(&self) -> usize;

    /// Where packets of 64 KiB and more are read into.
    fn buffers(&self) -> Arc<dyn BufferPool>;
}

/// What a decoder found at the front of the input.
#[derive(Debug)]
#[non_exhaustive]
pub enum Decoded {
    /// A whole packet, taken off.
    Packet(Packet),
    /// Only part of one. `whole` is the length of all of it, header included, where the header tells already; a large
    /// one is then read straight into a buffer of its own.
    Incomplete {
        /// Bytes of the whole packet, where they are known.
        whole: Option<usize>,
    },
    /// The header of one whose payload is longer than the codec allows, taken off. The payload is skipped as it comes, and
    /// the packet refused by its id; a codec whose headers have no id fails with [`PacketError::TooLarge`] instead.
    TooLarge {
        /// What the header says, without a payload.
        packet: Packet,
        /// Bytes of the payload, none of them taken off.
        size: u64,
    },
}

/// One packet: what its header says, and its payload.
#[derive(Debug, Clone)]
pub struct Packet {
    /// What it is.
    pub kind: Kind,
    /// The header's flags as they came, for a forwarder to pass on; 0 where the protocol has none.
    pub flags: u16,
    /// The id in its header; 0 where the protocol has none there.
    pub id: u64,
    /// How long the sender will wait for a reply, from now on, where the protocol can say so.
    pub deadline: Option<Duration>,
    /// The message, encoded.
    pub payload: Payload,
}

impl Packet {
    /// A packet without a deadline.
    pub fn new(kind: Kind, id: u64, payload: impl Into<Payload>) -> Self {
        Self { kind, flags: 0, id, deadline: None, payload: payload.into() }
    }
}

/// What a protocol can say beyond request and reply. Where it can, the library uses it; where it cannot, the feature
/// stays on this side: a cancelled call frees its slot, and its late reply is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PacketCapabilities {
    /// The header carries an id.
    pub id: bool,
    /// Errors and refusals have packets of their own.
    pub errors: bool,
    /// Requests that want no reply.
    pub one_way: bool,
    /// Ping and pong.
    pub ping: bool,
    /// A request can be taken back.
    pub cancel: bool,
    /// A request says how long its sender waits.
    pub deadline: bool,
    /// Both sides say hello and goodbye.
    pub hello: bool,
}

impl PacketCapabilities {
    /// Request and reply, nothing else.
    pub const NONE: Self = Self::all(false);
    /// All there is.
    pub const ALL: Self = Self::all(true);

    const fn all(can: bool) -> Self {
        Self { id: can, errors: can, one_way: can, ping: can, cancel: can, deadline: can, hello: can }
    }

    /// The same with requests that want no reply.
    #[must_use]
    pub const fn with_one_way(mut self) -> Self {
        self.one_way = true;
        self
    }

    /// The same with an id in the header.
    #[must_use]
    pub const fn with_id(mut self) -> Self {
        self.id = true;
        self
    }

    pub(crate) fn can(self, kind: Kind) -> bool {
        match kind {
            Kind::Request | Kind::Reply | Kind::Plain => true,
            Kind::Error | Kind::Refused => self.errors,
            Kind::OneWay => self.one_way,
            Kind::Ping | Kind::Pong => self.ping,
            Kind::Cancel => self.cancel,
            Kind::Hello | Kind::HelloAnswer | Kind::Goodbye | Kind::GoodbyeAnswer => self.hello,
            Kind::Unknown(_) => false,
        }
    }
}

/// An encoded message: one or more pieces, so that a header need not be copied together with what it heads.
#[derive(Debug, Clone, Default)]
pub struct Payload {
    first: Bytes,
    rest: Option<Box<Rest>>,
}

/// The pieces behind the first. Most payloads have none, and are moved about.
#[derive(Debug, Clone, Default)]
struct Rest(Vec<Bytes>);

impl Payload {
    /// An empty payload.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a piece without copying it.
    pub fn push(&mut self, piece: impl Into<Bytes>) {
        if self.first.is_empty() && self.rest.is_none() {
            self.first = piece.into();
        } else {
            self.rest.get_or_insert_default().0.push(piece.into());
        }
    }

    /// Bytes in all pieces.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.first.len() + self.rest.as_ref().map_or(0, |rest| rest.0.iter().map(Bytes::len).sum())
    }

    /// Whether there is no byte in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first piece. A received payload has one piece only.
    #[must_use]
    pub fn first(&self) -> &Bytes {
        &self.first
    }

    /// All pieces, in order.
    pub fn pieces(&self) -> impl Iterator<Item = &Bytes> {
        std::iter::once(&self.first).chain(self.rest.iter().flat_map(|rest| &rest.0))
    }

    /// Appends all pieces, the long ones without copying them.
    #[inline]
    fn append_to(&self, output: &mut WriteBuffer) {
        output.put(self.first.clone());
        if let Some(rest) = &self.rest {
            rest.0.iter().for_each(|piece| output.put(piece.clone()));
        }
    }

    /// All bytes in one piece; copies only when there are several.
    #[must_use]
    #[inline]
    pub fn into_bytes(self) -> Bytes {
        if self.rest.is_none() {
            return self.first;
        }
        let mut together = BytesMut::with_capacity(self.len());
        self.pieces().for_each(|piece| together.extend_from_slice(piece));
        together.freeze()
    }
}

impl<T: Into<Bytes>> From<T> for Payload {
    fn from(bytes: T) -> Self {
        Self { first: bytes.into(), rest: None }
    }
}

/// The longest payload unless a codec is told otherwise: 64 MiB.
pub const DEFAULT_MAX_PACKET: usize = 64 << 20;

/// The length in a header as one that this machine and this codec may hold.
fn checked_length(size: u64, limit: usize) -> Result<usize, PacketError> {
    usize::try_from(size).ok().filter(|size| *size <= limit).ok_or(PacketError::TooLarge { size, limit })
}
