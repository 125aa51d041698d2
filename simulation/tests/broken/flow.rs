//! Transports broken in flow control, under load, or by leaks.

use std::future::pending;
use std::io::{self, ErrorKind};
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker, ready};

use bytes::Buf;
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{ChannelRead, NextError};
use listenrain_simulation::faults::{Layer, Side};

use super::fixture::{Fixture, fails, hangs};
use crate::hooks::{Generators, Halves, Polled, Upon, WINDOW, channels, deliver, let_go, read_piece, writes};

pub(crate) const FIXTURES: &[Fixture] = &[
    // A write takes all there is, whether anything is read or not.
    fails("buffers-without-end", "E01", "although the peer does not read, allowed are 67108864", || {
        Halves::each(WriteBuffer::default)
            .write(|held, below, cx, from| {
                let count = from.len();
                while let Some(segment) = from.take_segment() {
                    held.put(segment);
                }
                let _ = let_go(held, below, cx)?;
                Poll::Ready(Ok(count))
            })
            .flush(|held, below, cx| {
                ready!(let_go(held, below, cx))?;
                below.poll_flush(cx)
            })
            .shutdown(|held, below, cx| {
                ready!(let_go(held, below, cx))?;
                below.poll_shutdown(cx)
            })
            .subject()
    }),
    // A writer that waits is not woken when there is room.
    fails("full-is-for-ever", "E02", "waking a writer whose bytes are read took longer than 3 s", || {
        writes(<()>::default, |(), below, _, from| {
            below.poll_write(&mut Context::from_waker(Waker::noop()), from)
        })
    }),
    // What waits in one channel takes the room of all others.
    fails("one-window-for-all", "E03", "beside a channel whose reader sleeps took longer than 3 s", || {
        Halves::all((0_usize, Vec::new()))
            .read(|(unread, writers), below, cx, into| {
                let piece = ready!(read_piece(below, cx))?;
                *unread = unread.saturating_sub(piece.len());
                writers.drain(..).for_each(Waker::wake);
                deliver(piece, into)
            })
            .write(|(unread, writers), below, cx, from| {
                if *unread >= WINDOW {
                    writers.push(cx.waker().clone());
                    return Poll::Pending;
                }
                let count = ready!(below.poll_write(cx, from))?;
                *unread += count;
                Poll::Ready(Ok(count))
            })
            .subject()
    }),
    // A dial fails while forty ends are open.
    fails("dies-of-many-channels", "E04", "too many channels are open", || {
        Generators::new(Arc::<AtomicUsize>::default())
            .channel(|open, side, channel| {
                open.fetch_add(1, Ordering::AcqRel);
                let counted = Halves::all(open.clone()).dropped(|open, _| {
                    open.fetch_sub(1, Ordering::AcqRel);
                });
                counted.channel(side, channel)
            })
            .next(|open, side, below| {
                if side == Side::Dialer && open.load(Ordering::Acquire) >= 40 {
                    let error = io::Error::other("too many channels are open");
                    let error = NextError::passing("dial", below.endpoint(), error);
                    return Box::pin(async { Err(error) });
                }
                below.next()
            })
            .subject()
    }),
    #[cfg(target_os = "linux")]
    // Each channel leaves a file open.
    fails("leaks-a-descriptor", "E05", "left behind: 2500 file descriptors", || {
        channels(|_, channel| {
            std::mem::forget(std::fs::File::open("/dev/null"));
            channel
        })
    }),
    // Each channel leaves a task that never ends.
    fails("leaks-a-task", "E05", "left behind: 2500 tasks", || {
        channels(|_, channel| {
            tokio::spawn(pending::<()>());
            channel
        })
    }),
    // Each write of several segments leaves one of them behind.
    fails("leaks-memory", "E06", "each run left behind: ", || {
        writes(<()>::default, |(), below, cx, from| {
            if from.chunk().len() < from.len() {
                // An allocation that is never looked at would not be made.
                std::hint::black_box(Box::leak(from.chunk().to_vec().into_boxed_slice()));
            }
            below.poll_write(cx, from)
        })
    }),
    // Each dial that fails leaves a task that never ends.
    fails("leaks-on-a-refusal", "E06", "left behind on its own runtime: ", || {
        let generators = Generators::new(()).next(|(), _, below| {
            Box::pin(async { below.next().await.inspect_err(|_| drop(tokio::spawn(pending::<()>()))) })
        });
        generators.subject()
    }),
    // A read half lives on when it is dropped before the end.
    hangs("keeps-its-read-half", "E07", "a dialled end writes (after", || {
        channels(|_, mut channel| {
            channel.read = Box::new(KeptUntilItsEnd(ManuallyDrop::new(Some(channel.read))));
            channel
        })
    }),
    // Once a listener's queue was full, every dial is refused.
    hangs("stays-full", "E08", "a listener of channel://fresh-1?backlog=4 accepts", || {
        let generators = Generators::new(AtomicBool::new(false)).next(|was_full, side, below| {
            Box::pin(async move {
                if side == Side::Dialer && was_full.load(Ordering::Acquire) {
                    let refused = ErrorKind::ConnectionRefused.into();
                    return Err(NextError::passing("dial", below.endpoint(), refused));
                }
                below.next().await.inspect_err(|error| {
                    let source = error.source.as_ref().map(ToString::to_string);
                    let is_full = source.is_some_and(|source| source.contains("backlog"));
                    was_full.fetch_or(is_full, Ordering::AcqRel);
                })
            })
        });
        generators.subject()
    }),
];

struct KeptUntilItsEnd(ManuallyDrop<Option<Box<dyn ChannelRead>>>);

impl ChannelRead for KeptUntilItsEnd {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Polled<usize> {
        let Some(below) = &mut *self.0 else {
            return Poll::Ready(Ok(0));
        };
        let polled = below.poll_read(cx, into);
        if matches!(polled, Poll::Ready(Ok(0))) {
            *self.0 = None;
        }
        polled
    }
}
