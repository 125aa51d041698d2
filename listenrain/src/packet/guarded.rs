//! Guarded calls of a packet codec: the one place where it is called.

use std::fmt;
use std::sync::Arc;

use super::{Decoded, Packet, PacketCapabilities, PacketCodec};
use crate::buffer::{BufferPool, ReadBuffer, WriteBuffer};
use crate::error::LinkError;
use crate::guard::guard;

/// A packet codec, whose panics end the channel, and what it has said of itself.
#[derive(Clone)]
pub(crate) struct Packets {
    pub(crate) codec: Arc<dyn PacketCodec>,
    pub(crate) capabilities: PacketCapabilities,
    /// Longest payload, in bytes.
    pub(crate) limit: usize,
    pub(crate) buffers: Arc<dyn BufferPool>,
}

impl Packets {
    /// Asks `codec` what it can do; an error is what its panic said.
    pub(crate) fn new(codec: Arc<dyn PacketCodec>) -> Result<Self, String> {
        let (capabilities, limit, buffers) =
            guard(|| (codec.capabilities(), codec.max_packet(), codec.buffers()))?;
        Ok(Self { codec, capabilities, limit, buffers })
    }

    pub(crate) fn decode(&self, input: &mut ReadBuffer) -> Result<Decoded, LinkError> {
        Ok(guard(|| self.codec.decode(input)).map_err(LinkError::Panic)??)
    }

    pub(crate) fn encode(&self, packet: &Packet, output: &mut WriteBuffer) -> Result<(), LinkError> {
        Ok(guard(|| self.codec.encode(packet, output)).map_err(LinkError::Panic)??)
    }
}

impl fmt::Debug for Packets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        guard(|| self.codec.fmt(f)).unwrap_or(Err(fmt::Error))
    }
}
