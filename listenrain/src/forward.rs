//! Forwarding: packets from one channel to another, without decoding the message and without copying the payload.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::buffer::{ReadBuffer, WriteBuffer};
use crate::channel::{Channel, ChannelRead, ChannelWrite};
use crate::error::{LinkError, PacketError};
use crate::guard::guard_future;
use crate::link::{TURN, end_turn};
use crate::packet::{Decoded, PacketCodec};

/// What a [`forward`] has carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Forwarded {
    /// Packets from the first channel to the second.
    pub there: u64,
    /// Packets from the second channel to the first.
    pub back: u64,
}

/// Most bytes of packets that wait in one direction; at the limit that direction is not read.
const MAX_WAITING: usize = 1 << 20;

/// Carries packets both ways between two channels until both have ended, each end passed on in an orderly way.
///
/// Packets are delimited and checked by `codec`; ids stay as they are, so it connects exactly two channels. Each
/// direction holds at most 1 MiB, or one larger packet, and is not read meanwhile.
///
/// Cancel safety: dropping the future closes both channels.
///
/// # Errors
///
/// [`LinkError`] when either channel fails, carries something that is no packet, or makes `codec` panic; both are
/// aborted then.
pub async fn forward(
    first: Channel,
    second: Channel,
    codec: Arc<dyn PacketCodec>,
) -> Result<Forwarded, LinkError> {
    let mut there = Direction::new(first.read, second.write, &*codec);
    let mut back = Direction::new(second.read, first.write, &*codec);
    let carried = poll_fn(|cx| {
        let mut moved = 0;
        loop {
            let before = moved;
            moved += there.turn(&*codec, cx)?;
            moved += back.turn(&*codec, cx)?;
            if [&there, &back].iter().all(|direction| direction.stage == Stage::Over) {
                return Poll::Ready(Ok(()));
            }
            if moved >= TURN {
                end_turn(cx);
                return Poll::Pending;
            }
            if moved == before {
                return Poll::Pending;
            }
        }
    });
    let ended = guard_future(carried).await.unwrap_or_else(|panic| Err(LinkError::Panic(panic)));
    if ended.is_err() {
        there.write.abort();
        back.write.abort();
    }
    ended.map(|()| Forwarded { there: there.packets, back: back.packets })
}

/// One direction: bytes in, packets, bytes out.
struct Direction {
    read: Box<dyn ChannelRead>,
    write: Box<dyn ChannelWrite>,
    input: ReadBuffer,
    output: WriteBuffer,
    packets: u64,
    unflushed: bool,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// The source has ended; what is left is written, then the end is passed on.
    Ending,
    Over,
}

impl Direction {
    fn new(read: Box<dyn ChannelRead>, write: Box<dyn ChannelWrite>, codec: &dyn PacketCodec) -> Self {
        Self {
            output: WriteBuffer::new(write.flatten_below()),
            read,
            write,
            input: ReadBuffer::new(codec.buffers()),
            packets: 0,
            unflushed: false,
            stage: Stage::Open,
        }
    }

    /// Reads once and writes once; says how many bytes moved.
    fn turn(&mut self, codec: &dyn PacketCodec, cx: &mut Context<'_>) -> Result<usize, LinkError> {
        let moved = self.read_some(codec, cx)? + self.write_some(cx)?;
        if self.stage == Stage::Ending
            && self.output.is_empty()
            && !self.unflushed
            && let Poll::Ready(shut) = self.write.poll_shutdown(cx)
        {
            self.stage = Stage::Over;
            // A peer that has gone altogether needs no end passed on.
            if let Err(error) = shut
                && error.kind() != io::ErrorKind::NotConnected
            {
                return Err(error.into());
            }
        }
        Ok(moved)
    }

    fn read_some(&mut self, codec: &dyn PacketCodec, cx: &mut Context<'_>) -> Result<usize, LinkError> {
        if self.stage != Stage::Open || self.output.len() >= MAX_WAITING {
            return Ok(0);
        }
        let Poll::Ready(read) = self.read.poll_read(cx, &mut self.input) else {
            return Ok(0);
        };
        let read = read?;
        if read == 0 {
            if !self.input.is_empty() {
                return Err(LinkError::Truncated { had: self.input.len() });
            }
            self.stage = Stage::Ending;
            // The end counts as progress: it has yet to be passed on.
            return Ok(1);
        }
        while !self.input.is_empty() {
            match codec.decode(&mut self.input)? {
                Decoded::Packet(packet) => {
                    codec.encode(&packet, &mut self.output)?;
                    self.packets += 1;
                }
                Decoded::Incomplete { whole } => {
                    self.input.expect(whole.unwrap_or(0));
                    break;
                }
                Decoded::TooLarge { size, .. } => {
                    return Err(PacketError::TooLarge { size, limit: codec.max_packet() }.into());
                }
            }
        }
        Ok(read)
    }

    fn write_some(&mut self, cx: &mut Context<'_>) -> Result<usize, LinkError> {
        let mut written = 0;
        if !self.output.is_empty()
            && let Poll::Ready(taken) = self.write.poll_write(cx, &mut self.output)
        {
            written = taken?;
            if written == 0 {
                return Err(io::Error::from(io::ErrorKind::WriteZero).into());
            }
            self.unflushed = true;
        }
        if self.unflushed
            && self.output.is_empty()
            && let Poll::Ready(flushed) = self.write.poll_flush(cx)
        {
            flushed?;
            self.unflushed = false;
        }
        Ok(written)
    }
}
