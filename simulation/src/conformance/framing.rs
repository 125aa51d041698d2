//! A packet codec under test.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use listenrain::buffer::{BufferPool, ReadBuffer, WriteBuffer};
use listenrain::{
    Decoded, NativePackets, OriginalPackets, Packet, PacketCapabilities, PacketCodec, PacketError,
};

/// A packet codec under test: how to make it, and what it must refuse. See [`Subject`](super::Subject::with_framing).
///
/// ```
/// use listenrain::OriginalPackets;
/// use listenrain_simulation::conformance::Framing;
///
/// // Your own codec in place of the original's.
/// let make = |max_packet| OriginalPackets::default().with_max_packet(max_packet);
/// // Above the limits that the cases set, this would be a length of 1,195,725,856.
/// let framing = Framing::new("original", make).refusing(["GET / HTTP/1.1\r\n"]);
/// assert_eq!(framing.name(), "original");
/// ```
#[derive(Clone)]
pub struct Framing {
    name: String,
    make: Arc<dyn Fn(usize) -> Arc<dyn PacketCodec> + Send + Sync>,
    refused: Vec<Bytes>,
}

impl Framing {
    /// The codec called `name` in failures. `make` makes one whose [`max_packet`](PacketCodec::max_packet) is its
    /// argument, in bytes; the cases ask for 1,000 to 64 MiB.
    #[must_use]
    pub fn new<C: PacketCodec>(
        name: impl Into<String>,
        make: impl Fn(usize) -> C + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), make: Arc::new(move |max| Arc::new(make(max))), refused: Vec::new() }
    }

    /// A stream that begins with any of these is to be refused, for case F09. Default: none, and only random bytes are
    /// tried there, of which nothing is known but that they must do no harm.
    #[must_use]
    pub fn refusing<B: Into<Bytes>>(mut self, beginnings: impl IntoIterator<Item = B>) -> Self {
        self.refused.extend(beginnings.into_iter().map(Into::into));
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Those of `listenrain` itself.
    pub(crate) fn ours() -> Vec<Self> {
        let native = |max| NativePackets::default().with_max_packet(max);
        let original = |max| OriginalPackets::default().with_max_packet(max);
        // To the original's packets both are lengths beyond the limit; to the native ones, no packets at all.
        let foreign = [&b"GET / HTTP/1.1\r\n"[..], &[0xFF; 24]];
        vec![Self::new("native", native).refusing(foreign), Self::new("original", original).refusing(foreign)]
    }

    /// Beginnings that are to be refused.
    pub(crate) fn refused(&self) -> &[Bytes] {
        &self.refused
    }

    /// A codec whose longest payload is of `max` bytes.
    pub(crate) fn with_max(&self, max: usize) -> Codec {
        Codec((self.make)(max))
    }
}

impl fmt::Debug for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framing").field("name", &self.name).finish_non_exhaustive()
    }
}

/// One codec, to be given to several.
#[derive(Debug, Clone)]
pub(crate) struct Codec(Arc<dyn PacketCodec>);

impl PacketCodec for Codec {
    fn decode(&self, input: &mut ReadBuffer) -> Result<Decoded, PacketError> {
        self.0.decode(input)
    }

    fn encode(&self, packet: &Packet, output: &mut WriteBuffer) -> Result<(), PacketError> {
        self.0.encode(packet, output)
    }

    fn capabilities(&self) -> PacketCapabilities {
        self.0.capabilities()
    }

    fn max_packet(&self) -> usize {
        self.0.max_packet()
    }

    fn buffers(&self) -> Arc<dyn BufferPool> {
        self.0.buffers()
    }
}
