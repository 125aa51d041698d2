//! Broken in what arrives.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, BytesMut};
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{ChannelRead, ChannelWrite};

use super::Control;
use super::flaws::{
    ReadFlaw, WriteFlaw, deliver, flawed_read, flawed_write, let_go, read_piece, with_channels, with_reads,
    with_writes,
};
use crate::layer::Side;

pub(super) const CONTROLS: &[Control] = &[
    Control::new("drops-a-byte", "B01", "byte 100,000 of a stream is lost", || {
        with_reads(|| Offset::new(drop_byte))
    })
    .fails("those belong at 100001: 1 missing"),
    Control::new("swaps-two-bytes", "B02", "bytes 700 and 701 of a stream are swapped", || {
        with_reads(|| Offset::new(swap_bytes))
    })
    .fails("wrong bytes from offset 700 of stream"),
    Control::new("loses-a-lone-byte", "B03", "the twentieth write of a single byte is lost", || {
        with_writes(LosesALoneByte::default)
    })
    .fails("wrong bytes from offset 19 of stream"),
    Control::new(
        "cuts-long-writes",
        "B04",
        "what a write holds beyond 64 KiB is lost, as in a datagram",
        || with_writes(|| CutsLongWrites),
    )
    .hangs("an accepted end reads (after 65536 bytes)"),
    Control::new("reads-wait-for-writes", "B05", "in bulk, nothing is read while a write waits", || {
        with_channels(|_, channel| {
            let gate = Arc::new(WriteGate::after(128 << 10));
            flawed_write(flawed_read(channel, gate.clone()), gate)
        })
    })
    .hangs("a dialled end writes (after 131072 bytes), an accepted end reads"),
    Control::new("copies-a-large-write", "B06", "a large write is copied as a whole, and kept", || {
        with_writes(CopiesALargeWrite::default)
    })
    .fails("bytes were held beside the 16777216 that were written at once"),
    Control::new("empty-write-is-an-end", "B07", "writing nothing ends the stream", || {
        with_writes(|| EmptyWriteIsAnEnd)
    })
    .fails("writing nothing said Err(Kind(BrokenPipe))"),
    Control::new("reorders-segments", "B08", "of a vectored write the second segment goes first", || {
        with_writes(|| ReordersSegments)
    })
    .fails("wrong bytes from offset 0 of stream 2"),
    Control::new("flush-does-nothing", "B09", "what was written stays where it is until more comes", || {
        with_writes(FlushDoesNothing::default)
    })
    .hangs("an accepted end reads (after 0 bytes)"),
    Control::new(
        "mixes-up-channels",
        "B10",
        "now and then a byte of one channel is read from another",
        || {
            let (numbers, mailbox) = (AtomicU64::new(0), Mailbox::default());
            with_channels(move |_, channel| {
                let number = numbers.fetch_add(1, Ordering::Relaxed);
                flawed_read(channel, MixesUpChannels { number, mailbox: mailbox.clone() })
            })
        },
    )
    .fails("wrong bytes from offset"),
    Control::new(
        "dislikes-a-size",
        "B11",
        "a segment one byte longer than a multiple of 64 loses that byte",
        || with_writes(|| DislikesASize),
    )
    .fails("wrong bytes from offset"),
    Control::new(
        "flips-a-bit-late",
        "B12",
        "on the third channel that is dialled a bit flips after a million bytes have come",
        || {
            let dialled = AtomicU64::new(0);
            with_channels(move |side, channel| match side {
                Side::Dialer if dialled.fetch_add(1, Ordering::Relaxed) == 2 => {
                    flawed_read(channel, Offset::new(flip_late))
                }
                _ => channel,
            })
        },
    )
    .fails("wrong bytes from offset 1000000 of stream 7"),
];

/// Changes each piece that is read, knowing at which offset of the stream it stands.
struct Offset {
    at: usize,
    change: fn(&mut BytesMut, usize),
}

impl Offset {
    fn new(change: fn(&mut BytesMut, usize)) -> Self {
        Self { at: 0, change }
    }
}

impl ReadFlaw for Offset {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        let piece = ready!(read_piece(below, cx))?;
        let mut changed = BytesMut::from(&piece[..]);
        (self.change)(&mut changed, self.at);
        self.at += piece.len();
        deliver(changed, into)
    }
}

fn drop_byte(piece: &mut BytesMut, at: usize) {
    if at <= 100_000 && 100_000 < at + piece.len() && piece.len() > 1 {
        let rest = piece.split_off(100_000 - at);
        piece.extend_from_slice(&rest[1..]);
    }
}

fn flip_late(piece: &mut BytesMut, at: usize) {
    let late = 1_000_000_usize;
    if let Some(byte) = late.checked_sub(at).and_then(|within| piece.get_mut(within)) {
        *byte ^= 0x10;
    }
}

fn swap_bytes(piece: &mut BytesMut, at: usize) {
    if at <= 700 && 701 < at + piece.len() {
        piece.swap(700 - at, 701 - at);
    }
}

