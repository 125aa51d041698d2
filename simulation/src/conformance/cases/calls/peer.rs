//! A server that is played by hand, byte for byte as the protocol is documented and no codec made it.

use bytes::{BufMut, Bytes, BytesMut};

use crate::conformance::bed::End;
use crate::conformance::failure::{Check, Failure, ensure};

/// The far end of a client's channel.
pub(super) struct Peer {
    end: End,
    manners: Manners,
}

/// What a peer makes of a hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manners {
    /// It answers it.
    Answers,
    /// It is of before there were any, and refuses it by its number.
    Refuses,
}

impl Manners {
    pub(super) const BOTH: [Self; 2] = [Self::Answers, Self::Refuses];
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

const HELLO: u8 = 8;
/// A flag: this answers.
const ANSWER: u8 = 1;
const MAGIC: u8 = 0x4C;
const HEADER: usize = 20;

/// Bytes of the hello that a client of the native protocol begins a channel with.
pub(super) const HELLO_BYTES: usize = HEADER + 10;

impl Peer {
    pub(super) fn new(end: End, manners: Manners) -> Self {
        Self { end, manners }
    }

    /// The next native packet behind the hello, if that comes first; `None` when the channel is over.
    pub(super) async fn read(&mut self) -> Check<Option<Frame>> {
        let frame = self.read_any().await?;
        let Some(hello) = frame.as_ref().filter(|frame| frame.kind == HELLO) else { return Ok(frame) };
        match self.manners {
            Manners::Answers => self.write(HELLO, ANSWER, hello.id, &hello.payload.clone()).await?,
            Manners::Refuses => self.send(REFUSED, hello.id, &Bytes::from_static(&[3, HELLO])).await?,
        }
        self.read_any().await
    }

    async fn read_any(&mut self) -> Check<Option<Frame>> {
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
        self.write(kind, 0, id, payload).await
    }

    async fn write(&mut self, kind: u8, flags: u8, id: u64, payload: &Bytes) -> Check {
        let mut frame = BytesMut::new();
        frame.put_slice(&[MAGIC, kind, 0, flags]);
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
