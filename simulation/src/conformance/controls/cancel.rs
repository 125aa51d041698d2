//! Broken in what is given up, in deadlines, wakers and threads.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::thread::{self, ThreadId};
use std::time::Duration;

use bytes::{Buf, Bytes};
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{ChannelRead, ChannelWrite};

use super::Control;
use super::flaws::{
    ReadFlaw, WriteFlaw, deliver, flawed_read, flawed_write, read_piece, with_channels, with_reads,
    with_writes,
};
use super::integrity::WriteGate;

pub(super) const CONTROLS: &[Control] = &[
    Control::new(
        "starts-anew-with-a-new-waker",
        "D01",
        "what a read has got is lost when the next poll has another waker",
        || with_reads(StartsAnew::default),
    )
    .hangs("an accepted end reads (after 0 bytes)"),
    Control::new(
        "remembers-a-given-up-write",
        "D02",
        "a write that had to wait goes first, whatever is written next",
        || with_writes(RemembersAWrite::default),
    )
    .fails("wrong bytes from offset 0 of stream 1000"),
    Control::new("waiting-read-blocks-writing", "D03", "nothing is written while a read waits", || {
        with_channels(|_, channel| {
            let gate = ReadGate::default();
            flawed_write(flawed_read(channel, gate.clone()), gate)
        })
    })
    .hangs("a dialled end writes (after 0 bytes), an accepted end reads (after 0 bytes)"),
    Control::new("waiting-write-blocks-reading", "D04", "nothing is read while a write waits", || {
        with_channels(|_, channel| {
            let gate = Arc::new(WriteGate::after(0));
            flawed_write(flawed_read(channel, gate.clone()), gate)
        })
    })
    .hangs("a dialled end reads (after 0 bytes)"),
    Control::new("blocks-its-thread", "D05", "the first read that has to wait sleeps in its poll", || {
        let has_slept = Arc::new(AtomicBool::new(false));
        with_reads(move || BlocksItsThread(has_slept.clone())).in_real_time()
    })
    .fails("a read whose deadline had passed blocked its thread for"),
    Control::new("wakes-the-first-waker", "D06", "a read keeps the waker that came first", || {
        with_reads(WakesTheFirst::default)
    })
    .fails("a read, when bytes came, did not wake the waker of its last poll"),
    Control::new("wakes-without-progress", "D06", "a read that waits is woken again and again", || {
        with_reads(|| WakesWithoutProgress).in_real_time()
    })
    .fails("a read was woken 10 times although nothing had happened"),
    Control::new("never-wakes", "D06", "nobody who waits for bytes is ever woken", || {
        with_reads(|| NeverWakes)
    })
    .fails("a read, when bytes came, did not wake the waker of its last poll"),
    Control::new(
        "one-waker-for-both-halves",
        "D07",
        "of reading and writing, only who waited last is woken",
        || {
            with_channels(|_, channel| {
                let slot = OneWaker::default();
                flawed_write(flawed_read(channel, slot.clone()), slot)
            })
        },
    )
    .fails("waking the reader beside a writer that waits took longer than 3 s"),
    Control::new(
        "given-up-flush-loses-a-byte",
        "D08",
        "a write after a flush that was given up loses its first byte",
        || with_writes(GivenUpFlush::default),
    )
    .fails("wrong bytes from offset"),
    Control::new(
        "bound-to-its-thread",
        "D09",
        "a half works only on the thread on which it was made",
        || {
            with_channels(|_, channel| {
                let home = BoundToItsThread(thread::current().id());
                flawed_write(flawed_read(channel, home), home)
            })
        },
    )
    .fails("this half was made on another thread"),
    Control::new(
        "forgets-a-waker",
        "D10",
        "one poll in 1,501 of a read says that it has to wait, and keeps no waker",
        || with_reads(ForgetsAWaker::default),
    )
    .fails("turns: waking who waits for bytes that were written took longer than 3 s"),
];

#[derive(Default)]
struct ForgetsAWaker {
    polls: usize,
}

impl ReadFlaw for ForgetsAWaker {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        self.polls += 1;
        if self.polls.is_multiple_of(1501) { Poll::Pending } else { below.poll_read(cx, into) }
    }
}

/// Gives what it has read only to who asks for it twice.
#[derive(Default)]
struct StartsAnew {
    staged: Option<(Bytes, Waker)>,
}

