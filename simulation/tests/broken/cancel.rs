//! Transports broken in cancelled reads and writes, deadlines, wakers or threads.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::thread::{self, ThreadId};
use std::time::Duration;

use bytes::{Buf, Bytes};
use listenrain::buffer::WriteBuffer;

use super::fixture::{Fixture, fails, hangs};
use super::integrity::reads_wait_for_writes;
use crate::hooks::{Halves, Upon, deliver, lock, read_piece, reads, writes};

pub(crate) const FIXTURES: &[Fixture] = &[
    // What a read has got is lost when the next poll has another waker.
    hangs("starts-anew-with-a-new-waker", "D01", "an accepted end reads (after 0 bytes)", || {
        reads(Option::default, |staged: &mut Option<(Bytes, Waker)>, below, cx, into| {
            if let Some((piece, waker)) = staged.take()
                && waker.data() == cx.waker().data()
            {
                return deliver(piece, into);
            }
            let piece = ready!(read_piece(below, cx))?;
            if piece.is_empty() {
                return Poll::Ready(Ok(0));
            }
            cx.waker().wake_by_ref();
            *staged = Some((piece, cx.waker().clone()));
            Poll::Pending
        })
    }),
    // A write that had to wait goes first, whatever is written next.
    fails("remembers-a-given-up-write", "D02", "wrong bytes from offset 0 of stream 1000", || {
        writes(WriteBuffer::default, |first, below, cx, from| {
            if first.is_empty() {
                let start = from.chunk().len().min(16);
                let copy = Bytes::copy_from_slice(&from.chunk()[..start]);
                let polled = below.poll_write(cx, from);
                if polled.is_pending() {
                    first.put(copy);
                }
                return polled;
            }
            let taken = ready!(below.poll_write(cx, first))?.min(from.len());
            from.advance(taken);
            Poll::Ready(Ok(taken))
        })
    }),
    // Nothing is written while a read waits.
    hangs("waiting-read-blocks-writing", "D03", "writes (after 0 bytes), an accepted end reads", || {
        Halves::each(|| (false, None))
            .read(|(waits, writer), below, cx, into| {
                let polled = below.poll_read(cx, into);
                *waits = polled.is_pending();
                if !*waits {
                    writer.take().into_iter().for_each(Waker::wake);
                }
                polled
            })
            .write(|(waits, writer), below, cx, from| {
                if *waits {
                    *writer = Some(cx.waker().clone());
                    return Poll::Pending;
                }
                below.poll_write(cx, from)
            })
            .subject()
    }),
    // Nothing is read while a write waits.
    hangs("waiting-write-blocks-reading", "D04", "a dialled end reads (after 0 bytes)", || {
        reads_wait_for_writes(0)
    }),
    // The first read that has to wait sleeps in its poll.
    fails("blocks-its-thread", "D05", "a read whose deadline had passed blocked its thread for", || {
        let has_slept = Arc::new(AtomicBool::new(false));
        let subject = reads(
            move || has_slept.clone(),
            |has_slept, below, cx, into| {
                let polled = below.poll_read(cx, into);
                if polled.is_pending() && !has_slept.swap(true, Ordering::AcqRel) {
                    thread::sleep(Duration::from_millis(1200));
                }
                polled
            },
        );
        subject.in_real_time()
    }),
    // A read keeps the waker that came first.
    fails("wakes-the-first-waker", "D06", "when bytes came, did not wake the waker of its last poll", || {
        reads(Option::default, |first, below, cx, into| {
            let waker: &Waker = first.get_or_insert_with(|| cx.waker().clone());
            let polled = below.poll_read(&mut Context::from_waker(waker), into);
            if polled.is_ready() {
                *first = None;
            }
            polled
        })
    }),
    // A read that waits is woken again and again.
    fails("wakes-without-progress", "D06", "a read was woken 10 times although nothing had happened", || {
        let subject = reads(<()>::default, |(), below, cx, into| {
            let polled = below.poll_read(cx, into);
            if polled.is_pending() {
                cx.waker().wake_by_ref();
            }
            polled
        });
        subject.in_real_time()
    }),
    // A read that waits for bytes is never woken.
    fails("never-wakes", "D06", "a read, when bytes came, did not wake the waker of its last poll", || {
        reads(<()>::default, |(), below, _, into| {
            below.poll_read(&mut Context::from_waker(Waker::noop()), into)
        })
    }),
    // Of reading and writing, only what waited last is woken.
    fails("one-waker-for-both-halves", "D07", "reader beside a writer that waits took longer", || {
        Halves::each(Arc::<OneWaker>::default)
            .read(|slot, below, cx, into| below.poll_read(&mut Context::from_waker(&slot.leave(cx)), into))
            .write(|slot, below, cx, from| below.poll_write(&mut Context::from_waker(&slot.leave(cx)), from))
            .subject()
    }),
    // A write after a flush that was given up loses its first byte.
    fails("given-up-flush-loses-a-byte", "D08", "wrong bytes from offset", || {
        Halves::each(bool::default)
            .write(|flushing, below, cx, from| {
                if std::mem::take(flushing) && !from.is_empty() {
                    from.advance(1);
                    return Poll::Ready(Ok(1));
                }
                below.poll_write(cx, from)
            })
            .flush(|flushing, below, cx| {
                *flushing = !*flushing;
                if *flushing {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                below.poll_flush(cx)
            })
            .subject()
    }),
    // A half works only on the thread on which it was made.
    fails("bound-to-its-thread", "D09", "this half was made on another thread", || {
        Halves::each(|| thread::current().id())
            .read(|home, below, cx, into| {
                at_home(*home)?;
                below.poll_read(cx, into)
            })
            .write(|home, below, cx, from| {
                at_home(*home)?;
                below.poll_write(cx, from)
            })
            .subject()
    }),
    // One poll in 1,501 of a read says that it has to wait, and keeps no waker.
    fails("forgets-a-waker", "D10", "who waits for bytes that were written took longer than 3 s", || {
        reads(usize::default, |polls, below, cx, into| {
            *polls += 1;
            if polls.is_multiple_of(1501) { Poll::Pending } else { below.poll_read(cx, into) }
        })
    }),
];

fn at_home(home: ThreadId) -> io::Result<()> {
    let is_home = thread::current().id() == home;
    if is_home { Ok(()) } else { Err(io::Error::other("this half was made on another thread")) }
}

/// Where a task that waits leaves its waker, be it to read or to write.
#[derive(Default)]
struct OneWaker(Mutex<Option<Waker>>);

impl Wake for OneWaker {
    fn wake(self: Arc<Self>) {
        let waker = lock(&self.0).take();
        waker.into_iter().for_each(Waker::wake);
    }
}

impl OneWaker {
    fn leave(self: &Arc<Self>, cx: &Context<'_>) -> Waker {
        *lock(&self.0) = Some(cx.waker().clone());
        self.clone().into()
    }
}
