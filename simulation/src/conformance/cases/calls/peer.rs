//! A server that is played by hand, byte for byte as the protocol is documented and no codec made it.

use bytes::{BufMut, Bytes, BytesMut};

use crate::conformance::bed::End;
use crate::conformance::failure::{Check, Failure, ensure};

/// The far end of a client's channel.
pub(super) struct Peer {
    end: End,
}

/// A native packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) id: u64,
    pub(super) payload: Bytes,
}

pub(super) const REQUEST: u8 = 1;
pub(super) const REPLY: u8 = 2;
pub(super) const ERROR: u8 = 3;
pub(super) const REFUSED: u8 = 4;
pub(super) const CANCEL: u8 = 7;

const MAGIC: u8 = 0x4C;
const HEADER: usize = 20;

impl Peer {
    pub(super) fn new(end: End) -> Self {
        Self { end }
    }

    /// The next native packet; `None` when the channel is over.
    pub(super) async fn read(&mut self) -> Check<Option<Frame>> {
        let Some(header) = self.end.rx.hear(HEADER).await? else {
            return Ok(None);
        };
        ensure!(header[0] == MAGIC, "the client began a packet with {:02x?}", &header[..]);
        let number = |from: usize| u32::from_be_bytes([0, 1, 2, 3].map(|at| header[from + at]));
        let id = u64::from(number(8)) << 32 | u64::from(number(12));
        let payload = self.end.rx.hear(number(4) as usize).await?;
        Ok(payload.map(|payload| Frame { kind: header[1], id, payload }))
    }

    /// The next native packet, which is of `kind`.
    pub(super) async fn expect(&mut self, kind: u8) -> Check<Frame> {
        match self.read().await? {
            Some(frame) if frame.kind == kind => Ok(frame),
            other => Err(Failure::new(format!("a packet of kind {kind} was due, and there was {other:?}"))),
        }
    }

    /// Writes a native packet.
    pub(super) async fn send(&mut self, kind: u8, id: u64, payload: &Bytes) -> Check {
        let mut frame = BytesMut::new();
        frame.put_slice(&[MAGIC, kind, 0, 0]);
        frame.put_u32(payload.len() as u32);
        frame.put_u64(id);
        frame.put_u32(0);
        frame.put_slice(payload);
        self.end.tx.say(frame).await
    }

    /// Replies to `asked` with its own bytes.
    pub(super) async fn reply(&mut self, asked: &Frame) -> Check {
        self.send(REPLY, asked.id, &asked.payload).await
    }

    /// The next of the original's packets.
    pub(super) async fn expect_original(&mut self) -> Check<Bytes> {
        let over = || Failure::new("a packet was due, and the channel is over");
        let header = self.end.rx.hear(4).await?.ok_or_else(over)?;
        let length = u32::from_be_bytes([0, 1, 2, 3].map(|at| header[at]));
        self.end.rx.hear(length as usize).await?.ok_or_else(over)
    }

    /// Writes one of the original's packets.
    pub(super) async fn send_original(&mut self, payload: &[u8]) -> Check {
        let length = (payload.len() as u32).to_be_bytes();
        self.end.tx.say([&length[..], payload].concat()).await
    }
}
