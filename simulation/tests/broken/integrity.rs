//! Transports broken in data integrity: bytes arrive changed, twice, in another order or not at all.

use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, BytesMut};
use listenrain::ChannelRead;
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain_simulation::conformance::Subject;
use listenrain_simulation::faults::{ReadFilter, Side, with_read};

use super::fixture::{Fixture, fails, hangs};
use crate::hooks::{Halves, Polled, Upon, channels, deliver, let_go, read_piece, writes};

pub(crate) const FIXTURES: &[Fixture] = &[
    // Byte 100,000 of a stream is lost.
    fails("drops-a-byte", "B01", "those belong at 100001: 1 missing", || {
        changed(|piece, at| {
            if at <= 100_000 && 100_000 < at + piece.len() && piece.len() > 1 {
                let rest = piece.split_off(100_000 - at);
                piece.extend_from_slice(&rest[1..]);
            }
        })
    }),
    // Bytes 700 and 701 of a stream are swapped.
    fails("swaps-two-bytes", "B02", "wrong bytes from offset 700 of stream", || {
        changed(|piece, at| {
            if at <= 700 && 701 < at + piece.len() {
                piece.swap(700 - at, 701 - at);
            }
        })
    }),
    // The twentieth write of a single byte is lost.
    fails("loses-a-lone-byte", "B03", "wrong bytes from offset 19 of stream", || {
        writes(usize::default, |seen, below, cx, from| {
            *seen += usize::from(from.len() == 1);
            if from.len() == 1 && *seen == 20 {
                from.advance(1);
                return Poll::Ready(Ok(1));
            }
            below.poll_write(cx, from)
        })
    }),
    // What a write holds beyond 64 KiB is lost, as in a datagram.
    hangs("cuts-long-writes", "B04", "an accepted end reads (after 65536 bytes)", || {
        shortened(|size| size.min(64 << 10))
    }),
    // In bulk, nothing is read while a write waits.
    hangs("reads-wait-for-writes", "B05", "end writes (after 131072 bytes), an accepted end reads", || {
        reads_wait_for_writes(128 << 10)
    }),
    // A large write is copied as a whole, and kept.
    fails("copies-a-large-write", "B06", "held beside the 16777216 that were written at once", || {
        writes(Vec::new, |copy: &mut Vec<u8>, below, cx, from| {
            if from.chunk().len() > 1 << 20 && copy.is_empty() {
                *copy = from.chunk().to_vec();
            }
            below.poll_write(cx, from)
        })
    }),
    // Writing nothing ends the stream.
    fails("empty-write-is-an-end", "B07", "writing nothing said Err(Kind(BrokenPipe))", || {
        writes(<()>::default, |(), below, cx, from| {
            if from.is_empty() {
                ready!(below.poll_shutdown(cx))?;
            }
            below.poll_write(cx, from)
        })
    }),
    // Of a vectored write the second segment goes first.
    fails("reorders-segments", "B08", "wrong bytes from offset 0 of stream 2", || {
        writes(<()>::default, |(), below, cx, from| {
            if let Some(first) = from.take_segment() {
                let second = from.take_segment().unwrap_or_default();
                from.untake(first);
                from.untake(second);
            }
            below.poll_write(cx, from)
        })
    }),
    // What was written stays where it is until more comes.
    hangs("flush-does-nothing", "B09", "an accepted end reads (after 0 bytes)", || {
        holding_back()
            .flush(|_, _, _| Poll::Ready(Ok(())))
            .shutdown(|held, below, cx| {
                ready!(let_go(held, below, cx))?;
                below.poll_shutdown(cx)
            })
            .subject()
    }),
    // Now and then a byte of one channel is read from another.
    fails("mixes-up-channels", "B10", "wrong bytes from offset", || {
        let (numbers, mailbox) = (AtomicU64::new(0), std::sync::Arc::default());
        channels(move |_, channel| {
            with_read(channel, mixed_up(numbers.fetch_add(1, Ordering::Relaxed), &mailbox))
        })
    }),
    // A segment one byte longer than a multiple of 64 loses that byte.
    fails("dislikes-a-size", "B11", "wrong bytes from offset", || {
        shortened(|size| if size >= 65 && size % 64 == 1 { size - 1 } else { size })
    }),
    // On the third channel that is dialed a bit flips after a million bytes have come.
    fails("flips-a-bit-late", "B12", "wrong bytes from offset 1000000 of stream 7", || {
        let dialed = AtomicU64::new(0);
        channels(move |side, channel| match side {
            Side::Dialer if dialed.fetch_add(1, Ordering::Relaxed) == 2 => {
                with_read(channel, changing(flip_late))
            }
            _ => channel,
        })
    }),
];

