//! Which calls a channel has taken whole.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use listenrain::buffer::ReadBuffer;
use listenrain::{Decoded, Kind, PacketCodec};

use super::wire::Wire;

/// Tells what packets carry.
pub trait Bodies: Send + Sync + fmt::Debug + 'static {
    /// Where packets begin and end.
    fn packets(&self) -> Arc<dyn PacketCodec>;

    /// What a scenario has somebody say, out of the payload of a packet; `None` where it is none of that.
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

/// Looks at what is written, and notes each request that is whole.
pub(super) struct Sent {
    bodies: Arc<dyn Bodies>,
    packets: Arc<dyn PacketCodec>,
    input: ReadBuffer,
    is_lost: bool,
}

impl Sent {
    pub(super) fn new(bodies: Arc<dyn Bodies>) -> Self {
        let packets = bodies.packets();
        Self { bodies, packets, input: ReadBuffer::default(), is_lost: false }
    }

    /// These bytes were taken.
    pub(super) fn pass(&mut self, wire: &Wire, bytes: Bytes) {
        if self.is_lost {
            return;
        }
        self.input.push(bytes);
        loop {
            match self.packets.decode(&mut self.input) {
                Ok(Decoded::Packet(packet)) => {
                    let is_request = matches!(packet.kind, Kind::Request | Kind::OneWay | Kind::Plain);
                    let body = is_request.then(|| self.bodies.body(packet.payload.into_bytes())).flatten();
                    // A request begins with its number.
                    if let Some(number) = body.as_ref().and_then(|body| body.first_chunk::<8>()) {
                        wire.took(u64::from_be_bytes(*number));
                    }
                }
                Ok(Decoded::Incomplete { .. }) => break,
                Err(_) => {
                    self.is_lost = true;
                    break;
                }
            }
        }
    }
}
