//! Packets on the halves of a channel.

use std::future::poll_fn;
use std::io;

use bytes::Buf;
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{ChannelRead, ChannelWrite, Decoded, NativePackets, Packet, PacketCodec};

/// Longest payload.
const LONGEST: usize = 8 << 20;

/// What packets look like.
pub(super) fn codec() -> NativePackets {
    NativePackets::default().with_max_packet(LONGEST)
}

/// Reads packets.
pub(super) struct Reader {
    half: Box<dyn ChannelRead>,
    buffer: ReadBuffer,
    codec: NativePackets,
}

impl Reader {
    pub(super) fn new(half: Box<dyn ChannelRead>) -> Self {
        Self { half, buffer: ReadBuffer::default(), codec: codec() }
    }

    /// The next packet; `None` where the channel has ended, failed, or carried something else.
    pub(super) async fn next(&mut self) -> Option<Packet> {
        loop {
            match self.codec.decode(&mut self.buffer) {
                Ok(Decoded::Packet(packet)) => return Some(packet),
                Ok(Decoded::Incomplete { .. }) => {}
                Ok(_) | Err(_) => return None,
            }
            match poll_fn(|cx| self.half.poll_read(cx, &mut self.buffer)).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }
}

/// Writes packets.
pub(super) struct Writer {
    half: Box<dyn ChannelWrite>,
    buffer: WriteBuffer,
    codec: NativePackets,
}

impl Writer {
    pub(super) fn new(half: Box<dyn ChannelWrite>) -> Self {
        let buffer = WriteBuffer::new(half.flatten_below());
        Self { half, buffer, codec: codec() }
    }

    /// Writes all of `packet`.
    pub(super) async fn write(&mut self, packet: &Packet) -> io::Result<()> {
        self.codec.encode(packet, &mut self.buffer).map_err(io::Error::other)?;
        while self.buffer.has_remaining() {
            poll_fn(|cx| self.half.poll_write(cx, &mut self.buffer)).await?;
        }
        poll_fn(|cx| self.half.poll_flush(cx)).await
    }
}