#[derive(Default)]
struct LosesALoneByte {
    seen: usize,
}

impl WriteFlaw for LosesALoneByte {
    fn write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        self.seen += usize::from(from.len() == 1);
        if from.len() == 1 && self.seen == 20 {
            from.advance(1);
            return Poll::Ready(Ok(1));
        }
        below.poll_write(cx, from)
    }
}

struct CutsLongWrites;

impl WriteFlaw for CutsLongWrites {
    fn write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        const MOST: usize = 64 << 10;
        if from.chunk().len() <= MOST {
            return below.poll_write(cx, from);
        }
        let Some(segment) = from.take_segment() else {
            return Poll::Ready(Ok(0));
        };
        let mut datagram = WriteBuffer::new(0);
        datagram.put(segment.slice(..MOST));
        if below.poll_write(cx, &mut datagram)?.is_pending() {
            from.untake(segment);
            return Poll::Pending;
        }
        Poll::Ready(Ok(segment.len()))
    }
}

/// Holds up reading while a write waits.
pub(super) struct WriteGate {
    /// Only after so many bytes were written.
    after: u64,
    written: AtomicU64,
    /// Set while a write waits: whoever wants to read meanwhile.
    waiting: Mutex<Option<Option<Waker>>>,
}

impl WriteGate {
    pub(super) fn after(bytes: u64) -> Self {
        Self { after: bytes, written: AtomicU64::new(0), waiting: Mutex::new(None) }
    }
}

impl ReadFlaw for Arc<WriteGate> {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        if let Some(reader) = &mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) {
            *reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        below.poll_read(cx, into)
    }
}

impl WriteFlaw for Arc<WriteGate> {
    fn write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        let polled = below.poll_write(cx, from);
        if let Poll::Ready(Ok(count)) = &polled {
            self.written.fetch_add(*count as u64, Ordering::Relaxed);
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if polled.is_pending() && self.written.load(Ordering::Relaxed) >= self.after {
            waiting.get_or_insert(None);
        } else if let Some(Some(reader)) = waiting.take() {
            reader.wake();
        }
        polled
    }
}

#[derive(Default)]
struct CopiesALargeWrite {
    copy: Vec<u8>,
}

impl WriteFlaw for CopiesALargeWrite {
    fn write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        if from.chunk().len() > 1 << 20 && self.copy.is_empty() {
            self.copy = from.chunk().to_vec();
        }
        below.poll_write(cx, from)
    }
}

struct EmptyWriteIsAnEnd;

impl WriteFlaw for EmptyWriteIsAnEnd {
    fn write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        if from.is_empty() {
            ready!(below.poll_shutdown(cx))?;
        }
        below.poll_write(cx, from)
    }
}

struct ReordersSegments;

impl WriteFlaw for ReordersSegments {
    fn write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        let Some(first) = from.take_segment() else {
            return below.poll_write(cx, from);
        };
        let second = from.take_segment().unwrap_or_default();
        from.untake(first);
        from.untake(second);
        below.poll_write(cx, from)
    }
}

#[derive(Default)]
struct FlushDoesNothing {
    held: WriteBuffer,
}

impl WriteFlaw for FlushDoesNothing {
    fn write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        if self.held.len() >= 4096 || from.len() >= 4096 {
            ready!(let_go(&mut self.held, below, cx))?;
            return below.poll_write(cx, from);
        }
        let count = from.len();
        self.held.put_slice(&from.copy_to_bytes(count));
        Poll::Ready(Ok(count))
    }

    fn flush(&mut self, _below: &mut dyn ChannelWrite, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn shutdown(&mut self, below: &mut dyn ChannelWrite, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(let_go(&mut self.held, below, cx))?;
        below.poll_shutdown(cx)
    }
}

/// A byte, and the channel that it was taken from.
type Mailbox = Arc<Mutex<Option<(u64, u8)>>>;

struct MixesUpChannels {
    number: u64,
    mailbox: Mailbox,
}

impl ReadFlaw for MixesUpChannels {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        let piece = ready!(read_piece(below, cx))?;
        let mut changed = BytesMut::from(&piece[..]);
        if let Some(byte) = changed.get_mut(10) {
            let mut mailbox = self.mailbox.lock().unwrap_or_else(PoisonError::into_inner);
            let before = mailbox.replace((self.number, *byte));
            if let Some((_, foreign)) = before.filter(|(number, _)| *number != self.number) {
                *byte = foreign;
            }
        }
        deliver(changed, into)
    }
}

struct DislikesASize;

impl WriteFlaw for DislikesASize {
    fn write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        let size = from.chunk().len();
        if size < 65 || size % 64 != 1 {
            return below.poll_write(cx, from);
        }
        let Some(segment) = from.take_segment() else {
            return Poll::Ready(Ok(0));
        };
        let mut short = WriteBuffer::new(0);
        short.put(segment.slice(..size - 1));
        if below.poll_write(cx, &mut short)?.is_pending() {
            from.untake(segment);
            return Poll::Pending;
        }
        Poll::Ready(Ok(segment.len()))
    }
}