impl ReadFlaw for StartsAnew {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        if let Some((piece, waker)) = self.staged.take()
            && waker.data() == cx.waker().data()
        {
            return deliver(piece, into);
        }
        let piece = ready!(read_piece(below, cx))?;
        if piece.is_empty() {
            return Poll::Ready(Ok(0));
        }
        cx.waker().wake_by_ref();
        self.staged = Some((piece, cx.waker().clone()));
        Poll::Pending
    }
}

#[derive(Default)]
struct RemembersAWrite {
    first: WriteBuffer,
}

impl WriteFlaw for RemembersAWrite {
    fn write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        if self.first.is_empty() {
            let start = from.chunk().len().min(16);
            let copy = Bytes::copy_from_slice(&from.chunk()[..start]);
            let polled = below.poll_write(cx, from);
            if polled.is_pending() {
                self.first.put(copy);
            }
            return polled;
        }
        let taken = ready!(below.poll_write(cx, &mut self.first))?.min(from.len());
        from.advance(taken);
        Poll::Ready(Ok(taken))
    }
}

/// Holds up writing while a read waits.
#[derive(Clone, Default)]
struct ReadGate {
    /// Set while a read waits: whoever wants to write meanwhile.
    waiting: Arc<Mutex<Option<Option<Waker>>>>,
}

impl ReadFlaw for ReadGate {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        let polled = below.poll_read(cx, into);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if polled.is_pending() {
            waiting.get_or_insert(None);
        } else if let Some(Some(writer)) = waiting.take() {
            writer.wake();
        }
        polled
    }
}

impl WriteFlaw for ReadGate {
    fn write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        if let Some(writer) = &mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) {
            *writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        below.poll_write(cx, from)
    }
}

struct BlocksItsThread(Arc<AtomicBool>);

impl ReadFlaw for BlocksItsThread {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        let polled = below.poll_read(cx, into);
        if polled.is_pending() && !self.0.swap(true, Ordering::AcqRel) {
            thread::sleep(Duration::from_millis(1200));
        }
        polled
    }
}

#[derive(Default)]
struct WakesTheFirst {
    first: Option<Waker>,
}

impl ReadFlaw for WakesTheFirst {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        let first = self.first.get_or_insert_with(|| cx.waker().clone());
        let polled = below.poll_read(&mut Context::from_waker(first), into);
        if polled.is_ready() {
            self.first = None;
        }
        polled
    }
}

struct WakesWithoutProgress;

impl ReadFlaw for WakesWithoutProgress {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        let polled = below.poll_read(cx, into);
        if polled.is_pending() {
            cx.waker().wake_by_ref();
        }
        polled
    }
}

struct NeverWakes;

impl ReadFlaw for NeverWakes {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        _cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        below.poll_read(&mut Context::from_waker(Waker::noop()), into)
    }
}

/// Where whoever waits leaves its waker, be it to read or to write.
#[derive(Clone, Default)]
struct OneWaker(Arc<Slot>);

#[derive(Default)]
struct Slot(Mutex<Option<Waker>>);

impl Wake for Slot {
    fn wake(self: Arc<Self>) {
        let waker = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl OneWaker {
    fn leave(&self, cx: &Context<'_>) -> Waker {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        self.0.clone().into()
    }
}

impl ReadFlaw for OneWaker {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        let waker = self.leave(cx);
        below.poll_read(&mut Context::from_waker(&waker), into)
    }
}

impl WriteFlaw for OneWaker {
    fn write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        let waker = self.leave(cx);
        below.poll_write(&mut Context::from_waker(&waker), from)
    }
}

#[derive(Default)]
struct GivenUpFlush {
    flushing: bool,
}

impl WriteFlaw for GivenUpFlush {
    fn write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        if std::mem::take(&mut self.flushing) && !from.is_empty() {
            from.advance(1);
            return Poll::Ready(Ok(1));
        }
        below.poll_write(cx, from)
    }

    fn flush(&mut self, below: &mut dyn ChannelWrite, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flushing = !self.flushing;
        if self.flushing {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        below.poll_flush(cx)
    }
}

#[derive(Clone, Copy)]
struct BoundToItsThread(ThreadId);

impl BoundToItsThread {
    fn check(self) -> io::Result<()> {
        let is_home = thread::current().id() == self.0;
        if is_home { Ok(()) } else { Err(io::Error::other("this half was made on another thread")) }
    }
}

impl ReadFlaw for BoundToItsThread {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        below.poll_read(cx, into)
    }
}

impl WriteFlaw for BoundToItsThread {
    fn write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        below.poll_write(cx, from)
    }
}
