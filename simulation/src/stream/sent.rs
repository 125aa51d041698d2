//! Packet boundaries and requests in the bytes that pass.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use listenrain::buffer::ReadBuffer;
use listenrain::{Decoded, Kind, Packet, PacketCodec};

use super::wire::Wire;

/// Tells what packets carry.
pub trait Bodies: Send + Sync + fmt::Debug + 'static {
    /// Where packets begin and end.
    fn packets(&self) -> Arc<dyn PacketCodec>;

    /// What a scenario has a party say, out of the payload of a packet; `None` where it is none of that.
    fn body(&self, payload: Bytes) -> Option<Bytes>;
}

/// Packets whose payload is the body as it is.
#[derive(Debug, Clone)]
pub struct BareBodies(pub Arc<dyn PacketCodec>);

impl Bodies for BareBodies {
    fn packets(&self) -> Arc<dyn PacketCodec> {
        self.0.clone()
    }

    fn body(&self, payload: Bytes) -> Option<Bytes> {
        Some(payload)
    }
}

/// Where packets begin and end in bytes that pass; what is no packet has no edges.
pub(super) struct Edges {
    packets: Arc<dyn PacketCodec>,
    input: ReadBuffer,
    is_lost: bool,
}

impl Edges {
    pub(super) fn new(packets: Arc<dyn PacketCodec>) -> Self {
        Self { packets, input: ReadBuffer::default(), is_lost: false }
    }

    /// These bytes pass: gives the packets that they end.
    pub(super) fn pass(&mut self, bytes: &Bytes) -> Vec<Packet> {
        let mut whole = Vec::new();
        if !self.is_lost {
            self.input.push(bytes.clone());
        }
        while !self.is_lost {
            match self.packets.decode(&mut self.input) {
                Ok(Decoded::Packet(packet)) => whole.push(packet),
                Ok(Decoded::Incomplete { .. }) => break,
                Ok(_) | Err(_) => {
                    self.is_lost = true;
                    self.input = ReadBuffer::default();
                }
            }
        }
        whole
    }

    /// Whether what has passed ends within a packet.
    pub(super) fn is_in_packet(&self) -> bool {
        !self.input.is_empty()
    }
}

/// Looks at what is written, and notes each request that is whole.
pub(super) struct Sent {
    bodies: Arc<dyn Bodies>,
    edges: Edges,
}

impl Sent {
    pub(super) fn new(bodies: Arc<dyn Bodies>) -> Self {
        Self { edges: Edges::new(bodies.packets()), bodies }
    }

    /// Whether what was taken ends within a packet.
    pub(super) fn is_in_packet(&self) -> bool {
        self.edges.is_in_packet()
    }

    /// These bytes were taken.
    pub(super) fn pass(&mut self, wire: &Wire, bytes: &Bytes) {
        for packet in self.edges.pass(bytes) {
            let is_request = matches!(packet.kind, Kind::Request | Kind::OneWay | Kind::Plain);
            let body = is_request.then(|| self.bodies.body(packet.payload.into_bytes())).flatten();
            // A request begins with its number.
            if let Some(number) = body.as_ref().and_then(|body| body.first_chunk::<8>()) {
                wire.took(u64::from_be_bytes(*number));
            }
        }
    }
}