fn flip_late(piece: &mut BytesMut, at: usize) {
    let late = 1_000_000_usize;
    if let Some(byte) = late.checked_sub(at).and_then(|within| piece.get_mut(within)) {
        *byte ^= 0x10;
    }
}

/// The sound transport, of which each piece that is read is changed, knowing at which offset of the stream it stands.
fn changed(change: fn(&mut BytesMut, usize)) -> Subject {
    channels(move |_, channel| with_read(channel, changing(change)))
}

fn changing(change: fn(&mut BytesMut, usize)) -> impl ReadFilter {
    let mut at = 0;
    move |below: &mut dyn ChannelRead, cx: &mut Context<'_>, into: &mut ReadBuffer| -> Polled<usize> {
        let piece = ready!(read_piece(below, cx))?;
        let mut changed = BytesMut::from(&piece[..]);
        change(&mut changed, at);
        at += piece.len();
        deliver(changed, into)
    }
}

/// The sound transport, which of a segment takes only as much as `keeps` of its size.
fn shortened(keeps: fn(usize) -> usize) -> Subject {
    writes(
        move || keeps,
        |keeps, below, cx, from| {
            let (size, kept) = (from.chunk().len(), keeps(from.chunk().len()));
            let Some(segment) = (kept < size).then(|| from.take_segment()).flatten() else {
                return below.poll_write(cx, from);
            };
            let mut short = WriteBuffer::new(0);
            short.put(segment.slice(..kept));
            if below.poll_write(cx, &mut short)?.is_pending() {
                from.untake(segment);
                return Poll::Pending;
            }
            Poll::Ready(Ok(segment.len()))
        },
    )
}

/// Halves whose writes of less than 4 KiB are held back until there are more.
pub(crate) fn holding_back() -> Halves<WriteBuffer> {
    Halves::each(WriteBuffer::default).write(|held, below, cx, from| {
        if held.len() >= 4096 || from.len() >= 4096 {
            ready!(let_go(held, below, cx))?;
            return below.poll_write(cx, from);
        }
        let count = from.len();
        held.put_slice(&from.copy_to_bytes(count));
        Poll::Ready(Ok(count))
    })
}

/// Nothing is read while a write waits, once `after` bytes were written.
pub(crate) fn reads_wait_for_writes(after: usize) -> Subject {
    struct Blocking {
        after: usize,
        written: usize,
        blocks: bool,
        reader: Option<Waker>,
    }
    let halves = Halves::each(move || Blocking { after, written: 0, blocks: false, reader: None });
    let halves = halves.read(|state, below, cx, into| {
        if state.blocks {
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        below.poll_read(cx, into)
    });
    let halves = halves.write(|state, below, cx, from| {
        let polled = below.poll_write(cx, from);
        if let Poll::Ready(Ok(count)) = &polled {
            state.written += count;
        }
        state.blocks = polled.is_pending() && state.written >= state.after;
        if !state.blocks {
            state.reader.take().into_iter().for_each(Waker::wake);
        }
        polled
    });
    halves.subject()
}

/// A byte, and the channel that it was taken from.
type Mailbox = std::sync::Arc<std::sync::Mutex<Option<(u64, u8)>>>;

fn mixed_up(number: u64, mailbox: &Mailbox) -> impl ReadFilter {
    let mailbox = mailbox.clone();
    move |below: &mut dyn ChannelRead, cx: &mut Context<'_>, into: &mut ReadBuffer| -> Polled<usize> {
        let piece = ready!(read_piece(below, cx))?;
        let mut changed = BytesMut::from(&piece[..]);
        if let Some(byte) = changed.get_mut(10) {
            let before = crate::hooks::lock(&mailbox).replace((number, *byte));
            if let Some((_, foreign)) = before.filter(|(other, _)| *other != number) {
                *byte = foreign;
            }
        }
        deliver(changed, into)
    }
}
