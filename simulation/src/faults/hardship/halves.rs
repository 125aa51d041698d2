//! The halves of a channel under a hardship.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use listenrain::buffer::WriteBuffer;
use tokio::task::coop::poll_proceed;
use tokio::time::{Sleep, sleep};

use crate::faults::{Halves, let_go, read_piece};
use crate::random::Random;

/// What has been read below, and whether the half that it was for is gone.
#[derive(Default)]
pub(super) struct Unread {
    held: Bytes,
    is_for_nobody: bool,
}

/// Reads of one byte.
pub(super) fn one_byte_reads() -> Halves<Unread> {
    let reads = Halves::all(Unread::default()).read(|Unread { held, .. }, below, cx, into| {
        // What is held is always ready, and must not starve other tasks.
        let budget = ready!(poll_proceed(cx));
        if held.is_empty() {
            *held = ready!(read_piece(below, cx))?;
        }
        budget.made_progress();
        if held.is_empty() {
            return Poll::Ready(Ok(0));
        }
        into.spare().put_slice(&held.split_to(1));
        Poll::Ready(Ok(1))
    });
    // As a transport does of its own where bytes stay unread.
    reads.reader_dropped(|unread| unread.is_for_nobody = true).dropped(|unread, below| {
        if unread.is_for_nobody && !unread.held.is_empty() {
            below.abort();
        }
    })
}

/// Most bytes that a short write takes: enough for a bulk transfer to end, too few for any packet but the smallest.
const SHORT: usize = 64;

/// Writes that take little of what they are offered.
pub(super) fn short_writes(random: Random) -> Halves<Random> {
    Halves::all(random).write(|random, below, cx, from| {
        let count = random.size(SHORT).min(from.chunk().len());
        let mut offered = WriteBuffer::new(below.flatten_below());
        offered.put_slice(&from.chunk()[..count]);
        // After `Pending` nothing of the offer was taken, and so nothing of `from`.
        let taken = ready!(below.poll_write(cx, &mut offered))?;
        from.advance(taken);
        Poll::Ready(Ok(taken))
    })
}

/// Bytes that are held back at most, so that a peer that does not read is still felt.
const HELD: usize = 64 << 10;

pub(super) struct Coalesced {
    held: WriteBuffer,
    /// Writing is over, one way or the other: only the half below knows which error that is.
    over: bool,
}

/// Writes that are held back and go together.
pub(super) fn coalesced_writes() -> Halves<Coalesced> {
    Halves::all(Coalesced { held: WriteBuffer::new(usize::MAX), over: false })
        .write(|Coalesced { held, over }, below, cx, from| {
            if *over && !held.is_empty() {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            if *over || from.is_empty() {
                return below.poll_write(cx, from);
            }
            if held.len() >= HELD {
                ready!(let_go(held, below, cx))?;
            }
            let budget = ready!(poll_proceed(cx));
            budget.made_progress();
            let count = from.len().min(HELD - held.len());
            held.put_slice(&from.copy_to_bytes(count));
            Poll::Ready(Ok(count))
        })
        .flush(|state, below, cx| {
            ready!(let_go(&mut state.held, below, cx))?;
            below.poll_flush(cx)
        })
        .shutdown(|state, below, cx| {
            state.over = true;
            ready!(let_go(&mut state.held, below, cx))?;
            below.poll_shutdown(cx)
        })
        .abort(|state, below| {
            state.over = true;
            state.held.clear();
            below.abort();
        })
}

/// How long a delayed wake takes; the shortest that tokio's timer can tell.
const DELAY: Duration = Duration::from_millis(1);

/// Decides before each poll whether it is held up: one in three wakes its task at once, one in 256 later.
pub(super) struct Storm {
    random: Random,
    delay: Option<Pin<Box<Sleep>>>,
}

impl Storm {
    pub(super) fn new(random: Random) -> Self {
        Self { random, delay: None }
    }

    /// Ready when the poll may go on.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.delay.is_none() {
            if self.random.one_in(256) {
                self.delay = Some(Box::pin(sleep(DELAY)));
            } else if self.random.one_in(3) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        if let Some(delay) = &mut self.delay {
            ready!(delay.as_mut().poll(cx));
            self.delay = None;
        }
        Poll::Ready(())
    }
}

/// Reads and writes that a storm of their own holds up each.
pub(super) fn storms(reads: Random, writes: Random) -> Halves<(Storm, Storm)> {
    Halves::all((Storm::new(reads), Storm::new(writes)))
        .read(|(storm, _), below, cx, into| {
            ready!(storm.poll(cx));
            below.poll_read(cx, into)
        })
        .write(|(_, storm), below, cx, from| {
            ready!(storm.poll(cx));
            below.poll_write(cx, from)
        })
        .flush(|(_, storm), below, cx| {
            ready!(storm.poll(cx));
            below.poll_flush(cx)
        })
        .shutdown(|(_, storm), below, cx| {
            ready!(storm.poll(cx));
            below.poll_shutdown(cx)
        })
}
